"""How a dataset stands: each tile on S3 as against its pin, and on disk; changes nothing, guesses nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import overload

from s3magic.errors import AccessDenied, NotFound, Unreachable
from s3magic.harvest import gather, reason
from s3magic.html import counted, table
from s3magic.linking.adding.runs import Rest, Run, runs, unsettled
from s3magic.linking.contents.looking import Look
from s3magic.linking.contents.standing import Remote
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import Local
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.tiles import Packed
from s3magic.progress import Meter, meter
from s3magic.store.base import StoreOpener

_SHOWN = 200
_LISTINGS = 16  # at once: as many as Python can read the pages of


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
    """The tiles of a dataset as they stand, in the order of their names; held packed, so that many are no burden."""

    def __init__(self, tiles: Iterable[TileStatus]) -> None:
        self._remote: Counter[Remote] = Counter()
        self._local: Counter[Local] = Counter()
        self._whys: set[str] = set()  # two are enough to tell that there is more than one
        self._tiles = Packed(map(self._line, tiles), lambda line: TileStatus(*json.loads(line)))

    def _line(self, tile: TileStatus) -> str:
        self._remote[tile.remote] += 1
        self._local[tile.local] += 1
        if tile.remote == "unknown" and len(self._whys) < 2:
            self._whys.add(tile.detail)
        return json.dumps([tile.name, tile.remote, tile.local, tile.detail])

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
        return dict(sorted(self._remote.items()))

    @property
    def local(self) -> dict[str, int]:
        """How many tiles are in each state on disk."""
        return dict(sorted(self._local.items()))

    def to_json(self) -> list[dict[str, object]]:
        """Return the tiles as JSON types."""
        return [tile.to_json() for tile in self._tiles]

    def __str__(self) -> str:
        why = "".join(f" ({why})" for why in self._whys if why and len(self._whys) == 1)
        return f"{counted(len(self), 'tile')}; on S3: {_counts(self.remote)}{why}; here: {_counts(self.local)}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def _repr_html_(self) -> str:
        rows = [(tile.name, tile.remote, tile.local, tile.detail) for tile in islice(self._worst(), _SHOWN)]
        more = f" (the first {_SHOWN} are shown)" if len(self) > _SHOWN else ""
        return table(("tile", "on S3", "here", ""), rows, f"{self}{more}")

    def _worst(self) -> Iterator[TileStatus]:
        """Yield the tiles that want a look, then those that are as they should be."""
        for is_well in (False, True):
            for tile in self._tiles:
                if is_well == (tile.remote == "ok" and tile.local in {"file", "pointer"}):
                    yield tile


def status(folder: Folder, *, opener: StoreOpener, executor: Executor | None = None) -> StatusReport:
    """Compare each tile with S3, by listings where that is allowed and by HEAD where not, and with the disk."""
    tiles = folder.tiles()
    seen = _Seen(folder)
    with meter("Asking S3", len(tiles)) as bar:
        _ask_s3(tiles, seen, bar, opener, executor)
    seen.look.read(tiles)
    seen.explain(seen.look.failures)
    return StatusReport(
        TileStatus(name, there, here, seen.details.get(name, ""))
        for name, there, here in zip(seen.names, seen.remote, seen.local, strict=True)
    )


class _Seen:
    """What is known of each tile by now: states by its number, reasons by its name."""

    def __init__(self, folder: Folder) -> None:
        self.names: list[str] = []
        self.remote: list[Remote] = []
        self.local: list[Local] = []
        self.details: dict[str, str] = {}
        self.look = Look(folder, self.local.__setitem__)

    def looked(self, tiles: Iterable[LinkedTile]) -> Iterator[LinkedTile]:
        """Yield tiles after a look at the disk; on S3 they are taken for what was linked until somebody objects."""
        for number, tile in enumerate(tiles):
            self.names.append(tile.name)
            self.remote.append(_same(tile))
            self.local.append("unknown")
            self.look.at(number, tile)
            yield tile

    def explain(self, failures: Iterable[tuple[str, Exception]]) -> None:
        """Note why something is unknown."""
        self.details |= {name: reason(error) for name, error in failures}


def _ask_s3(
    tiles: Sequence[LinkedTile], seen: _Seen, bar: Meter, opener: StoreOpener, executor: Executor | None
) -> None:
    """List tiles while the disk is looked at, and ask by HEAD for those that no listing settled."""
    questions: dict[int, str | None] = {}

    def settle(run: Run, rest: Rest) -> None:
        bar(len(run.keys) - len(rest.etags))
        for number, etag in rest.etags.items():
            seen.remote[number] = "unknown"
            if rest.why:
                seen.details[seen.names[number]] = rest.why
            else:
                questions[number] = etag

    work = partial(unsettled, opener=opener)
    walk = gather(work, runs(seen.looked(tiles)), executor=executor, on_value=settle, workers=_LISTINGS)
    walk.raise_stop()
    for _, error in walk.failures:
        raise error

    def answer(question: _Question, state: Remote) -> None:
        bar(1)
        seen.remote[question.number] = state

    left = (_Question(number, tiles[number], etag) for number, etag in sorted(questions.items()))
    asked = gather(partial(_ask, opener=opener), left, executor=executor, on_value=answer)
    if isinstance(asked.stopped, Unreachable):  # what is here can be told all the same
        left_over = (number for number in questions if seen.remote[number] == "unknown")
        seen.details |= dict.fromkeys((seen.names[number] for number in left_over), reason(asked.stopped))
    else:
        asked.raise_stop()
    seen.explain(asked.failures)


@dataclass(frozen=True, slots=True)
class _Question:
    """A tile that no listing settled, and the ETag that a listing gave its key, if one did."""

    number: int
    tile: LinkedTile
    listed: str | None

    @property
    def name(self) -> str:
        return self.tile.name


def _ask(question: _Question, *, opener: StoreOpener) -> Remote:
    tile, key = question.tile, question.tile.source.key
    store = opener(tile.source)
    try:
        etag = question.listed or store.head(key).etag
    except NotFound:
        etag = None
    if etag == tile.etag:
        return _same(tile)
    gone: Remote = "missing" if etag is None else "changed"
    if tile.version_id is None:
        return gone
    try:
        store.head(key, version_id=tile.version_id)
    except (NotFound, AccessDenied):
        return gone
    return "superseded"


def _same(tile: LinkedTile) -> Remote:
    return "ok" if tile.oid else "unhashed"


def _counts(counts: dict[str, int]) -> str:
    things = {"file", "pointer"}
    return ", ".join(counted(count, word) if word in things else f"{count:,} {word}" for word, count in counts.items())
