"""GRIB 1 and 2: the first message of a file as a grid; unpacked by ecCodes, described from its header alone.

Layout: WMO manual on codes, FM 92. A file holds any number of messages and no list of them; others
than the first are looked at only where a variable is asked for by name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.errors import InvalidInput, UnreadableFormat
from s3magic.formats import grib_grid, grid_info
from s3magic.formats.base import PLAIN, Look, Preview, TileInfo
from s3magic.formats.grib_library import eccodes
from s3magic.formats.grid import Dataset, Index, Variable
from s3magic.formats.watch import WatchedFile

_MARK, _END = b"GRIB", b"7777"
_SEARCHED = 1024  # bytes in front of the first message that telecommunication headers may take
_MOST_MESSAGES = 40
_LARGEST_SECTION = 1 << 20
_SPECTRAL = 50  # from this type on a grid of GRIB 1 is none: its numbers are those of waves
_MISSING = 1e37  # beyond what the grid takes for a number
_LEVELS = {
    "isobaricInhPa": "hPa", "isobaricInPa": "Pa", "heightAboveGround": "m above ground", "hybrid": "(model level)",
    "heightAboveSea": "m above sea", "depthBelowLand": "m below ground", "potentialVorticity": "PVU",
}  # fmt: skip


def describe(file: WatchedFile) -> TileInfo:
    """Return parameter, level, time and place of the first message; see `Format.describe`."""
    place = _first(file)
    with _handle(_header(file, place)) as message:
        info = grid_info.describe(_dataset(message))
        details: dict[str, Any] = {**info.details, "valid at": _time(message), "grid": _text(message, "gridType")}
    details["file"] = (
        "one message" if place + _length(file, place) >= file.size else "several messages, the first shown"
    )
    return replace(info, details=details)


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:
    """Return the field of the first message, or of the first of a variable; see `Format.preview`."""
    from s3magic.formats import grid_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    place = _first(file) if look.var is None else _search(file, look.var)
    with _handle(file.read_at(place, _length(file, place))) as message:
        if not grib_grid.is_drawable(message):
            raise UnreadableFormat(
                f"Not drawn: {file.name} lies on a grid of the type {_text(message, 'gridType')}",
                "Its numbers stand for no rows and columns; cfgrib or iris-grib can load it.",
            )
        return grid_picture.draw(_dataset(message), size=size, name=file.name, look=replace(look, var=None))


def _first(file: WatchedFile) -> int:
    place = file.read_at(0, min(_SEARCHED, file.size)).find(_MARK)
    if place < 0:
        raise ValueError("it does not begin as GRIB files do")
    return place


def _search(file: WatchedFile, name: str) -> int:
    """Return where the first message of a variable begins, among the first of the file."""
    place, met = _first(file), []
    for _ in range(_MOST_MESSAGES):
        with _handle(_header(file, place)) as message:
            names = [_text(message, key) for key in ("shortName", "cfName", "name", "cfVarName")]
        if name in names:
            return place
        if names[0] not in met:
            met.append(names[0])
        place += _length(file, place)
        if place + 8 > file.size or file.read_at(place, 4) != _MARK:
            break
    raise InvalidInput(f"No variable {name} in {file.name}: its first messages are of {', '.join(met)}")


def _length(file: WatchedFile, place: int) -> int:
    """Return the bytes of a message."""
    head = file.read_at(place, 8)
    if head[7] == 1:
        length = int.from_bytes(head[4:7], "big")
    elif head[7] == 2:
        length = int.from_bytes(file.read_at(place + 8, 8), "big")
    else:
        raise ValueError(f"edition {head[7]} of GRIB is not known")
    if length < 16:
        raise ValueError("a message of a few bytes cannot be true")
    if place + length > file.size:
        raise UnreadableFormat(
            f"Cut short: {file.name} has {file.size} bytes, its message needs {place + length}",
            "Copy or upload the file again; its end is missing.",
        )
    return length


def _header(file: WatchedFile, place: int) -> bytes:
    """Return a short message with the same header, whose numbers are all 0: a fraction of the bytes tells as much."""
    head = file.read_at(place, 8)
    _length(file, place)
    if head[7] == 1:
        return _header_1(file, place)
    at, kept, points = place + 16, b"", b"\0\0\0\0"
    while True:
        length, number = struct.unpack(">IB", file.read_at(at, 5))
        if number >= 5:
            break
        if not 5 <= length <= _LARGEST_SECTION:
            raise ValueError(f"a section of {length} bytes cannot be true")
        section = file.read_at(at, length)
        points = section[6:10] if number == 3 else points
        kept += section
        at += length
    kept += struct.pack(">IB4sHfHHBB", 21, 5, points, 0, 0.0, 0, 0, 0, 0)
    kept += struct.pack(">IBB", 6, 6, 255) + struct.pack(">IB", 5, 7) + _END
    return head + struct.pack(">Q", 16 + len(kept)) + kept


def _header_1(file: WatchedFile, place: int) -> bytes:
    at = place + 8
    product = bytearray(file.read_at(at, int.from_bytes(file.read_at(at, 3), "big")))
    at += len(product)
    if not product[7] & 0x80:
        raise ValueError("its grid is one of a catalogue, not told in the file")
    product[7] &= 0x80  # no bitmap
    grid_ = file.read_at(at, int.from_bytes(file.read_at(at, 3), "big"))
    if grid_[5] >= _SPECTRAL:
        return file.read_at(place, _length(file, place))
    kept = bytes(product) + grid_ + (12).to_bytes(3, "big") + bytes(9) + _END
    return _MARK + (8 + len(kept)).to_bytes(3, "big") + b"\1" + kept


@contextmanager
def _handle(message: bytes) -> Iterator[int]:
    handle = eccodes.codes_new_from_message(message)
    if handle is None:
        raise ValueError("its first message is broken")
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


def _dataset(message: int) -> Dataset:
    place = grib_grid.place(message)

    def read(index: Index) -> NDArray[Any]:
        if eccodes.codes_get_size(message, "values") > grib_grid.MOST_CELLS:
            raise ValueError("it says it holds more numbers than can be true")
        eccodes.codes_set(message, "missingValue", _MISSING)
        return np.asarray(grib_grid.arranged(message, np.asarray(eccodes.codes_get_values(message)))[index])

    name, level = _text(message, "name"), _level(message)
    is_told = not level or level.partition(" ")[0] == name.partition(" ")[0]  # such as 2 metre temperature
    attributes: dict[str, Any] = {"long_name": name if is_told else f"{name}, {level}", **place.attributes}
    for key, word in (("units", "units"), ("cfName", "standard_name")):
        if (said := _text(message, key)) and said != "unknown":
            attributes[word] = said
    short = _text(message, "shortName")
    variable = short if short not in ("", "unknown") else "field"
    main = Variable(variable, place.dimensions, place.shape, np.dtype(float), attributes, read)
    return Dataset(f"grib-{_text(message, 'edition')}", (main, *place.coordinates), {})


def _level(message: int) -> str:
    kind = _text(message, "typeOfLevel")
    return f"{_text(message, 'level')} {_LEVELS[kind]}" if kind in _LEVELS else ""


def _time(message: int) -> str:
    day, time = _text(message, "validityDate"), _text(message, "validityTime").zfill(4)
    return f"{day[:4]}-{day[4:6]}-{day[6:8]} {time[:2]}:{time[2:]}" if len(day) == 8 else ""


def _text(message: int, key: str) -> str:
    """Return what a message says under a key; nothing where it says nothing."""
    try:
        return str(eccodes.codes_get_string(message, key))
    except eccodes.CodesInternalError:
        return ""
