"""Cloud-optimised GeoTIFFs of the hill and of a coast, written by hand so that their layout is right.

tifffile writes tiles and overviews but not a COG's order: all directories first, then the pixels
of the smallest overview, and those of the full picture last.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from s3magic.sandboxes.terrain import Field, light, noise, ramp, ridges, sample
from s3magic.sandboxes.tiles import EXTENT, SOUTH, WEST, hill

_TILE = 256
_SIZE = 512
_DEFLATE, _PREDICTOR = 8, 2
_NZTM, _BRITISH = 2193, 27700
_NODATA = -9999.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a raster lies: EPSG code, its upper left corner, and the width of a pixel in metres."""

    epsg: int
    west: float
    north: float
    pixel: float

    @property
    def tags(self) -> dict[int, tuple[str, tuple[Any, ...]]]:
        """The GeoTIFF tags: pixel scale, tie point and key directory, by tag: type and values."""
        keys = ((1024, 1), (1025, 1), (3072, self.epsg), (3076, 9001))  # projected, pixel is area, CRS, metre
        directory = [1, 1, 0, len(keys)] + [number for key, value in keys for number in (key, 0, 1, value)]
        return {
            33550: ("d", (self.pixel, self.pixel, 0.0)),
            33922: ("d", (0.0, 0.0, 0.0, self.west, self.north, 0.0)),
            34735: ("H", tuple(directory)),
        }


def relief() -> dict[str, bytes]:
    """Return the hill's shaded relief as four COGs that fit together, and as one plain GeoTIFF."""
    picture = _draw(hill(), 2 * _SIZE)
    pixel = EXTENT / (2 * _SIZE)
    made = {}
    for row in range(2):
        for column in range(2):
            part = picture[row * _SIZE : (row + 1) * _SIZE, column * _SIZE : (column + 1) * _SIZE]
            west, north = WEST + column * EXTENT / 2, SOUTH + EXTENT - row * EXTENT / 2
            made[f"relief_{column}_{1 - row}.tif"] = cog(part, Place(_NZTM, west, north, pixel))
    made["plain.tif"] = _plain(picture[::4, ::4], Place(_NZTM, WEST, SOUTH + EXTENT, 4 * pixel))
    return made


def elevation() -> bytes:
    """Return a coast's heights in metres as a COG of floats, the sea without data, in EPSG:27700."""
    size = _SIZE
    heights = 420 * ridges((size, size), 301) + 60 * noise((size, size), 303, feature=0.3) - 130
    heights = np.where(heights > 0, np.round(heights * 4) / 4, _NODATA).astype(np.float32)
    return cog(heights, Place(_BRITISH, 250_000, 870_000, 50), nodata=_NODATA)


def cog(pixels: Any, place: Place, *, nodata: float | None = None) -> bytes:
    """Return an array (rows, columns[, bands]) as a COG, halved until an overview fits into one tile."""
    levels = [pixels]
    while max(levels[-1].shape[:2]) > _TILE // 2:
        levels.append(_halve(levels[-1], nodata))
    blocks = [_blocks(level) for level in levels]
    tags = [
        _directory(level, sizes=[len(block) for block in tiles], place=place if index == 0 else None, nodata=nodata)
        for index, (level, tiles) in enumerate(zip(levels, blocks, strict=True))
    ]
    at, starts = 8, []
    for entry in tags:
        starts.append(at)
        at += _length(entry)
    offsets: list[list[int]] = [[] for _ in levels]
    for index in reversed(range(len(levels))):
        for block in blocks[index]:
            offsets[index].append(at)
            at += len(block)
    out = io.BytesIO()
    out.write(struct.pack("<2sHI", b"II", 42, 8))
    for index, entry in enumerate(tags):
        entry[324] = ("I", tuple(offsets[index]))
        out.write(_pack(entry, starts[index], starts[index + 1] if index + 1 < len(tags) else 0))
    for index in reversed(range(len(levels))):
        out.writelines(blocks[index])
    return out.getvalue()


def _draw(heights: Field, size: int) -> Any:
    """Return coloured, shaded ground as bytes (size, size, 3)."""
    rows, columns = np.mgrid[0 : len(heights) - 1 : size * 1j, 0 : len(heights) - 1 : size * 1j]
    fine = sample(heights, columns * 0.999, rows * 0.999)
    cell = EXTENT / size
    colors = ramp(
        fine,
        (38, (72, 122, 84)),
        (70, (134, 164, 98)),
        (105, (206, 196, 134)),
        (140, (178, 132, 92)),
        (175, (240, 236, 230)),
    )
    shaded = colors * (0.38 + 0.72 * light(1.6 * fine / cell))[..., None]
    return np.clip(shaded, 0, 255).astype(np.uint8)


def _halve(pixels: Any, nodata: float | None) -> Any:
    if nodata is not None:
        return np.ascontiguousarray(pixels[::2, ::2])
    wide = pixels.astype(np.uint16)
    return ((wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2] + 2) // 4).astype(pixels.dtype)


def _blocks(pixels: Any) -> list[bytes]:
    """Return the deflated tiles of a level, row by row, padded at the edges."""
    rows, columns = (-(-side // _TILE) for side in pixels.shape[:2])
    edges = [(0, rows * _TILE - pixels.shape[0]), (0, columns * _TILE - pixels.shape[1])]
    padded = np.pad(pixels, edges + [(0, 0)] * (pixels.ndim - 2), mode="edge")
    made = []
    for row in range(rows):
        for column in range(columns):
            tile = padded[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE]
            if tile.dtype == np.uint8:
                tile = np.concatenate([tile[:, :1], np.diff(tile, axis=1)], axis=1)
            made.append(zlib.compress(tile.tobytes(), 6))
    return made


def _directory(
    pixels: Any, *, sizes: list[int], place: Place | None, nodata: float | None
) -> dict[int, tuple[str, tuple[Any, ...]]]:
    bands = pixels.shape[2] if pixels.ndim > 2 else 1
    whole = pixels.dtype == np.uint8
    tags: dict[int, tuple[str, tuple[Any, ...]]] = {
        254: ("I", (0 if place else 1,)),
        256: ("I", (pixels.shape[1],)),
        257: ("I", (pixels.shape[0],)),
        258: ("H", (pixels.dtype.itemsize * 8,) * bands),
        259: ("H", (_DEFLATE,)),
        262: ("H", (2 if bands > 1 else 1,)),
        277: ("H", (bands,)),
        284: ("H", (1,)),
        317: ("H", (_PREDICTOR if whole else 1,)),
        322: ("H", (_TILE,)),
        323: ("H", (_TILE,)),
        324: ("I", (0,) * len(sizes)),
        325: ("I", tuple(sizes)),
        339: ("H", (1 if whole else 3,) * bands),
    }
    if place:
        tags |= place.tags
    if nodata is not None:
        tags[42113] = ("s", (f"{nodata:g}\0".encode(),))
    return tags


def _bytes(kind: str, values: tuple[Any, ...]) -> bytes:
    return values[0] if kind == "s" else struct.pack(f"<{len(values)}{kind}", *values)


def _length(tags: dict[int, tuple[str, tuple[Any, ...]]]) -> int:
    sizes = [len(_bytes(*tag)) for tag in tags.values()]
    return 6 + 12 * len(tags) + sum(size + size % 2 for size in sizes if size > 4)


def _pack(tags: dict[int, tuple[str, tuple[Any, ...]]], start: int, following: int) -> bytes:
    """Return an image file directory and, behind it, the values too long for their entries."""
    entries, values = struct.pack("<H", len(tags)), b""
    at = start + 6 + 12 * len(tags)
    for number, (kind, content) in sorted(tags.items()):
        data = _bytes(kind, content)
        count = len(data) if kind == "s" else len(content)
        code = {"H": 3, "I": 4, "d": 12, "s": 2}[kind]
        if len(data) > 4:
            entries += struct.pack("<HHII", number, code, count, at + len(values))
            values += data + b"\0" * (len(data) % 2)
        else:
            entries += struct.pack("<HHI4s", number, code, count, data)
    return entries + struct.pack("<I", following) + values


def _plain(pixels: Any, place: Place) -> bytes:
    """Return a GeoTIFF in strips without overviews."""
    codes = {"d": 12, "H": 3}
    tags = [(number, codes[kind], len(values), values, True) for number, (kind, values) in place.tags.items()]
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, photometric="rgb", rowsperstrip=32, extratags=tags, metadata=None, software=False)
    return out.getvalue()
