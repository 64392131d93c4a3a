"""One slice of a variable as a picture, north up; chooses no variable and reads no files itself."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from s3magic.errors import UnreadableFormat
from s3magic.formats import coast
from s3magic.formats.base import Look, Preview
from s3magic.formats.drawing import encoded, field, limits, stretch
from s3magic.formats.grid import Dataset, Index, Numbers, Variable, numbers_of, unpacked
from s3magic.formats.grid_axes import map_axes
from s3magic.formats.grid_look import variable_of, wishes
from s3magic.formats.grid_map import lay_out
from s3magic.formats.room import DECODED

_MOST_NUMBERS = 1 << 24
_DRAWN_NUMBER = 40  # bytes that a number takes while it is drawn
_SIGNED = (
    "anomal", "difference", "deviation", "departure", "change", "trend", "tendency", "increment", "residual", "_bias",
    "eastward", "northward", "x_wind", "y_wind", "u-component", "v-component", "vorticity", "divergence",
    "upward_air_velocity", "vertical_velocity",
)  # fmt: skip
_INK = (49, 104, 142, 255)  # seen on a light page and on a dark one


def draw(dataset: Dataset, *, size: int, name: str, look: Look, note: str = "") -> Preview:
    """Return a picture of one slice of a file's main variable, or a line where it has but one axis."""
    variable = variable_of(dataset, look, name)
    if variable is None:
        raise UnreadableFormat(f"Nothing to draw in {name}", "None of its variables has an axis of two or more.")
    if sum(length > 1 for length in variable.shape) == 1:
        return _draw_series(variable, size=size, name=name)
    rows, columns = map_axes(dataset, variable)
    cells = min(variable.shape[rows] * variable.shape[columns], _MOST_NUMBERS)
    with DECODED.take(cells * _DRAWN_NUMBER):
        others = [axis for axis in range(len(variable.shape)) if axis not in (rows, columns)]
        values, which, step = _slice(variable, rows, columns, wishes(dataset, variable, look, others))
        seen = lay_out(dataset, variable, values, rows=rows, columns=columns, step=step)
        return field(
            seen.values,
            size=size,
            caption=_caption(variable) + which + note,
            source="slice",
            quantity=f"{variable.attributes.get('standard_name') or variable.name.rpartition('/')[2]} {variable.units}",
            title=variable.title,
            units=variable.units,
            signed=_is_signed(variable),
            aspect=seen.aspect,
            overlay=coast.overlay(seen.window),
        )


def _is_signed(variable: Variable) -> bool:
    """Whether a variable is a deviation, which can be of either sign, by its name."""
    names = (variable.name, *(str(variable.attributes.get(name, "")) for name in ("standard_name", "long_name")))
    return any(word in name.lower() for name in names for word in _SIGNED)


def _caption(variable: Variable) -> str:
    label = f"{variable.title} ({variable.units})" if variable.units else variable.title
    return f"{label}, {' x '.join(str(length) for length in variable.shape)}"


def _slice(variable: Variable, rows: int, columns: int, wanted: Mapping[int, int]) -> tuple[Numbers, str, int]:
    """Return the slice that is wanted, its name, and the step between the rows and columns it is made of.

    Where nothing is wanted it is the first, or the middle one where the first is all the same.
    """
    cells = variable.shape[rows] * variable.shape[columns]
    step = 1 + math.isqrt(cells // _MOST_NUMBERS) if cells > _MOST_NUMBERS else 1
    others = [axis for axis in range(len(variable.shape)) if axis not in (rows, columns)]
    is_stack = any(variable.shape[axis] > 1 for axis in others)
    tries = [dict.fromkeys(others, 0) | dict(wanted)]
    if is_stack and not wanted:
        tries.append({axis: variable.shape[axis] // 2 for axis in others})
    values, which = np.empty((0, 0)), ""
    for place in tries:
        index: Index = tuple(place.get(axis, slice(None, None, step)) for axis in range(len(variable.shape)))
        values, which = unpacked(variable, variable.read(index)), _which(variable, place)
        finite = values[np.isfinite(values)]
        if finite.size and finite.min() < finite.max():
            break
    return (values if rows < columns else values.T), which, step


def _which(variable: Variable, place: Mapping[int, int]) -> str:
    """Return which slice it is, for people: ``", time 3 of 12"``; nothing where there is but one."""
    long = [axis for axis in place if variable.shape[axis] > 1]
    return "".join(f", {variable.dimensions[axis] or 'slice'} {place[axis]}" for axis in long)


def _draw_series(variable: Variable, *, size: int, name: str) -> Preview:
    """Return a line for a variable with a single axis."""
    if max(variable.shape) > _MOST_NUMBERS:
        raise UnreadableFormat(
            f"Too long to draw: {variable.title} in {name}", "It has more numbers than a line needs."
        )
    values = numbers_of(variable).ravel()
    height = max(1, size // 2)
    low, high = limits(values, 0, 100)
    shares = stretch(values, (low, high))
    image = Image.new("RGBA", (size, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    across = np.linspace(1, size - 2, len(values))
    down = (height - 2) - shares * (height - 3)
    known = np.isfinite(down)
    for run in np.split(np.arange(len(values)), np.flatnonzero(known[1:] != known[:-1]) + 1):
        if known[run[0]]:
            pen.line([(float(across[at]), float(down[at])) for at in run], fill=_INK, width=1)
    return encoded(image, caption=f"{_caption(variable)}, from {low:.4g} to {high:.4g}", source="whole")
