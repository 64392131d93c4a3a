"""How a mount ends: unmounted once nobody uses it, by force when asked, cleared away when its daemon is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from s3magic.errors import MountBusy, MountError
from s3magic.mounting import attach, counted, records
from s3magic.mounting.holders import holders
from s3magic.mounting.records import Record

_DAEMON_SECONDS = 10.0
_PAUSE = 0.05
_SHOWN = 3


def end(record: Record, *, timeout: float, force: bool = False) -> None:
    """Take a mount away and wait until its daemon is gone.

    Raises `MountBusy`, with ``holders``, when it is still used after ``timeout`` seconds.
    """
    counted.look(record)
    if force:
        _force(record)
        return
    deadline = time.monotonic() + timeout
    while not _is_detached(record):
        if time.monotonic() >= deadline:
            raise _busy(record)
        time.sleep(_PAUSE)
    if not _await_daemon(record, _DAEMON_SECONDS):
        _force(record)
    _tidy(record)


def clear(record: Record) -> None:
    """Clear away what a daemon that was killed left behind."""
    with records.turn():
        point = record.mount_point
        if point is not None and attach.is_stale(point.path):
            attach.detach(point.path, lazy=True)
    _tidy(record)


def _is_detached(record: Record) -> bool:
    """Try once; in a turn, so that it is this mount that goes and none that came there since."""
    with records.turn():
        return record.mount_point is None or attach.detach(record.path)


def _force(record: Record) -> None:
    """Detach first, so that nobody comes in; then end the daemon and with it all that waits."""
    with records.turn():
        point = record.mount_point
        if point is not None:
            with attach.abortable(point) as abort:
                if record.mount_point == point:  # still, so it is its number that is held
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
    with records.turn():
        written = records.at(record.path)
        if written is not None and written.pid != record.pid:
            return  # the place is another's by now
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
