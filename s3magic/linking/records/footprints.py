"""Where tiles lie on Earth: GeoJSON, tests against a box, and a small drawing; longitudes in degrees."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.linking.records.manifest import Box, LinkedTile

_DRAWN = 2000  # rectangles in one drawing; of more nobody sees where one ends


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
    """Return the footprints as a small SVG, in the colour of the text; empty when no place is known.

    The tiles are walked through twice. Where they are very many the ground that they cover is drawn.
    """
    plain, shifted = _Frame(), _Frame()
    for box in _boxes(tiles):
        plain.take(box)
        shifted.take(_shift(box))
    if not plain.count:
        return ""
    is_shifted = shifted.east - shifted.west < plain.east - plain.west
    frame = shifted if is_shifted else plain
    west, south, east, north = frame.west, frame.south, frame.east, frame.north
    squeeze = max(math.cos(math.radians((south + north) / 2)), 0.05)
    scale = min((width - 8) / max((east - west) * squeeze, 1e-9), (height - 8) / max(north - south, 1e-9))
    left = (width - (east - west) * squeeze * scale) / 2
    top = (height - (north - south) * scale) / 2
    rectangles = (
        (
            left + (w - west) * squeeze * scale,
            top + (north - n) * scale,
            max((e - w) * squeeze * scale, 0.5),
            max((n - s) * scale, 0.5),
        )
        for w, s, e, n in (_shift(box) if is_shifted else box for box in _boxes(tiles))
    )
    shapes = _ground(rectangles) if frame.count > _DRAWN else sorted({_shape(*one) for one in rectangles})
    line = ' stroke="currentColor" stroke-width=".8"' if frame.count <= _DRAWN else ""
    label = f"Footprints between {west:.4g}, {south:.4g} and {east:.4g}, {north:.4g} degrees"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{label}</title>"
        f'<path d="{"".join(shapes)}" fill="currentColor" fill-opacity="{".15" if line else ".3"}"{line}/></svg>'
    )


@dataclass(slots=True)
class _Frame:
    """What boxes span, and how many there are."""

    west: float = math.inf
    south: float = math.inf
    east: float = -math.inf
    north: float = -math.inf
    count: int = 0

    def take(self, box: Box) -> None:
        self.west, self.south = min(self.west, box[0]), min(self.south, box[1])
        self.east, self.north = max(self.east, box[2]), max(self.north, box[3])
        self.count += 1


def _boxes(tiles: Iterable[LinkedTile]) -> Iterator[Box]:
    return (piece for tile in tiles if tile.crs84_extent for piece in pieces(tile.crs84_extent))


def _shape(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def _ground(rectangles: Iterable[tuple[float, float, float, float]]) -> Iterator[str]:
    """Yield a shape for each run of pixels that rectangles cover, row by row."""
    covered: set[tuple[int, int]] = set()
    for x, y, width, height in rectangles:
        across = range(int(x), max(int(x), math.ceil(x + width) - 1) + 1)
        rows = range(int(y), max(int(y), math.ceil(y + height) - 1) + 1)
        covered.update((row, column) for row in rows for column in across)
    for row, cells in groupby(sorted(covered), key=itemgetter(0)):
        for _, run in groupby(enumerate(column for _, column in cells), key=lambda one: one[1] - one[0]):
            columns = [column for _, column in run]
            yield _shape(columns[0], row, len(columns), 1)


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


def _no_box(box: object) -> InvalidInput:
    return InvalidInput(f"Not a box: {box!r}", "Give four degrees: west, south, east, north; for example 5,47,15,55.")
