"""A table as people look at it: columns with types, and the first rows as text; reads no files.

Texts that came from a file are cut short here, so that a cell of a megabyte costs nothing further on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from s3magic.formats.base import Extent, TileInfo
from s3magic.html import count_text

HEAD_ROWS = 40
"""Rows that a picture can show at its largest."""
MOST_COLUMNS = 24
"""Columns that a picture can show at its largest."""
_MOST_TOLD = 60
_LONGEST = 80
_WORDS = {"true": "boolean", "false": "boolean"}
_EMPTY = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Parameters
    ----------
    type
        What it holds, in the file's own words where it has any: ``"double"``, ``"text"`` …
    is_number
        Whether its cells stand flush right.
    """

    name: str
    type: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The head of a table.

    Parameters
    ----------
    format
        ``"parquet"``, ``"csv"`` …
    columns
        All columns.
    rows
        The first rows, as texts; each may be shorter than the columns are many.
    count
        Rows in all; None where only reading on would tell.
    extent, crs, details
        See `TileInfo`.
    """

    format: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    count: int | None = None
    extent: Extent | None = None
    crs: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> str:
        """Rows and columns in words."""
        columns = f"{len(self.columns)} column{'s' if len(self.columns) != 1 else ''}"
        if self.count is None:
            return f"{columns}, first rows"
        return f"{count_text(self.count)} row{'s' if self.count != 1 else ''}, {columns}"


def describe(table: Table) -> TileInfo:
    """Return columns, types and rows of a table."""
    details: dict[str, Any] = dict(table.details)
    if table.count is not None:
        details["rows"] = table.count
    details["columns"] = {one.name: one.type for one in table.columns[:_MOST_TOLD]}
    if len(table.columns) > _MOST_TOLD:
        details["more columns"] = len(table.columns) - _MOST_TOLD
    return TileInfo(
        kind="table",
        format=table.format,
        crs=table.crs,
        crs84_extent=table.extent,
        schema=[{"name": one.name, "dataType": one.type} for one in table.columns],
        details=details,
    )


def text_of(value: Any) -> str:
    """Return a value as the text of a cell, cut where it is long; nothing for what is missing."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    return "" if value is None else cut(str(value))


_WRITERS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (float, lambda value: f"{value:.7g}"),
    (bytes, lambda value: f"{len(value)} bytes"),
    (datetime, lambda value: str(value.isoformat(" ").removesuffix(" 00:00:00"))),
    ((date, time), lambda value: str(value.isoformat())),
    ((Mapping, list, tuple), lambda value: cut(json.dumps(value, ensure_ascii=False, default=str))),
)


def cut(text: str) -> str:
    """Return a text on one line, its end left out where it is long."""
    text = " ".join(text[: 4 * _LONGEST].split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def typed(names: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Column, ...]:
    """Return columns of which only texts are known, with the narrowest type that all of their cells have."""
    columns = []
    for index, name in enumerate(names):
        kinds = {kind for row in rows if index < len(row) and (kind := _kind(row[index]))}
        if kinds == {"integer", "number"}:
            kinds = {"number"}
        elif kinds == {"date", "time"}:
            kinds = {"time"}
        kind = kinds.pop() if len(kinds) == 1 else "text"
        columns.append(Column(cut(name), kind, kind in ("integer", "number")))
    return tuple(columns)


def is_text(cell: str) -> bool:
    """Whether a cell holds words: neither a number, a time nor nothing."""
    return _kind(cell) == "text"


def _kind(cell: str) -> str:
    """Return the type of a cell; nothing where it is empty."""
    cell = cell.strip()
    if cell.lower() in _EMPTY:
        return ""
    if cell.lower() in _WORDS:
        return _WORDS[cell.lower()]
    if len(cell) <= _LONGEST:
        try:
            number = float(cell)
        except ValueError:
            pass
        else:
            return "integer" if number.is_integer() and cell.lstrip("+-").isdecimal() else "number"
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            return "text"
        return "date" if len(cell) <= 10 and not (moment.hour or moment.minute) else "time"
    return "text"
