"""What a copy did, or would do: a small card, and a text; does nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s3magic.html import Markup, bytes_text, card, cell
from s3magic.naming import one_line

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did; what it would do, after ``dry_run``.

    Parameters
    ----------
    source, target
        What was copied where.
    copied
        Names of what was copied: keys, or paths, below the source.
    kept
        Names of what was there unchanged.
    deleted
        Names of what was removed from the target, for the source does not have it.
    failures
        Names of what failed, with reasons.
    left_out
        Names of what cannot be at the target, with reasons.
    size
        Bytes that were copied.
    seconds
        How long it took.
    dry_run
        Whether nothing was done.
    notes
        What else is to be known.
    """

    source: str
    target: str
    copied: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    size: int = 0
    seconds: float = 0.0
    dry_run: bool = False
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {
            "source": self.source,
            "target": self.target,
            "copied": list(self.copied),
            "kept": list(self.kept),
            "deleted": list(self.deleted),
            "failures": [list(failure) for failure in self.failures],
            "left_out": [list(one) for one in self.left_out],
            "size": self.size,
            "seconds": self.seconds,
            "dry_run": self.dry_run,
            "notes": list(self.notes),
        }

    def _rows(self) -> list[tuple[str, str]]:
        would = "would be " if self.dry_run else ""
        took = "" if self.dry_run else f" in {self.seconds:.1f} s"
        rows = [(f"{would}copied", f"{_counted(self.copied)}, {bytes_text(self.size)}{took}")]
        rows.append(("unchanged", _counted(self.kept)))
        if self.deleted:
            rows.append((f"{would}deleted", _counted(self.deleted)))
        if self.failures:
            rows.append(("failed", _counted(self.failures)))
        if self.left_out:
            rows.append(("left out", _counted(self.left_out)))
        return [*rows, *(("note", note) for note in self.notes)]

    def _lists(self) -> list[tuple[str, list[str]]]:
        """Return what is named one by one: all that is not as it should be, and before it is done, all."""
        told = [("failed", _reasons(self.failures)), ("left out", _reasons(self.left_out))]
        told.append(("would be deleted" if self.dry_run else "deleted", list(map(one_line, self.deleted))))
        if self.dry_run:
            told.append(("would be copied", list(map(one_line, self.copied))))
        return [(title, names) for title, names in told if names]

    def __repr__(self) -> str:
        lines = [f"{self.source} → {self.target}{' (dry run: nothing was done)' if self.dry_run else ''}"]
        lines += [f"  {name:<16} {value}" for name, value in self._rows()]
        for title, names in self._lists():
            lines += [f"  {title}:", *(f"    {name}" for name in names[:_SHOWN])]
            lines += [f"    … and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [("from", self.source), ("to", self.target), *self._rows()]
        title = "Copy (dry run: nothing was done)" if self.dry_run else "Copied"
        return card(title, rows, "".join(_folded(title, names) for title, names in self._lists()))


def _folded(title: str, names: list[str]) -> Markup:
    """Return a list under a line that opens it; what failed is open."""
    shown = "".join(f"<div>{cell(name)}</div>" for name in names[:_SHOWN])
    more = f'<div class="s3m-note">… and {len(names) - _SHOWN} more</div>' if len(names) > _SHOWN else ""
    colour, is_open = (' class="s3m-bad"', " open") if title == "failed" else ("", "")
    body = f'<div style="padding-left:1.2em;overflow-wrap:anywhere">{shown}{more}</div>'
    return Markup(f"<details{is_open}><summary{colour}>{cell(title)}: {len(names):,}</summary>{body}</details>")


def _reasons(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{one_line(name)}: {why}" for name, why in pairs]


def _counted(things: Sequence[object]) -> str:
    return f"{len(things):,} {'object' if len(things) == 1 else 'objects'}"
