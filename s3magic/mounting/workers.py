"""Threads that do what may wait: two queues, so that what is asked for goes before what is only foreseen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

Task = Callable[[], None]


class Workers:
    """A pool that starts threads as tasks queue up, never more than ``most``, nor than the machine lets it.

    A task answers for its own errors; one that raises ends with the usual report of a thread,
    and another thread takes its place.
    """

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._now: deque[Task] = deque()
        self._later: deque[Task] = deque()
        self._turns: SimpleQueue[None] = SimpleQueue()  # one for each task; waiting for it costs least
        self._lock = threading.Lock()
        self._undone = 0
        self._threads = 0
        self._stopped = False

    def submit(self, task: Task, *, later: bool = False) -> None:
        """Queue a task; with ``later`` behind all that is asked for now."""
        (self._later if later else self._now).append(task)
        with self._lock:
            self._undone += 1
            is_short = self._threads < min(self._undone, self._most)
            self._threads += is_short
        self._turns.put(None)
        if is_short:
            self._begin()

    @property
    def are_asked(self) -> bool:
        """Whether a task that is not for later waits for a thread."""
        return bool(self._now)

    def stop(self) -> None:
        """Let the threads end once their task is done; what is queued is dropped."""
        self._stopped = True
        for _ in range(self._most):
            self._turns.put(None)

    def _begin(self) -> None:
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except RuntimeError:  # no more threads are to be had: those that there are do it
            with self._lock:
                self._threads -= 1
                if not self._threads:
                    raise

    def _run(self) -> None:
        try:
            while (task := self._take()) is not None:
                task()
                del task  # it may hold a buffer
                with self._lock:
                    self._undone -= 1
        except BaseException:
            with self._lock:
                self._undone -= 1
            raise
        finally:
            with self._lock:
                self._threads -= 1

    def _take(self) -> Task | None:
        self._turns.get()
        while not self._stopped:
            for queue in (self._now, self._later):
                try:
                    return queue.popleft()
                except IndexError:  # another thread's turn came between; one task is left for this one
                    continue
        return None
