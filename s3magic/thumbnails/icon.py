"""A sheet of paper with the letters of a type on it, as PNG, for objects that have no picture; needs no library."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_COLUMNS = bytes.fromhex(
    "7e1111117e7f494949363e414141227f4141221c7f494949417f090909013e4149497a7f0808087f00417f4100"
    "2040413f017f081422417f404040407f020c027f7f0408107f3e4141413e7f090909063e4151215e7f09192946"
    "464949493101017f01013f4040403f1f2040201f3f4038403f6314081463070870080761514945433e5149453e"
    "00427f400042615149462141454b311814127f1027454545393c4a49493001710905033649494936064949291e"
)
_GLYPHS = {letter: _COLUMNS[5 * index : 5 * index + 5] for index, letter in enumerate(_LETTERS)}
"""Five columns a letter, the lowest bit on top."""
_CLEAR, _PAPER, _EDGE, _INK = range(4)
_PALETTE = bytes.fromhex("808080 f4f4f2 9a9a96 4a4a48")
_ALPHA = bytes((0, 255, 255, 255))


def letters(name: str) -> str:
    """Return the type of a file name in at most four capitals; ``"FILE"`` where it has no ending.

    Examples
    --------
    >>> letters("tables/stations.parquet")
    'PARQ'
    """
    _, dot, ending = name.rpartition("/")[2].rpartition(".")
    known = "".join(letter for letter in ending.upper() if letter in _GLYPHS)
    return known[:4] if dot and known else "FILE"


@lru_cache(maxsize=64)
def draw(text: str, size: int = 160) -> bytes:
    """Return a PNG of ``size`` x ``size`` pixels: a sheet with a folded corner and a text on it."""
    rows = [bytearray(size) for _ in range(size)]
    left, right, top, bottom, fold = size // 6, size - size // 6, size // 16, size - size // 16, size // 5
    for y in range(top, bottom):
        end = right - max(0, fold - (y - top))
        rows[y][left:end] = bytes((_PAPER,)) * (end - left)
        rows[y][left] = rows[y][end - 1] = _EDGE
        if y in (top, bottom - 1):
            rows[y][left:end] = bytes((_EDGE,)) * (end - left)
    rows[top + fold][right - fold : right] = bytes((_EDGE,)) * fold
    for y in range(top, top + fold):
        rows[y][right - fold] = _EDGE
    _write(rows, text, scale=max(1, (right - left) * 3 // 4 // (6 * len(text))), middle=(size // 2, size * 5 // 9))
    return _png(rows, size)


def _write(rows: list[bytearray], text: str, *, scale: int, middle: tuple[int, int]) -> None:
    x0, y0 = middle[0] - (6 * len(text) - 1) * scale // 2, middle[1] - 7 * scale // 2
    for index, letter in enumerate(text):
        for column, bits in enumerate(_GLYPHS[letter]):
            x = x0 + (6 * index + column) * scale
            for line in range(7):
                if bits >> line & 1:
                    for y in range(y0 + line * scale, y0 + (line + 1) * scale):
                        rows[y][x : x + scale] = bytes((_INK,)) * scale


def _png(rows: list[bytearray], size: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    header = struct.pack(">2I5B", size, size, 8, 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"PLTE", _PALETTE)
        + chunk(b"tRNS", _ALPHA)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )
