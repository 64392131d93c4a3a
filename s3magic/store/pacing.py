"""Keeping to a `Tuning`: how many requests go at once, how fast they follow each other, when they are tried again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Self

from urllib3.util.retry import Retry

from s3magic.store.tuning import REQUESTS_AT_ONCE, Tuning

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

PASSING = frozenset({429, 500, 502, 503, 504})
"""What a server answers that may do as asked another time."""
_JITTER = 0.25
_MOST_DOUBLINGS = 64
_READING = frozenset({"GET", "HEAD"})


class Pace:
    """The pace of one client; safe to use from many threads."""

    def __init__(self, tuning: Tuning) -> None:
        self._permits = threading.BoundedSemaphore(tuning.request_concurrency or REQUESTS_AT_ONCE)
        self._mine = threading.local()
        self._tuning = tuning
        self._reads = _turns(tuning.read_rate, tuning.doubling_time)
        self._writes = _turns(tuning.write_rate, tuning.doubling_time)

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Wait until one more request may be under way; it is from then to the end of the block.

        A thread that holds a permit needs no other, so that none waits for itself.
        """
        depth = getattr(self._mine, "depth", 0)
        if not depth:
            self._permits.acquire()
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth -= 1
            if not depth:
                self._permits.release()

    def begin(self, method: str, *, repeatable: bool) -> Retry:
        """Wait for a request's turn and return how it is tried again, each time in a turn of its own.

        What is not ``repeatable`` is tried again only where it cannot have arrived.
        """
        turn = self._reads if method in _READING else self._writes
        turn()
        return _Retries.of(self._tuning, turn, repeatable=repeatable)


class Turns:
    """Evenly spaced turns, at a rate that may double time and again.

    Parameters
    ----------
    rate
        Turns a second at first.
    doubling_time
        Seconds in which the rate becomes twice what it was; 0 for never.
    clock, sleep
        What tells and passes the time.
    """

    def __init__(
        self,
        rate: float,
        doubling_time: float = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._doubling_time = doubling_time
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._began = self._next = clock()

    def __call__(self) -> None:
        """Wait for the next turn."""
        with self._lock:
            now = self._clock()
            mine = max(now, self._next)
            self._next = mine + 1 / self._rate_at(mine)
        if mine > now:
            self._sleep(mine - now)

    def _rate_at(self, moment: float) -> float:
        doublings = (moment - self._began) / self._doubling_time if self._doubling_time else 0.0
        return self._rate * 2 ** min(doublings, _MOST_DOUBLINGS)


class _Retries(Retry):
    """urllib3's retries with a first delay, a longest one, and a turn of the pace before each."""

    turn: Callable[[], None]

    @classmethod
    def of(cls, tuning: Tuning, turn: Callable[[], None], *, repeatable: bool) -> Self:
        count, few = tuning.max_retries, min(tuning.max_retries, 2)
        made = cls(
            total=count,
            connect=count if repeatable else few,
            read=count if repeatable else 0,
            status=count if repeatable else 0,
            other=count if repeatable else 0,
            backoff_factor=tuning.initial_delay,
            backoff_max=tuning.max_delay,
            status_forcelist=PASSING,
            allowed_methods=None,
            redirect=False,
            raise_on_status=False,
        )
        made.turn = turn
        return made

    def new(self, **words: Any) -> Self:
        again = super().new(**words)
        again.turn = self.turn
        return again

    def get_backoff_time(self) -> float:
        """Return the delay before the next try: the first one too is waited for, which urllib3 does not."""
        faults = len(list(takewhile(lambda past: past.redirect_location is None, reversed(self.history))))
        if not faults:
            return 0.0
        delay: float = self.backoff_factor * 2 ** min(faults - 1, _MOST_DOUBLINGS)
        spread = 1 + _JITTER * random.random()  # noqa: S311 - spreads load, keeps no secret
        return min(delay * spread, self.backoff_max)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return how long a server asks to be left alone, up to the longest delay."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, self.backoff_max)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        super().sleep(response)
        self.turn()


def _turns(rate: float | None, doubling_time: float | None) -> Callable[[], None]:
    return (lambda: None) if rate is None else Turns(rate, doubling_time or 0)
