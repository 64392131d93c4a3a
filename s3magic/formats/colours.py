"""Colours for numbers, and pictures whose colours can be exchanged for others; looks at no pixel and needs no library.

A picture of numbers is a PNG with a palette: each entry stands for a value, evenly between the ends of the picture's
own scale, and beyond them ever coarser (by squares) as far as its values go. So another scale is another palette.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from s3magic.formats.base import Field

Colour = tuple[float, float, float]

# Every 17th colour of matplotlib's viridis (CC0), close enough to draw straight lines between.
VIRIDIS: tuple[Colour, ...] = (
    (68, 1, 84), (72, 26, 108), (71, 47, 125), (65, 68, 135), (57, 86, 140), (49, 104, 142),
    (42, 120, 142), (35, 136, 142), (31, 152, 139), (34, 168, 132), (53, 183, 121), (84, 197, 104),
    (122, 209, 81), (165, 219, 54), (210, 226, 27), (253, 231, 37),
)  # fmt: skip
# ColorBrewer's RdBu of eleven classes (Apache 2.0), turned so that blue is less and red is more.
PARTED: tuple[Colour, ...] = (
    (5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240), (247, 247, 247),
    (253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31),
)  # fmt: skip

BODY = (24, 228)
"""The entries for the ends of a picture's own scale."""
LAST = 252
"""The entry for the greatest value; that for the least is 0."""
INK, SHADOW, CLEAR = 253, 254, 255
"""Entries for lines, what they lie on, and nothing."""
_LINES = bytes((255, 255, 255, 64, 66, 70, 255, 255, 255))
ALPHA = bytes((255,) * CLEAR + (0,))
"""How solid each entry is, as a PNG has it."""

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")


def colour(share: float, *, signed: bool = False) -> tuple[int, int, int]:
    """Return the colour of a share from 0 to 1, in the map for deviations where they are signed."""
    stops: Sequence[Colour] = PARTED if signed else VIRIDIS
    at = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    left = min(int(at), len(stops) - 2)
    red, green, blue = (round(a + (b - a) * (at - left)) for a, b in zip(stops[left], stops[left + 1], strict=True))
    return red, green, blue


def own_scale(field: Field) -> tuple[float, float]:
    """Return the ends of a picture's own scale, as far from 0 on both sides where it is signed."""
    return centred(field.low, field.high) if field.signed else (field.low, field.high)


def centred(low: float, high: float) -> tuple[float, float]:
    """Return the least scale around 0 that holds two values."""
    most = max(abs(low), abs(high))
    return -most, most


@lru_cache(maxsize=4096)
def palette(field: Field, low: float, high: float) -> bytes:
    """Return the 256 colours of a picture on a scale from ``low`` to ``high``."""
    knots = ((0, field.minimum), (BODY[0], field.low), (BODY[1], field.high), (LAST, field.maximum))
    colours = bytearray()
    for (first, start), (end, stop) in pairwise(knots):
        for entry in range(first, end + (end == LAST)):
            part = (entry - first) / (end - first)
            if entry < BODY[0]:
                part = 1 - (1 - part) ** 2
            elif entry > BODY[1]:
                part **= 2
            # Halved first: a range of doubles can be wider than the largest double.
            value = start * (1 - part) + stop * part
            colours += bytes(colour((value / 2 - low / 2) / (high / 2 - low / 2), signed=field.signed))
    return bytes(colours) + _LINES


def repaint(picture: bytes, field: Field, low: float, high: float) -> bytes:
    """Return a picture of numbers in the colours of another scale."""
    at = len(_PNG)
    while picture[:at] and at + _CHUNK.size <= len(picture):
        length, kind = _CHUNK.unpack_from(picture, at)
        end = at + _CHUNK.size + length + 4
        if kind == b"PLTE":
            data = palette(field, low, high)
            return (
                picture[:at]
                + _CHUNK.pack(len(data), kind)
                + data
                + struct.pack(">I", zlib.crc32(kind + data))
                + picture[end:]
            )
        at = end
    return picture
