"""Linking objects: plan, describe, check that they fit together, and only then write the dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path

from s3magic.errors import CredentialsError, LinkError, NoSuchKey
from s3magic.linking import footprints, hashes, local, manifest, pointers
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.describe import Candidate, Described, check_hash, describe
from s3magic.linking.fetch import bring
from s3magic.linking.fit import fit
from s3magic.linking.folder import Folder, access_record, sync_folder
from s3magic.linking.manifest import Box, DatasetInfo, LinkedTile
from s3magic.linking.work import Harvest, Meter, gather, meter, raise_failures
from s3magic.store.base import StoreOpener
from s3magic.store.listing import expand
from s3magic.url import S3Url, matches

READ_LIMIT = 1_000_000_000
_LISTED = 10


def add(
    patterns: Sequence[S3Url],
    path: Path,
    *,
    opener: StoreOpener,
    access: Mapping[str, object] | None = None,
    checkout: bool = False,
    hash: str = "auto",  # noqa: A002 - the public word
    read_limit: int = READ_LIMIT,
    match: str | None = None,
    bbox: Sequence[float] | None = None,
    executor: Executor | None = None,
) -> LinkedDataset:
    """Record objects as tiles of a dataset, without copying them.

    The same call again does what is left to do and changes nothing else: tiles that are recorded
    stay pinned to the object they were.

    Parameters
    ----------
    patterns
        What to link: objects, prefixes or patterns.
    path
        The folder of the dataset.
    opener
        Gives the store of a URL.
    access
        ``region``, ``endpoint``, ``anonymous``, ``requestPayer``: how the originals are reached.
    checkout
        Download the tiles too.
    hash
        ``"auto"`` takes the SHA-256 S3 knows and reads bodies up to ``read_limit`` bytes in all,
        ``"read"`` reads every body, ``"never"`` leaves tiles unhashed until they are fetched.
    match, bbox
        Take only tiles whose name fits a pattern, or that touch ``(west, south, east, north)``.
    executor
        Where to work; threads of this process when None.

    Raises
    ------
    LinkError
        The tiles do not fit together or into the folder; nothing was written.
    TilesFailed
        Some tiles failed, the others are recorded.
    NoSuchKey
        Nothing has such a name.
    """
    check_hash(hash)
    if not patterns:
        raise LinkError("Nothing to link", "Give at least one URL, such as s3://bucket/tiles/*.laz.")
    box = footprints.check_box(bbox) if bbox is not None else None
    folder, sources = Folder(path), tuple(sorted({str(pattern) for pattern in patterns}))
    record, existed = access_record(access), folder.is_dataset
    known = _known(folder, sources)
    candidates = _plan(patterns, opener, match)
    _refuse_clashes(candidates, known)
    fresh = [candidate for candidate in candidates if candidate.name not in known]
    harvest = _describe(fresh, opener, hash, executor)
    if not harvest.values and not known:
        _nothing(harvest)
    described, placeless = _inside(harvest.values, box)
    harvest.failures += placeless
    if not described and not known and not harvest.failures:
        raise LinkError("No tile lies in that box", "It is west,south,east,north in degrees; a wider one may help.")
    try:
        info = fit(described, sources, record, folder.info() if known else None)
    except LinkError:
        harvest.raise_stop()
        raise
    tiles = [one.tile for one in described]
    if harvest.stopped is None and hash != "never" and not checkout:
        again = [tile for tile in known.values() if tile.oid is None] if hash == "read" else []
        seen = {one.name: one.content for one in described if one.content}
        tiles, hashing = _hash([*tiles, *again], seen, opener, hash, limit=read_limit, executor=executor)
        harvest.failures += hashing.failures
        harvest.stopped = hashing.stopped
    if tiles or known:
        _write(folder, info, tiles, known, existed=existed)
    harvest.raise_stop()
    recorded = {*known, *(tile.name for tile in tiles)}
    if not recorded:
        raise_failures(harvest.failures, 0, "linked")
    unfetched: list[tuple[str, Exception]] = []
    if checkout:
        _, unfetched = bring(folder, opener=opener, match=match, bbox=bbox, executor=executor)
    raise_failures([*harvest.failures, *unfetched], len(recorded) - len(unfetched), "linked")
    return LinkedDataset(path, opener=opener)


def _known(folder: Folder, sources: tuple[str, ...]) -> dict[str, LinkedTile]:
    """Return what the folder has already; raise when it is another dataset, or no folder."""
    if folder.path.exists() and not folder.path.is_dir():
        raise LinkError(f"{folder.path} is a file", "Give a folder for the tiles.")
    if not folder.is_dataset:
        return {}
    there = folder.info().sources
    if there != sources:
        raise LinkError(
            f"{folder.path} links other tiles already: {', '.join(there)}", "Choose another folder for these."
        )
    return {tile.name: tile for tile in folder.tiles()}


def _plan(patterns: Sequence[S3Url], opener: StoreOpener, match: str | None) -> list[Candidate]:
    """List what the patterns name, each object once."""
    found: dict[str, Candidate] = {}
    with meter("Listing", None, " objects") as bar:
        for pattern in patterns:
            count, single = 0, not (pattern.is_pattern or pattern.is_prefix)
            for count, info in enumerate(expand(opener(pattern), pattern), start=1):  # noqa: B007 - told below
                bar(1)
                if match is None or matches(match, info.name):
                    one = Candidate(info, pattern.version_id, asked=single)
                    if found.setdefault(info.url, one).version_id != one.version_id:
                        raise LinkError(f"Two versions of {info.url}", "Link them into two folders of their own.")
            if not count:
                raise NoSuchKey(f"Nothing is named {pattern}", "Check the pattern; %s3ls shows what is there.")
    if not found:
        raise LinkError(f"No tile's name fits {match}", "Names are the last part of the key, as in '*_12_*.laz'.")
    return list(found.values())


def _refuse_clashes(candidates: Iterable[Candidate], known: Mapping[str, LinkedTile]) -> None:
    """Refuse names that can be no file, and two objects of one name."""
    taken = {name: tile.url for name, tile in known.items()}
    for candidate in candidates:
        url = candidate.info.url
        if why := manifest.unsafe(candidate.name):
            raise LinkError(f"{url!r} cannot be a tile: {why}", "Leave it out with a narrower pattern.")
        if (other := taken.setdefault(candidate.name, url)) != url:
            raise LinkError(
                f"Two objects have the same file name: {other} and {url}", "Link them into two folders of their own."
            )


def _describe(
    candidates: Sequence[Candidate], opener: StoreOpener, hash_word: str, executor: Executor | None
) -> Harvest[Described]:
    with meter("Reading headers", len(candidates)) as bar:
        return gather(
            partial(describe, opener=opener, hash=hash_word),
            candidates,
            executor=executor,
            on_value=lambda _item, _value: bar(1),
        )


def _nothing(harvest: Harvest[Described]) -> None:
    """Raise why not one tile could be described."""
    harvest.raise_stop()
    for _, error in harvest.failures:
        if isinstance(error, CredentialsError):
            raise error
    raise_failures(harvest.failures, 0, "linked")


def _inside(described: Iterable[Described], box: Box | None) -> tuple[list[Described], list[tuple[str, Exception]]]:
    """Choose the tiles that touch a box; those of unknown place are failures, not guessed."""
    ordered = sorted(described, key=lambda one: one.name)
    if box is None:
        return ordered, []
    why = LinkError("its place on Earth is not known, so a box cannot choose it", "Leave the box out.")
    placeless: list[tuple[str, Exception]] = [(one.name, why) for one in ordered if one.tile.crs84_extent is None]
    return [one for one in ordered if footprints.overlaps(one.tile.crs84_extent, box)], placeless


def _hash(
    tiles: Sequence[LinkedTile],
    seen: Mapping[str, str],
    opener: StoreOpener,
    hash_word: str,
    *,
    limit: int,
    executor: Executor | None,
) -> tuple[list[LinkedTile], Harvest[LinkedTile]]:
    """Read the bodies of unhashed tiles that were not seen yet, in the order of names as far as the limit goes."""
    chosen, left = [], limit
    done: dict[str, LinkedTile] = {}
    for tile in sorted(tiles, key=lambda tile: tile.name):
        if tile.oid is None and (hash_word == "read" or tile.size <= left):
            left -= tile.size
            if tile.name in seen:
                done[tile.name] = replace(tile, oid=seen[tile.name], oid_from="stream")
            else:
                chosen.append(tile)
    with meter("Hashing", sum(tile.size for tile in chosen), "B", tiles=len(chosen)) as bar:

        def note(tile: LinkedTile, _hashed: LinkedTile) -> None:
            bar.tile_done()
            if executor is not None:
                bar(tile.size)

        harvest = gather(
            partial(_read, opener=opener, report=bar if executor is None else None),
            chosen,
            executor=executor,
            on_value=note,
            stop=bar.stop,
        )
    done |= {tile.name: tile for tile in harvest.values}
    failed = {name for name, _ in harvest.failures}
    return [done.get(tile.name, tile) for tile in tiles if tile.name not in failed], harvest


def _read(tile: LinkedTile, *, opener: StoreOpener, report: Meter | None) -> LinkedTile:
    return replace(tile, oid=hashes.read(opener(tile.source), tile, report=report), oid_from="stream")


def _write(
    folder: Folder, info: DatasetInfo, tiles: Sequence[LinkedTile], known: Mapping[str, LinkedTile], *, existed: bool
) -> None:
    """Write the dataset: what names the rest first, so that a second run goes on after any end."""
    changed = [tile for tile in tiles if known.get(tile.name) != tile]
    everything = {**known, **{tile.name: tile for tile in changed}}
    _refuse_strangers(folder, changed)
    with folder.writing():
        if folder.is_dataset != existed:
            raise LinkError(f"{folder.path} was linked by somebody else just now", "Run the same again to see it.")
        if not existed or folder.info() != info:
            folder.save_info(info)
        folder.save_tiles(changed)
        folder.save_attributes(everything.values())
        there = {entry.name for entry in os.scandir(folder.path)}
        missing = [tile for tile in everything.values() if tile.oid and tile.name not in there]
        with meter("Writing pointers", len(missing)) as bar:
            folder.write_all(((folder.path / tile.name, _pointer(tile)) for tile in missing), bar)
        sync_folder(folder.path)


def _pointer(tile: LinkedTile) -> bytes:
    """Return the content of a tile's git-lfs pointer."""
    pointer = local.pointer_of(tile)
    return pointers.to_text(pointer).encode() if pointer else b""


def _refuse_strangers(folder: Folder, tiles: Iterable[LinkedTile]) -> None:
    """Refuse when other files stand where tiles shall be."""
    strangers = [
        tile.name
        for tile in tiles
        if local.local_state(folder.path / tile.name, tile) not in {"absent", "pointer", "file"}
    ]
    if strangers:
        raise LinkError(
            f"{folder.path} holds other files of these names: {', '.join(strangers[:_LISTED])}",
            "Move them away, or choose another folder.",
        )
