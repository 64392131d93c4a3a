"""Variables on grids: what they are called, what is said of them, their numbers unpacked; reads no files itself.

Conventions: CF 1.11 for packed numbers and fill values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Attributes = Mapping[str, Any]
Index = tuple[int | slice, ...]
Numbers = NDArray[Any]

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
    """The variables of a file, in the file's order; what is looked up of them is found once.

    Parameters
    ----------
    gather
        Is told which variables will be read whole, so that the file can bring in few requests what
        lies in many places of it; returns False where they are more than it gives.
    """

    format: str
    variables: tuple[Variable, ...]
    attributes: Attributes
    gather: Callable[[Iterable[Variable]], bool] = lambda _: True

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
    def of_two_axes(self) -> Mapping[frozenset[str], Sequence[Variable]]:
        """The variables that have two axes, by these."""
        found: dict[frozenset[str], list[Variable]] = {}
        for one in self.variables:
            if len(one.shape) == 2:
                found.setdefault(frozenset(one.dimensions), []).append(one)
        return found


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


def _listed(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int | float)]
