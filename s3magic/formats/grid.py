"""Variables on grids: which one to look at, and where on earth it lies; reads no files itself.

Conventions: CF 1.11 for coordinates, grid mappings and fill values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from s3magic.formats.base import Extent, TileInfo, numbers
from s3magic.formats.crs import crs84_extent, crs_name, degrees_extent

Attributes = Mapping[str, Any]
Index = tuple[int | slice, ...]
Numbers = NDArray[Any]
Axis = Literal["x", "y", ""]

_MOST_COORDINATES = 1 << 20
_LATITUDES = ("latitude", "grid_latitude", "projection_y_coordinate")
_LONGITUDES = ("longitude", "grid_longitude", "projection_x_coordinate")
_NORTH = ("degrees_north", "degree_north", "degrees_n", "degree_n")
_EAST = ("degrees_east", "degree_east", "degrees_e", "degree_e")
_Y_NAMES = ("lat", "latitude", "y", "rlat", "nav_lat", "yc", "grid_latitude", "south_north")
_X_NAMES = ("lon", "longitude", "x", "rlon", "nav_lon", "xc", "grid_longitude", "west_east")
_FULL_CIRCLE = 360.0
_LARGEST = 9e36  # the fill value that netCDF itself gives floats is 9.96e36


@dataclass(frozen=True, slots=True)
class Variable:
    """A named array that is read in parts.

    Parameters
    ----------
    dimensions
        The names of the axes, empty text where the file has none.
    read
        Gives the part an index of numbers and slices stands for, one for each axis.
    """

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    type: np.dtype[Any]
    attributes: Attributes
    read: Callable[[Index], Numbers]

    @property
    def title(self) -> str:
        """What people call it: long name, standard name or name."""
        return str(self.attributes.get("long_name") or self.attributes.get("standard_name") or self.name)

    @property
    def units(self) -> str:
        """The units, empty where it has none."""
        units = str(self.attributes.get("units", ""))
        return "" if units in ("1", "no_unit", "unknown") else units

    @property
    def is_number(self) -> bool:
        """Whether it holds integers or floats."""
        return self.type.kind in "iuf"


@dataclass(frozen=True)
class Dataset:
    """The variables of a file, in the file's order; what is looked up of them is gathered once."""

    format: str
    variables: tuple[Variable, ...]
    attributes: Attributes

    def find(self, name: str) -> Variable | None:
        """Return the variable of a name, the first of several; None where there is none."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Variable]:
        return {one.name: one for one in reversed(self.variables)}

    @cached_property
    def helpers(self) -> frozenset[str]:
        """The names that variables give as their coordinates, bounds and grid mappings."""
        return frozenset(
            name
            for one in self.variables
            for attribute in ("coordinates", "bounds", "climatology", "grid_mapping")
            for name in str(one.attributes.get(attribute, "")).split()
        )

    @cached_property
    def curved(self) -> Mapping[frozenset[str], Mapping[Axis, Variable]]:
        """By their two dimensions, latitudes (``"y"``) and longitudes (``"x"``) that run along both."""
        found: dict[frozenset[str], dict[Axis, Variable]] = {}
        for one in self.variables:
            standard, units = (str(one.attributes.get(name, "")) for name in ("standard_name", "units"))
            units = "" if standard else units.lower()
            axis: Axis = "y" if standard == "latitude" or units in _NORTH else "x"
            if len(one.shape) == 2 and (axis == "y" or standard == "longitude" or units in _EAST):
                found.setdefault(frozenset(one.dimensions), {}).setdefault(axis, one)
        return found


def describe(dataset: Dataset) -> TileInfo:
    """Return variables, units and place of a file."""
    main = main_variable(dataset)
    crs, bounds, extent = place(dataset, main) if main else (None, None, None)
    details: dict[str, Any] = {}
    if "title" in dataset.attributes:
        details["title"] = str(dataset.attributes["title"])
    shown = [one for one in dataset.variables if one.shape and not _is_auxiliary(dataset, one)]
    details["variables"] = {one.name: _summary(one) for one in shown}
    if crs and crs_name(crs) not in ("undefined", "unknown"):
        details["CRS"] = crs_name(crs)
    return TileInfo(
        kind="grid",
        format=dataset.format,
        crs=crs,
        crs84_extent=extent,
        native_extent=numbers(bounds[0], bounds[2], bounds[1], bounds[3]) if bounds else None,
        bounds=bounds,
        dimensions=_dimensions(dataset, main),
        schema=[_field(one) for one in sorted(dataset.variables, key=lambda one: one.name)],
        details=details,
    )


def main_variable(dataset: Dataset) -> Variable | None:
    """Return the variable a picture of the file should show; None where none fits.

    It is no coordinate and no bounds, has two axes of two or more, and if possible lies on a map;
    among several the largest, then the first.
    """
    fitting = [one for one in drawable(dataset) if sum(length > 1 for length in one.shape) > 1]
    if not fitting:
        return None

    def rank(one: Variable) -> tuple[bool, bool, float]:
        rows, columns = map_axes(dataset, one)
        is_map = bool(axis_of(dataset, one.dimensions[rows]) or axis_of(dataset, one.dimensions[columns]))
        return is_map or _has_curved_place(dataset, one), bool(one.units), float(np.prod(one.shape))

    return max(fitting, key=rank)


def series_variable(dataset: Dataset) -> Variable | None:
    """Return the longest variable that has one axis of two or more; None where there is none."""
    fitting = [one for one in drawable(dataset) if sum(length > 1 for length in one.shape) == 1]
    return max(fitting, key=lambda one: max(one.shape), default=None)


def drawable(dataset: Dataset) -> list[Variable]:
    """Return the variables that a picture could show: numbers along an axis, no coordinates and no bounds."""
    return [
        one
        for one in dataset.variables
        if one.is_number
        and all(one.shape)
        and any(length > 1 for length in one.shape)
        and not _is_auxiliary(dataset, one)
    ]


def map_axes(dataset: Dataset, variable: Variable) -> tuple[int, int]:
    """Return which axes of a variable are the rows (northing) and the columns (easting) of a map."""
    axes = [axis_of(dataset, name) for name in variable.dimensions]
    count = len(axes)
    columns = axes.index("x") if "x" in axes else None
    rows = axes.index("y") if "y" in axes else None
    long = [at for at in range(count) if variable.shape[at] > 1 and at not in (rows, columns)]
    if columns is None:
        columns = long.pop() if long else count - 1
    if rows is None:
        rows = long.pop() if long else max(0, count - 2)
    return rows, columns


def axis_of(dataset: Dataset, dimension: str) -> Axis:
    """Tell whether a dimension runs north (``"y"``), east (``"x"``) or elsewhere."""
    return _axis(dataset.find(dimension)) or _axis_by_name(dimension)


def place(dataset: Dataset, variable: Variable) -> tuple[str | None, Extent | None, Extent | None]:
    """Return the CRS, the bounds in it, and the extent in degrees of a variable's grid."""
    rows, columns = map_axes(dataset, variable)
    y, x = (dataset.find(variable.dimensions[axis]) for axis in (rows, columns))
    crs = crs_of(dataset, variable)
    bounds = None
    if x and y and len(x.shape) == len(y.shape) == 1 and _axis(x) == "x" and _axis(y) == "y":
        (west, east), (south, north) = _edges(x), _edges(y)
        bounds = (west, south, east, north) if all(map(math.isfinite, (west, south, east, north))) else None
        if bounds and is_degrees(x) and is_degrees(y):
            around = longitudes(numbers_of(x))
            return crs, bounds, degrees_extent(around[0], south, around[1], north) if around else None
        if bounds and crs:
            return crs, bounds, crs84_extent(crs, bounds)
    return crs, bounds, _curved_extent(dataset, variable)


def numbers_of(variable: Variable) -> NDArray[np.float64]:
    """Return all numbers of a variable, unpacked, NaN where there are none."""
    return unpacked(variable, variable.read(tuple(slice(None) for _ in variable.shape)))


def unpacked(variable: Variable, raw: Numbers) -> NDArray[np.float64]:
    """Return stored numbers as the values they stand for, NaN where there are none."""
    attributes = variable.attributes
    if raw.dtype.kind == "i" and str(attributes.get("_Unsigned", "")).lower() == "true":
        raw = raw.view(raw.dtype.str.replace("i", "u"))
    scale, offset = attributes.get("scale_factor", 1), attributes.get("add_offset", 0)
    with np.errstate(all="ignore"):  # a fill value that the type cannot hold marks nothing
        values = raw.astype(float)
        values[_is_fill(attributes, raw, values)] = np.nan
        if isinstance(scale, int | float) and isinstance(offset, int | float):
            values = values * scale + offset
    return values


def _is_fill(attributes: Attributes, raw: Numbers, values: Numbers) -> NDArray[np.bool_]:
    """Return which stored numbers stand for nothing."""
    empty: NDArray[np.bool_] = ~np.isfinite(values)
    if raw.dtype.kind == "f":
        empty |= np.abs(values) > _LARGEST
    for name in ("_FillValue", "missing_value"):
        for fill in _listed(attributes.get(name)):
            empty |= raw == np.asarray(fill).astype(raw.dtype)
    least, most = [*_listed(attributes.get("valid_range")), None, None][:2]
    least, most = attributes.get("valid_min", least), attributes.get("valid_max", most)
    if isinstance(least, int | float):
        empty |= values < least
    if isinstance(most, int | float):
        empty |= values > most
    return empty


def _axis(variable: Variable | None) -> Axis:
    """Tell by its attributes which way a coordinate runs."""
    if variable is None:
        return ""
    standard = str(variable.attributes.get("standard_name", ""))
    units = str(variable.attributes.get("units", "")).lower()
    axis = str(variable.attributes.get("axis", "")).upper()
    if standard in _LATITUDES or units in _NORTH or axis == "Y":
        return "y"
    if standard in _LONGITUDES or units in _EAST or axis == "X":
        return "x"
    return _axis_by_name(variable.name) if not standard and not axis else ""


def _axis_by_name(name: str) -> Axis:
    name = name.rpartition("/")[2].lower()
    return "y" if name in _Y_NAMES else "x" if name in _X_NAMES else ""


def is_degrees(variable: Variable) -> bool:
    """Whether a coordinate is true longitude or latitude, not that of a rotated pole or a projection."""
    standard = str(variable.attributes.get("standard_name", ""))
    units = str(variable.attributes.get("units", "")).lower()
    if standard:
        return standard in ("latitude", "longitude")
    return units in (*_NORTH, *_EAST) or (units in ("", "degrees") and variable.name.lower()[:3] in ("lat", "lon"))


def _is_auxiliary(dataset: Dataset, variable: Variable) -> bool:
    """Whether a variable only helps to place others: a coordinate, bounds, a grid mapping, a mesh."""
    if (
        variable.dimensions == (variable.name,)
        or "cf_role" in variable.attributes
        or variable.name.endswith(("_bnds", "_bounds"))
    ):
        return True
    if str(variable.attributes.get("standard_name", "")) in (*_LATITUDES, *_LONGITUDES, "time"):
        return True
    return variable.name in dataset.helpers


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


def _has_curved_place(dataset: Dataset, variable: Variable) -> bool:
    return all(found is not None for found in curved(dataset, variable))


def curved(dataset: Dataset, variable: Variable) -> tuple[Variable | None, Variable | None]:
    """Return the latitudes and longitudes of a grid whose rows are no parallels."""
    rows, columns = map_axes(dataset, variable)
    found = dataset.curved.get(frozenset((variable.dimensions[rows], variable.dimensions[columns])), {})
    return found.get("y"), found.get("x")


def _curved_extent(dataset: Dataset, variable: Variable) -> Extent | None:
    y, x = curved(dataset, variable)
    if y is None or x is None or np.prod(y.shape) > _MOST_COORDINATES:
        return None
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


def _summary(variable: Variable) -> str:
    shape = " x ".join(str(length) for length in variable.shape)
    return f"{shape} {variable.units}".strip()


def _dimensions(dataset: Dataset, main: Variable | None) -> str | None:
    if main is None:
        return None
    rows, columns = map_axes(dataset, main)
    return f"{main.shape[columns]}x{main.shape[rows]}"


def _field(variable: Variable) -> dict[str, Any]:
    """Return what two files must have in common to fit together; lengths may differ."""
    described: dict[str, Any] = {
        "name": variable.name,
        "dataType": variable.type.name if variable.is_number else "text",
        "dimensions": list(variable.dimensions),
    }
    if variable.attributes.get("units"):
        described["units"] = str(variable.attributes["units"])
    return described


def _listed(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int | float)]
