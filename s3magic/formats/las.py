"""LAS, LAZ and COPC point clouds: count, place and fields; decodes no points itself (see las_points)."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from functools import lru_cache
from typing import Any

from s3magic.errors import UnreadableFormat
from s3magic.formats.base import PLAIN, Extent, Look, Preview, TileInfo, numbers
from s3magic.formats.crs import crs_name, geo_keys, wkt_of_keys
from s3magic.formats.las_header import (
    EXTRA_BYTES,
    KEY_DIRECTORY,
    KEY_DOUBLES,
    KEY_TEXT,
    LIBLAS_WKT,
    WKT,
    Header,
    read_header,
    text_of,
)
from s3magic.formats.watch import WatchedFile

# Fields by point format: name, bits, and i for integers with a sign, f for floats, b for flags.
_XYZI = "X 32i, Y 32i, Z 32i, Intensity 16, "
_CORE = _XYZI + (
    "Return Number 3, Number of Returns 3, Scan Direction Flag 1b, Edge of Flight Line 1b, Classification 5, "
    "Synthetic 1b, Key-Point 1b, Withheld 1b, Scan Angle Rank 8i, User Data 8, Point Source ID 16"
)
_CORE_14 = _XYZI + (
    "Return Number 4, Number of Returns 4, Synthetic 1b, Key-Point 1b, Withheld 1b, Overlap 1b, Scanner Channel 2, "
    "Scan Direction Flag 1b, Edge of Flight Line 1b, Classification 8, User Data 8, Scan Angle 16i, "
    "Point Source ID 16, GPS Time 64f"
)
_TIME = ", GPS Time 64f"
_COLOUR = ", Red 16, Green 16, Blue 16"
_INFRARED = ", Infrared 16"
_WAVES = (
    ", Wave Packet Descriptor Index 8, Byte Offset to Waveform Data 64, Waveform Packet Size 32, "
    "Return Point Waveform Location 32f, Parametric dx 32f, Parametric dy 32f, Parametric dz 32f"
)
_FIELDS = (
    _CORE,
    _CORE + _TIME,
    _CORE + _COLOUR,
    _CORE + _TIME + _COLOUR,
    _CORE + _TIME + _WAVES,
    _CORE + _TIME + _COLOUR + _WAVES,
    _CORE_14,
    _CORE_14 + _COLOUR,
    _CORE_14 + _COLOUR + _INFRARED,
    _CORE_14 + _WAVES,
    _CORE_14 + _COLOUR + _INFRARED + _WAVES,
)
_EXTRA_TYPES = ("8", "8i", "16", "16i", "32", "32i", "64", "64i", "32f", "64f")


def describe(file: WatchedFile) -> TileInfo:
    """Return count, extent, CRS and fields; see `Format.describe`."""
    header = read_header(file)
    _check_length(file, header)
    crs = _crs(header)
    bounds, native = _extent(header)
    details: dict[str, Any] = {"point format": header.point_format}
    if header.software:
        details["software"] = header.software
    if header.created:
        details["created"] = header.created.isoformat()
    if crs:
        details["CRS"] = crs_name(crs)
    return TileInfo(
        kind="point-cloud",
        format=header.format,
        crs=crs,
        native_extent=native,
        bounds=bounds,
        point_count=header.point_count,
        schema=_schema(header.point_format, header.extra_length, header.records.get(EXTRA_BYTES, b"")),
        details=details,
    )


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:  # noqa: ARG001 - there is but one thing to see
    """Return the points seen from above, shaded by height; see `Format.preview`."""
    from s3magic.formats import las_points  # noqa: PLC0415 - drawing wants libraries that a header does not

    header = read_header(file)
    _check_length(file, header)
    return las_points.draw(file, header, size=size)


def _check_length(file: WatchedFile, header: Header) -> None:
    """Tell early when the end of the file is missing."""
    start = header.offset_to_points
    end = start
    if header.is_copc:
        offset, length = struct.unpack_from("<QQ", header.copc_info, 40)
        end = offset + length
    elif header.is_compressed and header.point_count:
        (table,) = struct.unpack("<q", file.read_at(start, 8))
        end = table + 8 if table > 0 else start
    elif not header.is_compressed:
        end = start + header.point_count * header.record_length
    if end > file.size:
        raise UnreadableFormat(
            f"Cut short: {file.name} has {file.size} bytes, its points need {end} or more",
            "Copy or upload the file again; its end is missing.",
        )


def _extent(header: Header) -> tuple[Extent | None, str | None]:
    values = (*header.mins, *header.maxs)
    if not header.point_count or not all(math.isfinite(value) for value in values):
        return None, None
    min_x, min_y, min_z = (_on_grid(header, axis, header.mins[axis]) for axis in range(3))
    max_x, max_y, max_z = (_on_grid(header, axis, header.maxs[axis]) for axis in range(3))
    return (min_x, min_y, max_x, max_y), numbers(min_x, max_x, min_y, max_y, min_z, max_z)


def _on_grid(header: Header, axis: int, value: float) -> float:
    """Return a coordinate without the noise of its multiplication: -1.66 for -166 x 0.01."""
    scale, offset = header.scale[axis], header.offset[axis]
    if not (math.isfinite(scale) and math.isfinite(offset) and scale > 0):
        return value
    steps = (value - offset) / scale
    if abs(steps) >= 1 << 53:
        return value
    exact = float(_decimal(scale) * round(steps) + _decimal(offset))
    return exact if math.isclose(exact, value, rel_tol=1e-14, abs_tol=scale * 1e-6) else value


@lru_cache(maxsize=1024)
def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def _crs(header: Header) -> str | None:
    """Return the CRS in the form that the header says rules, else in the one that is there."""
    records = header.records
    texts = [text_of(records[name]) for name in (WKT, LIBLAS_WKT) if name in records]
    if texts and (header.has_wkt or KEY_DIRECTORY not in records):
        return texts[0] or None
    directory = records.get(KEY_DIRECTORY, b"")
    doubles = records.get(KEY_DOUBLES, b"")
    keys = geo_keys(
        struct.unpack_from(f"<{len(directory) // 2}H", directory),
        struct.unpack_from(f"<{len(doubles) // 8}d", doubles),
        records.get(KEY_TEXT, b"").decode("latin-1"),
    )
    return wkt_of_keys(keys) or (texts[0] if texts else None)


@lru_cache(maxsize=64)
def _schema(point_format: int, extra_length: int, extra_bytes: bytes) -> list[dict[str, Any]]:
    """Return the fields of a point; many tiles share them, and they are not to be changed."""
    fields = [_field(*text.rsplit(" ", 1)) for text in _FIELDS[point_format].split(", ")]
    left = extra_length
    for name, kind in _extra_bytes(extra_bytes):
        extra = _field(name, kind)
        if extra["size"] > 8 * left:
            break
        left -= extra["size"] // 8
        fields.append(extra)
    if left:
        fields.append({"name": "Extra Bytes", "dataType": "bytes", "size": 8 * left})
    return fields


def _field(name: str, kind: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": name,
        "dataType": "float" if kind.endswith("f") else "integer",
        "size": int(kind.rstrip("ifb")),
    }
    if kind.isdigit():
        described["unsigned"] = True
    return described


def _extra_bytes(body: bytes) -> list[tuple[str, str]]:
    """Return name and kind of each described extra field; arrays, long deprecated, end the list."""
    found = []
    for at in range(0, len(body) - 191, 192):
        number = body[at + 2]
        if not 1 <= number <= len(_EXTRA_TYPES):
            break
        found.append((text_of(body[at + 4 : at + 36]), _EXTRA_TYPES[number - 1]))
    return found
