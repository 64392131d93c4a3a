"""The sidecar GDAL writes beside a raster (``.aux.xml``): CRS and place that the raster itself lacks; no statistics.

Layout: GDAL's Persistent Auxiliary Metadata, gdalpam.
"""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

from s3magic.errors import UnreadableFormat
from s3magic.formats.base import Extent, TileInfo, numbers

MOST = 4 << 20  # bytes: tables of attributes make some sidecars long


def complete(raster: TileInfo, sidecar: bytes, name: str = "the sidecar") -> TileInfo:
    """Return a raster's description with what its sidecar knows and it does not: CRS and place.

    Raises `UnreadableFormat` when the sidecar is no XML.
    """
    from s3magic.formats.crs import crs84_extent, crs_name  # noqa: PLC0415 - costs pyproj

    try:
        root = ElementTree.fromstring(sidecar)  # noqa: S314 - expat bounds entities itself
    except ElementTree.ParseError as error:
        raise UnreadableFormat(f"Not readable as a sidecar of GDAL: {name}", f"It is no XML ({error}).") from error
    crs = raster.crs or (root.findtext("SRS") or "").strip() or None
    bounds = raster.bounds or _bounds(root.findtext("GeoTransform") or "", raster.dimensions)
    if (crs, bounds) == (raster.crs, raster.bounds):
        return raster
    return replace(
        raster,
        format="geotiff" if raster.format == "tiff" else raster.format,
        crs=crs,
        bounds=bounds,
        native_extent=numbers(bounds[0], bounds[2], bounds[1], bounds[3]) if bounds else None,
        crs84_extent=crs84_extent(crs, bounds),
        details={**raster.details, **({"CRS": crs_name(crs)} if crs else {})},
    )


def _bounds(text: str, dimensions: str | None) -> Extent | None:
    """Return the bounds of an image from GDAL's six numbers; None where they are none."""
    try:
        x, a, b, y, d, e = (float(part) for part in text.split(","))
        width, height = (int(part) for part in str(dimensions).split("x"))
    except ValueError:
        return None
    corners = [(x + a * i + b * j, y + d * i + e * j) for i in (0, width) for j in (0, height)]
    xs, ys = zip(*corners, strict=True)
    bounds = (min(xs), min(ys), max(xs), max(ys))
    return bounds if all(map(math.isfinite, bounds)) else None
