"""How hard the store is asked, as fields of the panel: requests at once, retries, rates; keeps to none of it itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.notebook.panel_parts import Fold, text_field
from s3magic.store.tuning import REQUESTS_AT_ONCE, Tuning, seconds

_USUAL = Tuning()
_FIELDS = {
    "request_concurrency": ("Requests at once", str(REQUESTS_AT_ONCE)),
    "max_retries": ("Retries", str(_USUAL.max_retries)),
    "initial_delay": ("First wait", f"{_USUAL.initial_delay:g} s"),
    "max_delay": ("Longest wait", f"{_USUAL.max_delay:g} s"),
    "read_rate": ("Reads a second", "no limit"),
    "write_rate": ("Writes a second", "no limit"),
    "doubling_time": ("Rates double in", "never; or 5m"),
}
_WHOLE = ("request_concurrency", "max_retries")
_TIMES = ("initial_delay", "max_delay", "doubling_time")


class PacePart:
    """Fields for how hard the store is asked, folded away; an empty one means what is usual.

    Parameters
    ----------
    changed
        Told when a field has changed.

    Attributes
    ----------
    fold
        What is shown: its button and its box.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._fields = {name: text_field(*words, live=True) for name, words in _FIELDS.items()}
        self.fold = Fold(("Pace …", "Pace"), "Requests at once, retries, rates", list(self._fields.values()))
        for field in self._fields.values():
            field.observe(lambda _: changed(), "value")

    def show(self, tuning: Tuning) -> None:
        """Say what is not as usual."""
        for name, field in self._fields.items():
            value = getattr(tuning, name)
            field.value = "" if value == getattr(_USUAL, name) else f"{value:g}"
        if tuning != _USUAL:
            self.fold.turn(opened=True)

    def words(self) -> dict[str, Any]:
        """Return what was given, as `s3magic.connect` takes it; raise `InvalidInput` for what is no number."""
        return {name: _number(name, field.value) for name, field in self._fields.items() if field.value.strip()}


def _number(name: str, text: str) -> float:
    label = _FIELDS[name][0]
    if name in _TIMES:
        return seconds(text, label)
    try:
        number = int(text) if name in _WHOLE else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(f"Not a number for {label}: {text.strip()!r}", "Write a number, or leave it empty.")
    return number
