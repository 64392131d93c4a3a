"""All tiles of one state of a dataset as a sequence that takes little memory; reads no file and writes none."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Generic, TypeVar, overload

from s3magic.errors import LinkError
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.redirects import redirected

_TOGETHER = 256  # lines in one pack
_FAST = 1  # zlib's level: a third larger than its best, in a third of the time

_RECORDED = [field.name for field in fields(LinkedTile) if field.name != "moved"]
_TUPLES = [_RECORDED.index(name) for name in ("crs84_extent", "sidecars")]
_values = attrgetter(*_RECORDED)
_dumps, _loads = json.JSONEncoder().encode, json.JSONDecoder().decode

Item = TypeVar("Item")


class Packed(Sequence[Item], Generic[Item]):
    """Many things that are each a line of text, packed some hundreds at a time.

    It equals any sequence of equal things.

    Parameters
    ----------
    lines
        The texts; taken one after another.
    read
        Turns a text into what it stands for, each time that it is looked at.
    """

    def __init__(self, lines: Iterable[str], read: Callable[[str], Item]) -> None:
        source = iter(lines)
        self._read = read
        self._count = 0
        self._packs: list[bytes] = []
        self._last: tuple[int, list[Item]] = (-1, [])
        while some := list(islice(source, _TOGETHER)):
            self._count += len(some)
            self._packs.append(zlib.compress(json.dumps(some).encode(), _FAST))

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(self._count)))
        number = index + self._count if index < 0 else index
        if not 0 <= number < self._count:
            raise IndexError(index)
        pack, within = divmod(number, _TOGETHER)
        last = self._last  # which another thread may change meanwhile
        if last[0] != pack:
            last = self._last = pack, list(self._unpacked(self._packs[pack]))
        return last[1][within]

    def __iter__(self) -> Iterator[Item]:
        for pack in self._packs:
            yield from self._unpacked(pack)

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(mine == yours for mine, yours in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [repr(one) for one in islice(self, 3)]
        return f"<{len(self)}: {', '.join([*shown, '…'] if len(self) > len(shown) else shown)}>"

    def _unpacked(self, pack: bytes) -> Iterator[Item]:
        return map(self._read, json.loads(zlib.decompress(pack)))


class Tiles(Packed[LinkedTile]):
    """The tiles of one state of a dataset, sorted by name; what is recorded later does not show in it.

    Takes some 100 bytes for a tile, where a `LinkedTile` takes more than 1 kB: those are made one
    by one while it is walked through.

    Parameters
    ----------
    tiles
        In any order; taken one after another.
    redirects
        Of the dataset: each tile is to be asked for where it lies now.
    """

    def __init__(self, tiles: Iterable[LinkedTile], redirects: Mapping[str, str]) -> None:
        self._redirects = dict(redirects)
        super().__init__(_sorted((tile.name, _line(tile)) for tile in tiles), self._tile)

    def _tile(self, line: str) -> LinkedTile:
        tile = _tile(line)
        return redirected(tile, self._redirects) if self._redirects else tile


def _line(tile: LinkedTile) -> str:
    """Return a tile as a list in JSON: three times as fast as a line of the manifest, there and back."""
    return _dumps(_values(tile))


def _tile(line: str) -> LinkedTile:
    """Return the tile of such a list; what it says was checked when it was read of the manifest."""
    values = _loads(line)
    for index in _TUPLES:
        if values[index] is not None:
            values[index] = tuple(values[index])
    return LinkedTile(*values)


def _sorted(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield texts by their names; sorted on disk where they are many."""
    try:
        with closing(sqlite3.connect("")) as database:
            database.execute("create table line (name, text)")
            database.executemany("insert into line values (?, ?)", lines)
            yield from (text for (text,) in database.execute("select text from line order by name"))
    except sqlite3.OperationalError as error:
        raise LinkError(f"No room to sort the tiles: {error}", "Let TMPDIR name a folder with room in it.") from error
