"""What is looked at: photographs, rasters, point clouds and grids, made in code; serves nothing.

Large bodies are few and have many names (hard links): each name is an object of its own to whoever
lists and reads, and the disk need not hold 20 GB.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

BODIES = 20
"""Photographs that differ; every name shows one of them."""
_SIDES = (4000, 3000)
_THUMBNAIL = (160, 120)
_TRYING = 0.01
"""Below this scale bodies are small too: then it is the benchmark that is tried."""
_DAYS, _ROWS, _COLUMNS = 72, 721, 1440
"""A field of 0.25°, as reanalyses have it: 299 MB of 32-bit numbers."""


def prepare(folder: Path, names: set[str], *, scale: float = 1) -> None:
    """Make the data sets that are not there yet as ``objects/NAME/…``, which is the bucket.

    Parameters
    ----------
    names
        Keys of `MAKERS`.
    scale
        1 for the sizes of the table; a folder that was made at another scale is made again.
    """
    for name in sorted(names):
        target, note = folder / "objects" / name, folder / f"{name}.scale"
        if note.exists() and note.read_text() == str(scale):
            continue
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        print(f"making {name} …", flush=True)
        MAKERS[name](target, scale)
        note.write_text(str(scale))


def size(folder: Path, name: str) -> tuple[int, int]:
    """Return how many objects a data set has and their bytes, every name counted."""
    sizes = [entry.stat().st_size for entry in os.scandir(folder / "objects" / name)]
    return len(sizes), sum(sizes)


def spread(target: Path, bodies: list[bytes], count: int, suffix: str) -> None:
    """Write bodies and give them ``count`` names in all."""
    first = []
    for number in range(count):
        path = target / f"{number:06}{suffix}"
        if number < len(bodies):
            path.write_bytes(bodies[number])
            first.append(path)
        else:
            path.hardlink_to(first[number % len(first)])


def photograph(
    number: int, *, has_thumbnail: bool, sides: tuple[int, int] = _SIDES, is_progressive: bool = False
) -> bytes:
    """Return a grainy JPEG of 12 megapixels and 4 to 8 MB, as a camera or a telephone writes it.

    A progressive one is what programs write for the web.
    """
    random = np.random.default_rng(number)
    rough = Image.fromarray(random.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize(
        sides, Image.Resampling.BICUBIC
    )
    grain = random.normal(0, 8 + number % 10, (sides[1], sides[0], 1)).astype(np.int16)
    picture = Image.fromarray(np.clip(np.asarray(rough, np.int16) + grain, 0, 255).astype(np.uint8))
    block = _exif(_jpeg(picture.resize(_THUMBNAIL), quality=85), sides) if has_thumbnail else b""
    return _jpeg(picture, quality=92 + number % 5, exif=block, progressive=is_progressive)


def _jpeg(picture: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def _exif(thumbnail: bytes, sides: tuple[int, int]) -> bytes:
    """Return an EXIF block of three directories: the picture's, the camera's and the thumbnail's."""
    more = 8 + 6 + 12
    second = more + 6 + 2 * 12
    start = second + 6 + 2 * 12
    body = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<HHHIII", 1, 34665, 4, 1, more, second)
    body += struct.pack("<HHHIIHHIII", 2, 40962, 4, 1, sides[0], 40963, 4, 1, sides[1], 0)
    body += struct.pack("<HHHIIHHIII", 2, 513, 4, 1, start, 514, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0" + body + thumbnail


def _photographs(target: Path, scale: float, **kind: bool) -> None:
    count = max(10, round(1000 * scale))
    sides = _SIDES if scale >= _TRYING else (640, 480)
    bodies = [photograph(number, sides=sides, **kind) for number in range(min(BODIES, count))]
    spread(target, bodies, count, ".jpg")


def _pages(target: Path, scale: float) -> None:
    """100,000 small photographs to page through."""
    bodies = [photograph(number, has_thumbnail=True, sides=(640, 480)) for number in range(BODIES)]
    spread(target, bodies, max(100, round(100_000 * scale)), ".jpg")


def _cogs(target: Path, scale: float) -> None:
    """COGs of 100 MB as GDAL writes them, with overviews."""
    import rasterio
    from rasterio.transform import from_origin

    side = 7168
    rows = np.linspace(0, 6, side, dtype=np.float32)
    hills = (np.sin(rows)[:, None] * np.cos(rows)[None, :] * 12_000 + 16_000).astype(np.uint16)
    noise = np.random.default_rng(1).integers(0, 4096, (side, side), dtype=np.uint16)
    place = {"crs": "EPSG:2193", "transform": from_origin(1_500_000, 5_900_000, 1, 1)}
    kind = {"driver": "COG", "width": side, "height": side, "count": 1, "dtype": "uint16"}
    path = target / "whole.tif"
    with rasterio.open(path, "w", **kind, **place, compress="deflate", predictor=2, overviews="AUTO") as file:
        file.write(hills + noise, 1)
    _names(path, max(10, round(200 * scale)), ".tif")


def _copc(target: Path, scale: float) -> None:
    """COPC files of some 50 MB."""
    from s3magic.sandboxes.tiles import copc_file

    path = target / "whole.copc.laz"
    path.write_bytes(copc_file(count=3_000_000 if scale >= _TRYING else 20_000, coarse=150))
    _names(path, max(5, round(50 * scale)), ".copc.laz")


def _names(path: Path, count: int, suffix: str) -> None:
    for number in range(count):
        (path.parent / f"{number:06}{suffix}").hardlink_to(path)
    path.unlink()


def _grid(target: Path, scale: float, *, chunks: tuple[int, int, int] | None) -> None:
    """NetCDF-4 of 300 MB: a temperature on 72 days."""
    import h5py

    days = _DAYS if scale >= _TRYING else 4
    rows, columns = np.linspace(90, -90, _ROWS, dtype=np.float32), np.arange(_COLUMNS, dtype=np.float32) / 4
    noise = np.random.default_rng(2).normal(0, 1, (_ROWS, _COLUMNS)).astype(np.float32)
    with h5py.File(target / "temperature.nc", "w") as file:
        for name, values, units in (
            ("time", np.arange(days, dtype=np.float64), "days since 2000-01-01"),
            ("lat", rows, "degrees_north"),
            ("lon", columns, "degrees_east"),
        ):
            file[name] = values
            file[name].make_scale(name)
            file[name].attrs["units"] = units
        whole = file.create_dataset(
            "t2m", (days, _ROWS, _COLUMNS), "f4", chunks=chunks and (min(chunks[0], days), *chunks[1:])
        )
        whole.attrs["units"], whole.attrs["standard_name"] = "K", "air_temperature"
        for axis, name in enumerate(("time", "lat", "lon")):
            whole.dims[axis].attach_scale(file[name])
        for day in range(days):
            whole[day] = 250 + 50 * np.cos(np.radians(rows))[:, None] + noise + day / 10


MAKERS: dict[str, Callable[[Path, float], None]] = {
    "photographs": lambda target, scale: _photographs(target, scale, has_thumbnail=True),
    "bare": lambda target, scale: _photographs(target, scale, has_thumbnail=False),
    "progressive": lambda target, scale: _photographs(target, scale, has_thumbnail=False, is_progressive=True),
    "pages": _pages,
    "cogs": _cogs,
    "copc": _copc,
    "maps": lambda target, scale: _grid(target, scale, chunks=(1, 103, 240)),
    "series": lambda target, scale: _grid(target, scale, chunks=(_DAYS, 7, 15)),
    "contiguous": lambda target, scale: _grid(target, scale, chunks=None),
}
