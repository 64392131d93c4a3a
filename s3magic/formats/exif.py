"""What a camera wrote into a picture: orientation, place, time, thumbnail; forgives what is broken.

Pillow reads EXIF too, but warns of every broken tag and fails on some. Layout: EXIF 2.32, which is
that of a TIFF.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass

from s3magic.formats.base import Extent
from s3magic.formats.tiff import Directory, Layout, Tag, read_layout
from s3magic.formats.watch import WatchedFile

_PREFIX = b"Exif\0\0"


@dataclass(frozen=True, slots=True)
class Exif:
    """The tags that matter, each absent where the file does not have it.

    Parameters
    ----------
    orientation
        1 for upright, up to 8, as in the standard.
    thumbnail
        A JPEG; empty where there is none.
    size
        Width and height of the picture it belongs to.
    place
        Where it was taken, as an extent of no size.
    """

    orientation: int = 1
    camera: str = ""
    taken: str = ""
    thumbnail: bytes = b""
    size: tuple[int, int] | None = None
    place: Extent | None = None


def read_exif(raw: bytes) -> Exif:
    """Read an EXIF block; what cannot be read is as if it were not there."""
    body = raw.removeprefix(_PREFIX)
    try:
        layout = read_layout(WatchedFile(io.BytesIO(body)))
    except (ValueError, EOFError, struct.error):
        return Exif()
    main = layout.directories[0]
    orientation = _number(main, Tag.ORIENTATION)
    more, gps = _child(layout, main, Tag.EXIF), _child(layout, main, Tag.GPS)
    width, height = (_number(more, tag) for tag in (Tag.EXIF_WIDTH, Tag.EXIF_HEIGHT))
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        camera=f"{_text(main, Tag.MAKE)} {_text(main, Tag.MODEL)}".strip(),
        taken=_text(more, Tag.TAKEN),
        thumbnail=_thumbnail(layout, body),
        size=(width, height) if width > 0 and height > 0 else None,
        place=_place(gps),
    )


def _thumbnail(layout: Layout, body: bytes) -> bytes:
    if len(layout.directories) < 2:
        return b""
    start, length = (_number(layout.directories[1], tag) for tag in (Tag.JPEG_OFFSET, Tag.JPEG_LENGTH))
    found = body[start : start + length]
    return found if start and len(found) == length and found.startswith(b"\xff\xd8") else b""


def _child(layout: Layout, parent: Directory, tag: Tag) -> Directory | None:
    try:
        return layout.directory_at(parent.value(tag)) if tag in parent else None
    except (ValueError, EOFError, struct.error):
        return None


def _number(directory: Directory | None, tag: Tag) -> int:
    try:
        return directory.value(tag) if directory else 0
    except (ValueError, EOFError, struct.error):
        return 0


def _text(directory: Directory | None, tag: Tag) -> str:
    try:
        return directory.text(tag).strip("\0 ") if directory else ""
    except (ValueError, EOFError, struct.error):
        return ""


def _place(gps: Directory | None) -> Extent | None:
    latitude = _degrees(gps, Tag.GPS_LATITUDE, Tag.GPS_LATITUDE_SIDE, "S")
    longitude = _degrees(gps, Tag.GPS_LONGITUDE, Tag.GPS_LONGITUDE_SIDE, "W")
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return (longitude, latitude, longitude, latitude)


def _degrees(gps: Directory | None, tag: Tag, side: Tag, negative: str) -> float | None:
    try:
        parts = gps.values(tag) if gps else ()
        degrees, minutes, seconds = (float(parts[at] / parts[at + 1]) for at in (0, 2, 4))
    except (ValueError, EOFError, IndexError, TypeError, ZeroDivisionError, struct.error):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        return None
    return round(-value if _text(gps, side) == negative else value, 7)
