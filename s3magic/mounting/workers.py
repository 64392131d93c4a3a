"""Threads that do what may wait: two queues, so that what is asked for goes before what is only foreseen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Task = Callable[[], None]


class Workers:
    """A pool that starts threads as tasks queue up, never more than ``most``.

    A task answers for its own errors; one that raises ends with the usual report of a thread,
    and another thread takes its place.
    """

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._now: deque[Task] = deque()
        self._later: deque[Task] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._threads = 0
        self._stopped = False

    def submit(self, task: Task, *, later: bool = False) -> None:
        """Queue a task; with ``later`` behind all that is asked for now."""
        with self._changed:
            (self._later if later else self._now).append(task)
            self._changed.notify()
            queued = len(self._now) + len(self._later)
            if self._idle < queued and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._threads}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end once their task is done; what is queued is dropped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while (task := self._take()) is not None:
                task()
                del task  # it may hold a buffer
        finally:
            with self._changed:
                self._threads -= 1

    def _take(self) -> Task | None:
        with self._changed:
            self._idle += 1
            try:
                self._changed.wait_for(lambda: self._now or self._later or self._stopped)
            finally:
                self._idle -= 1
            if self._stopped:
                return None
            return self._now.popleft() if self._now else self._later.popleft()
