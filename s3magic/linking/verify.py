"""Checking a dataset: local bytes against their hashes, pins against HEAD, and bodies read again where asked."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from s3magic.harvest import reason
from s3magic.linking.contents import hashes
from s3magic.linking.contents.bytewise import gather_bytes
from s3magic.linking.contents.looking import look_at_files
from s3magic.linking.contents.standing import Remote, Standing, ask_many
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import Local
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.status import StatusReport, TileStatus
from s3magic.progress import Meter
from s3magic.store.base import StoreOpener

_GOOD = frozenset({"ok", "superseded", "unhashed"})


class VerifyReport(StatusReport):
    """What a check found of each tile, sorted by name."""

    @property
    def failures(self) -> tuple[TileStatus, ...]:
        """The tiles whose linked bytes cannot be had, or whose file here has others."""
        return tuple(tile for tile in self if tile.remote not in _GOOD or tile.local == "modified")

    @property
    def ok(self) -> bool:
        """Whether there are no failures; a tile that S3 did not tell of is one."""
        return not self.failures

    def __str__(self) -> str:
        found = self.failures
        wrong = sum(tile.remote != "unknown" or tile.local == "modified" for tile in found)
        unchecked = len(found) - wrong
        verdict = [f"{wrong:,} wrong"] * bool(wrong) + [f"{unchecked:,} could not be checked"] * bool(unchecked)
        return f"{super().__str__()}: {', '.join(verdict) or 'all well'}"


def verify(
    folder: Folder, *, opener: StoreOpener, deep: bool = False, executor: Executor | None = None
) -> VerifyReport:
    """Check every tile, here and on S3; changes nothing.

    Parameters
    ----------
    deep
        Read the bodies on S3 as well and hash them, where the linked bytes are still there.
    """
    tiles = folder.tiles()
    there: dict[str, tuple[Remote, str]] = {}
    here: list[Local] = ["unknown"] * len(tiles)

    def note(tile: LinkedTile, standing: Standing) -> None:
        there[tile.name] = standing.remote, standing.detail

    failures = ask_many(tiles, count=len(tiles), opener=opener, on_value=note, executor=executor).failures
    if deep:
        good = {name for name, (remote, _) in there.items() if remote in _GOOD}
        failures += _read_all(tiles, good, there, opener, executor)
    there |= {name: ("unknown", reason(error)) for name, error in failures}
    unseen = look_at_files(folder, tiles, here.__setitem__)
    reasons = {name: reason(error) for name, error in unseen}
    return VerifyReport(
        TileStatus(tile.name, there[tile.name][0], local, reasons.get(tile.name) or there[tile.name][1])
        for tile, local in zip(tiles, here, strict=True)
    )


def _read_all(
    tiles: Sequence[LinkedTile],
    good: set[str],
    there: dict[str, tuple[Remote, str]],
    opener: StoreOpener,
    executor: Executor | None,
) -> list[tuple[str, Exception]]:
    """Read the bodies of tiles on S3, note which are others than were linked, and return those that failed."""
    sizes = [tile.size for tile in tiles if tile.oid and tile.name in good]

    def note(tile: LinkedTile, oid: str) -> None:
        if oid != tile.oid:
            there[tile.name] = "wrong", f"the body has the hash {oid}"

    reading = gather_bytes(
        partial(_read, opener=opener),
        (tile for tile in tiles if tile.oid and tile.name in good),
        "Reading bodies",
        count=len(sizes),
        size=sum(sizes),
        executor=executor,
        on_value=note,
        keep=False,
    )
    reading.raise_stop()
    return reading.failures


def _read(tile: LinkedTile, *, opener: StoreOpener, report: Meter | None) -> str:
    return hashes.read(opener(tile.source), tile, report=report)
