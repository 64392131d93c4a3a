"""Choosing tiles by name and place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s3magic.errors import LinkError
from s3magic.linking import footprints
from s3magic.linking.manifest import LinkedTile
from s3magic.url import matches


def select(
    tiles: Iterable[LinkedTile], *, match: str | None = None, bbox: Sequence[float] | None = None
) -> list[LinkedTile]:
    """Return the tiles whose name fits a pattern and that touch ``(west, south, east, north)``.

    A tile of unknown place touches no box. Raises `LinkError` when none is chosen.
    """
    box = footprints.check_box(bbox) if bbox is not None else None
    chosen = [
        tile
        for tile in tiles
        if (match is None or matches(match, tile.name)) and (box is None or footprints.overlaps(tile.crs84_extent, box))
    ]
    if not chosen and (match is not None or box is not None):
        raise LinkError("No tile is chosen by that name or box", "The dataset's .tiles shows names and extents.")
    return chosen
