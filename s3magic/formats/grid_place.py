"""Where on earth a grid lies: its CRS, its bounds, its extent in degrees; chooses no variable.

Conventions: CF 1.11 for grid mappings.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from s3magic.formats.base import Extent
from s3magic.formats.crs import crs84_extent, degrees_extent
from s3magic.formats.grid import Dataset, Numbers, Variable, numbers_of
from s3magic.formats.grid_axes import curved, is_degrees, map_axes, runs

_MOST_COORDINATES = 1 << 20
_FULL_CIRCLE = 360.0


def place(dataset: Dataset, variable: Variable) -> tuple[str | None, Extent | None, Extent | None]:
    """Return the CRS, the bounds in it, and the extent in degrees of a variable's grid."""
    crs = crs_of(dataset, variable)
    axes, cells = _of_axes(dataset, variable), _of_cells(dataset, variable)
    in_degrees = all(map(is_degrees, axes))
    if not dataset.gather(axes if axes and (in_degrees or crs) else (*axes, *cells)):
        cells = ()  # a file without an extent is better than one that is not described
    bounds = None
    if axes:
        (south, north), (west, east) = map(_edges, axes)
        bounds = (west, south, east, north) if all(map(math.isfinite, (west, south, east, north))) else None
        if bounds and in_degrees:
            around = longitudes(numbers_of(axes[1]))
            return crs, bounds, degrees_extent(around[0], south, around[1], north) if around else None
        if bounds and crs:
            return crs, bounds, crs84_extent(crs, bounds)
    return crs, bounds, _curved_extent(*cells) if cells else None


def _of_axes(dataset: Dataset, variable: Variable) -> tuple[()] | tuple[Variable, Variable]:
    """Return the coordinates of the rows and of the columns, where each has one of its own."""
    y, x = (dataset.find(variable.dimensions[axis]) for axis in map_axes(dataset, variable))
    if x and y and len(x.shape) == len(y.shape) == 1 and (runs(y), runs(x)) == ("y", "x"):
        return y, x
    return ()


def _of_cells(dataset: Dataset, variable: Variable) -> tuple[()] | tuple[Variable, Variable]:
    """Return latitudes and longitudes of all cells, where the file has them and they are not too many."""
    y, x = curved(dataset, variable)
    if y is None or x is None or np.prod(y.shape) > _MOST_COORDINATES:
        return ()
    return y, x


def _edges(variable: Variable) -> tuple[float, float]:
    """Return where a coordinate begins and ends, half a cell beyond its outer points."""
    values = numbers_of(variable)
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan, math.nan
    low, high = float(values.min()), float(values.max())
    half = (high - low) / (2 * (len(values) - 1)) if len(values) > 1 else 0.0
    return low - half, high + half


def longitudes(values: Numbers) -> tuple[float, float] | None:
    """Return west and east of the shortest arc that holds all longitudes, half a cell added."""
    finite = np.unique(np.round(values[np.isfinite(values)] % _FULL_CIRCLE, 9))
    if not finite.size:
        return None
    if finite.size == 1:
        return float(finite[0]), float(finite[0])
    gaps = np.diff(np.append(finite, finite[0] + _FULL_CIRCLE))
    widest = int(np.argmax(gaps))
    half = float(np.median(np.delete(gaps, widest))) / 2 if values.ndim == 1 else 0.0
    if gaps[widest] < 4 * max(half, 0.25):  # no gap but the usual step: all around the earth
        return -180.0, 180.0
    west = float(finite[(widest + 1) % finite.size])
    return west - half, west + _FULL_CIRCLE - float(gaps[widest]) + half


def _curved_extent(y: Variable, x: Variable) -> Extent | None:
    latitudes, around = numbers_of(y), longitudes(numbers_of(x))
    if around is None or not np.isfinite(latitudes).any():
        return None
    return degrees_extent(around[0], float(np.nanmin(latitudes)), around[1], float(np.nanmax(latitudes)))


def crs_of(dataset: Dataset, variable: Variable) -> str | None:
    """Return the CRS of a variable's grid mapping: its own WKT, else one made from its parameters."""
    named = str(variable.attributes.get("grid_mapping", "")).split(":")[0].strip()
    mapping = dataset.find(named)
    if mapping is None:
        return None
    for name in ("crs_wkt", "spatial_ref"):
        if mapping.attributes.get(name):
            return str(mapping.attributes[name])
    return _wkt_of_mapping(json.dumps(dict(mapping.attributes), sort_keys=True))


@lru_cache(maxsize=256)
def _wkt_of_mapping(attributes: str) -> str | None:
    """Return the CRS of grid mapping attributes, given as JSON; no WKT 1 can say a rotated pole."""
    try:
        return str(CRS.from_cf(json.loads(attributes)).to_wkt("WKT2_2019"))
    except (CRSError, KeyError, TypeError, ValueError):
        return None
