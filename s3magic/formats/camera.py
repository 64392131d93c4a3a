"""The thumbnail that a camera left in a JPEG, cut out as the bytes it is; decodes nothing, imports nothing heavy."""

from __future__ import annotations

from typing import Any

from s3magic.formats import jpeg
from s3magic.formats.base import Preview, TileInfo
from s3magic.formats.exif import Exif, read_exif

USUAL = 160
"""Longer side in pixels of the thumbnails that the EXIF standard names."""
_SKEW = 1.05
_LONGEST = 32 << 10


def cut(head: bytes, *, size: int = USUAL) -> tuple[Preview, TileInfo] | None:
    """Return the thumbnail in the first bytes of a JPEG and what the camera says of the picture.

    None where there is none that can be shown as it is: of the asked size at most and half of it at
    least, upright, without bars, no more than 32 KiB, and whole as far as its segments tell.

    Parameters
    ----------
    head
        The first bytes, `jpeg.exif_end` of them at least.
    size
        Longer side of the picture in pixels.
    """
    exif = read_exif(jpeg.exif_block(head))
    thumbnail = jpeg.trimmed(exif.thumbnail)
    sides, whole = jpeg.size(thumbnail), jpeg.size(head) or exif.size
    if sides is None or whole is None or exif.orientation != 1:
        return None
    if not (is_worth_it(max(sides), size) and max(sides) <= size and min(sides) > 0 and len(thumbnail) <= _LONGEST):
        return None
    if not 1 / _SKEW < (sides[0] * whole[1]) / (sides[1] * whole[0] or 1) < _SKEW:
        return None
    caption = f"{whole[0]} x {whole[1]} pixels, JPEG"
    return Preview(thumbnail, "image/jpeg", *sides, caption, "exif"), describe(exif, "jpeg", *whole)


def is_worth_it(longer: int, size: int) -> bool:
    """Tell whether a thumbnail is large enough to be shown instead of the picture."""
    return 2 * longer >= size


def describe(exif: Exif, format_: str, width: int, height: int) -> TileInfo:
    """Return what a camera says of a picture, ``width`` x ``height`` pixels as it is shown."""
    details: dict[str, Any] = {}
    if exif.camera:
        details["camera"] = exif.camera
    if exif.taken:
        details["taken"] = exif.taken
    return TileInfo("picture", format_, crs84_extent=exif.place, dimensions=f"{width}x{height}", details=details)
