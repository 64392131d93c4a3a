"""Requests that are yet to be answered: how long each may wait, and which of those who wait are to stop."""

from __future__ import annotations

import errno
import os
import threading
import time

from s3magic.mounting.holders import is_to_stop

INTERRUPT_SECONDS = 1
"""How long a request may still be answered once who waits for it is to stop."""


class Pending:
    """Requests by their numbers. Safe to use from several threads.

    A signal that comes to who waits breaks a request off only where it tells to stop. Most do not (a
    child has ended, a clock has run out, a machine wakes up), and a file on disk is read on through
    all of them: programs in C seldom ask again.
    """

    def __init__(self) -> None:
        self._requests: dict[int, tuple[float, int]] = {}  # until when, and for which thread
        self._interrupted: dict[int, float] = {}  # since when
        self._stopping: dict[int, float] = {}  # threads that are to stop, and since when
        self._are_some = threading.Event()
        self._stood_still = 0.0

    def add(self, unique: int, seconds: float, thread: int) -> None:
        """Take in a request of a thread that may wait for so long."""
        self._requests[unique] = self._now() + seconds, thread
        if not self._are_some.is_set():
            self._are_some.set()

    def end(self, unique: int) -> bool:
        """Note that one is answered; False where it was before."""
        return self._requests.pop(unique, None) is not None

    def interrupt(self, unique: int) -> bool:
        """Note that a signal came to who waits; False where nobody does.

        The kernel tells of the first signal alone, not which it is, and of none to who waits for its
        read-ahead. So this counts only where nobody can look what came: in another container.
        """
        is_waiting = unique in self._requests
        if is_waiting:
            self._interrupted[unique] = self._now()
        return is_waiting

    def pass_over(self, seconds: float) -> None:
        """Count no such time as waited: this process stood still."""
        self._stood_still += seconds

    def wait(self) -> None:
        """Return when there is a request."""
        if not self._requests:
            self._are_some.clear()
            if self._requests:
                self._are_some.set()
        self._are_some.wait()

    def failed(self) -> list[tuple[int, OSError]]:
        """Look who is to stop; return the requests to be broken off, or too late, and the error that each gets."""
        now = self._now()
        waiting = list(self._requests.items())
        told = {thread: is_to_stop(thread) for thread in {thread for _, (_, thread) in waiting}}
        self._stopping = {thread: self._stopping.get(thread, now) for thread in told if told[thread]}
        for unique in list(self._interrupted):
            if unique not in self._requests:
                del self._interrupted[unique]
        failed = []
        for unique, (deadline, thread) in waiting:
            since = self._interrupted.get(unique) if told[thread] is None else self._stopping.get(thread)
            if now >= deadline:
                failed.append((unique, _error(errno.ETIMEDOUT)))
            elif since is not None and now >= since + INTERRUPT_SECONDS:
                failed.append((unique, _error(errno.EINTR)))
        return failed

    def _now(self) -> float:
        return time.monotonic() - self._stood_still


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
