"""Leading a dataset to where its objects were moved: looked at first, recorded only when all of them are right."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from s3magic.errors import InvalidInput, LinkError, NotFound
from s3magic.harvest import gather, reason
from s3magic.html import card
from s3magic.linking.adding.describe import time_text
from s3magic.linking.contents.standing import agreements, differences
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.redirects import redirected, with_redirect
from s3magic.progress import meter
from s3magic.store.base import StoreOpener
from s3magic.url import S3Url

_LISTED = 10


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a redirect did.

    Parameters
    ----------
    old, new
        The beginning of URLs that gives way, and the one that takes its place.
    moved
        Names of the tiles that are asked for at the new place from now on.
    """

    old: str
    new: str
    moved: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"old": self.old, "new": self.new, "moved": list(self.moved)}

    def __repr__(self) -> str:
        return f"<{len(self.moved)} tiles are asked for at {self.new} instead of {self.old}>"

    def _repr_html_(self) -> str:
        rows = [("from", self.old), ("to", self.new), ("tiles", len(self.moved))]
        return card("Tiles redirected", rows)


def redirect(
    folder: Folder, old: S3Url | str, new: S3Url | str, *, opener: StoreOpener, executor: Executor | None = None
) -> Redirect:
    """Ask for tiles at another place from now on, once each has been found there with the linked content.

    The URLs of tiles stay as they were linked; ``dataset.json`` records the way, and the pins are
    those of the new objects.

    Raises
    ------
    LinkError
        No tile is at the old place, or one is not at the new place as it was linked; nothing changed.
    """
    start, end = _beginning(old), _beginning(new)
    if start == end:
        raise InvalidInput(f"The old place and the new one are the same: {start}", "Name where the objects are now.")
    with folder.writing():
        info, known = folder.info(), folder.tiles()
        redirects = with_redirect(info.redirects, start, end)
        there = {tile.name: redirected(replace(tile, moved=None), redirects) for tile in known}
        moving = [there[tile.name] for tile in known if there[tile.name].source != tile.source]
        if not moving:
            raise LinkError(f"No tile of {folder.path} is at {start}", "The dataset's .tiles shows their URLs.")
        with meter("Looking at the new place", len(moving)) as bar:
            harvest = gather(
                partial(_find, opener=opener), moving, executor=executor, on_value=lambda _tile, _value: bar(1)
            )
        harvest.raise_stop()
        if harvest.failures:
            ordered = sorted(harvest.failures, key=lambda failure: failure[0])
            listed = "; ".join(f"{name}: {reason(error)}" for name, error in ordered[:_LISTED])
            more = f"; and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
            raise LinkError(
                f"{len(ordered)} of {len(moving)} tiles are not at {end} as they were linked: {listed}{more}",
                "Nothing was changed. Copy them there, or lead only a folder of them there.",
            )
        folder.replace(replace(info, redirects=redirects), harvest.values)
    return Redirect(start, end, tuple(sorted(tile.name for tile in harvest.values)))


def _beginning(url: S3Url | str) -> str:
    """Return the beginning of URLs that a bucket or folder stands for."""
    parsed = S3Url.parse(url)
    if parsed.is_pattern or parsed.version_id:
        raise InvalidInput(f"Not a bucket or folder: {parsed}", "A redirect leads from s3://old/folder/ to another.")
    return str(parsed if parsed.is_prefix else parsed.with_key(f"{parsed.key}/"))


def _find(tile: LinkedTile, *, opener: StoreOpener) -> LinkedTile:
    """Return a tile with the pins of the object at its new place; raise `LinkError` when that is another."""
    try:
        info = opener(tile.source).head(tile.source.key)
    except NotFound:
        raise LinkError(f"nothing is named {tile.source}", "") from None
    if not agreements(tile, info):
        raise LinkError(differences(tile, info) or "neither its ETag nor a checksum agrees", "")
    return replace(
        tile,
        etag=info.etag,
        version_id=info.version_id,
        crc64nvme=info.checksums.get("CRC64NVME") or tile.crc64nvme,
        last_modified=time_text(info.last_modified),
    )
