"""What is recorded of each tile and what shall be, side by side, in the folders of an add; writes no record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from s3magic.linking.adding.ledger import Ledger, as_json
from s3magic.linking.adding.report import Report
from s3magic.linking.records import footprints
from s3magic.linking.records.changes import Changes
from s3magic.linking.records.manifest import Box, LinkedTile, shard, tile_line
from s3magic.linking.records.redirects import redirected
from s3magic.linking.records.tiles import Packed

_PLACE = "(shard, name, part) = (?, ?, ?)"
_CLEAN = "delete from state where was is null and now is null"
_ELSE = """on conflict (shard, name, part) do update set
    (url, etag, size, version, format, sidecars, content, is_unhashed, now) =
    (excluded.url, excluded.etag, excluded.size, excluded.version, excluded.format, excluded.sidecars,
    excluded.content, excluded.is_unhashed, excluded.now)"""
_RECORD = f"insert into state values ({', '.join('?' * 13)})"
_FRESH = "now is not null and now is not was"
_SAME = """exists (select 1 from {other} where {other}.shard = {mine}.shard and {other}.name = {mine}.name
    and (found.url, found.etag, found.size) = (state.url, state.etag, state.size)
    and (found.pin is null or found.pin = state.version))"""


class State:
    """The tiles of the datasets that are there, and of those that shall be, by sub-folder.

    Parameters
    ----------
    ledger
        Where they are written down; what was found is there already.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(self, part: str, tiles: Iterable[LinkedTile], report: Report | None) -> None:
        """Take over what is recorded in a sub-folder, with the hashes that a report tells."""
        self._ledger.write_all(_RECORD, _recorded(part, tiles, report))

    def compare(self, *, is_replaced: bool) -> None:
        """Mark the objects found as fresh that are not recorded; where all is replaced, as they are now.

        What stays knows the sidecars that were found.
        """
        write = self._ledger.write
        same = (
            _SAME if is_replaced else "exists (select 1 from {other} where shard = {mine}.shard and name = {mine}.name)"
        )
        write(f"update found set is_fresh = not {same.format(mine='found', other='state')}")
        moved = self._ledger.rows(
            """select found.sidecars, state.shard, state.name, part, now from state join found using (shard, name)
            where not is_fresh and state.sidecars <> found.sidecars"""
        )
        rows = (
            (sidecars, tile_line(replace(_tile(line), sidecars=tuple(json.loads(sidecars)))), *place)
            for sidecars, *place, line in moved
        )
        self._ledger.write_all(f"update state set sidecars = ?, now = ? where {_PLACE}", rows)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded."""
        return not self._ledger.some("select 1 from state where was is not null")

    def drop(self, failed: Iterable[str], box: Box | None) -> None:
        """Let go of what is recorded and is not as it was found, or outside of a box; what failed stays as it was."""
        self._ledger.write_all("insert or ignore into failed values (?)", ((name,) for name in failed))
        self._ledger.write("update state set now = was where name in failed")
        gone = f"not {_SAME.format(mine='state', other='found')}"
        self._ledger.write(f"update state set now = null where name not in failed and {gone}")
        if box is not None:
            rows = self._ledger.rows(
                "select shard, name, part, now from state where now is not null and format <> 'pam'"
            )
            outside = (tuple(place) for *place, line in rows if not footprints.overlaps(_tile(line).crs84_extent, box))
            self._ledger.write_all(f"update state set now = null where {_PLACE} and name not in failed", outside)

    def has_tiles(self, part: str) -> bool:
        """Tell whether anything but sidecars stays or is to be in a sub-folder."""
        return self._ledger.some("select 1 from state where part = ? and now is not null and format <> 'pam'", part)

    def take(self, homes: Mapping[int, str]) -> None:
        """Take what was described and chosen, each kind into its sub-folder, sidecars with their tiles."""
        write = self._ledger.write
        self._ledger.write_all("insert into home values (?, ?)", homes.items())
        write(
            """insert into state select described.shard, name, part, described.url, described.etag, described.size,
                described.version, format, described.sidecars, content, is_unhashed, null, line
            from described join found using (name) join home using (kind)
            where is_chosen and not is_sidecar order by described.shard, name """
            + _ELSE
        )
        write(
            """insert into state select described.shard, described.name, owner.part, described.url, described.etag,
                described.size, described.version, described.format, '[]', described.content, described.is_unhashed,
                null, line
            from state as owner, json_each(owner.sidecars) join described on described.name = value
            join found on found.name = value
            where owner.sidecars <> '[]' and owner.now is not null and is_sidecar """
            + _ELSE
        )
        write(
            """update state set now = null where format = 'pam' and (part, name) not in (
                select owner.part, value from state as owner, json_each(owner.sidecars)
                where owner.sidecars <> '[]' and owner.now is not null)"""
        )
        write(_CLEAN)

    def part(self, name: str) -> Part:
        """Return the tiles of one sub-folder."""
        return Part(self._ledger, name)

    def formats(self, part: str) -> list[str]:
        """Return the formats of the tiles that shall be in a sub-folder; sidecars are left out."""
        question = "select distinct format from state where part = ? and now is not null and format <> 'pam'"
        return [name for (name,) in self._ledger.rows(question, part)]

    def count(self) -> int:
        """Return how many tiles shall be recorded, those that failed left out."""
        question = "select count(distinct name) from state where now is not null and name not in failed"
        return int(self._ledger.row(question)[0])

    def to_read(self, *, fresh: bool, limit: int | None) -> tuple[int, int]:
        """Choose the unhashed tiles whose bodies are to be read, and take the hashes of those that were read already.

        Parameters
        ----------
        fresh
            Of what is new alone.
        limit
            The most bytes in all; tiles get them in the order of their names, as far as they go.

        Returns
        -------
        int, int
            How many bodies are left to read, and their bytes.
        """
        write = self._ledger.write
        write(
            f"""insert into reading (shard, name, part, size, content) select shard, name, part, size, content
            from state where is_unhashed and {_FRESH if fresh else "now is not null"} order by name, part"""
        )
        (size,) = self._ledger.row("select coalesce(sum(size), 0) from reading")
        if limit is not None and size > limit:
            sizes = self._ledger.pages("select number, size from reading where number > ? order by number", after=0)
            self._ledger.write_all("delete from reading where number = ?", _beyond(sizes, limit))
        write(
            """update state set is_unhashed = 0, now = hashed(now, content, 'stream') where (shard, name, part) in
            (select shard, name, part from reading where content is not null)"""
        )
        write("delete from reading where content is not null")
        count, size = self._ledger.row("select count(*), coalesce(sum(size), 0) from reading")
        return count, size

    def reading(self) -> Iterator[LinkedTile]:
        """Yield the tiles that were chosen to be read."""
        reading = "reading join state using (shard, name, part)"
        question = f"select number, now, url from {reading} where number > ? order by number"
        return (_tile(line, url) for _, line, url in self._ledger.pages(question, after=0))

    def learn(self, tile: LinkedTile) -> None:
        """Write a tile down that has a hash now; that holds whatever happens next."""
        line = tile_line(tile)
        where = "is_unhashed = 0 where shard = ? and name = ?"
        self._ledger.write(f"update state set now = ?, {where} and now is not null", line, shard(tile.name), tile.name)
        self._ledger.write("update described set line = ?, is_unhashed = 0 where name = ?", line, tile.name)

    def lose(self, names: Iterable[str]) -> None:
        """Leave tiles that could not be read as they were, with the sidecars that came for them."""
        for name in names:
            self._ledger.write("insert or ignore into failed values (?)", name)
            self._ledger.write(
                """insert or ignore into failed select value from state, json_each(sidecars)
                where shard = ? and name = ? and """
                + _FRESH,
                shard(name),
                name,
            )
        self._ledger.write("update state set now = was where name in failed and now is not null")
        self._ledger.write(_CLEAN)


def _beyond(sizes: Iterable[tuple[int, int]], limit: int) -> Iterator[tuple[int]]:
    """Yield the numbers of what finds no room below a limit any more."""
    left = limit
    for number, size in sizes:
        if size > left:
            yield (number,)
        else:
            left -= size


@dataclass(frozen=True, slots=True)
class Part:
    """The tiles of one sub-folder: what is recorded of each, and what shall be.

    Parameters
    ----------
    ledger
        Where it is written.
    name
        The sub-folder; empty for the folder itself.
    """

    ledger: Ledger
    name: str

    @property
    def is_known(self) -> bool:
        """Whether anything is recorded."""
        return self._some("was is not null")

    @property
    def is_fresh(self) -> bool:
        """Whether anything is new or changed."""
        return self._some(_FRESH)

    @property
    def fresh_count(self) -> int:
        """How many tiles are new or changed."""
        return int(self.ledger.row(f"select count(*) from state where part = ? and {_FRESH}", self.name)[0])

    @property
    def is_changed(self) -> bool:
        """Whether anything is to be recorded otherwise than it is."""
        return self._some("now is not was")

    def fresh(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield what is new or changed: its name, and its line as it shall be and as it was."""
        return self._rows(f"name, now, was from state where part = ? and {_FRESH}")

    def gone(self) -> Iterator[LinkedTile]:
        """Yield what shall be recorded no more."""
        return (_tile(*row) for row in self._rows("was, url from state where part = ? and now is null"))

    def gone_everywhere(self) -> Iterator[LinkedTile]:
        """Yield what shall be recorded no more, in no other sub-folder either."""
        rows = self._rows(
            f"""was, url from state where part = ? and now is null
            and name not in (select name from state where {_FRESH})"""
        )
        return (_tile(*row) for row in rows)

    def shards(self) -> Iterator[tuple[str, str, str]]:
        """Yield each file of tiles that changes: its name, its text, and lines of what changes or goes, as it was."""
        for (file,) in self._rows("distinct shard from state where part = ? and now is not was order by shard"):
            question = "select now, was from state where shard = ? and part = ? order by name"
            rows = self.ledger.rows(question, file, self.name)
            now, old = [], []
            for line, was in rows:
                now.append(f"{line}\n" if line else "")
                old.append(f"{was}\n" if was and was != line else "")
            yield file, "".join(now), "".join(old)

    def changes(self) -> Changes:
        """Return what becomes of the tiles."""
        added, changed, removed, kept = (
            Packed((name for (name,) in self._rows(f"name from state where part = ? and {which} order by name")), str)
            for which in ("was is null", "was is not null and now <> was", "now is null", "now = was")
        )
        return Changes(added, changed, removed, kept)

    def _rows(self, question: str) -> Iterator[tuple[Any, ...]]:
        return self.ledger.rows(f"select {question}", self.name)

    def _some(self, which: str) -> bool:
        return self.ledger.some(f"select 1 from state where part = ? and {which}", self.name)


def _recorded(part: str, tiles: Iterable[LinkedTile], report: Report | None) -> Iterator[tuple[object, ...]]:
    """Yield recorded tiles as rows of the table ``state``."""
    for was in tiles:
        now = was if report is None else report.fill(was)
        yield (
            shard(was.name),
            was.name,
            part,
            f"s3://{was.source.bucket}/{was.source.key}",
            was.etag,
            was.size,
            was.version_id,
            was.format,
            as_json(was.sidecars),
            None,
            int(now.oid is None),
            tile_line(was),
            tile_line(now),
        )


def _tile(line: str, url: str | None = None) -> LinkedTile:
    """Read a line; the tile is to be asked for at ``url`` where that is another than was linked."""
    tile = LinkedTile.from_json(json.loads(line))
    return tile if url in {None, tile.url} else redirected(tile, {tile.url: str(url)})
