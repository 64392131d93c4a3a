"""Starting the process behind a mount: it gets ready before anybody knows what it is to mount, and then is told."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from s3magic import process
from s3magic.errors import MountError
from s3magic.mounting import control
from s3magic.mounting.records import Record

_SECONDS = 60

_children: list[Any] = []  # to be waited for


class Daemon:
    """A daemon that has been started; unless it is told to mount, it ends when this is left."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs, own_pidfd() as owner:
            passed = (theirs.fileno(), owner)
            try:
                self._child = process.start_daemon(
                    f"{__package__}.daemon", *map(str, passed), pass_fds=passed, env=_environment()
                )
            except BaseException:
                self._channel.close()
                raise
        self._mounts = False
        _children.append(self._child)

    def mount(self, config: dict[str, Any], broker: socket.socket) -> Record:
        """Tell it what to mount, and whom to ask for credentials; return what it has written down.

        Raises what kept it from mounting.
        """
        try:
            self._channel.settimeout(_SECONDS)
            control.send(self._channel, config, descriptors=[broker.fileno()])
            record = Record.from_json(control.read(self._channel)["record"])
        except (TimeoutError, BrokenPipeError) as error:
            raise MountError(f"The mount on {config['path']} did not start", "Try again.") from error
        self._mounts = True
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._mounts:
            self._child.terminate()
            self._child.wait()
        self._channel.close()


def reap() -> None:
    """Take note of daemons of this process that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]


@contextlib.contextmanager
def own_pidfd() -> Iterator[int]:
    """Open a descriptor by which another process learns that this one has ended."""
    owner = process.open_pidfd()
    try:
        yield owner
    finally:
        os.close(owner)


def _environment() -> dict[str, str]:
    """Return the environment of a daemon: no keys, and memory given back to the system when freed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") or name == "AWS_CA_BUNDLE"}
    return {**kept, "MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}
