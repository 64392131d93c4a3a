"""The tiles that are linked: LAZ of three sizes and the SHA-256 a server knows of the large ones; serves nothing."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

DISTINCT = {"tiny": 20, "small": 20, "large": 3, "fetch": 10}
"""How many differ; the others are links to them."""
POINTS = {"tiny": 20, "small": 3_600, "large": 3_440_000, "fetch": 1_845_000}
COUNTS = {"tiny": 100_000, "small": 10_000, "large": 1_000, "fetch": 200}
"""Tiles of 3 KB, 24 KB, 20 MB (20 GB, a survey of 350 km²) and 10.7 MB (2 GiB of them)."""
KNOWN = ("large", "fetch")
"""Those whose SHA-256 the server knows."""


def prepare(folder: Path, counts: dict[str, int]) -> None:
    """Make the tiles that are not there yet.

    Parameters
    ----------
    folder
        Gets ``objects/NAME/tile_00000.laz`` …, links to a few files beside them, as `serve` wants it.
    counts
        How many tiles of which name.
    """
    for name, count in counts.items():
        bodies = folder / "bodies" / name
        if not bodies.exists():
            bodies.mkdir(parents=True)
            for number in range(DISTINCT[name]):
                (bodies / str(number)).write_bytes(cloud(POINTS[name], number))
        objects = folder / "objects" / name
        objects.mkdir(parents=True, exist_ok=True)
        for number in range(len(list(objects.iterdir())), count):
            (objects / f"tile_{number:06}.laz").symlink_to(bodies / str(number % DISTINCT[name]))
    known = [name for name in KNOWN if name in counts]
    (folder / "sha256.map").write_text(
        "".join(_checksum(name, *one) for name in known for one in oids(folder, name).items())
    )


def cloud(points: int, seed: int) -> bytes:
    """Return a LAZ 1.4 of random points in New Zealand; about 5.8 bytes a point."""
    import laspy
    import numpy
    from pyproj import CRS

    chance = numpy.random.default_rng(seed)
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.offsets, header.scales = [1_754_000.0 + 480 * seed, 5_920_000.0, 0.0], [0.01] * 3
    header.add_crs(CRS.from_epsg(2193))
    made = laspy.LasData(header)
    made.x = header.offsets[0] + chance.uniform(0, 480, points)
    made.y = header.offsets[1] + chance.uniform(0, 720, points)
    made.z = chance.uniform(0, 50, points)
    file = io.BytesIO()
    made.write(file, do_compress=True)
    return file.getvalue()


def oids(folder: Path, name: str) -> dict[str, str]:
    """Return the right SHA-256 of each tile, by name."""
    known = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "bodies" / name).iterdir()}
    return {path.name: known[path.readlink().name] for path in (folder / "objects" / name).iterdir()}


def _checksum(folder: str, name: str, oid: str) -> str:
    """Return what nginx is to tell as the SHA-256 of a key, as S3 does."""
    return f'{folder}/{name} "{base64.b64encode(bytes.fromhex(oid)).decode()}";\n'
