"""Answers that may come late: asked in a thread, waited for a moment, kept for a while; never an error."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread

PATIENCE = 0.5
KEPT = 20.0


@dataclass(frozen=True, slots=True)
class _Asked:
    answer: Future[list[str]]
    when: float


class LateAnswers:
    """Lists of names by what was asked for.

    Parameters
    ----------
    patience
        Seconds to wait for an answer; one that comes later is there at the next asking.
    kept
        Seconds that an answer is given again without asking.
    """

    def __init__(self, *, patience: float = PATIENCE, kept: float = KEPT) -> None:
        self._patience, self._kept = patience, kept
        self._asked: dict[Hashable, _Asked] = {}

    def get(self, key: Hashable, ask: Callable[[], list[str]]) -> list[str]:
        """Return the answer to a question, or nothing when it is late, or was an error."""
        now = time.monotonic()
        self._asked = {k: one for k, one in self._asked.items() if now - one.when < self._kept}
        if key not in self._asked:
            self._asked[key] = _Asked(Future(), now)
            Thread(target=_answer, args=(self._asked[key].answer, ask), name="s3magic-completion", daemon=True).start()
        try:
            return self._asked[key].answer.result(timeout=self._patience)
        except TimeoutError:
            return []


def _answer(future: Future[list[str]], ask: Callable[[], list[str]]) -> None:
    try:
        names = ask()
    except Exception:  # noqa: BLE001 - whoever completes a name does not want to hear why it cannot be
        names = []
    future.set_result(names)
