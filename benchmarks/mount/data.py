"""What the rows read: made in code, the same each time, with what a right answer looks like; serves nothing."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIB = 1 << 20
SEED = 20
MILLION = "million"
TREE = "tree"

Expected = dict[str, Any]


def prepare(folder: Path, names: set[str], *, scale: float = 1) -> None:
    """Make the data sets that are not there yet, in a folder that may be kept for the next time.

    Parameters
    ----------
    folder
        Gets ``objects/NAME/…``, which is the bucket, and ``expected/NAME.json``.
    names
        Keys of `MAKERS`.
    scale
        1 for the sizes of the table; what was made at another scale is made again.
    """
    (folder / "expected").mkdir(parents=True, exist_ok=True)
    (folder / "objects").mkdir(exist_ok=True)
    for name in sorted(names):
        note = folder / "expected" / f"{name}.json"
        if note.exists() and json.loads(note.read_text())["scale"] == scale:
            continue
        objects = folder / "objects" / name
        shutil.rmtree(objects, ignore_errors=True)
        objects.mkdir()
        note.write_text(json.dumps(MAKERS[name](objects, scale) | {"scale": scale}))


def expected(folder: Path, name: str) -> Expected:
    """Return what a right answer looks like."""
    return json.loads((folder / "expected" / f"{name}.json").read_text())


def _fill(path: Path, size: int, seed: int) -> str:
    """Write random bytes; return their SHA-256."""
    source = random.Random(seed)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, 4 * MIB):
            block = source.randbytes(min(4 * MIB, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def make_big(folder: Path, scale: float) -> Expected:
    """One object of 512 MiB."""
    size = max(MIB, int(512 * scale) * MIB)
    return {"size": size, "sha256": _fill(folder / "big.bin", size, SEED)}


def make_copies(folder: Path, scale: float) -> Expected:
    """Four objects of 256 MiB."""
    size = max(MIB, int(256 * scale) * MIB)
    return {"size": size, "sha256": {f"{i}.bin": _fill(folder / f"{i}.bin", size, SEED + 1 + i) for i in range(4)}}


def make_small(folder: Path, scale: float) -> Expected:
    """500 objects of 20 KB."""
    count = max(8, int(500 * scale))
    names = [f"field_{number:04}.pp" for number in range(count)]
    return {"sha256": {name: _fill(folder / name, 20_000, SEED + 100 + i) for i, name in enumerate(names)}}


def make_long(folder: Path, scale: float) -> Expected:
    """10,000 objects of a few bytes in one folder."""
    sizes = {f"tile_{number:05}.laz": number % 97 for number in range(max(32, int(10_000 * scale)))}
    for name, size in sizes.items():
        (folder / name).write_bytes(b"x" * size)
    return {"sizes": sizes}


def make_iris(folder: Path, scale: float) -> Expected:
    """One netCDF-4 file of 312 MB: three variables, chunked by a few times and a quarter of the area."""
    import netCDF4
    import numpy as np

    times, rows, columns = max(8, int(80 * scale) // 4 * 4), 540, 600
    path = folder / "model.nc"
    source = np.random.default_rng(SEED)
    with netCDF4.Dataset(path, "w") as file:
        file.Conventions = "CF-1.7"
        axes = {
            "time": (np.arange(times) * 6.0, "hours since 2020-01-01"),
            "latitude": (np.linspace(-80, 80, rows), "degrees_north"),
            "longitude": (np.linspace(0, 359, columns), "degrees_east"),
        }
        for name, (values, units) in axes.items():
            file.createDimension(name, None if name == "time" else len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis.units, axis.standard_name = units, name
            axis[:] = values
        for name, units in {"air_temperature": "K", "eastward_wind": "m s-1", "northward_wind": "m s-1"}.items():
            field = file.createVariable(name, "f4", tuple(axes), chunksizes=(4, rows // 2, columns // 2))
            field.standard_name, field.units = name, units
            for start in range(0, times, 4):
                field[start : start + 4] = source.normal(10, 5, (4, rows, columns)).astype("f4")
    at = times // 2 + 1
    with netCDF4.Dataset(path) as file:
        wanted = np.ascontiguousarray(np.asarray(file["eastward_wind"][at]))
    return {"at": at, "shape": [times, rows, columns], "sha256": hashlib.sha256(wanted.tobytes()).hexdigest()}


def make_million(folder: Path, scale: float) -> Expected:
    """A million keys in one folder that only LIST knows: nobody reads them."""
    folder.rmdir()
    return {"count": max(1000, int(1_000_000 * scale))}


def make_tree(folder: Path, scale: float) -> Expected:
    """A hundred folders of a thousand folders of one key each, that only LIST knows."""
    folder.rmdir()
    return {"count": max(1000, int(100_000 * scale) // 1000 * 1000)}


MAKERS: dict[str, Callable[[Path, float], Expected]] = {
    "big": make_big,
    "copies": make_copies,
    "small": make_small,
    "long": make_long,
    "iris": make_iris,
    MILLION: make_million,
    TREE: make_tree,
}
