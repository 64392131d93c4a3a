"""What a run has learnt and not recorded yet, kept beside the records so that no kill loses it; decides nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Notes:
    """A file of facts, one line each; any thread or process may add to it.

    A line that was cut short by a kill is passed over, so no fact is ever half.

    Parameters
    ----------
    path
        The file; made with the first fact.
    """

    path: Path

    def add(self, fact: dict[str, Any]) -> None:
        """Write a fact down; it outlives this process."""
        line = f"\n{json.dumps(fact, ensure_ascii=False)}\n".encode(errors="surrogatepass")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        handle = os.open(self.path, flags, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

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
        self.path.unlink(missing_ok=True)
