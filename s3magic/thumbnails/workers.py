"""Decoders in processes of their own, so that no file can end or fill the kernel; decodes nothing itself.

A worker does several tasks at once, for they wait for the network most of the time. When one of
them crashes it, hangs or runs out of memory, all that it was doing is done again, one by one, in
a worker that does nothing else: so the guilty one is known, and the others are seen.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self, cast

from s3magic import process
from s3magic.formats.base import Folder
from s3magic.thumbnails import wire
from s3magic.thumbnails.decoding import Decoder, DecoderFailed, Read, Seen, Task, decode

SECONDS = 30
"""How long a decoder may take for one object, the waiting for bytes left out."""
MEMORY = 2 << 30
"""Bytes of address space of a worker; what its libraries map counts too."""
_MOST = 4
_LARGEST_PICTURE = 32 << 20
_TRIES = 3
_START_SECONDS = 60
_SHARED_LIBRARIES_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_KEPT = ("CARTOPY_", "CONDA_", "ECCODES_", "GDAL_", "GRIB_", "HOME", "LANG", "LC_", "LD_", "PATH", "PROJ_", "PYTHON",
         "TMPDIR", "TZ", "VIRTUAL_ENV", "XDG_")  # fmt: skip
"""What a worker sees of the environment: what libraries need to be found, and no secret."""


class Workers:
    """A few worker processes, kept warm, replaced when they break; a `Decoder`.

    Parameters
    ----------
    count
        Processes at most; as many as there are cores, up to four, when None.
    seconds
        How long a decoder may take for one object.
    memory
        Bytes of address space of each process.

    Examples
    --------
    >>> from s3magic.thumbnails.decoding import Task
    >>> with Workers(count=1) as workers:
    ...     workers(Task("a.png", 9, 160), lambda start, stop: b"no picture"[start:stop])
    Traceback (most recent call last):
    ...
    s3magic.errors.UnreadableFormat: Not readable as JPEG, PNG, WebP or GIF: a.png
    """

    def __init__(self, *, count: int | None = None, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._count = count or min(len(os.sched_getaffinity(0)), _MOST)
        self._seconds = seconds
        self._memory = memory
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._alone = threading.Lock()
        self._lonely: _Worker | None = None

    @property
    def pids(self) -> list[int]:
        """The processes that are up."""
        with self._lock:
            known = [*self._workers, *([self._lonely] if self._lonely else [])]
            return [worker.pid for worker in known if worker.is_alive]

    def __call__(self, task: Task, read: Read | Folder) -> Seen:
        """See `Decoder`."""
        for _ in range(_TRIES):
            with self._shared() as worker:
                try:
                    return worker.do(task, read, seconds=self._seconds)
                except _Ended as end:
                    if end.blameless:
                        continue
                except MemoryError:
                    worker.is_retired = True
            break
        return self._do_alone(task, read)

    def stop(self) -> None:
        """End all workers; what they were doing fails."""
        with self._lock:
            for worker in [*self._workers, *([self._lonely] if self._lonely else [])]:
                worker.kill()
            self._workers, self._lonely = [], None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def _shared(self) -> Iterator[_Worker]:
        """Give the worker that has least to do."""
        with self._lock:
            self._bury()
            usable = [worker for worker in self._workers if not worker.is_retired]
            worker = min(usable, key=lambda one: one.tasks, default=None)
            if worker is None or (worker.tasks and len(usable) < self._count):
                worker = self._start()
                self._workers.append(worker)
            worker.tasks += 1
        try:
            yield worker
        finally:
            with self._lock:
                worker.tasks -= 1
                if worker.is_retired and not worker.tasks:
                    worker.kill()

    def _do_alone(self, task: Task, read: Read | Folder) -> Seen:
        """Do a task that is under suspicion, where it can spoil nothing else."""
        with self._alone:
            for _ in range(_TRIES):
                with self._lock:
                    if self._lonely is None or not self._lonely.is_alive:
                        self._lonely = self._start()
                    worker = self._lonely
                try:
                    return worker.do(task, read, seconds=self._seconds)
                except _Ended as end:
                    if not end.blameless:
                        raise DecoderFailed(end.words) from None
                except MemoryError:
                    worker.kill()
                    raise DecoderFailed("Wants more memory than a preview may use") from None
        raise DecoderFailed("No decoder could be kept running")

    def _start(self) -> _Worker:
        try:
            return _Worker(memory=self._memory, seconds=self._seconds)
        except OSError as error:
            raise DecoderFailed(f"No decoder could be started ({error.strerror})") from error

    def _bury(self) -> None:
        self._workers = [worker for worker in self._workers if worker.is_alive]


class _Ended(Exception):
    """A worker ended, or had to be ended, before it answered."""

    def __init__(self, words: str, *, blameless: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.blameless = blameless


class _Worker:
    """One process, as the kernel sees it."""

    def __init__(self, *, memory: int, seconds: float) -> None:
        self.tasks = 0
        self.is_retired = False
        self._control, theirs = socket.socketpair()
        owner = process.open_pidfd()
        try:
            passed = (theirs.fileno(), owner)
            words = (*passed, memory, max(1, round(seconds)))
            self._process = process.start_daemon(
                f"{__package__}.worker", *map(str, words), pass_fds=passed, env=_environment()
            )
        except BaseException:
            self._control.close()
            raise
        finally:
            theirs.close()
            os.close(owner)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        if self._process.poll() is None:
            return True
        self._control.close()
        return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._control.close()

    def do(self, task: Task, read: Read | Folder, *, seconds: float) -> Seen:
        """Have a task done; raise what the decoder or ``read`` raised, `_Ended` when the process did not survive."""
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs:
                    ours.settimeout(_START_SECONDS)
                    socket.send_fds(self._control, [b"t"], [theirs.fileno()])
                wire.send(ours, wire.task_message(task), task.head)
                wire.receive(ours, most=0)  # now it begins: starting up is no fault of the object's
                seen = _converse(ours, task, read, seconds=seconds)
            except TimeoutError:
                self.kill()
                raise _Ended(f"Took longer than {seconds:g} s to decode") from None
            except wire.Garbled:
                self.kill()
                raise _Ended("The decoder answered nonsense") from None
            except (EOFError, OSError):
                raise self._ended() from None
        if isinstance(seen, Exception):
            raise seen
        return seen

    def _ended(self) -> _Ended:
        """Return why the process is gone, or is as good as gone."""
        try:
            status = self._process.wait(1)
        except Exception:  # noqa: BLE001 - it closed the channel and lives: no use any longer
            self.kill()
            return _Ended("The decoder gave up on it")
        if status == -signal.SIGXCPU:
            return _Ended("Took too long to decode")
        if status == -signal.SIGKILL:
            return _Ended("Its decoder was ended, by the system for want of memory or because of its neighbour")
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return _Ended(f"The decoder crashed on it ({name})", blameless=status == 0)


def _converse(channel: socket.socket, task: Task, read: Read | Folder, *, seconds: float) -> Seen | Exception:
    """Give a worker the bytes it asks for until it answers; only its own time counts."""
    left, refused = seconds, None
    while True:
        began = time.monotonic()
        channel.settimeout(max(left, 0.001))
        message, body = wire.receive(channel, most=_LARGEST_PICTURE)
        left -= time.monotonic() - began
        if "failed" in message:
            return refused or wire.read_error(message)
        if not message.keys() & {"start", "below"}:
            return wire.read_seen(message, body)
        try:
            answer, data = _answer(message, task, read)
        except wire.Garbled:
            raise
        except Exception as error:  # noqa: BLE001 - kept for the asker; the worker learns of no details
            refused = refused or error
            wire.send(channel, {"refused": True})
        else:
            wire.send(channel, answer, data)


def _answer(message: wire.Message, task: Task, read: Read | Folder) -> tuple[wire.Message, bytes]:
    """Return what a worker asks for: bytes of the object, or a file of the folder; or what lies in it."""
    start, stop = message.get("start", 0), message.get("stop")
    if not isinstance(start, int) or not (stop is None or isinstance(stop, int)):
        raise wire.Garbled(f"bytes {start} to {stop}")
    if not task.is_folder:
        if stop is None or not 0 <= start < stop <= task.length:
            raise wire.Garbled(f"bytes {start} to {stop} of {task.length}")
        return {}, cast("Read", read)(start, stop)
    path, folder = message.get("path", message.get("below")), cast("Folder", read)
    if not isinstance(path, str):
        raise wire.Garbled("a file without a name")
    if "below" in message:
        return {"names": folder.names(path)}, b""
    data = folder.read(path, start, stop)
    return {"found": data is not None}, data or b""


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return {**kept, "MALLOC_ARENA_MAX": "2", **dict.fromkeys(_SHARED_LIBRARIES_THREADS, "1")}


_pools: dict[int, Workers] = {}  # by the kernel's pid: a forked child starts its own
_pools_lock = threading.Lock()


def shared() -> Decoder:
    """Return the decoder of this kernel: its workers, none of which is started before it is needed.

    Where there are no pidfds, that is anywhere but on Linux, objects are decoded in the kernel itself.
    """
    if sys.platform != "linux":
        return decode
    with _pools_lock:
        return _pools.setdefault(os.getpid(), Workers())


@atexit.register
def stop() -> None:
    """End the workers of this kernel; the next object starts others."""
    if (pool := _pools.get(os.getpid())) is not None:
        pool.stop()
