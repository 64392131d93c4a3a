"""What every format answers: a description and a picture; decodes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, Protocol

Kind = Literal["point-cloud", "raster", "grid", "picture", "table", "file"]
Source = Literal["exif", "overview", "slice", "points", "whole"]
Extent = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TileInfo:
    """What a file says of itself, read from its first bytes.

    Parameters
    ----------
    kind
        ``"point-cloud"``, ``"raster"``, ``"grid"``, ``"picture"``, ``"table"`` or ``"file"``.
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
class Preview:
    """A small picture of a file.

    Parameters
    ----------
    image
        The encoded picture, ``width`` x ``height`` pixels, of the type ``media_type``.
    caption
        One line that says what is seen: variable, shape and units, or the size of the original.
    source
        What it was made from: ``"exif"``, ``"overview"``, ``"slice"``, ``"points"`` or ``"whole"``.
    """

    image: bytes
    media_type: str
    width: int
    height: int
    caption: str
    source: Source

    def to_json(self) -> dict[str, object]:
        """Return the public fields as JSON types, the picture itself left out."""
        return {
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "caption": self.caption,
            "source": self.source,
        }


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

    def describe(self, file: BinaryIO) -> TileInfo:
        """Return what the file says of itself."""
        ...

    def preview(self, file: BinaryIO, *, size: int = 160) -> Preview:
        """Return a picture of at most ``size`` x ``size`` pixels."""
        ...


def numbers(*values: float) -> str:
    """Return numbers joined by commas, each as the shortest text that reads back the same."""
    return ",".join(repr(float(value)) for value in values)
