"""Why this identity, as data: each provider in order and what came of it; holds no secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from s3magic.html import table


@dataclass(frozen=True, slots=True)
class Step:
    """One provider asked.

    Parameters
    ----------
    provider
        What was asked, for people: ``"environment"``, ``"credentials file"`` …
    outcome
        ``"found"``, ``"nothing"``, ``"failed"`` or ``"not asked"`` (an earlier one was found).
    detail
        What that means, in a few words.
    """

    provider: str
    outcome: str
    detail: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON types."""
        return {"provider": self.provider, "outcome": self.outcome, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every provider in the order asked; shows itself as a table.

    Parameters
    ----------
    steps
        The providers and what came of each.
    note
        What follows when none was found; else empty.
    """

    steps: tuple[Step, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {"steps": [step.to_json() for step in self.steps], "note": self.note}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Explanation:
        """Make the explanation again of what `to_json` gave."""
        return cls(tuple(Step(**step) for step in fields["steps"]), fields["note"])

    def __repr__(self) -> str:
        width = max((len(step.provider) for step in self.steps), default=0)
        lines = [f"{step.provider:<{width}}  {step.outcome:<9}  {step.detail}".rstrip() for step in self.steps]
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        rows: Iterable[tuple[object, ...]] = ((step.provider, step.outcome, step.detail) for step in self.steps)
        return table(("Provider", "Outcome", "Detail"), list(rows), self.note)
