"""The process that decodes: ``python -m s3magic.thumbnails.worker CONTROL OWNER MEMORY SECONDS``.

It opens nothing itself: each object comes as a socket over which it asks for bytes, and over which
its answer goes back. It has no credentials, and no network where the system lets it give that up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import socket
import sys
import threading
from importlib import import_module
from pathlib import Path

from s3magic.thumbnails import wire
from s3magic.thumbnails.decoding import Task, decode

_IDLE_SECONDS = 300
"""After so long without work a worker gives its memory back; the next object starts another."""
_LARGEST_FILE = 64 << 20
_OPEN_FILES = 512
_AT_ONCE = 4
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def confine(memory: int) -> None:
    """Give up for good what a decoder has no need of.

    Parameters
    ----------
    memory
        The most bytes of address space; above it allocations fail.
    """
    with contextlib.suppress(OSError, AttributeError):  # an ordinary process may not do so everywhere
        # Root may do so as it is, and would no longer read what belongs to others as a user of its own.
        ctypes.CDLL(None).unshare(_NEW_NETWORK if os.geteuid() == 0 else _NEW_USER | _NEW_NETWORK)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # before the kernel, if one must go
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


def serve(channel: socket.socket, *, seconds: int) -> None:
    """Do the one task that comes over a channel, and answer there."""
    with channel, contextlib.suppress(OSError, EOFError):  # the kernel does not wait for it any longer
        message, head = wire.receive(channel, most=1 << 30)
        task = wire.read_task(message, head)

        def read(start: int, stop: int) -> bytes:
            wire.send(channel, {"start": start, "stop": stop})
            return _given(channel, most=stop - start)[1]

        wire.send(channel, {"begun": True})
        _allow_more(seconds)
        try:
            seen = decode(task, _Folder(channel, task) if task.is_folder else read)
        except BaseException as error:  # noqa: BLE001 - a decoder in Rust panics with what is no Exception
            wire.send(channel, wire.error_message(error))
        else:
            wire.send(channel, wire.seen_message(seen), b"" if seen.preview is None else seen.preview.image)


def _given(channel: socket.socket, *, most: int) -> tuple[wire.Message, bytes]:
    """Return what the kernel answers; raise `OSError` where it refuses."""
    answer, data = wire.receive(channel, most=most)
    if "refused" in answer:
        raise OSError("no more bytes of it are given")
    return answer, data


class _Folder:
    """A folder whose files come over a channel, one at a time; several threads may ask."""

    def __init__(self, channel: socket.socket, task: Task) -> None:
        self.name = task.name
        self._channel = channel
        self._most = task.limit
        self._lock = threading.Lock()

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes | None:
        with self._lock:
            wire.send(self._channel, {"path": path, "start": start, "stop": stop})
            answer, data = _given(self._channel, most=self._most)
        return data if answer["found"] else None

    def names(self, path: str = "") -> list[str]:
        with self._lock:
            wire.send(self._channel, {"below": path})
            return list(_given(self._channel, most=0)[0]["names"])


def _allow_more(seconds: int) -> None:
    """Let the process compute for so much longer, for several tasks: who computes without end the system ends."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(used.ru_utime + used.ru_stime) + 1 + _AT_ONCE * seconds
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def main() -> None:
    """Work until the kernel is gone or has no more to do."""
    control_fd, owner, memory, seconds = map(int, sys.argv[1:5])
    confine(memory)
    threading.Thread(target=import_module, args=("s3magic.formats.drawing",), daemon=True).start()  # most want it
    control = socket.socket(fileno=control_fd)
    busy: list[threading.Thread] = []
    while True:
        ready = select.select([control_fd, owner], [], [], _IDLE_SECONDS)[0]
        busy = [thread for thread in busy if thread.is_alive()]
        if owner in ready or not (ready or busy):
            break
        if control_fd not in ready:
            continue
        word, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not word:
            break
        channel = socket.socket(fileno=descriptors[0])
        thread = threading.Thread(target=serve, args=(channel,), kwargs={"seconds": seconds}, daemon=True)
        thread.start()
        busy.append(thread)
    os._exit(0)  # whatever still decodes has nobody to answer


if __name__ == "__main__":
    main()
