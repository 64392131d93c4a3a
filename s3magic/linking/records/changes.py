"""What an add did to a dataset: names of tiles that were added, changed, removed and kept; does nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice, repeat

from s3magic.html import table

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Changes:
    """How one state of a dataset differs from the one before: names of tiles, sorted."""

    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()
    kept: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def to_json(self) -> dict[str, object]:
        """Return the names as JSON types."""
        return {
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "kept": list(self.kept),
        }

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        return (
            f"{len(self.added)} added, {len(self.changed)} changed, {len(self.removed)} removed, {len(self.kept)} kept"
        )

    def _repr_html_(self) -> str:
        told = {"added": self.added, "changed": self.changed, "removed": self.removed}
        rows = merge(*(zip(names, repeat(word)) for word, names in told.items()))
        more = f" (the first {_SHOWN} are shown)" if sum(map(len, told.values())) > _SHOWN else ""
        return table(("tile", ""), islice(rows, _SHOWN), f"{self}{more}")
