"""Where the numbers of a GRIB message lie; rows of a reduced grid are filled to full length; unpacks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.formats.grib_library import eccodes
from s3magic.formats.grid import Attributes, Index, Variable

MOST_CELLS, _LONGEST_AXIS = 1 << 25, 1 << 16
_REGULAR = ("regular_ll", "regular_gg", "rotated_ll", "rotated_gg")
_REDUCED = ("reduced_gg", "reduced_ll")
_PROJECTED = ("polar_stereographic", "lambert", "mercator", "lambert_azimuthal_equal_area", "albers")
_FULL_CIRCLE = 360.0


@dataclass(frozen=True, slots=True)
class Place:
    """The axes of a message's numbers.

    Parameters
    ----------
    attributes
        What the variable of the numbers says of its place.
    """

    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    coordinates: tuple[Variable, ...]
    attributes: Mapping[str, Any]


def is_drawable(message: int) -> bool:
    """Whether the numbers stand in rows and columns."""
    return eccodes.codes_get_string(message, "gridType") in (*_REGULAR, *_REDUCED, *_PROJECTED)


def place(message: int) -> Place:
    """Return where the numbers lie; raise `ValueError` where they are more than can be true."""
    kind = eccodes.codes_get_string(message, "gridType")
    points = int(eccodes.codes_get(message, "numberOfDataPoints"))
    if not 0 < points <= MOST_CELLS:
        raise ValueError(f"a field of {points} numbers cannot be true")
    if kind in _REGULAR:
        return _regular(message, kind)
    if kind in _REDUCED:
        rows, columns = _reduced_shape(message)
        latitudes = np.asarray(eccodes.codes_get_array(message, "distinctLatitudes"))
        if len(latitudes) != rows:
            latitudes = np.linspace(_edge(message, "latitude", "First"), _edge(message, "latitude", "Last"), rows)
        return _on_axes(latitudes, _longitudes(message, columns), {}, "")
    if kind in _PROJECTED:
        rows, columns = _sides(message, "Ny", "Nx", points)
        latitude, longitude = (
            arranged(message, np.asarray(eccodes.codes_get_array(message, name)))
            for name in ("latitudes", "longitudes")
        )
        axes = ("y", "x")
        return Place(
            axes,
            (rows, columns),
            (_variable("latitude", axes, latitude), _variable("longitude", axes, longitude)),
            {"coordinates": "latitude longitude"},
        )
    return Place(("number",), (points,), (), {})


def arranged(message: int, values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers in the order of the message as rows and columns."""
    kind = eccodes.codes_get_string(message, "gridType")
    if kind in _REDUCED:
        return _filled(message, values)
    names = ("Ny", "Nx") if kind in _PROJECTED else ("Nj", "Ni")
    rows, columns = _sides(message, *names, len(values))
    if _flag(message, "jPointsAreConsecutive"):
        values = values.reshape(columns, rows)
        if _flag(message, "alternativeRowScanning"):
            values = values.copy()
            values[1::2] = values[1::2, ::-1]
        return values.T
    values = values.reshape(rows, columns)
    if _flag(message, "alternativeRowScanning"):
        values = values.copy()
        values[1::2] = values[1::2, ::-1]
    return values


def _regular(message: int, kind: str) -> Place:
    rows, columns = _sides(message, "Nj", "Ni", int(eccodes.codes_get(message, "numberOfDataPoints")))
    if kind.endswith("_gg") and kind.startswith("regular"):
        latitudes = np.asarray(eccodes.codes_get_array(message, "distinctLatitudes"))
        if len(latitudes) != rows:
            raise ValueError("its latitudes are not as many as its rows")
        if not _flag(message, "jScansPositively"):
            latitudes = np.sort(latitudes)[::-1]
    else:
        latitudes = np.linspace(_edge(message, "latitude", "First"), _edge(message, "latitude", "Last"), rows)
    longitudes = _longitudes(message, columns)
    if not kind.startswith("rotated"):
        return _on_axes(latitudes, longitudes, {}, "")
    pole = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": -eccodes.codes_get(message, "latitudeOfSouthernPoleInDegrees"),
        "grid_north_pole_longitude": (eccodes.codes_get(message, "longitudeOfSouthernPoleInDegrees") + 180) % 360,
    }
    return _on_axes(latitudes, longitudes, pole, "grid_")


def _on_axes(latitudes: NDArray[Any], longitudes: NDArray[Any], mapping: Attributes, prefix: str) -> Place:
    y, x = f"{prefix}latitude", f"{prefix}longitude"
    coordinates: tuple[Variable, ...] = (_variable(y, (y,), latitudes), _variable(x, (x,), longitudes))
    attributes = {}
    if mapping:
        coordinates += (Variable("pole", (), (), np.dtype("i4"), mapping, lambda _: np.zeros((), "i4")),)
        attributes = {"grid_mapping": "pole"}
    return Place((y, x), (len(latitudes), len(longitudes)), coordinates, attributes)


def _variable(name: str, dimensions: tuple[str, ...], values: NDArray[Any]) -> Variable:
    def read(index: Index) -> NDArray[Any]:
        return np.asarray(values[index])

    units = "degrees" if name.startswith("grid_") else "degrees_north" if name == "latitude" else "degrees_east"
    return Variable(name, dimensions, values.shape, values.dtype, {"standard_name": name, "units": units}, read)


def _sides(message: int, row_key: str, column_key: str, points: int) -> tuple[int, int]:
    rows, columns = (int(eccodes.codes_get(message, key)) for key in (row_key, column_key))
    if not (0 < rows <= _LONGEST_AXIS and 0 < columns <= _LONGEST_AXIS and rows * columns == points):
        raise ValueError(f"{rows} rows of {columns} numbers are not the {points} that it holds")
    return rows, columns


def _longitudes(message: int, columns: int) -> NDArray[Any]:
    """Return longitudes from the first to the last, on across the 360th where they pass it."""
    first, last = _edge(message, "longitude", "First"), _edge(message, "longitude", "Last")
    if _flag(message, "iScansNegatively"):
        return np.linspace(first, last if last <= first else last - _FULL_CIRCLE, columns)
    return np.linspace(first, last if last >= first else last + _FULL_CIRCLE, columns)


def _edge(message: int, axis: str, end: str) -> float:
    return float(eccodes.codes_get(message, f"{axis}Of{end}GridPointInDegrees"))


def _reduced_shape(message: int) -> tuple[int, int]:
    lengths = np.asarray(eccodes.codes_get_array(message, "pl"))
    rows, columns = len(lengths), int(lengths.max(initial=0))
    if not (0 < rows <= _LONGEST_AXIS and 0 < columns <= _LONGEST_AXIS and rows * columns <= MOST_CELLS):
        raise ValueError(f"rows of up to {columns} numbers cannot be true")
    return rows, columns


def _filled(message: int, values: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of a reduced grid, each as long as the longest: every cell gets the number nearest to it."""
    lengths = np.asarray(eccodes.codes_get_array(message, "pl"))
    rows, columns = _reduced_shape(message)
    if lengths.min() < 0 or int(lengths.sum()) != len(values):
        raise ValueError("its rows are not as long as it says")
    full = np.full((rows, columns), np.nan)
    at = 0
    for row, length in enumerate(int(one) for one in lengths):
        if length:
            nearest = np.round(np.arange(columns) * length / columns).astype(int) % length
            full[row] = values[at : at + length][nearest]
        at += length
    return full


def _flag(message: int, key: str) -> bool:
    try:
        return bool(eccodes.codes_get(message, key))
    except eccodes.CodesInternalError:
        return False
