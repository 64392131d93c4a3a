"""What a file of grids says of itself: its variables and their units, the place of the main one; draws nothing."""

from __future__ import annotations

from typing import Any

from s3magic.formats.base import TileInfo, numbers
from s3magic.formats.crs import crs_name
from s3magic.formats.grid import Dataset, Variable
from s3magic.formats.grid_axes import is_auxiliary, map_axes
from s3magic.formats.grid_look import main_variable
from s3magic.formats.grid_place import place


def describe(dataset: Dataset) -> TileInfo:
    """Return variables, units and place of a file."""
    main = main_variable(dataset)
    crs, bounds, extent = place(dataset, main) if main else (None, None, None)
    details: dict[str, Any] = {}
    if "title" in dataset.attributes:
        details["title"] = str(dataset.attributes["title"])
    shown = [one for one in dataset.variables if one.shape and not is_auxiliary(dataset, one)]
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
