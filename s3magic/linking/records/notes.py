"""What a run has learnt and not recorded yet, kept beside the records so that no kill loses it; decides nothing."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


class Notes:
    """A file of facts, one line each; any thread or process may add to it.

    A line that was cut short by a kill is passed over, so no fact is ever half.

    Parameters
    ----------
    path
        The file; made with the first fact.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._close: Callable[[], object] = _nothing

    def add(self, fact: dict[str, Any]) -> None:
        """Write a fact down; it outlives this process."""
        line = f"\n{json.dumps(fact, ensure_ascii=False)}\n".encode(errors="surrogatepass")
        with self._lock:
            if self._handle is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
                self._handle = os.open(self.path, flags, 0o666)
                self._close = weakref.finalize(self, os.close, self._handle)
            os.write(self._handle, line)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the facts in the order in which they were written."""
        if self.path.is_symlink():
            return
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for line in file:
                with suppress(ValueError):
                    fact = json.loads(line.decode(errors="surrogatepass"))
                    if isinstance(fact, dict):
                        yield fact

    def forget(self) -> None:
        """Remove all facts."""
        with self._lock:
            self._close()
            self._handle = None
        self.path.unlink(missing_ok=True)


def _nothing() -> None:
    """Close what was never opened."""
