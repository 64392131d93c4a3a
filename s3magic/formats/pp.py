"""PP fields of the Met Office's Unified Model: one field of a file as a grid; unpacks nothing.

Layout: Unified Model Documentation Paper F03.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.errors import InvalidInput, UnreadableFormat
from s3magic.formats import grid_info
from s3magic.formats.base import PLAIN, STACK_AXES, Look, Preview, TileInfo
from s3magic.formats.grid import Attributes, Dataset, Index, Variable
from s3magic.formats.watch import WatchedFile
from s3magic.html import number_text

_WORDS = 64
_INTEGERS = 45
_HEADER = 4 * _WORDS
_DATA_AT = _HEADER + 12  # behind the header's own two length marks and the first mark of the data
_MOST_CELLS, _LONGEST_AXIS, _MOST_FIELDS = 1 << 26, 1 << 16, 1 << 14
# The diagnostics met most often, by STASH code; the code names the others.
_NAMES = {
    "m01s00i002": ("x_wind", "m s-1"),
    "m01s00i003": ("y_wind", "m s-1"),
    "m01s00i004": ("air_potential_temperature", "K"),
    "m01s00i010": ("specific_humidity", "kg kg-1"),
    "m01s00i024": ("surface_temperature", "K"),
    "m01s00i033": ("surface_altitude", "m"),
    "m01s03i225": ("x_wind", "m s-1"),
    "m01s03i226": ("y_wind", "m s-1"),
    "m01s03i236": ("air_temperature", "K"),
    "m01s05i216": ("precipitation_flux", "kg m-2 s-1"),
    "m01s16i203": ("air_temperature", "K"),
    "m01s16i222": ("air_pressure_at_sea_level", "Pa"),
    "m02s00i101": ("sea_water_potential_temperature", "degC"),
    "m02s00i148": ("eastward_sea_ice_velocity", "m s-1"),
    "m02s00i149": ("northward_sea_ice_velocity", "m s-1"),
}


def describe(file: WatchedFile) -> TileInfo:
    """Return size and place of the first field; see `Format.describe`."""
    return grid_info.describe(_dataset(_field_at(file, 0)))


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:
    """Return the first field, or the one that is looked for; see `Format.preview`."""
    from s3magic.formats import grid_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    field = _field_at(file, 0) if look == PLAIN else _sought(file, look)
    return grid_picture.draw(_dataset(field), size=size, name=file.name, look=PLAIN, note=_said(field, look))


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: its header's words by their number in the paper, counted from 1."""

    file: WatchedFile
    start: int
    order: str
    words: tuple[Any, ...]

    @property
    def name(self) -> str:
        """Its STASH code."""
        stash = self.word(42)
        return f"m{self.word(45):02d}s{stash // 1000:02d}i{stash % 1000:03d}"

    @property
    def names(self) -> tuple[str, ...]:
        """Its STASH code, and what people call it where that is known."""
        return (self.name, *_NAMES.get(self.name, ())[:1])

    @property
    def time(self) -> tuple[Any, ...]:
        """Year, month, day, hour, minute and day of the year or second that it is valid at."""
        return self.words[:6]

    @property
    def level(self) -> tuple[Any, ...]:
        """Number and height of its level."""
        return self.word(33), self.word(52)

    def word(self, number: int) -> Any:
        return self.words[number - 1]

    @property
    def shape(self) -> tuple[int, int]:
        return self.word(18), self.word(19)

    @property
    def is_packed(self) -> bool:
        """Whether the numbers are packed, run-length encoded, or thinned to land or sea."""
        return bool(self.word(21) % 100)

    @property
    def is_rotated(self) -> bool:
        return bool(self.word(16) >= 100)

    def read(self, index: Index) -> NDArray[Any]:
        if self.is_packed:
            raise UnreadableFormat(
                f"Packed, so not drawn: {self.file.name}",
                "Its numbers are packed (WGDOS or land only); iris can load it.",
            )
        rows, columns = self.shape
        kind = f"{self.order}{'f' if abs(self.word(39)) == 1 else 'i'}4"
        data = np.frombuffer(self.file.read_at(self.start + _DATA_AT, rows * columns * 4), kind).reshape(rows, columns)
        part: NDArray[Any] = data[index]
        return part

    def vector(self, kind: int) -> NDArray[np.float64] | None:
        """Return one of the vectors of numbers behind the data; None where it is not there."""
        left = self.word(20)
        at = self.start + _DATA_AT + 4 * (self.word(15) - left)
        while left > 0:
            (code,) = struct.unpack(f"{self.order}i", self.file.read_at(at, 4))
            length = code // 1000
            if not 0 < length < left:
                return None
            if code % 1000 == kind:
                return np.frombuffer(self.file.read_at(at + 4, 4 * length), f"{self.order}f4").astype(float)
            at, left = at + 4 + 4 * length, left - 1 - length
        return None


def _said(field: _Field, look: Look) -> str:
    """Return when a field is valid, and on which level it is where that was asked for."""
    year, month, day = field.time[:3]
    date = f", {year:04}-{month:02}-{day:02}" if 1 <= month <= 12 and 1 <= day <= 31 else ""
    number, height = field.level
    return date if look.level is None else f"{date}, level {number} at {number_text(height)}"


def _dataset(field: _Field) -> Dataset:
    file = field.file
    rows, columns = field.shape
    if not (0 < rows <= _LONGEST_AXIS and 0 < columns <= _LONGEST_AXIS and rows * columns <= _MOST_CELLS):
        raise ValueError(f"a field of {rows} x {columns} cells cannot be true")
    end = field.start + _HEADER + 8 + 4 * field.word(15)
    if end > file.size:
        raise UnreadableFormat(
            f"Cut short: {file.name} has {file.size} bytes, its {'first ' if not field.start else ''}field needs {end}",
            "Copy or upload the file again; its end is missing.",
        )
    return Dataset("pp", _variables(field), {})


def _field_at(file: WatchedFile, start: int) -> _Field:
    order = {struct.pack(f"{mark}i", _HEADER): mark for mark in "><"}.get(file.read_at(start, 4))
    if order is None:
        raise ValueError("it does not begin as PP files do" if not start else "a field does not begin as PP fields do")
    integers, floats = _INTEGERS, _WORDS - _INTEGERS
    words = struct.unpack(f"{order}{integers}i{floats}f", file.read_at(start + 4, _HEADER))
    return _Field(file, start, order, words)


def _sought(file: WatchedFile, look: Look) -> _Field:
    """Return the first field that fits a look; reads the headers of all."""
    fields: list[_Field] = []
    at = 0
    while at < file.size and len(fields) < _MOST_FIELDS:
        field = _field_at(file, at)
        fields.append(field)
        (length,) = struct.unpack(f"{field.order}i", file.read_at(at + _DATA_AT - 4, 4))
        at += _DATA_AT + max(0, length) + 4
    wanted = look.var or fields[0].name
    mine = [field for field in fields if wanted in field.names]
    if not mine:
        names = ", ".join(dict.fromkeys(field.names[-1] for field in fields))
        raise InvalidInput(f"No variable {wanted} in {file.name}: it has {names}")
    for axis in STACK_AXES:
        there = list(dict.fromkeys(getattr(field, axis) for field in mine))
        place = look.place(axis, len(there), f"{wanted} of {file.name}")
        if place is not None:
            mine = [field for field in mine if getattr(field, axis) == there[place]]
    return mine[0]


def _variables(field: _Field) -> tuple[Variable, ...]:
    rows, columns = field.shape
    prefix = "grid_" if field.is_rotated else ""
    attributes: dict[str, Any] = {"missing_value": field.word(63)}
    mapping: dict[str, Any] = {"grid_mapping_name": "latitude_longitude"}
    if field.is_rotated:
        mapping = {
            "grid_mapping_name": "rotated_latitude_longitude",
            "grid_north_pole_latitude": field.word(56),
            "grid_north_pole_longitude": field.word(57),
        }
    attributes["grid_mapping"] = "sphere"
    mapping["earth_radius"] = 6371229.0  # the model's own sphere
    name = field.name
    if name in _NAMES:
        attributes["standard_name"], attributes["units"] = _NAMES[name]
    type_ = np.dtype("f4" if abs(field.word(39)) == 1 else "i4")
    y, x = f"{prefix}latitude", f"{prefix}longitude"
    return (
        Variable(name, (y, x), (rows, columns), type_, attributes, field.read),
        _coordinate(field, y, rows, first=field.word(59), step=field.word(60), vector=2),
        _coordinate(field, x, columns, first=field.word(61), step=field.word(62), vector=1),
        Variable("sphere", (), (), np.dtype("i4"), mapping, lambda _: np.zeros((), "i4")),
    )


def _coordinate(field: _Field, name: str, length: int, *, first: float, step: float, vector: int) -> Variable:
    """Return a coordinate: even steps from the point before the first, or one of the vectors behind the data."""

    def read(index: Index) -> NDArray[Any]:
        values = first + step * np.arange(1, length + 1) if step else field.vector(vector)
        if values is None or len(values) != length:
            values = np.full(length, np.nan)
        part: NDArray[Any] = values[index]
        return part

    attributes: Attributes = {"standard_name": name, "units": "degrees"}
    return Variable(name, (name,), (length,), np.dtype(float), attributes, read)
