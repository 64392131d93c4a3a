"""A linked dataset as an object: its tiles, where they lie, how they stand; composes the verbs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import Any

from s3magic.access import current
from s3magic.errors import LinkError
from s3magic.html import Markup, bytes_text, card
from s3magic.linking import clone, footprints, sharing
from s3magic.linking.changes import Changes
from s3magic.linking.clone import Clone
from s3magic.linking.fetch import FetchReport, fetch
from s3magic.linking.folder import Folder
from s3magic.linking.local import Local, quick_state
from s3magic.linking.manifest import DatasetInfo, LinkedTile, crs_name
from s3magic.linking.plan import LinkPlan
from s3magic.linking.sharing import Sharing
from s3magic.linking.status import StatusReport, status
from s3magic.store.base import StoreOpener


class LinkedDataset:
    """A folder of linked tiles.

    Parameters
    ----------
    path
        The folder.
    opener
        Gives the store of a URL; the connection in use does when None. Only `status` and `fetch` ask S3.
    plan, changes
        What an add was going to do and what it did, where this is its result.

    Examples
    --------
    >>> dataset = LinkedDataset("tiles")  # doctest: +SKIP
    >>> dataset.fetch(bbox=(174, -37, 175, -36))  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        opener: StoreOpener | None = None,
        plan: LinkPlan | None = None,
        changes: Changes | None = None,
    ) -> None:
        self.plan = plan
        self.changes = changes
        self._folder = Folder(Path(path))
        self._opener: StoreOpener = opener or current.open_store
        if not self._folder.is_dataset:
            raise LinkError(f"No linked tiles in {self.path}", "Link some with %s3link add URL DIR.")

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def info(self) -> DatasetInfo:
        """What holds for all tiles: type, sources, CRS, schema."""
        return self._folder.info()

    @property
    def tiles(self) -> tuple[LinkedTile, ...]:
        """The tiles, sorted by name, as the manifest has them now."""
        return self._folder.tiles()

    def footprints(self) -> dict[str, Any]:
        """Return where the tiles lie, as a GeoJSON FeatureCollection."""
        return footprints.collection(self.tiles)

    def status(self, *, executor: Executor | None = None) -> StatusReport:
        """Return how each tile stands, on S3 and here; see `TileStatus`."""
        return status(self._folder, opener=self._opener, executor=executor)

    def fetch(
        self, *, match: str | None = None, bbox: Sequence[float] | None = None, executor: Executor | None = None
    ) -> FetchReport:
        """Bring the tiles that are not here yet.

        Parameters
        ----------
        match
            A pattern that the names must fit, such as ``"*_12_*.laz"``.
        bbox
            ``(west, south, east, north)`` in degrees that the tiles must touch.
        executor
            Where to work; threads of this process when None.

        Raises
        ------
        TilesFailed
            Some tiles failed, the others are here.
        LinkError
            There is no room on the disk, or nothing is chosen.
        """
        return fetch(self._folder, opener=self._opener, match=match, bbox=bbox, executor=executor)

    @property
    def sharing(self) -> Sharing:
        """How git carries the links from clone to clone, and what there is to do about it."""
        return sharing.look(self.path)

    def install(self) -> Clone:
        """Let ``git lfs pull`` bring the tiles to this clone, and git refuse edits of them at commit.

        Raises
        ------
        LinkError
            The dataset is in no repository, or in one that has git-lfs content of its own, as
            ordinary copies are.
        MissingProgram
            git-lfs is not installed.
        """
        return clone.install(self.path)

    def uninstall(self) -> Clone:
        """Take back what `install` set in this clone; files stay."""
        return clone.uninstall(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        tiles = self.tiles
        count = sum(not tile.is_sidecar for tile in tiles)
        return f"<LinkedDataset {str(self.path)!r}: {count} {self.info.type} tiles, {_sizes(tiles)}>"

    def _repr_html_(self) -> str:
        tiles, info = self.tiles, self.info
        formats = Counter(tile.format for tile in tiles if not tile.is_sidecar)
        here = Counter(quick_state(self._folder.place(tile.name), tile) for tile in tiles)
        unhashed = sum(tile.oid is None for tile in tiles)
        points = sum(tile.point_count or 0 for tile in tiles)
        rows: list[tuple[str, object]] = [
            ("tiles", f"{formats.total()} ({', '.join(f'{count} {name}' for name, count in sorted(formats.items()))})"),
            *([("sidecars", len(tiles) - formats.total())] if len(tiles) > formats.total() else []),
            *([("this run", str(self.changes))] if self.changes else []),
            ("size", _sizes(tiles)),
            *([("points", f"{points:,}")] if points else []),
            *([("CRS", crs_name(info.crs))] if info.type != "file" else []),
            ("here", ", ".join(f"{here[state]} {word}" for state, word in _HERE.items() if here[state])),
            *([("unhashed", f"{unhashed}, filled in when fetched")] if unhashed else []),
            ("from", ", ".join(info.sources)),
            *([("git", hint)] if not info.imported and (hint := self.sharing.hint) else []),
        ]
        title = "Ordinary copies" if info.imported else "Linked tiles"
        return card(f"{title}: {self.path}", rows, Markup(footprints.drawing(tiles)))


_HERE: dict[Local, str] = {
    "file": "files",
    "pointer": "pointers",
    "absent": "not yet",
    "modified": "changed by somebody",
}


def _sizes(tiles: Sequence[LinkedTile]) -> str:
    return bytes_text(sum(tile.size for tile in tiles))
