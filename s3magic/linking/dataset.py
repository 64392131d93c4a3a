"""A linked dataset as an object: its tiles, where they lie, how they stand; composes the verbs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import Any

from s3magic.access import current
from s3magic.errors import LinkError
from s3magic.html import Markup, bytes_text, card, counted
from s3magic.linking import opened
from s3magic.linking.adding.order import READ_LIMIT
from s3magic.linking.adding.plan import LinkPlan
from s3magic.linking.diff import DiffReport, against_s3, between
from s3magic.linking.fetch import FetchReport, fetch
from s3magic.linking.gc import GcReport, gc
from s3magic.linking.git import clone, sharing
from s3magic.linking.git.clone import Clone
from s3magic.linking.git.sharing import Sharing
from s3magic.linking.records import footprints
from s3magic.linking.records.changes import Changes
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import Local, quick_state
from s3magic.linking.records.manifest import DatasetInfo, LinkedTile, crs_name
from s3magic.linking.redirect import Redirect, redirect
from s3magic.linking.status import StatusReport, status
from s3magic.linking.update import update
from s3magic.linking.verify import VerifyReport, verify
from s3magic.store.base import StoreOpener
from s3magic.url import S3Url

_LISTED = 5


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
            raise LinkError(f"No linked tiles in {self.path}", self._elsewhere())
        opened.note(self.path)

    def _elsewhere(self) -> str:
        """Return where linked tiles are, if not here."""
        below = sorted(found.parent.parent.name for found in self.path.glob("*/.s3link/dataset.json"))
        if not below:
            return "Link some with %s3link add URL DIR."
        more = f" and {len(below) - _LISTED} more" if len(below) > _LISTED else ""
        return f"Name one of its sub-folders: {', '.join(below[:_LISTED])}{more}."

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def info(self) -> DatasetInfo:
        """What holds for all tiles: type, sources, CRS, schema."""
        return self._folder.info()

    @property
    def tiles(self) -> Sequence[LinkedTile]:
        """The tiles, sorted by name, as the manifest has them now; held packed, so that very many are no burden."""
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

    def update(
        self,
        *,
        hash: str = "auto",  # noqa: A002 - the public word
        read_limit: int = READ_LIMIT,
        executor: Executor | None = None,
    ) -> Changes:
        """Link what the sources name now, chosen as it was then; only what changed is read.

        Tiles that stand here as files and changed are fetched anew. The state before stays
        readable by its commit, and by the versions that the bucket keeps.

        Raises
        ------
        LinkError
            Somebody edited a tile here, or a tile is gone from S3 and its file here is the last of
            it; nothing was changed.
        TilesFailed
            Some tiles failed and stay as they were; the others are up to date.
        """
        return update(self._folder, opener=self._opener, hash=hash, read_limit=read_limit, executor=executor)

    def verify(self, *, deep: bool = False, executor: Executor | None = None) -> VerifyReport:
        """Check each tile: its file here against its hash, its pins against HEAD, with ``deep`` its body on S3 too."""
        return verify(self._folder, opener=self._opener, deep=deep, executor=executor)

    def diff(self, old: str | None = None, new: str | None = None, *, executor: Executor | None = None) -> DiffReport:
        """Return the tiles that differ: from S3 now or, with commits, between two of them, or one and what is here.

        Examples
        --------
        >>> dataset.diff("HEAD~1")  # doctest: +SKIP
        <HEAD~1 → here: 0 added, 2 changed, 0 removed>
        """
        if old is None:
            return against_s3(self._folder, opener=self._opener, executor=executor)
        return between(self._folder, old, new)

    def redirect(self, old: S3Url | str, new: S3Url | str, *, executor: Executor | None = None) -> Redirect:
        """Ask for the tiles of a bucket or folder at another place, once each was found there as it was linked.

        Raises
        ------
        LinkError
            No tile is at the old place, or one is not at the new place as it was linked; nothing
            changed.
        """
        return redirect(self._folder, old, new, opener=self._opener, executor=executor)

    def gc(
        self,
        *,
        files: bool = False,
        match: str | None = None,
        bbox: Sequence[float] | None = None,
        dry_run: bool = False,
        executor: Executor | None = None,
    ) -> GcReport:
        """Free copies of linked bytes that S3 still gives: git-lfs's, half-written ones, with ``files`` the tiles too.

        Parameters
        ----------
        files
            Turn tiles into pointers, which `fetch` fills again.
        match, bbox
            Which of those tiles, as in `fetch`.
        dry_run
            Tell what would be freed, and free nothing.
        """
        return gc(
            self._folder,
            opener=self._opener,
            files=files,
            match=match,
            bbox=bbox,
            dry_run=dry_run,
            executor=executor,
        )

    @property
    def sharing(self) -> Sharing:
        """How git carries the links from clone to clone, and what there is to do about it."""
        return sharing.look(self.path)

    @property
    def _hint(self) -> str:
        return sharing.look(self.path, thorough=False).hint

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
        count = size = 0
        for tile in self.tiles:
            count += not tile.is_sidecar
            size += tile.size
        about = f"{counted(count, f'{self.info.type} tile')}, {bytes_text(size)}"
        return f"<LinkedDataset {str(self.path)!r}: {about}>" + (f"\n{self._hint}" if self._hint else "")

    def _repr_html_(self) -> str:
        tiles, info = self.tiles, self.info
        formats: Counter[str] = Counter()
        here: Counter[Local] = Counter()
        size = unhashed = points = 0
        for tile in tiles:
            formats[tile.format] += not tile.is_sidecar
            here[quick_state(self._folder.place(tile.name), tile)] += 1
            size += tile.size
            unhashed += tile.oid is None
            points += tile.point_count or 0
        kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(formats.items()) if count)
        rows: list[tuple[str, object]] = [
            ("tiles", f"{formats.total():,} ({kinds})"),
            *([("sidecars", f"{len(tiles) - formats.total():,}")] if len(tiles) > formats.total() else []),
            *([("this run", str(self.changes))] if self.changes else []),
            ("size", bytes_text(size)),
            *([("points", f"{points:,}")] if points else []),
            *([("CRS", crs_name(info.crs))] if info.type != "file" else []),
            ("here", ", ".join(words(here[state]) for state, words in _HERE.items() if here[state])),
            *([("unhashed", f"{unhashed:,}, filled in when fetched")] if unhashed else []),
            ("from", ", ".join(info.sources)),
            *([("git", hint)] if (hint := self._hint) else []),
        ]
        title = "Ordinary copies" if info.imported else "Linked tiles"
        return card(f"{title}: {self.path}", rows, Markup(footprints.drawing(tiles)))


_HERE: dict[Local, Callable[[int], str]] = {
    "file": lambda count: counted(count, "file"),
    "pointer": lambda count: counted(count, "pointer"),
    "absent": lambda count: f"{count:,} not yet",
    "modified": lambda count: f"{count:,} changed by somebody",
}
