"""The beginnings of objects that will be opened soon, fetched by as many threads as fill the way to the store.

Others say which objects these are.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from s3magic.mounting.ahead import FIRST_FETCH
from s3magic.mounting.cache import Cache
from s3magic.mounting.filling import Costs
from s3magic.mounting.inodes import Entry
from s3magic.mounting.spans import Span
from s3magic.mounting.workers import Workers

STUCK_SECONDS = 0.5


class Foreseen:
    """Spans that are to be fetched in their turn.

    Parameters
    ----------
    cache
        Where they are.
    costs
        What requests cost.
    workers
        The threads that fetch; what is asked for now goes before.
    fetch
        Fetches one of them.
    """

    def __init__(self, cache: Cache, costs: Costs, workers: Workers, fetch: Callable[[Span], None]) -> None:
        self._cache = cache
        self._costs = costs
        self._workers = workers
        self._fetch = fetch
        self._spans: deque[Span] = deque()
        self._running = 0
        self._moved = 0.0  # when the turn of one of them came

    def add(self, entries: Iterable[Entry]) -> None:
        """Fetch the beginnings of objects that will be opened soon, while there is room."""
        new: list[Span] = []
        now = time.monotonic()
        with self._cache.lock:
            for entry in entries:
                size = min(entry.size, FIRST_FETCH)
                if not self._cache.knows(entry) and size <= self._cache.limit // 4 - self._cache.unread:
                    content = self._cache.content(entry)
                    content.read_at = now
                    new += self._cache.cover(content, 0, size, is_ahead=True)
            for span in new:
                span.is_foreseen = span.is_queued = True
            self._cache.evict()
            self._spans += new
            more = min(len(self._spans), self._at_once() - self._running)
            self._running += max(0, more)
        for _ in range(more):
            self._workers.submit(self._run, later=True)

    def urge(self) -> None:
        """Fetch at once what somebody waits for where its turn does not come; to be called now and then meanwhile."""
        with self._cache.lock:
            is_stuck = time.monotonic() > self._moved + STUCK_SECONDS
            idle = [span for span in self._spans if span.is_queued and span.waiting] if is_stuck else []
            for span in idle:
                span.is_queued = False
        for span in idle:
            self._workers.submit(partial(self._fetch, span))

    def _at_once(self) -> int:
        sizes = [span.size for span in self._spans]
        return self._costs.at_once(sum(sizes) // len(sizes)) if sizes else 0

    def _run(self) -> None:
        """Fetch what is foreseen, one after another, until something is asked for now."""
        while True:
            with self._cache.lock:
                if not self._spans:
                    self._running -= 1
                    return
                span = self._spans.popleft()
                is_mine, span.is_queued = span.is_queued, False
                self._moved = time.monotonic()
            if is_mine:
                self._fetch(span)
            if self._workers.are_asked:
                self._workers.submit(self._run, later=True)
                return
