"""Choosing tiles by name and place."""

from __future__ import annotations

from collections.abc import Sequence

from s3magic.errors import LinkError
from s3magic.linking.records import footprints
from s3magic.linking.records.manifest import LinkedTile
from s3magic.url import fits


def select(
    tiles: Sequence[LinkedTile], *, match: str | None = None, bbox: Sequence[float] | None = None
) -> Sequence[LinkedTile]:
    """Return the tiles whose name fits a pattern and that touch ``(west, south, east, north)``, with their sidecars.

    A tile of unknown place touches no box. Raises `LinkError` when none is chosen.
    """
    box = footprints.check_box(bbox) if bbox is not None else None
    if match is None and box is None:
        return tiles
    chosen = {
        tile.name: tile
        for tile in tiles
        if (match is None or fits(match, tile.name)) and (box is None or footprints.overlaps(tile.crs84_extent, box))
    }
    if not chosen:
        words = [f"the name {match}"] * (match is not None) + ["that box"] * (box is not None)
        raise LinkError(f"No tile is chosen by {' and '.join(words)}", "The dataset's .tiles shows names and extents.")
    along = {name for tile in chosen.values() for name in tile.sidecars}
    return [tile for tile in tiles if tile.name in chosen or tile.name in along]
