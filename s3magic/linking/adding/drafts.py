"""Described tiles on disk, so that a kill loses none and very many take no memory; asks S3 nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from s3magic import __version__
from s3magic.linking.adding.describe import Described
from s3magic.linking.adding.fit import Kind
from s3magic.linking.adding.ledger import Ledger, as_json
from s3magic.linking.adding.report import Report
from s3magic.linking.adding.survey import Candidate, candidates
from s3magic.linking.records.manifest import LinkedTile, canonical_text, parse_line, shard, tile_line

_LEFT_OUT = """select name from found where not is_chosen
    or (is_sidecar and owner in (select url from found where not is_chosen))"""
_CHOSEN = "described join found using (name) where found.is_chosen and not found.is_sidecar"


class Drafts:
    """The tiles that this run or an earlier one has described, of those that were found.

    Parameters
    ----------
    ledger
        Where they are kept.
    hash
        How hashes are to be learnt: what another word left out is not taken for known, and nothing
        that another version of s3magic described.
    """

    def __init__(self, ledger: Ledger, *, hash: str) -> None:  # noqa: A002 - the public word
        self._ledger = ledger
        self._how = f"{hash} {__version__}"
        self._kinds: dict[tuple[str, str | None, str], int] = {}
        self._last: tuple[Described | None, int] = None, 0

    def recall(self) -> None:
        """Take for described what an earlier run described of objects that have not changed since."""
        kinds = {}
        for number, type_, crs, schema in self._ledger.rows("select number, type, crs, schema from kind"):
            with suppress(ValueError, TypeError):
                kinds[number] = Kind(number, type_, crs, json.loads(schema))
        self._ledger.write(_FORGET, self._how)
        wrong = [
            (row[0],)
            for row in self._ledger.rows("select * from described")
            if row[2] not in kinds
            or (tile := parse_line(row[12])) is None
            or _row(tile, row[1], row[2], row[10]) != row
        ]
        self._ledger.write_all("delete from described where name = ?", wrong)

    def fill(self, report: Report) -> None:
        """Take over hashes that a report tells, which the earlier run may not have had; what was read knows its own."""
        question = "select name, line from described where is_unhashed and content is null and name > ? order by name"
        tiles = (LinkedTile.from_json(json.loads(line)) for _, line in self._ledger.pages(question))
        told = ((tile_line(report.fill(tile)), tile.name) for tile in tiles if report.find(tile))
        self._ledger.write_all("update described set line = ?, is_unhashed = 0 where name = ?", told)

    def missing(self) -> Iterator[Candidate]:
        """Yield the fresh objects that are not described, in the order of their names."""
        nobody = "not exists (select 1 from described where described.name = found.name)"
        return candidates(self._ledger, f"is_fresh and {nobody}")

    def add(self, some: Sequence[Described]) -> None:
        """Write described tiles down."""
        rows = [_row(one.tile, self._how, self._number(one), one.content) for one in some]
        self._ledger.put("insert or replace into described values", rows)

    def _number(self, one: Described) -> int:
        """Return the number of a tile's kind, which mostly is that of the last one."""
        last, number = self._last
        if last is None or one.schema is not last.schema or (one.type, one.crs) != (last.type, last.crs):
            kind = (one.type, one.crs, canonical_text(one.schema))
            if kind not in self._kinds:
                (self._kinds[kind],) = self._ledger.row("select coalesce(max(number), 0) + 1 from kind")
                self._ledger.write("insert into kind values (?, ?, ?, ?)", self._kinds[kind], *kind)
            number = self._kinds[kind]
            self._last = one, number
        return number

    @property
    def left(self) -> int:
        """How many fresh objects are not described."""
        fresh = self._ledger.row("select count(*) from found where is_fresh")[0]
        return int(fresh - self._ledger.row("select count(*) from described")[0])

    @property
    def is_empty(self) -> bool:
        """Whether nothing is described."""
        return not self._ledger.some("select 1 from described")

    def leave_out(self, name: str) -> None:
        """Tell that a described tile is not to be recorded."""
        self._ledger.write("update found set is_chosen = 0 where name = ?", name)

    def keep_left_out(self) -> None:
        """Forget all but what was left out: as long as it does not change, no later run asks for it again."""
        self._ledger.write(f"delete from described where name not in ({_LEFT_OUT})")
        self._ledger.write("vacuum")

    def tiles(self) -> Iterator[LinkedTile]:
        """Yield the chosen tiles, in the order of their names; sidecars are left out."""
        question = f"select name, line from {_CHOSEN} and name > ? order by name"
        return (LinkedTile.from_json(json.loads(line)) for _, line in self._ledger.pages(question))

    def kinds(self) -> list[Kind]:
        """Return what the chosen tiles are of, and how many of each."""
        counts = f"select kind as number, count(*) as count from {_CHOSEN} group by kind"
        question = f"select number, type, crs, schema, count from kind join ({counts}) using (number) order by number"
        return [
            Kind(number, type_, crs, json.loads(schema), count)
            for number, type_, crs, schema, count in self._ledger.rows(question)
        ]

    def named(self, kinds: Collection[int]) -> Iterator[tuple[str, int]]:
        """Yield name and kind of the chosen tiles of some kinds, in the order of their names."""
        of_all = self._ledger.rows(f"select name, kind from {_CHOSEN} order by name")
        return ((name, kind) for name, kind in of_all if kind in kinds)


_FORGET = """
delete from described where hash <> ? or not exists (
    select 1 from found where found.name = described.name and is_fresh
    and (found.url, found.etag, found.size, found.sidecars) =
        (described.url, described.etag, described.size, described.sidecars)
    and (found.pin is null or found.pin = described.version)
)
"""


def _row(tile: LinkedTile, how: str, kind: int, content: str | None) -> tuple[Any, ...]:
    """Return a tile as a row of the table ``described``."""
    return (
        tile.name,
        how,
        kind,
        tile.url,
        tile.etag,
        tile.size,
        tile.version_id,
        shard(tile.name),
        tile.format,
        as_json(tile.sidecars),
        content,
        int(tile.oid is None),
        tile_line(tile),
    )
