"""Which variable of a grid a look means, and which slice of it; reads coordinates' names, never numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s3magic.errors import InvalidInput
from s3magic.formats.base import STACK_AXES, Look, StackAxis
from s3magic.formats.grid import Dataset, Variable
from s3magic.formats.grid_axes import axis_of, curved, is_auxiliary, map_axes

_TIMES = ("time", "t", "times", "time_counter", "forecast_period", "forecast_reference_time", "day", "month", "year")
_LEVELS = (
    "level", "lev", "levels", "plev", "pressure", "air_pressure", "height", "depth", "deptht", "altitude", "z",
    "model_level_number", "isobaric", "sigma", "hybrid", "atmosphere_hybrid_height_coordinate",
)  # fmt: skip
_NAMES: dict[StackAxis, tuple[str, ...]] = {"time": _TIMES, "level": _LEVELS}
_MOST_NAMES = 12


def variable_of(dataset: Dataset, look: Look, name: str) -> Variable | None:
    """Return the variable a look names, by its name or its standard name; the one that says most where it names none.

    Raises
    ------
    InvalidInput
        Where there is no such variable; the message lists those there are.
    """
    if look.var is None:
        return main_variable(dataset) or series_variable(dataset)
    shown = drawable(dataset)
    for one in shown:
        if look.var in (one.name, one.name.rpartition("/")[2], one.attributes.get("standard_name")):
            return one
    raise InvalidInput(f"No variable {look.var} in {name}: it has {_listed([one.name for one in shown])}")


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
        return is_map or None not in curved(dataset, one), bool(one.units), float(np.prod(one.shape))

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
        and not is_auxiliary(dataset, one)
    ]


def wishes(dataset: Dataset, variable: Variable, look: Look, others: Sequence[int]) -> dict[int, int]:
    """Return the places that a look wants along the axes a picture does not show, by axis.

    Parameters
    ----------
    others
        The axes that the picture does not show.

    Raises
    ------
    InvalidInput
        Where there is no such axis or place; the message tells how many there are.
    """
    known = {word: _axis_named(dataset, variable, others, names) for word, names in _NAMES.items()}
    unnamed = [axis for axis in others if variable.shape[axis] > 1 and axis not in known.values()]
    found: dict[int, int] = {}
    for word in STACK_AXES:
        if getattr(look, word) is None:
            continue
        axis = known[word]
        if axis is None and unnamed:
            axis = unnamed.pop(0)  # without a telling name it can only be the one that is meant
        place = look.place(word, 1 if axis is None else variable.shape[axis], variable.name)
        if axis is not None and place is not None:
            found[axis] = place
    return found


def _axis_named(dataset: Dataset, variable: Variable, axes: Sequence[int], names: Sequence[str]) -> int | None:
    is_time = names is _TIMES
    for axis in axes:
        coordinate = dataset.find(variable.dimensions[axis])
        said = coordinate.attributes if coordinate else {}
        if str(said.get("axis", "")).upper() == ("T" if is_time else "Z"):
            return axis
        if (" since " in str(said.get("units", ""))) if is_time else ("positive" in said):
            return axis
        words = (variable.dimensions[axis].rpartition("/")[2].lower(), str(said.get("standard_name", "")))
        if any(word in names for word in words):
            return axis
    return None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES]) or "none"
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
