"""The header of a LAS, LAZ or COPC file and the records that matter; knows no maps and decodes no points.

Read here rather than with laspy, whose import costs half a second: a catalogue of tiles wants a
header each and nothing more. Layout: ASPRS LAS 1.4 R15, COPC 1.0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import date, timedelta

from s3magic.formats.watch import WatchedFile

_HEADER = struct.Struct("<4sHH16sBB32s32sHHHIIBHI20s12d")
_HEADER_14 = struct.Struct("<QQIQ")  # waveform data, first EVLR, number of EVLRs, number of points
_VLR = struct.Struct("<H16sHH32s")
_EVLR = struct.Struct("<H16sHQ32s")
_MOST_RECORDS = 1000
_LONGEST_RECORD = 1 << 20
_MOST_EVLRS = 32
_NEAR_EVLR = 16 << 10  # bytes in which a WKT is behind the points
_FIRST_YEAR = 1970  # software that does not know the date writes 0 or 1

_PLAIN_LENGTHS = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)  # bytes of a point by its format

_COPC_INFO = ("copc", 1)
_LASZIP = ("laszip encoded", 22204)
WKT = ("LASF_Projection", 2112)
LIBLAS_WKT = ("liblas", 2112)
KEY_DIRECTORY = ("LASF_Projection", 34735)
KEY_DOUBLES = ("LASF_Projection", 34736)
KEY_TEXT = ("LASF_Projection", 34737)
EXTRA_BYTES = ("LASF_Spec", 4)
_WANTED = {
    _COPC_INFO, _LASZIP, WKT, LIBLAS_WKT, KEY_DIRECTORY, KEY_DOUBLES, KEY_TEXT, EXTRA_BYTES
}  # fmt: skip


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
    def extra_length(self) -> int:
        """Bytes of a point beyond those of its format."""
        return self.record_length - _PLAIN_LENGTHS[self.point_format]

    @property
    def laszip(self) -> bytes:
        """The record that tells how the points are compressed."""
        return self.records[_LASZIP]

    @property
    def copc_info(self) -> bytes:
        """The record that tells where the octree is."""
        return self.records[_COPC_INFO]


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
        if encoding & 16 and WKT not in found:
            found |= _extended_records(file, first_evlr, evlrs)
    is_compressed = bool(point_format & 0x80) or _LASZIP in found
    if is_compressed and _LASZIP not in found:
        raise ValueError("it does not say how its points are compressed")
    point_format &= 0x3F
    if point_format >= len(_PLAIN_LENGTHS) or record_length < _PLAIN_LENGTHS[point_format]:
        raise ValueError(f"point format {point_format} with records of {record_length} bytes is unknown")
    return Header(
        version=f"{major}.{minor}",
        created=_date(year, day),
        software=text_of(software),
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
        name = (text_of(user), number)
        if name in _WANTED and name not in found:
            found[name] = file.read_at(at + _VLR.size, length)
        at += _VLR.size + length
    return found


def _extended_records(file: WatchedFile, at: int, count: int) -> dict[tuple[str, int], bytes]:
    """Find a WKT that stands behind the points."""
    file.gather([(at, at + _NEAR_EVLR)])
    for _ in range(min(count, _MOST_EVLRS)):
        _, user, number, length, _ = _EVLR.unpack(file.read_at(at, _EVLR.size))
        if (text_of(user), number) == WKT and length <= _LONGEST_RECORD:
            return {WKT: file.read_at(at + _EVLR.size, length)}
        at += _EVLR.size + length
    return {}


def _date(year: int, day: int) -> date | None:
    """Return the day the file was made; None where the header leaves it open."""
    if year < _FIRST_YEAR or not 1 <= day <= 366:
        return None
    try:
        return date(year, 1, 1) + timedelta(days=day - 1)
    except (ValueError, OverflowError):
        return None


def text_of(raw: bytes) -> str:
    """Return a text of fixed length without its filling."""
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
