"""How a dataset stands: each tile on S3 as against its pin, and on disk; changes nothing, guesses nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Literal, overload

from s3magic.errors import AccessDenied, NotFound, S3MagicError
from s3magic.html import table
from s3magic.linking.folder import Folder
from s3magic.linking.local import Local, local_state
from s3magic.linking.manifest import LinkedTile
from s3magic.linking.work import gather, reason
from s3magic.progress import meter
from s3magic.store.base import Store, StoreOpener
from s3magic.store.listing import pages

Remote = Literal["ok", "changed", "missing", "superseded", "unhashed", "unknown", "wrong"]
_SHOWN = 200
_BY_HEAD = 4  # so few tiles of a folder are asked for one by one


@dataclass(frozen=True, slots=True)
class TileStatus:
    """How one tile stands.

    Parameters
    ----------
    remote
        ``ok``: the object is the linked one. ``unhashed``: it is, but its hash is not known yet.
        ``changed``: another object has its key. ``superseded``: so it is, or it was deleted, but
        the linked version can still be had. ``missing``: it is gone. ``unknown``: S3 did not say.
        ``wrong``: it is the linked object, with other bytes; only `verify` finds that out.
    local
        ``pointer``, ``file``, ``modified`` (something else has its name), ``absent``, or
        ``unknown`` (a file of the right size, while its hash is not known).
    detail
        Why something is unknown.
    """

    name: str
    remote: Remote
    local: Local
    detail: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"name": self.name, "remote": self.remote, "local": self.local, "detail": self.detail}


class StatusReport(Sequence[TileStatus]):
    """The tiles of a dataset as they stand, sorted by name."""

    def __init__(self, tiles: Iterable[TileStatus]) -> None:
        self._tiles = tuple(sorted(tiles, key=lambda tile: tile.name))

    @overload
    def __getitem__(self, index: int) -> TileStatus: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TileStatus, ...]: ...
    def __getitem__(self, index: int | slice) -> TileStatus | tuple[TileStatus, ...]:
        return self._tiles[index]

    def __len__(self) -> int:
        return len(self._tiles)

    def __iter__(self) -> Iterator[TileStatus]:
        return iter(self._tiles)

    @property
    def remote(self) -> dict[str, int]:
        """How many tiles are in each state on S3."""
        return dict(sorted(Counter(tile.remote for tile in self._tiles).items()))

    @property
    def local(self) -> dict[str, int]:
        """How many tiles are in each state on disk."""
        return dict(sorted(Counter(tile.local for tile in self._tiles).items()))

    def to_json(self) -> list[dict[str, object]]:
        """Return the tiles as JSON types."""
        return [tile.to_json() for tile in self._tiles]

    def __repr__(self) -> str:
        return f"<{len(self)} tiles; on S3: {_counts(self.remote)}; here: {_counts(self.local)}>"

    def _repr_html_(self) -> str:
        worst = sorted(
            self._tiles, key=lambda tile: (tile.remote == "ok" and tile.local in {"file", "pointer"}, tile.name)
        )
        rows = [(tile.name, tile.remote, tile.local, tile.detail) for tile in worst[:_SHOWN]]
        more = f" (the first {_SHOWN} are shown)" if len(self) > _SHOWN else ""
        note = f"{len(self)} tiles{more} – on S3: {_counts(self.remote)}; here: {_counts(self.local)}"
        return table(("tile", "on S3", "here", ""), rows, note)


def status(folder: Folder, *, opener: StoreOpener, executor: Executor | None = None) -> StatusReport:
    """Compare each tile with S3, by listings where that is allowed and by HEAD where not, and with the disk."""
    tiles = folder.tiles()
    live: dict[str, str] = {}
    for group in _groups(tiles):
        live |= _list(opener(group[0].source), group)
    remote: dict[str, Remote] = {tile.name: _same(tile) for tile in tiles if live.get(tile.url) == tile.etag}
    questions = [_Question(tile, live.get(tile.url)) for tile in tiles if tile.name not in remote]
    with meter("Asking S3", len(questions)) as bar:
        harvest = gather(
            partial(_ask, opener=opener), questions, executor=executor, on_value=lambda _item, _value: bar(1)
        )
    harvest.raise_stop()
    remote |= dict(harvest.values)
    unknown = {name: reason(error) for name, error in harvest.failures}
    with meter("Looking at files", sum(tile.size for tile in tiles), "B", tiles=len(tiles)) as bar:
        look = gather(
            partial(_local, folder=folder, report=bar),
            tiles,
            on_value=lambda _item, _value: bar.tile_done(),
            stop=bar.stop,
        )
    look.raise_stop()
    local = dict(look.values)
    unknown |= {name: reason(error) for name, error in look.failures}
    return StatusReport(
        TileStatus(
            tile.name, remote.get(tile.name, "unknown"), local.get(tile.name, "unknown"), unknown.get(tile.name, "")
        )
        for tile in tiles
    )


def _groups(tiles: Iterable[LinkedTile]) -> list[list[LinkedTile]]:
    """Group tiles by the folder their objects are in, where there are enough for a listing."""
    groups: dict[tuple[str, str], list[LinkedTile]] = {}
    for tile in tiles:
        groups.setdefault((tile.source.bucket, tile.source.key.rpartition("/")[0]), []).append(tile)
    return [group for group in groups.values() if len(group) > _BY_HEAD]


def _list(store: Store, tiles: Sequence[LinkedTile]) -> dict[str, str]:
    """Return the ETags of the tiles' objects as far as listing them is allowed and worth it.

    A listing that takes as many requests as HEADs would is given up.
    """
    keys = {tile.source.key: tile.url for tile in tiles}
    found: dict[str, str] = {}
    seen = 0
    prefix = os.path.commonprefix(list(keys))  # noqa: RUF071 - letter by letter is meant: keys are no paths
    try:
        for page in pages(store, prefix, delimiter="/"):
            found |= {keys[info.key]: info.etag for info in page.objects if info.key in keys}
            seen += 1
            if len(found) == len(keys) or seen >= len(keys):
                break
    except S3MagicError:
        return found
    return found


@dataclass(frozen=True, slots=True)
class _Question:
    """A tile that no listing settled, and the ETag that a listing gave its key, if one did."""

    tile: LinkedTile
    listed: str | None

    @property
    def name(self) -> str:
        return self.tile.name


def _ask(question: _Question, *, opener: StoreOpener) -> tuple[str, Remote]:
    tile, key = question.tile, question.tile.source.key
    store = opener(tile.source)
    try:
        etag = question.listed or store.head(key).etag
    except NotFound:
        etag = None
    if etag == tile.etag:
        return tile.name, _same(tile)
    gone: Remote = "missing" if etag is None else "changed"
    if tile.version_id is None:
        return tile.name, gone
    try:
        store.head(key, version_id=tile.version_id)
    except (NotFound, AccessDenied):
        return tile.name, gone
    return tile.name, "superseded"


def _same(tile: LinkedTile) -> Remote:
    return "ok" if tile.oid else "unhashed"


def _local(tile: LinkedTile, *, folder: Folder, report: Callable[[int], None]) -> tuple[str, Local]:
    return tile.name, local_state(folder.place(tile.name), tile, report=report)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items())
