"""Where tiles lie on Earth: GeoJSON, tests against a box, and a small drawing; longitudes in degrees."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.linking.manifest import Box, LinkedTile

_DRAWN = 5000  # rectangles in one drawing; more say nothing more


def collection(tiles: Iterable[LinkedTile]) -> dict[str, Any]:
    """Return the footprints as a GeoJSON FeatureCollection (RFC 7946, CRS84).

    A tile across the antimeridian is a MultiPolygon cut there; one of unknown place has a null
    geometry. Sidecars have no footprint of their own.
    """
    return {"type": "FeatureCollection", "features": [_feature(tile) for tile in tiles if not tile.is_sidecar]}


def check_box(box: Sequence[float]) -> Box:
    """Return ``(west, south, east, north)`` as floats; raise `InvalidInput` when it is no box."""
    try:
        west, south, east, north = (float(number) for number in box)
    except (TypeError, ValueError):
        raise _no_box(box) from None
    if not all(map(math.isfinite, (west, south, east, north))) or south > north or abs(south) > 90 or abs(north) > 90:
        raise _no_box(box)
    return west, south, east, north


def overlaps(extent: Box | None, box: Box) -> bool:
    """Tell whether a footprint touches a box; either may cross the antimeridian. Unknown places do not."""
    if extent is None:
        return False
    return any(
        west <= other_east and other_west <= east and south <= other_north and other_south <= north
        for west, south, east, north in pieces(extent)
        for other_west, other_south, other_east, other_north in pieces(box)
    )


def pieces(extent: Box) -> list[Box]:
    """Cut an extent at the antimeridian into boxes within ±180°; longitudes up to 360° are understood."""
    west, south, east, north = extent
    if east - west >= 360:
        return [(-180.0, south, 180.0, north)]
    west, east = _longitude(west), _longitude(east)
    if west <= east:
        return [(west, south, east, north)]
    if east == -180:
        return [(west, south, 180.0, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def drawing(tiles: Iterable[LinkedTile], *, width: int = 240, height: int = 160) -> str:
    """Return the footprints as a small SVG, in the colour of the text; empty when no place is known."""
    boxes = [piece for tile in tiles if tile.crs84_extent for piece in pieces(tile.crs84_extent)]
    if not boxes:
        return ""
    if _span(shifted := [_shift(box) for box in boxes]) < _span(boxes):
        boxes = shifted
    west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
    east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
    squeeze = max(math.cos(math.radians((south + north) / 2)), 0.05)
    scale = min((width - 8) / max((east - west) * squeeze, 1e-9), (height - 8) / max(north - south, 1e-9))
    left = (width - (east - west) * squeeze * scale) / 2
    top = (height - (north - south) * scale) / 2
    shapes = {
        f"M{left + (w - west) * squeeze * scale:.1f} {top + (north - n) * scale:.1f}"
        f"h{max((e - w) * squeeze * scale, 0.5):.1f}v{max((n - s) * scale, 0.5):.1f}"
        f"h-{max((e - w) * squeeze * scale, 0.5):.1f}z"
        for w, s, e, n in boxes
    }
    path = "".join(sorted(shapes)[:_DRAWN])
    label = f"Footprints between {west:.4g}, {south:.4g} and {east:.4g}, {north:.4g} degrees"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{label}</title>"
        f'<path d="{path}" fill="currentColor" fill-opacity=".15" stroke="currentColor" stroke-width=".8"/></svg>'
    )


def _feature(tile: LinkedTile) -> dict[str, Any]:
    properties = {
        "name": tile.name,
        "url": tile.url,
        "size": tile.size,
        "format": tile.format,
        "oid": tile.oid,
        "pointCount": tile.point_count,
        "dimensions": tile.dimensions,
    }
    return {
        "type": "Feature",
        "id": tile.name,
        "geometry": _geometry(tile.crs84_extent) if tile.crs84_extent else None,
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def _geometry(extent: Box) -> dict[str, Any]:
    rings = [[[[w, s], [e, s], [e, n], [w, n], [w, s]]] for w, s, e, n in pieces(extent)]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _longitude(degrees: float) -> float:
    return degrees if -180 <= degrees <= 180 else (degrees + 180) % 360 - 180


def _shift(box: Box) -> Box:
    """Move a box of the western half to the east, so that what meets at ±180° hangs together."""
    west, south, east, north = box
    return (west + 360, south, east + 360, north) if west < 0 else box


def _span(boxes: Sequence[Box]) -> float:
    return max(box[2] for box in boxes) - min(box[0] for box in boxes)


def _no_box(box: object) -> InvalidInput:
    return InvalidInput(f"Not a box: {box!r}", "Give four degrees: west, south, east, north; for example 5,47,15,55.")
