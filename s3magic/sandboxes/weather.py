"""A small climate in the two forms that weather services use beside netCDF: Zarr 3 and GRIB 2, written by hand.

Layouts: the Zarr core specification 3; WMO manual on codes, FM 92 GRIB edition 2, with simple packing.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s3magic.sandboxes import grids

_BITS = 16
_END = b"7777"


def zarr() -> dict[str, bytes]:
    """Return the temperature of each month as a Zarr: its files by their path."""
    temperature, latitude, longitude = grids.temperature()
    days = ((np.arange(len(temperature)) + 0.5) * grids.MONTH_DAYS).astype(np.float32)
    arrays = {
        "time": (days, ["time"], {"units": "days since 2001-01-01", "calendar": "standard", "axis": "T"}),
        "latitude": (latitude, ["latitude"], {"units": "degrees_north", "standard_name": "latitude"}),
        "longitude": (longitude, ["longitude"], {"units": "degrees_east", "standard_name": "longitude"}),
        "air_temperature": (
            temperature,
            ["time", "latitude", "longitude"],
            {"units": "K", "standard_name": "air_temperature", "long_name": "Air temperature near the surface"},
        ),
    }
    root = {"zarr_format": 3, "node_type": "group", "attributes": {"title": "An invented climate"}}
    described = {name: _array(*about) for name, about in arrays.items()}
    consolidated = {"kind": "inline", "must_understand": False, "metadata": described}
    files = {"zarr.json": _json({**root, "consolidated_metadata": consolidated})}
    for name, (values, _, _) in arrays.items():
        files[f"{name}/zarr.json"] = _json(described[name])
        for number, chunk in enumerate(values) if values.ndim > 1 else [(0, values)]:
            place = "/".join(str(part) for part in (number, *(0,) * (values.ndim - 1)))
            files[f"{name}/c/{place}"] = gzip.compress(chunk.astype("<f4").tobytes(), mtime=0)
    return files


def grib() -> bytes:
    """Return the temperature of January and of July as two GRIB messages."""
    temperature, latitude, longitude = grids.temperature()
    return b"".join(_message(temperature[month - 1], latitude, longitude, month=month) for month in (1, 7))


def _array(values: Any, dimensions: Sequence[str], attributes: Mapping[str, str]) -> dict[str, Any]:
    shape = list(values.shape)
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": "float32",
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [1, *shape[1:]] if len(shape) > 1 else shape},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": "NaN",
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "gzip", "configuration": {"level": 9}},
        ],
        "attributes": dict(attributes),
        "dimension_names": list(dimensions),
    }


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _message(values: Any, latitude: Any, longitude: Any, *, month: int) -> bytes:
    """Return one field of 2 m temperature; rows from south to north."""
    rows, columns = values.shape
    low = float(np.float32(values.min()))
    scale = int(np.ceil(np.log2((values.max() - low) / (2**_BITS - 1))))
    packed = np.round((values - low) / 2.0**scale).astype(">u2").tobytes()
    identification = struct.pack(">HHBBBHBBBBBBB", 0, 0, 2, 0, 1, 2001, month, 15, 12, 0, 0, 0, 1)
    spherical_6 = struct.pack(">BBIBIBI", 6, *(0,) * 6)
    first, last = (round(float(one) * 1e6) for one in (latitude[0], latitude[-1]))
    east, step = (round(float(one) * 1e6) for one in (longitude[-1], longitude[1] - longitude[0]))
    south_west = first if first >= 0 else 1 << 31 | -first  # the sign is a bit of its own
    grid = struct.pack(">IIII", columns, rows, 0, 0xFFFFFFFF) + struct.pack(">II", south_west, 0)
    grid += struct.pack(">BIIII", 48, last, east, step, step) + b"\x40"
    product = struct.pack(">BBBBBHBBI", 0, 0, 2, 0, 0, 0, 0, 1, 0) + struct.pack(">BBIBBI", 103, 0, 2, 255, 0, 0)
    binary_scale = scale if scale >= 0 else 1 << 15 | -scale
    sections = [
        (1, identification),
        (3, struct.pack(">BIBBH", 0, rows * columns, 0, 0, 0) + spherical_6 + grid),
        (4, struct.pack(">HH", 0, 0) + product),
        (5, struct.pack(">IHfHHBB", rows * columns, 0, low, binary_scale, 0, _BITS, 0)),
        (6, b"\xff"),
        (7, packed),
    ]
    body = b"".join(struct.pack(">IB", 5 + len(content), number) + content for number, content in sections) + _END
    return b"GRIB" + struct.pack(">HBBQ", 0, 0, 2, 16 + len(body)) + body
