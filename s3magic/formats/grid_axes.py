"""Which way the axes of a grid run, by what is said of its coordinates, else by their names; reads no numbers.

Conventions: CF 1.11 for coordinates.
"""

from __future__ import annotations

from typing import Literal

from s3magic.formats.grid import Dataset, Variable

Axis = Literal["x", "y", ""]

_LATITUDES = ("latitude", "grid_latitude", "projection_y_coordinate")
_LONGITUDES = ("longitude", "grid_longitude", "projection_x_coordinate")
_NORTH = ("degrees_north", "degree_north", "degrees_n", "degree_n")
_EAST = ("degrees_east", "degree_east", "degrees_e", "degree_e")
_Y_NAMES = ("lat", "latitude", "y", "rlat", "nav_lat", "yc", "grid_latitude", "south_north")
_X_NAMES = ("lon", "longitude", "x", "rlon", "nav_lon", "xc", "grid_longitude", "west_east")


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
    return runs(dataset.find(dimension)) or _axis_by_name(dimension)


def runs(variable: Variable | None) -> Axis:
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


def is_auxiliary(dataset: Dataset, variable: Variable) -> bool:
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


def curved(dataset: Dataset, variable: Variable) -> tuple[Variable | None, Variable | None]:
    """Return the latitudes and longitudes of a grid whose rows are no parallels."""
    rows, columns = map_axes(dataset, variable)
    there = dataset.of_two_axes.get(frozenset((variable.dimensions[rows], variable.dimensions[columns])), ())
    found = {axis: one for one in reversed(there) if (axis := _true_axis(one))}
    return found.get("y"), found.get("x")


def _true_axis(variable: Variable) -> Axis:
    """Tell whether a variable holds true latitudes or longitudes."""
    standard = str(variable.attributes.get("standard_name", ""))
    units = "" if standard else str(variable.attributes.get("units", "")).lower()
    if standard == "latitude" or units in _NORTH:
        return "y"
    return "x" if standard == "longitude" or units in _EAST else ""
