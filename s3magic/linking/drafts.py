"""Described tiles as notes that outlive a kill, and back; asks S3 nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from s3magic.linking.describe import Described
from s3magic.linking.manifest import LinkedTile, canonical
from s3magic.linking.notes import Notes
from s3magic.linking.survey import Candidate


class Drafts:
    """The tiles that a run has described so far; what many share is written once.

    Parameters
    ----------
    notes
        Where they are kept.
    hash
        How hashes are to be learnt: what another word left out is not taken for known.
    """

    def __init__(self, notes: Notes, *, hash: str) -> None:  # noqa: A002 - the public word
        self._notes = notes
        self._hash = hash
        self._kinds: dict[tuple[Any, ...], tuple[int, Any]] = {}  # with the schema itself: an id lives as long as it
        self._first = 0

    def recall(self, candidates: Iterable[Candidate]) -> dict[str, Described]:
        """Return by name what an earlier run described of objects that have not changed since."""
        wanted = {one.name: one for one in candidates}
        kinds: dict[int, dict[str, Any]] = {}
        found: dict[str, Described] = {}
        for fact in self._notes:
            try:
                if "kind" in fact:
                    kinds[fact["kind"]] = fact
                    self._first = max(self._first, fact["kind"] + 1)
                elif fact["hash"] == self._hash:
                    one = _described(fact, kinds[fact["of"]])
                    if _is_of(one.tile, wanted.get(one.name)):
                        found[one.name] = one
            except (LookupError, TypeError, ValueError):
                continue
        return found

    def add(self, one: Described) -> None:
        """Write a described tile down."""
        kind = (one.type, one.crs, id(one.schema))
        if kind not in self._kinds:
            number = self._first + len(self._kinds)
            self._kinds[kind] = number, one.schema
            self._notes.add({"kind": number, "type": one.type, "crs": one.crs, "schema": one.schema})
        number, _ = self._kinds[kind]
        self._notes.add({"hash": self._hash, "of": number, "tile": one.tile.to_json(), "content": one.content})


def _described(fact: dict[str, Any], kind: dict[str, Any]) -> Described:
    return Described(
        LinkedTile.from_json(fact["tile"]), kind["type"], kind["crs"], canonical(kind["schema"]), fact["content"]
    )


def _is_of(tile: LinkedTile, one: Candidate | None) -> bool:
    if one is None or one.version_id not in {None, tile.version_id}:
        return False
    return (tile.url, tile.etag, tile.size, tile.sidecars) == (one.info.url, one.info.etag, one.info.size, one.sidecars)
