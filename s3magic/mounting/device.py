"""One open ``/dev/fuse``: the kernel's requests in, an answer to each: once, from any thread, in bounded time.

What they mean is for `fuse`.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from s3magic.mounting import codes, layouts
from s3magic.mounting.failures import errno_of
from s3magic.mounting.pending import Pending
from s3magic.mounting.workers import Workers

METADATA_SECONDS = 10
DATA_SECONDS = 60
TICK = 0.5

_BUFFER = 64 << 10
_READERS = 2
_METADATA_WORKERS = 16
_UNBOUND = frozenset({codes.FORGET, codes.BATCH_FORGET, codes.INTERRUPT, codes.INIT})
_FOR_DATA = frozenset({codes.OPEN, codes.READ})

Operation = Callable[[int, int, bytes], None]
"""Answers a request, now or later: by its number, its inode, and what else it says."""


class Device:
    """What the kernel is talked to over.

    Parameters
    ----------
    descriptor
        Of ``/dev/fuse``, already mounted.
    operations
        What answers, by the codes of requests; the others are told that there is no such thing.
    urge
        Called now and then while somebody waits.
    ended
        Called when the mount is gone, by each thread that hears of it.

    Attributes
    ----------
    errors : int
        Requests that failed otherwise than by "no such file".
    last_error : str
        What the last of them said; no secret.
    """

    def __init__(
        self,
        descriptor: int,
        operations: Mapping[int, Operation],
        *,
        urge: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self.errors = 0
        self.last_error = ""
        self._descriptor = descriptor
        self._operations = {**operations, codes.INTERRUPT: self._interrupt}
        self._urge = urge
        self._ended = ended
        self._turn = threading.Lock()  # to read what the kernel asks next
        self._pending = Pending()
        self._workers = Workers(_METADATA_WORKERS, name="metadata")

    def start(self) -> None:
        """Begin to answer, in threads of its own."""
        for number in range(_READERS):
            threading.Thread(target=self._run, name=f"fuse-{number}", daemon=True).start()
        threading.Thread(target=self._watch, name="fuse-watch", daemon=True).start()

    def reply(self, unique: int, number: int = 0, *parts: bytes | bytearray | memoryview) -> bool:
        """Answer a request; False when it was answered before, or nobody waits for it any more."""
        return self._pending.end(unique) and self.write(unique, -number, *parts)

    def fail(self, unique: int, error: Exception) -> None:
        """Answer a request by what failed."""
        number = errno_of(error)
        if number not in {errno.ENOENT, errno.ESTALE}:
            self.errors += 1
            self.last_error = str(error) or type(error).__name__
        self.reply(unique, number)

    def write(self, unique: int, code: int, *parts: bytes | bytearray | memoryview) -> bool:
        """Tell the kernel something; False when nobody wants to hear it."""
        size = layouts.OUT_HEADER.size + sum(len(part) for part in parts)
        try:
            os.writev(self._descriptor, [layouts.OUT_HEADER.pack(size, code, unique), *parts])
        except OSError:
            return False  # interrupted, not cached, or unmounted: whatever it is, nobody waits
        return True

    def defer(self, operation: Operation, unique: int, node_id: int, body: bytes) -> None:
        """Do what has to wait for the store in another thread."""
        self._workers.submit(partial(self._call, operation, unique, node_id, body))

    def _run(self) -> None:
        """Answer as long as there is a mount.

        One thread at a time: two that compute would only wait for each other. It lets the next one
        go on while it hands bytes over, for that takes long and needs no Python.
        """
        buffer = bytearray(_BUFFER)
        view = memoryview(buffer)
        with self._turn:
            while True:
                try:
                    size = os.readv(self._descriptor, [buffer])
                except OSError as error:
                    if error.errno in {errno.EINTR, errno.EAGAIN, errno.ENOENT}:
                        continue
                    break  # ENODEV: unmounted; ECONNABORTED: the connection was aborted
                _, code, unique, node_id, _, _, thread, *_ = layouts.IN_HEADER.unpack_from(buffer)
                if code == codes.DESTROY:
                    break
                body = bytes(view[layouts.IN_HEADER.size : size])
                if code == codes.READ:
                    self._turn.release()
                try:
                    self._take(code, unique, node_id, thread, body)
                finally:
                    if code == codes.READ:
                        self._turn.acquire()
        self._ended()

    def _take(self, code: int, unique: int, node_id: int, thread: int, body: bytes) -> None:
        if code not in _UNBOUND:
            self._pending.add(unique, DATA_SECONDS if code in _FOR_DATA else METADATA_SECONDS, thread)
        if operation := self._operations.get(code):
            self._call(operation, unique, node_id, body)
        else:
            self.reply(unique, errno.EROFS if code in codes.WRITING else errno.ENOSYS)

    def _call(self, operation: Operation, unique: int, node_id: int, body: bytes) -> None:
        try:
            operation(unique, node_id, body)
        except Exception as error:  # noqa: BLE001 - no request may stay unanswered
            self.fail(unique, error)

    def _interrupt(self, own: int, _node_id: int, body: bytes) -> None:
        if not self._pending.interrupt(*layouts.HANDLE_IN.unpack_from(body)):
            # it overtook its request in another thread; the kernel drops it where that is answered
            self.write(own, -errno.EAGAIN)

    def _watch(self) -> None:
        """Answer what takes too long; sleep while nothing is asked."""
        while True:
            self._pending.wait()
            began = time.monotonic()
            time.sleep(TICK)
            slept = time.monotonic() - began
            if slept > 2 * TICK:  # stopped, or starved by others: what is asked of the store had no chance to come
                self._pending.pass_over(slept - TICK)
            for unique, error in self._pending.failed():
                self.fail(unique, error)
            self._urge()
