"""JSON, JSON Lines and GeoJSON: a list of things as a table, one thing by its names; reads the first 64 KiB.

A document whose end lies further on is closed where its last whole value ended, so that its
beginning can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from s3magic.formats import table
from s3magic.formats.base import PLAIN, Extent, Look, Preview, TileInfo
from s3magic.formats.crs import degrees_extent
from s3magic.formats.table import HEAD_ROWS, Column, Table
from s3magic.formats.text_head import Head, read_head
from s3magic.formats.watch import WatchedFile

_DEEPEST = 100
_MOST_KEYS = 10_000
_MOST_ROWS = 1_000
_CLOSING = {"{": "}", "[": "]"}
_NUMBERS = ("integer", "number")


def describe(file: WatchedFile) -> TileInfo:
    """Return names and types as the first bytes show them; see `Format.describe`."""
    return table.describe(_table(file))


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:  # noqa: ARG001 - one table, one head
    """Return the first things as rows, or the names of one thing; see `Format.preview`."""
    from s3magic.formats import table_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    return table_picture.draw(_table(file), size=size)


def _table(file: WatchedFile) -> Table:
    head = read_head(file)
    format_, found, is_whole = _read(head)
    details: dict[str, Any] = {"packed": "gzip"} if head.is_packed else {}
    extent = None
    if isinstance(found, Mapping) and found.get("type") == "FeatureCollection":
        format_, extent = "geojson", _extent(found.get("bbox"))
    rows, name = _rows(found)
    if name:
        details["list"] = name
    if rows is not None:
        if not is_whole and format_ != "json-lines" and len(rows) > 1:
            rows = rows[:-1]  # the head may end within the last of them
        columns, cells = _as_table(rows[:_MOST_ROWS])
        count = len(rows) if is_whole else None
        return Table(format_, columns, cells, count=count, extent=extent, details=details)
    pairs = list(found.items()) if isinstance(found, Mapping) else [("", found)]
    cells = tuple((table.cut(str(key)), _value(value)) for key, value in pairs[:HEAD_ROWS])
    details["names"] = len(pairs)
    return Table(
        format_, (Column("name", "text"), Column("value", "any")), cells, len(pairs) if is_whole else None,
        extent=extent, details=details,
    )  # fmt: skip


def _read(head: Head) -> tuple[str, Any, bool]:
    """Return the format, what the head holds, and whether that is all the file holds."""
    text = head.text.lstrip("\ufeff \n\t")
    first = text.partition("\n")[0]
    if "\n" in text.strip() and _is_value(first):
        lines = [line for line in head.lines if line.strip()]
        if len(lines) > 1 and _is_value(lines[1]):
            return (
                "json-lines",
                [json.loads(line) for line in lines[:_MOST_ROWS]],
                head.is_whole and len(lines) <= _MOST_ROWS,
            )
    if head.is_whole:
        return "json", json.loads(text), True
    return "json", json.loads(mended(text)), False


def _is_value(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def mended(text: str) -> str:
    """Return a JSON text that was cut short, closed behind the last of its values that is whole.

    Raises
    ------
    ValueError
        Where it is nested too deep, or closes what it did not open.

    Examples
    --------
    >>> mended('{"a": [1, {"b": 2}, {"c": tr')
    '{"a": [1, {"b": 2}, {}]}'
    """
    open_: list[str] = []
    end, still_open = 0, ""
    at, length = 0, len(text)
    while at < length:
        letter = text[at]
        if letter == '"':
            at = _end_of_string(text, at)
            if at < 0:
                break
        elif letter in _CLOSING:
            open_.append(_CLOSING[letter])
            if len(open_) > _DEEPEST:
                raise ValueError("it is nested too deep")
            end, still_open = at + 1, "".join(reversed(open_))
        elif letter in "]}":
            if not open_ or open_.pop() != letter:
                raise ValueError("it closes what it did not open")
            end, still_open = at + 1, "".join(reversed(open_))
        elif letter == ",":
            end, still_open = at, "".join(reversed(open_))
        at += 1
    return text[:end] + still_open


def _end_of_string(text: str, at: int) -> int:
    """Return where the string that begins here ends; -1 where it does not."""
    while True:
        at = text.find('"', at + 1)
        if at < 0:
            return -1
        before = at
        while text[before - 1] == "\\":
            before -= 1
        if (at - before) % 2 == 0:
            return at


def _rows(found: Any) -> tuple[Sequence[Any] | None, str]:
    """Return the list of things a document is about, and its name; None where it is about one thing."""
    if isinstance(found, list):
        return found or None, ""
    if isinstance(found, Mapping):
        lists = {
            key: value
            for key, value in found.items()
            if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
        }
        if "features" in lists and found.get("type") == "FeatureCollection":
            return [_feature(one) for one in lists["features"]], ""
        if len(lists) == 1:
            ((name, rows),) = lists.items()
            return rows, table.cut(str(name))
    return None, ""


def _feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    geometry, properties = feature.get("geometry"), feature.get("properties")
    kind = str(geometry.get("type", "")) if isinstance(geometry, Mapping) else ""
    return {**(properties if isinstance(properties, Mapping) else {}), "geometry": kind}


def _as_table(rows: Sequence[Any]) -> tuple[tuple[Column, ...], tuple[tuple[str, ...], ...]]:
    if all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(str(key) for row in rows for key in row))[:_MOST_KEYS]
        lists = [[row.get(name) for name in names] for row in rows]
    elif all(isinstance(row, list) for row in rows):
        width = min(_MOST_KEYS, max(len(row) for row in rows))
        names = [f"item {index}" for index in range(1, width + 1)]
        lists = [row[:width] for row in rows]
    else:
        names, lists = ["value"], [[row] for row in rows]
    columns = []
    for index, name in enumerate(names):
        kinds = {kind for row in lists if index < len(row) and (kind := _kind(row[index]))}
        if kinds == set(_NUMBERS):
            kinds = {"number"}
        kind = kinds.pop() if len(kinds) == 1 else "any"
        columns.append(Column(table.cut(name), kind, kind in _NUMBERS))
    return tuple(columns), tuple(tuple(_value(value) for value in row) for row in lists[:HEAD_ROWS])


def _kind(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((int, "integer"), (float, "number"), (str, "text"), (list, "list")):
        if isinstance(value, kind):
            return name
    return "object"


def _value(value: Any) -> str:
    """Return a value as text; what holds others by their number."""
    if isinstance(value, Mapping) and len(value) > 3:
        return f"{{{', '.join(map(str, list(value)[:3]))}, …}}"
    if isinstance(value, list) and len(value) > 4:
        return f"[{len(value)} items]"
    return table.text_of(value)


def _extent(box: Any) -> Extent | None:
    if not isinstance(box, list) or len(box) not in (4, 6) or not all(isinstance(one, int | float) for one in box):
        return None
    half = len(box) // 2
    return degrees_extent(box[0], box[1], box[half], box[half + 1])
