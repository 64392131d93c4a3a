"""Asking in a thread and showing the answer in its place, so that neither kernel nor panel waits; knows no question."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock, Thread
from typing import TypeVar

import ipywidgets as widgets

from s3magic.errors import S3MagicError
from s3magic.notebook import panel_text

Answer = TypeVar("Answer")


class Asker:
    """One place for answers; what was asked last is shown last.

    Parameters
    ----------
    place
        Where the progress, the answer or the trouble is shown.
    """

    def __init__(self, place: widgets.HTML) -> None:
        self._place = place
        self._lock = RLock()
        self._ticket = 0

    def ask(
        self, question: Callable[[], Answer], show: Callable[[Answer], str], after: Callable[[], None] = lambda: None
    ) -> None:
        """Ask in a thread and show the answer, unless something else was asked meanwhile."""
        ticket = self._next()
        self._place.value = panel_text.asking()

        def run() -> None:
            try:
                answer = question()
                with self._lock:
                    text = show(answer) if ticket == self._ticket else ""
            except S3MagicError as error:
                text = panel_text.trouble(error.lines())
            except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
                text = panel_text.trouble([f"{type(error).__name__}: {error}", "This is a fault of s3magic."])
            with self._lock:
                if ticket == self._ticket:
                    self._place.value = text
                    after()

        Thread(target=run, name="s3magic-panel", daemon=True).start()

    def say(self, text: str) -> None:
        """Show something else instead of any answer under way."""
        self._next()
        self._place.value = text

    def _next(self) -> int:
        with self._lock:
            self._ticket += 1
            return self._ticket
