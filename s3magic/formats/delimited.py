"""CSV and its kin: the first rows, parted by whatever parts them; reads the first 64 KiB and guesses no count.

RFC 4180 for quotes; lines of comment before the table, as data loggers write them, are passed over.
"""

from __future__ import annotations

import csv
from typing import Any

from s3magic.formats import table
from s3magic.formats.base import PLAIN, Look, Preview, TileInfo
from s3magic.formats.table import HEAD_ROWS, Table
from s3magic.formats.text_head import read_head
from s3magic.formats.watch import WatchedFile

_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_LOOKED_AT = 100
_COMMENTS = ("#", "%", "//")
_MOST_COLUMNS = 10_000


def describe(file: WatchedFile) -> TileInfo:
    """Return columns and types as the first rows show them; see `Format.describe`."""
    return table.describe(_table(file))


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:  # noqa: ARG001 - one table, one head
    """Return the first rows; see `Format.preview`."""
    from s3magic.formats import table_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    return table_picture.draw(_table(file), size=size)


def _table(file: WatchedFile) -> Table:
    head = read_head(file)
    lines = head.lines
    start = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith(_COMMENTS)), 0)
    delimiter = _delimiter(lines[start : start + _LOOKED_AT])
    rows = [row for row in csv.reader((f"{line}\n" for line in lines[start:]), delimiter=delimiter) if any(row)]
    if not head.is_whole and len(rows) > 1 and head.text.count('"') % 2:
        rows.pop()  # the head ends within a quoted cell
    if not rows:
        raise ValueError("it holds no rows")
    is_headed = _is_headed(rows)
    names = rows[0] if is_headed else [f"column {index}" for index, _ in enumerate(rows[0], 1)]
    if max(len(row) for row in rows) > _MOST_COLUMNS:
        raise ValueError("its rows are too long to be a table")
    body = rows[1:] if is_headed else rows
    details: dict[str, Any] = {"delimiter": _DELIMITERS[delimiter], "encoding": head.encoding}
    if start:
        details["lines before the table"] = start
    if head.is_packed:
        details["packed"] = "gzip"
    return Table(
        "tsv" if delimiter == "\t" else "csv",
        table.typed(names, body),
        tuple(tuple(table.cut(cell) for cell in row) for row in body[:HEAD_ROWS]),
        count=len(body) if head.is_whole else None,
        details=details,
    )


def _delimiter(lines: list[str]) -> str:
    """Return what parts the most columns in the same number on most lines."""

    def rank(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        usual = max(set(widths), key=widths.count, default=1)
        return (widths.count(usual) if usual > 1 else 0), usual

    return max(_DELIMITERS, key=rank)


def _is_headed(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: words, each once, above anything else than words."""
    first = [cell.strip() for cell in rows[0]]
    if len(rows) == 1:
        return all(map(table.is_text, first))
    if not any(first) or any(cell and not table.is_text(cell) for cell in first) or len(set(first)) < len(first):
        return False
    below = rows[1 : 1 + _LOOKED_AT]
    if any(not table.is_text(cell) for row in below for cell in row if cell.strip()):
        return True
    return first not in [[cell.strip() for cell in row] for row in below]
