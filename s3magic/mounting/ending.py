"""How a mount ends: unmounted once nobody uses it, by force when asked, cleared away when its daemon is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from s3magic.errors import MountBusy, MountError
from s3magic.mounting import attach
from s3magic.mounting.holders import holders
from s3magic.mounting.records import Record

_DAEMON_SECONDS = 10.0
_PAUSE = 0.05
_SHOWN = 3


def end(record: Record, *, timeout: float, force: bool = False) -> None:
    """Take a mount away and wait until its daemon is gone.

    Raises `MountBusy`, with ``holders``, when it is still used after ``timeout`` seconds.
    """
    if force:
        _force(record)
        return
    deadline = time.monotonic() + timeout
    while record.mount_point is not None and not attach.detach(record.path):
        if time.monotonic() >= deadline:
            raise _busy(record)
        time.sleep(_PAUSE)
    if not _await_daemon(record, _DAEMON_SECONDS):
        _force(record)
    _tidy(record)


def clear(record: Record) -> None:
    """Clear away what a daemon that was killed left behind."""
    point = record.mount_point
    if point is not None and attach.is_stale(point.path):
        attach.detach(point.path, lazy=True)
    _tidy(record)


def _force(record: Record) -> None:
    """Detach first, so that nobody comes in; then end the daemon and with it all that waits."""
    point = record.mount_point
    if point is not None:
        with attach.abortable(point) as abort:
            attach.detach(point.path, lazy=True)
            abort()
    _signal(record, signal.SIGTERM)
    if not _await_daemon(record, _DAEMON_SECONDS / 2):
        _signal(record, signal.SIGKILL)
        if not _await_daemon(record, _DAEMON_SECONDS):
            raise MountError(f"The daemon of {record.path} does not end (process {record.pid})", "Restart the machine.")
    _tidy(record)


def _signal(record: Record, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(record.pid)
        try:
            if record.is_alive:  # the number could be somebody else's by now
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _await_daemon(record: Record, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while record.is_alive:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE / 5)
    return True


def _tidy(record: Record) -> None:
    if record.mount_point is None:
        record.remove_folders()
    if not record.is_alive:
        record.remove()


def _busy(record: Record) -> MountBusy:
    found = holders(record.path)
    shown = "; ".join(f"{command} (process {pid}) holds {path}" for pid, command, path in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    error = MountBusy(
        f"Still in use: {record.path}{f' – {shown}{more}' if shown else ''}",
        "Close these files (in a notebook: del the datasets), or unmount with force.",
    )
    error.holders = found
    return error
