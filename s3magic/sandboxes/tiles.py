"""Point clouds of one invented hill with its trees: LAZ tiles of a grid, a LAS file, a COPC file.

All stand in New Zealand's grid, EPSG:2193. Tiles and COPC hold point records of the same kind
(format 7), so that they fit together; the LAS file is an older 1.2.
"""

from __future__ import annotations

import io
import struct
from datetime import date
from typing import Any

import laspy
import lazrs  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pyproj
from numpy.typing import NDArray

from s3magic.sandboxes.terrain import Field, noise, ramp, ridges, sample

CRS = "EPSG:2193"
WEST, SOUTH = 1_756_200.0, 5_918_400.0
SIDE = 200.0
GRID = 3
EXTENT = SIDE * GRID
_CELLS = 256
_POINTS = 7_000
_DAY = date(2024, 2, 29)
_GROUND, _TREE = 2, 5

Points = dict[str, NDArray[Any]]


def hill() -> Field:
    """Return the hill's heights in metres above the sea; row 0 is the northern edge."""
    shape = (_CELLS, _CELLS)
    y, x = np.mgrid[-1 : 1 : _CELLS * 1j, -1 : 1 : _CELLS * 1j]
    cone = np.exp(-2.2 * ((x + 0.1) ** 2 + (y - 0.05) ** 2))
    crater = 0.3 * np.exp(-60 * ((x + 0.08) ** 2 + (y - 0.02) ** 2))
    return np.asarray(38 + 125 * (cone - crater) + 26 * ridges(shape, 5) + 5 * noise(shape, 6, feature=0.08))


def laz_tiles() -> dict[str, bytes]:
    """Return the tiles of the grid by name, ``hill_COLUMN_ROW.laz``, counted from the south-west."""
    height = hill()
    return {
        f"hill_{column}_{row}.laz": _las(
            _scatter(height, WEST + column * SIDE, SOUTH + row * SIDE, seed=10 * row + column), version="1.4", form=7
        )
        for row in range(GRID)
        for column in range(GRID)
    }


def las_tile() -> bytes:
    """Return the middle of the hill as uncompressed LAS 1.2."""
    points = _scatter(hill(), WEST + SIDE, SOUTH + SIDE, seed=77, count=4_000)
    return _las(points, version="1.2", form=3, compressed=False)


def copc_file(*, count: int = 24_000, coarse: int = 6) -> bytes:
    """Return the whole hill as COPC 1.0: a root node of one point in ``coarse``, and its children.

    After the "COPC 1.0 specification": LAS 1.4 with a ``copc`` info record first, chunks of
    variable size, one a node, and the hierarchy in an extended record.
    """
    points = _scatter(hill(), WEST, SOUTH, side=EXTENT, seed=99, count=count)
    record, header = _record(points, version="1.4", form=7)
    middle = np.array([WEST + EXTENT / 2, SOUTH + EXTENT / 2, float(points["z"].min()) + EXTENT / 2])
    x, y, z = (np.asarray(points[axis]) for axis in "xyz")
    octant = (x >= middle[0]) * 1 + (y >= middle[1]) * 2 + (z >= middle[2]) * 4
    is_coarse = np.arange(len(x)) % coarse == 0
    nodes = [((0, 0, 0, 0), is_coarse)] + [
        ((1, code & 1, code >> 1 & 1, code >> 2), ~is_coarse & (octant == code)) for code in range(8)
    ]
    nodes = [(key, chosen) for key, chosen in nodes if chosen.any()]
    laz = lazrs.LazVlr.new_for_compression(7, 0, use_variable_size_chunks=True)
    info = laspy.VLR("copc", 1, "COPC info", bytes(160))
    header.vlrs.insert(0, info)
    header.vlrs.append(laspy.vlrs.known.LasZipVlr(laz.record_data()))
    header.are_points_compressed = True
    header.number_of_evlrs = 1
    out = io.BytesIO()
    header.write_to(out)
    entries = []
    compressor = lazrs.LasZipCompressor(out, laz)
    compressor.reserve_offset_to_chunk_table()
    for key, chosen in nodes:
        start = out.tell()
        compressor.compress_many(np.frombuffer(record.array[chosen].tobytes(), np.uint8))
        compressor.finish_current_chunk()
        entries.append(struct.pack("<4iQii", *key, start, out.tell() - start, int(chosen.sum())))
    compressor.done()
    out.seek(0, io.SEEK_END)
    header.start_of_first_evlr = out.tell()
    pages = b"".join(entries)
    out.write(struct.pack("<H16sHQ32s", 0, b"copc", 1000, len(pages), b"EPT hierarchy"))
    hierarchy = out.tell()
    out.write(pages)
    times = points["gps_time"]
    info.record_data = struct.pack(
        "<5d2Q2d88x", *middle, EXTENT / 2, EXTENT / 64, hierarchy, len(pages), times.min(), times.max()
    )
    out.seek(0)
    header.write_to(out, ensure_same_size=True)
    return out.getvalue()


def _scatter(
    height: Field, west: float, south: float, *, seed: int, side: float = SIDE, count: int = _POINTS
) -> Points:
    """Return points on the ground of a square, and in the trees that stand on it."""
    rng = np.random.default_rng(seed)
    ground = count * 6 // 10
    x = west + side * rng.random(ground)
    y = south + side * rng.random(ground)
    z = _height(height, x, y) + rng.normal(0, 0.05, ground)
    trees = max(12, int(side * side / 700))
    stands = west + side * rng.random(trees), south + side * rng.random(trees)
    tall = rng.uniform(5, 19, trees)
    which = rng.integers(0, trees, count - ground)
    up = rng.power(1.6, len(which))
    around, out = rng.uniform(0, 2 * np.pi, len(which)), np.sqrt(rng.random(len(which)))
    reach = 0.28 * tall[which] * (1.02 - up) ** 0.75 * out
    tree_x = np.clip(stands[0][which] + reach * np.cos(around), west, west + side - 0.01)
    tree_y = np.clip(stands[1][which] + reach * np.sin(around), south, south + side - 0.01)
    tree_z = _height(height, stands[0], stands[1])[which] + tall[which] * (0.12 + 0.88 * up)
    grass = ramp(z + rng.normal(0, 4, ground), (35, (96, 120, 60)), (90, (132, 136, 74)), (165, (146, 128, 104)))
    needles = ramp(up + rng.normal(0, 0.1, len(up)), (0, (26, 56, 34)), (1, (74, 116, 58)))
    order = np.argsort(rng.random(count))
    colors = np.concatenate([grass, needles])[order]
    last = len(which)
    return {
        "x": np.concatenate([x, tree_x])[order],
        "y": np.concatenate([y, tree_y])[order],
        "z": np.concatenate([z, tree_z])[order],
        "classification": np.repeat(np.array([_GROUND, _TREE], np.uint8), [ground, last])[order],
        "intensity": (400 * colors.mean(axis=1) / 255 * rng.uniform(0.7, 1.3, count)).astype(np.uint16),
        "gps_time": np.sort(rng.uniform(393_000_000, 393_000_060, count)),
        **{
            name: (np.clip(colors[:, band], 0, 255) * 257).astype(np.uint16)
            for band, name in enumerate(("red", "green", "blue"))
        },
    }


def _height(height: Field, x: Field, y: Field) -> Field:
    cell = EXTENT / (_CELLS - 1)
    return np.asarray(sample(height, (x - WEST) / cell * 0.999, (SOUTH + EXTENT - y) / cell * 0.999))


def _las(points: Points, *, version: str, form: int, compressed: bool = True) -> bytes:
    record, header = _record(points, version=version, form=form)
    out = io.BytesIO()
    with laspy.open(out, mode="w", header=header, do_compress=compressed, closefd=False) as writer:
        writer.write_points(record)
    return out.getvalue()


def _record(points: Points, *, version: str, form: int) -> tuple[Any, Any]:
    header = laspy.LasHeader(version=version, point_format=form)
    header.scales = np.full(3, 0.01)
    header.offsets = np.array([WEST, SOUTH, 0.0])
    header.creation_date = _DAY
    header.generating_software = "s3magic sandbox"
    header.system_identifier = "made in code"
    header.add_crs(pyproj.CRS(CRS))
    data = laspy.LasData(header)
    for name, values in points.items():
        setattr(data, name, values)
    data.return_number = np.ones(len(points["x"]), np.uint8)
    data.number_of_returns = np.ones(len(points["x"]), np.uint8)
    data.update_header()
    return data.points, header
