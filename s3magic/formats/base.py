"""What every format is asked and answers: a look, a description, a picture; decodes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, Protocol

from s3magic.errors import InvalidInput

Kind = Literal["point-cloud", "raster", "grid", "picture", "table", "video", "file"]
Source = Literal["exif", "overview", "slice", "points", "head", "frame", "whole"]
Extent = tuple[float, float, float, float]
StackAxis = Literal["time", "level"]
STACK_AXES: tuple[StackAxis, ...] = ("time", "level")
"""The axes of which a picture shows one place."""

GRID_HEADER = 64 << 10
"""Bytes in which most grids have all that is said of their variables: they are read first."""


@dataclass(frozen=True, slots=True)
class TileInfo:
    """What a file says of itself, read from its first bytes.

    Parameters
    ----------
    kind
        ``"point-cloud"``, ``"raster"``, ``"grid"``, ``"picture"``, ``"table"``, ``"video"`` or
        ``"file"``.
    format
        The format and its version: ``"laz-1.4/copc-1.0"``, ``"geotiff/cog"``, ``"netcdf-4"`` …
    crs
        The coordinate reference system as WKT: the file's own text where it holds one.
    crs84_extent
        ``(west, south, east, north)`` in degrees, 7 decimals; west is greater than east where the
        tile crosses the antimeridian.
    native_extent
        ``"minx,maxx,miny,maxy"`` in the CRS of the file, and ``",minz,maxz"`` for point clouds.
    bounds
        ``(minx, miny, maxx, maxy)`` in the CRS of the file.
    point_count
        Points of a point cloud.
    dimensions
        ``"WIDTHxHEIGHT"`` in pixels of a raster or picture.
    schema
        JSON types that are equal for tiles that fit together: the fields of a point, the bands of
        a raster, the variables of a grid.
    details
        More for people to read, by name.
    """

    kind: Kind
    format: str
    crs: str | None = None
    crs84_extent: Extent | None = None
    native_extent: str | None = None
    bounds: Extent | None = None
    point_count: int | None = None
    dimensions: str | None = None
    schema: Any = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return all fields as JSON types."""
        return {
            "kind": self.kind,
            "format": self.format,
            "crs": self.crs,
            "crs84_extent": list(self.crs84_extent) if self.crs84_extent else None,
            "native_extent": self.native_extent,
            "bounds": list(self.bounds) if self.bounds else None,
            "point_count": self.point_count,
            "dimensions": self.dimensions,
            "schema": self.schema,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Look:
    """What of a file its preview shows, where it holds more than one thing to see; formats take what they know.

    Parameters
    ----------
    var
        Name of a variable; the one that says most when None.
    time, level
        Place along the axis of times or of levels, counted from 0, from the end where negative.
    bands
        Numbers of three bands for red, green and blue, or of one, counted from 1.
    whole
        Whether to make it from all of a photograph, though it holds a small one.

    Raises
    ------
    InvalidInput
        When no file could have such bands.
    """

    var: str | None = None
    time: int | None = None
    level: int | None = None
    bands: tuple[int, ...] | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if self.bands is not None and (len(self.bands) not in (1, 3) or min(self.bands) < 1):
            raise InvalidInput(
                f"Bands cannot be {', '.join(map(str, self.bands)) or 'none'}",
                "Give three for red, green and blue, such as 4,3,2, or one; the first band is 1.",
            )

    def chosen(self, count: int, name: str, *, word: str = "band") -> list[int] | None:
        """Return which of so many bands are looked for, counted from 0; None where none is.

        Raises `InvalidInput` where ``name`` has no such band; the message tells how many there are.
        """
        if self.bands is None:
            return None
        if max(self.bands) > count:
            there = f"{word}s 1 to {count}" if count > 1 else "but one"
            raise InvalidInput(f"No {word} {max(self.bands)} in {name}: it has {there}")
        return [band - 1 for band in self.bands]

    def place(self, axis: StackAxis, count: int, name: str) -> int | None:
        """Return the place along an axis that is looked for, counted from 0; None where none is.

        Raises `InvalidInput` where ``name`` has no such place; the message tells how many there are.
        """
        wanted = self.time if axis == "time" else self.level
        if wanted is None:
            return None
        if not -count <= wanted < count:
            there = f"{count} of them, 0 to {count - 1}" if count > 1 else "but one"
            raise InvalidInput(f"No {axis} {wanted} in {name}: it has {there}")
        return wanted % count

    def to_json(self) -> dict[str, object]:
        """Return all fields as JSON types."""
        bands = None if self.bands is None else list(self.bands)
        return {"var": self.var, "time": self.time, "level": self.level, "bands": bands, "whole": self.whole}


PLAIN = Look()
"""A look with no wishes."""


@dataclass(frozen=True, slots=True)
class Field:
    """What the colours of a picture of numbers stand for, so that pictures of one quantity can share a scale.

    Such a picture is a PNG with a palette (see `s3magic.formats.colours`), so it can be coloured
    anew without reading the file again.

    Parameters
    ----------
    quantity
        Equal for fields that can be compared; what it says is not shown.
    title, units
        What people call it, and its units, empty where it has none.
    minimum, maximum
        The least and the greatest value in the picture.
    low, high
        Where its own colours begin and end: percentiles, so that an odd value does not rule them.
    signed
        Whether it is a deviation of two signs, drawn in colours that part at 0.
    """

    quantity: str
    title: str
    units: str
    minimum: float
    low: float
    high: float
    maximum: float
    signed: bool = False

    def to_json(self) -> dict[str, object]:
        """Return all fields as JSON types."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of a file.

    Parameters
    ----------
    image
        The encoded picture, ``width`` x ``height`` pixels, of the type ``media_type``.
    caption
        One line that says what is seen: variable, shape and units, or the size of the original.
    source
        What it was made from: ``"exif"``, ``"overview"``, ``"slice"``, ``"points"``, ``"head"`` of a
        table, ``"frame"`` of a video, or ``"whole"``.
    field
        What its colours stand for, where they stand for numbers.
    """

    image: bytes
    media_type: str
    width: int
    height: int
    caption: str
    source: Source
    field: Field | None = None

    def to_json(self) -> dict[str, object]:
        """Return the public fields as JSON types, the picture itself left out."""
        return {
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "caption": self.caption,
            "source": self.source,
            "field": None if self.field is None else self.field.to_json(),
        }


class Folder(Protocol):
    """Many files that are one thing, such as a Zarr: what lies below a prefix, read file by file."""

    @property
    def name(self) -> str:
        """The folder's own name, without what lies above it."""
        ...

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """Return the bytes of a file between two places; None where there is no such file.

        A negative ``start`` counts from the file's end.
        """
        ...

    def names(self, path: str = "") -> list[str]:
        """Return what lies directly below a path that is empty or ends in ``/``; folders end in ``/`` too."""
        ...


class Format(Protocol):
    """One format.

    Both methods take a seekable binary file, read as little of it as they can, and raise only
    `UnreadableFormat` for a broken file and `MissingLibrary` for a missing extra; what the file
    itself raises while it is read comes through unchanged.
    """

    @property
    def name(self) -> str:
        """What people call the format."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings of its file names, in lower case, with the dot."""
        ...

    @property
    def is_folder(self) -> bool:
        """Whether many files are one thing of it: then a `Folder` is given in place of a file."""
        ...

    def describe(self, file: BinaryIO, *, placed: bool = True) -> TileInfo:
        """Return what the file says of itself.

        With ``placed=False`` its extent in degrees may be left out where CRS and bounds tell it:
        who describes thousands of files asks for those of many at once (`crs.crs84_extents`).
        """
        ...

    def preview(self, file: BinaryIO, *, size: int = 160, look: Look = PLAIN) -> Preview:
        """Return a picture of at most ``size`` x ``size`` pixels.

        Raises `InvalidInput`, naming what there is, where the file has not what is looked for.
        """
        ...


def numbers(*values: float) -> str:
    """Return numbers joined by commas, each as the shortest text that reads back the same."""
    return ",".join(repr(float(value)) for value in values)
