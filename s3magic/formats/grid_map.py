"""A slice laid out to be looked at: north up, west left, even steps, as wide as it is on earth; draws nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.formats.grid import Dataset, Numbers, Variable, numbers_of, unpacked
from s3magic.formats.grid_axes import axis_of, curved, is_degrees
from s3magic.formats.grid_place import crs_of, longitudes

_NARROWEST = 1 / 4
_UNEVEN = 1.2  # so much more than the smallest may the largest step of an axis be
_FINEST = 4  # so many times as many rows may even steps have
_FULL_CIRCLE = 360.0
_PRESSURES = ("pa", "hpa", "mbar", "millibar", "dbar", "decibar", "bar")


@dataclass(frozen=True, slots=True)
class Window:
    """The edges of a picture in degrees, or in a CRS given as WKT."""

    left: float
    bottom: float
    right: float
    top: float
    crs: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A slice from its upper left corner on, how wide by high its picture is, and where it lies if that is known."""

    values: Numbers
    aspect: float
    window: Window | None


@dataclass(frozen=True, slots=True)
class _Axis:
    """In which order cells are shown, and where the first and the last of them end."""

    order: NDArray[np.intp]
    first: float
    last: float


def lay_out(dataset: Dataset, variable: Variable, values: Numbers, *, rows: int, columns: int, step: int) -> Layout:
    """Return a slice as it is to be seen.

    Parameters
    ----------
    values
        The slice, rows before columns.
    rows, columns
        The axes of the variable that these are.
    step
        Only each so-manieth coordinate is that of a cell.
    """
    y, x = (_coordinate(dataset, variable, axis, step) for axis in (rows, columns))
    on_map = all(one is not None and axis_of(dataset, one[0].name) == axis for one, axis in ((y, "y"), (x, "x")))
    down = _axis(y, along=on_map, falls=y is not None and not _runs_down(y[0]))
    across = _axis(x, along=on_map, falls=False)
    if down is not None:
        values = values[down.order]
    elif _begins_in_south(dataset, variable):
        values = values[::-1]
    if across is not None:
        values = values[:, across.order]
    if not on_map or down is None or across is None or down.first == down.last or across.first == across.last:
        return Layout(values, _legible(values.shape[1] / values.shape[0]), None)
    in_degrees = x is not None and y is not None and is_degrees(x[0]) and is_degrees(y[0])
    crs = None if in_degrees else crs_of(dataset, variable)
    width, height = across.last - across.first, down.first - down.last
    if in_degrees:
        width *= math.cos(math.radians(min(75.0, abs(down.first + down.last) / 2)))  # as wide as in the middle
    window = Window(across.first, down.last, across.last, down.first, crs) if in_degrees or crs else None
    return Layout(values, _legible(width / height), window)


def _runs_down(coordinate: Variable) -> bool:
    """Whether a coordinate grows towards the ground, as depth and pressure do."""
    positive, units = (str(coordinate.attributes.get(name, "")).lower() for name in ("positive", "units"))
    return positive == "down" or (positive != "up" and units in _PRESSURES)


def _legible(aspect: float) -> float:
    """Return an aspect no narrower than can be read: a few rows of many columns would be a line."""
    return min(max(abs(aspect), _NARROWEST), 1 / _NARROWEST)


def _coordinate(
    dataset: Dataset, variable: Variable, axis: int, step: int
) -> tuple[Variable, NDArray[np.float64]] | None:
    """Return the coordinate of an axis and its numbers; None where there is none, or it runs to and fro."""
    found = dataset.find(variable.dimensions[axis])
    if found is None or not found.is_number or found.shape != (variable.shape[axis],):
        return None
    values = numbers_of(found)[::step]
    if not np.isfinite(values).all():
        return None
    if is_degrees(found) and axis_of(dataset, found.name) == "x":
        around = longitudes(values)
        west = around[0] if around else 0.0
        values = (values - west) % _FULL_CIRCLE + west
    else:
        turns = np.sign(np.diff(values))
        if turns.size and not (turns >= 0).all() and not (turns <= 0).all():
            return None
    return found, values


def _axis(coordinate: tuple[Variable, NDArray[np.float64]] | None, *, along: bool, falls: bool) -> _Axis | None:
    """Return how an axis is shown, from its least value on or, where it falls, from its greatest.

    Parameters
    ----------
    along
        Whether cells are as large as their steps are; else each is as large as the next.
    """
    if coordinate is None:
        return None
    order = np.argsort(coordinate[1], kind="stable")
    values = coordinate[1][order]
    steps = np.diff(values)
    half = float(np.median(steps)) / 2 if steps.size else 0.0
    first, last = float(values[0]) - half, float(values[-1]) + half
    if along and steps.size and steps.max() > _UNEVEN * max(float(steps.min()), 0.0) and half > 0:
        count = max(len(values), min(round((last - first) / max(float(steps.min()), half / 2)), _FINEST * len(values)))
        places = first + (np.arange(count) + 0.5) * (last - first) / count
        order = order[np.searchsorted((values[1:] + values[:-1]) / 2, places)]
    return _Axis(order[::-1], last, first) if falls else _Axis(order, first, last)


def _begins_in_south(dataset: Dataset, variable: Variable) -> bool:
    """Whether the first row of a grid whose rows are no parallels lies south of the last."""
    latitude: Any
    latitude, _ = curved(dataset, variable)
    if latitude is None:
        return False
    middle = latitude.shape[1] // 2
    first, last = (unpacked(latitude, latitude.read((row, middle))) for row in (0, latitude.shape[0] - 1))
    return bool(last > first)
