"""Requests that are yet to be answered: how long each may wait, and which of those who wait are to stop."""

from __future__ import annotations

import errno
import math
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
        self._interrupted: dict[int, float] = {}  # since when who waits is to stop
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

        The kernel tells of the first signal alone, and not which it is.
        """
        request = self._requests.get(unique)
        if request is not None:
            self._interrupted[unique] = self._now() if is_to_stop(request[1]) else math.inf
        return request is not None

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
        """Return those that have waited too long or are to be broken off, and the error that each gets."""
        now = self._now()
        late = [unique for unique, (deadline, _) in list(self._requests.items()) if now >= deadline]
        given_up = [unique for unique in list(self._interrupted) if self._is_given_up(unique, now)]
        return [(unique, _error(errno.ETIMEDOUT)) for unique in late] + [
            (unique, _error(errno.EINTR)) for unique in given_up
        ]

    def _now(self) -> float:
        return time.monotonic() - self._stood_still

    def _is_given_up(self, unique: int, now: float) -> bool:
        request, since = self._requests.get(unique), self._interrupted[unique]
        if request is None:
            del self._interrupted[unique]
            return False
        if since == math.inf and is_to_stop(request[1]):
            since = self._interrupted[unique] = now
        return now >= since + INTERRUPT_SECONDS


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
