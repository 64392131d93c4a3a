"""LAS, LAZ and COPC point clouds: what their headers say; decodes no points itself (see las_points).

The header is read here rather than with laspy, whose import costs half a second: a catalogue of
tiles wants a header each and nothing more. Layout: ASPRS LAS 1.4 R15, COPC 1.0.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from s3magic.errors import UnreadableFormat
from s3magic.formats.base import Extent, Preview, TileInfo, numbers
from s3magic.formats.crs import crs84_extent, crs_name, geo_keys, wkt_of_keys
from s3magic.formats.watch import WatchedFile

_HEADER = struct.Struct("<4sHH16sBB32s32sHHHIIBHI20s12d")
_HEADER_14 = struct.Struct("<QQIQ")  # waveform data, first EVLR, number of EVLRs, number of points
_VLR = struct.Struct("<H16sHH32s")
_EVLR = struct.Struct("<H16sHQ32s")
_MOST_RECORDS = 1000
_LONGEST_RECORD = 1 << 20
_MOST_EVLRS = 32
_FIRST_YEAR = 1970  # software that does not know the date writes 0 or 1

_COPC_INFO = ("copc", 1)
_LASZIP = ("laszip encoded", 22204)
_WKT = ("LASF_Projection", 2112)
_LIBLAS_WKT = ("liblas", 2112)
_KEY_DIRECTORY = ("LASF_Projection", 34735)
_KEY_DOUBLES = ("LASF_Projection", 34736)
_KEY_TEXT = ("LASF_Projection", 34737)
_EXTRA_BYTES = ("LASF_Spec", 4)
_WANTED = {
    _COPC_INFO, _LASZIP, _WKT, _LIBLAS_WKT, _KEY_DIRECTORY, _KEY_DOUBLES, _KEY_TEXT, _EXTRA_BYTES
}  # fmt: skip

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


@dataclass(frozen=True, slots=True)
class Header:
    """The public header of a LAS or LAZ file and the records behind it.

    Parameters
    ----------
    offset_to_points
        Where the points begin, in bytes.
    point_format, record_length
        The number of the point format, 0 to 10, and the bytes of one point.
    scale, offset
        Three numbers each: a coordinate is its integer times scale plus offset.
    mins, maxs
        Three numbers each, in the CRS of the file.
    records
        Bodies of the variable length records that matter, by user and number.
    """

    version: str
    created: date | None
    software: str
    has_wkt: bool
    offset_to_points: int
    point_format: int
    record_length: int
    point_count: int
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    mins: tuple[float, float, float]
    maxs: tuple[float, float, float]
    is_compressed: bool
    records: dict[tuple[str, int], bytes] = field(repr=False)

    @property
    def is_copc(self) -> bool:
        """Whether the points are sorted into an octree (Cloud Optimized Point Cloud)."""
        return self.is_compressed and _COPC_INFO in self.records

    @property
    def format(self) -> str:
        """The format's name: ``las-1.2``, ``laz-1.4/copc-1.0``."""
        return f"{'laz' if self.is_compressed else 'las'}-{self.version}{'/copc-1.0' if self.is_copc else ''}"

    @property
    def laszip(self) -> bytes:
        """The record that tells how the points are compressed."""
        return self.records[_LASZIP]

    @property
    def copc_info(self) -> bytes:
        """The record that tells where the octree is."""
        return self.records[_COPC_INFO]


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
        crs84_extent=crs84_extent(crs, bounds),
        native_extent=native,
        bounds=bounds,
        point_count=header.point_count,
        schema=_schema(header),
        details=details,
    )


def preview(file: WatchedFile, *, size: int = 160) -> Preview:
    """Return the points seen from above, shaded by height; see `Format.preview`."""
    from s3magic.formats import las_points  # noqa: PLC0415 - drawing wants libraries that a header does not

    header = read_header(file)
    _check_length(file, header)
    return las_points.draw(file, header, size=size)


def read_header(file: WatchedFile) -> Header:
    """Read the header and the records that matter; one request of the first few kilobytes."""
    (
        signature, _, encoding, _, major, minor, _, software, day, year, header_size, offset_to_points, records,
        point_format, record_length, count, _, *numbers_,
    ) = _HEADER.unpack(file.read_at(0, _HEADER.size))  # fmt: skip
    if signature != b"LASF" or major != 1:
        raise ValueError("it does not begin as LAS 1.x files do")
    sx, sy, sz, ox, oy, oz, max_x, min_x, max_y, min_y, max_z, min_z = numbers_
    found = _records(file, header_size, records, end=offset_to_points)
    if minor >= 4:
        _, first_evlr, evlrs, count = _HEADER_14.unpack(file.read_at(_HEADER.size, _HEADER_14.size))
        if encoding & 16 and _WKT not in found:
            found |= _extended_records(file, first_evlr, evlrs)
    is_compressed = bool(point_format & 0x80) or _LASZIP in found
    if is_compressed and _LASZIP not in found:
        raise ValueError("it does not say how its points are compressed")
    point_format &= 0x3F
    if point_format >= len(_FIELDS) or record_length < _plain_length(point_format):
        raise ValueError(f"point format {point_format} with records of {record_length} bytes is unknown")
    return Header(
        version=f"{major}.{minor}",
        created=_date(year, day),
        software=_text(software),
        has_wkt=bool(encoding & 16),
        offset_to_points=offset_to_points,
        point_format=point_format,
        record_length=record_length,
        point_count=count,
        scale=(sx, sy, sz),
        offset=(ox, oy, oz),
        mins=(min_x, min_y, min_z),
        maxs=(max_x, max_y, max_z),
        is_compressed=is_compressed,
        records=found,
    )


def _records(file: WatchedFile, at: int, count: int, *, end: int) -> dict[tuple[str, int], bytes]:
    found: dict[tuple[str, int], bytes] = {}
    for _ in range(min(count, _MOST_RECORDS)):
        if at + _VLR.size > end:
            break
        _, user, number, length, _ = _VLR.unpack(file.read_at(at, _VLR.size))
        name = (_text(user), number)
        if name in _WANTED and name not in found:
            found[name] = file.read_at(at + _VLR.size, length)
        at += _VLR.size + length
    return found


def _extended_records(file: WatchedFile, at: int, count: int) -> dict[tuple[str, int], bytes]:
    """Find a WKT that stands behind the points."""
    for _ in range(min(count, _MOST_EVLRS)):
        _, user, number, length, _ = _EVLR.unpack(file.read_at(at, _EVLR.size))
        if (_text(user), number) == _WKT and length <= _LONGEST_RECORD:
            return {_WKT: file.read_at(at + _EVLR.size, length)}
        at += _EVLR.size + length
    return {}


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
    exact = float(Decimal(repr(scale)) * round(steps) + Decimal(repr(offset)))
    return exact if math.isclose(exact, value, rel_tol=1e-14, abs_tol=scale * 1e-6) else value


def _crs(header: Header) -> str | None:
    """Return the CRS in the form that the header says rules, else in the one that is there."""
    records = header.records
    texts = [_text(records[name]) for name in (_WKT, _LIBLAS_WKT) if name in records]
    if texts and (header.has_wkt or _KEY_DIRECTORY not in records):
        return texts[0] or None
    directory = records.get(_KEY_DIRECTORY, b"")
    doubles = records.get(_KEY_DOUBLES, b"")
    keys = geo_keys(
        struct.unpack_from(f"<{len(directory) // 2}H", directory),
        struct.unpack_from(f"<{len(doubles) // 8}d", doubles),
        records.get(_KEY_TEXT, b"").decode("latin-1"),
    )
    return wkt_of_keys(keys) or (texts[0] if texts else None)


def _schema(header: Header) -> list[dict[str, Any]]:
    fields = [_field(*text.rsplit(" ", 1)) for text in _FIELDS[header.point_format].split(", ")]
    left = header.record_length - _plain_length(header.point_format)
    for name, kind in _extra_bytes(header.records.get(_EXTRA_BYTES, b"")):
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
        found.append((_text(body[at + 4 : at + 36]), _EXTRA_TYPES[number - 1]))
    return found


def _plain_length(point_format: int) -> int:
    return (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)[point_format]


def _date(year: int, day: int) -> date | None:
    """Return the day the file was made; None where the header leaves it open."""
    if year < _FIRST_YEAR or not 1 <= day <= 366:
        return None
    try:
        return date(year, 1, 1) + timedelta(days=day - 1)
    except (ValueError, OverflowError):
        return None


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
