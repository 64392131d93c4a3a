"""Parquet: columns and rows from the footer, the first rows from the first pages of a few columns.

Layout: the Apache Parquet format; GeoParquet 1.1 for places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import parquet

from s3magic.formats import table
from s3magic.formats.base import PLAIN, Extent, Look, Preview, TileInfo
from s3magic.formats.crs import crs84_extent, degrees_extent
from s3magic.formats.table import HEAD_ROWS, MOST_COLUMNS, Column, Table
from s3magic.formats.watch import WatchedFile

_MARK = b"PAR1"
_LARGEST_FOOTER = 2_000_000
_BUFFER = 64 << 10  # bytes that one read of a column asks for
_NOT_READ = "…"
_BUDGET = 2_500_000  # bytes that the first rows of all columns may cost
_NARROWEST = 60  # pixels of a column, about
_FEWEST = 64 << 10  # bytes below which another column is not begun
_GEOMETRIES = ("", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "Collection")


def describe(file: WatchedFile) -> TileInfo:
    """Return columns, types and the number of rows; see `Format.describe`."""
    return table.describe(_table(_opened(file), {}))


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:  # noqa: ARG001 - one table, one head
    """Return the first rows of the first columns; see `Format.preview`."""
    from s3magic.formats import table_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    opened = _opened(file)
    return table_picture.draw(_table(opened, _heads(file, opened, most=2 + size // _NARROWEST)), size=size)


def _opened(file: WatchedFile) -> parquet.ParquetFile:
    length = int.from_bytes(file.read_at(file.size - 8, 4), "little")
    if file.read_at(file.size - 4, 4) != _MARK or file.read_at(0, 4) != _MARK:
        raise ValueError("it does not begin and end as Parquet files do")
    if length > _LARGEST_FOOTER:
        raise ValueError(f"a footer of {length} bytes is too large")
    return _reader(file)


def _reader(file: Any, metadata: parquet.FileMetaData | None = None) -> parquet.ParquetFile:
    return parquet.ParquetFile(
        pa.PythonFile(file, "r"),
        metadata=metadata,
        buffer_size=_BUFFER,
        pre_buffer=False,
        thrift_string_size_limit=_LARGEST_FOOTER,
        thrift_container_size_limit=1 << 20,
    )


def _table(opened: parquet.ParquetFile, heads: Mapping[str, list[Any]]) -> Table:
    schema = opened.schema_arrow
    about = opened.metadata
    geo = _geo(schema.metadata)
    columns = []
    for one in schema:
        kind = f"geometry ({one.type})" if one.name in geo.get("columns", {}) else _type_name(one.type)
        columns.append(Column(table.cut(one.name), kind, _is_number(one.type)))
    count = min(HEAD_ROWS, about.num_rows)
    texts = [
        [_text(value) for value in heads.get(one.name, [_NOT_READ] * count)] for one in list(schema)[:MOST_COLUMNS]
    ]
    rows = [
        tuple(column[number] if number < len(column) else "" for column in texts)
        for number in range(count if heads else 0)
    ]
    details: dict[str, Any] = {"row groups": about.num_row_groups}
    if about.created_by:
        details["written by"] = table.cut(about.created_by)
    extent, crs = _place(geo)
    return Table(
        "geoparquet" if geo else "parquet",
        tuple(columns),
        tuple(rows),
        count=about.num_rows,
        extent=extent,
        crs=crs,
        details=details,
    )


def _heads(file: WatchedFile, opened: parquet.ParquetFile, *, most: int) -> dict[str, list[Any]]:
    """Return the first values of the first columns, as many of them as the budget allows."""
    heads: dict[str, list[Any]] = {}
    if not opened.metadata.num_row_groups:
        return heads
    left = _BUDGET
    for one in list(opened.schema_arrow)[: min(most, MOST_COLUMNS)]:
        if left < _FEWEST:
            break
        bounded = _BoundedFile(file, left)
        try:
            reader = _reader(bounded, opened.metadata)
            batches = reader.iter_batches(HEAD_ROWS, row_groups=[0], columns=[one.name], use_threads=False)
            heads[one.name] = next((batch.column(0).to_pylist() for batch in batches if batch.num_columns), [])
        except _TooMuch:
            pass
        left = bounded.left
    return heads


class _TooMuch(Exception):
    """A column's first page is larger than what is left of the budget."""


class _BoundedFile(WatchedFile):
    """The same file, of which only so many bytes may be read."""

    def __init__(self, file: WatchedFile, left: int) -> None:
        super().__init__(cast("BinaryIO", file))
        self.left = left

    def read(self, size: int | None = -1, /) -> bytes:
        if (self.size if size is None or size < 0 else size) > self.left:
            raise _TooMuch
        data = super().read(size)
        self.left -= len(data)
        return data


def _type_name(kind: pa.DataType) -> str:
    name = str(kind)
    return name if len(name) <= 40 else f"{name[:39]}…"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _text(value: Any) -> str:
    return _geometry(value) if isinstance(value, bytes) else table.text_of(value)


def _geometry(value: bytes) -> str:
    """Return the kind of a geometry in well-known binary; the length of other bytes."""
    if len(value) >= 5 and value[0] in (0, 1):
        code = int.from_bytes(value[1:5], "little" if value[0] else "big") & 0xFFFF
        if 0 < code % 1000 < len(_GEOMETRIES):
            return _GEOMETRIES[code % 1000]
    return table.text_of(value)


def _geo(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """Return what GeoParquet says of its columns; nothing where it is none, or wrong."""
    try:
        found = json.loads((metadata or {})[b"geo"])
    except (KeyError, ValueError, RecursionError):
        return {}
    is_sound = isinstance(found, dict) and isinstance(found.get("columns"), dict)
    return cast("dict[str, Any]", found) if is_sound else {}


def _place(geo: Mapping[str, Any]) -> tuple[Extent | None, str | None]:
    """Return the extent in degrees and the CRS that GeoParquet gives its main column."""
    main = geo.get("columns", {}).get(geo.get("primary_column"))
    if not isinstance(main, dict):
        return None, None
    crs = _wkt(main.get("crs"))
    box = main.get("bbox")
    if not isinstance(box, list) or len(box) not in (4, 6) or not all(isinstance(one, int | float) for one in box):
        return None, crs
    half = len(box) // 2
    bounds = (float(box[0]), float(box[1]), float(box[half]), float(box[half + 1]))
    if "crs" not in main:
        return degrees_extent(*bounds), None
    return crs84_extent(crs, bounds), crs


def _wkt(crs: Any) -> str | None:
    from pyproj import CRS  # noqa: PLC0415 - most tables have no place
    from pyproj.exceptions import CRSError  # noqa: PLC0415

    if not isinstance(crs, dict):
        return None
    try:
        return str(CRS.from_json_dict(crs).to_wkt())
    except CRSError:
        return None
