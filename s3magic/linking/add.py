"""Linking objects: survey, plan, describe, check that they fit together, and only then record the dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from s3magic.errors import CredentialsError, LinkError
from s3magic.linking import footprints
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.describe import Described, describe
from s3magic.linking.drafts import Drafts
from s3magic.linking.fetch import bring
from s3magic.linking.fit import fit
from s3magic.linking.folder import Folder
from s3magic.linking.hashing import read_hashes
from s3magic.linking.manifest import LinkedTile, access_record
from s3magic.linking.order import READ_LIMIT, Order
from s3magic.linking.plan import LinkPlan, make_plan
from s3magic.linking.recording import Addition, at_work, record, refuse_last_copies, refuse_strangers
from s3magic.linking.redirects import place
from s3magic.linking.report import Report, read_report
from s3magic.linking.split import Parts, SplitDatasets, subfolders
from s3magic.linking.survey import Candidate, refuse_clashes, survey
from s3magic.linking.work import Harvest, gather, raise_failures
from s3magic.progress import meter
from s3magic.store.base import StoreOpener
from s3magic.url import S3Url


@dataclass(frozen=True, slots=True)
class _Task:
    """What was found, what of it is recorded already, and what is left to do.

    Parameters
    ----------
    there
        The datasets that are there, by sub-folder; one in ``""`` unless they are split.
    kept
        The tiles that stay as they are recorded, by name.
    fresh
        The objects that are to be described; taken from it as that goes on, for they are many.
    """

    order: Order
    sources: tuple[str, ...]
    there: Parts
    kept: Mapping[str, LinkedTile]
    fresh: list[Candidate]
    report: Report | None
    plan: LinkPlan

    @property
    def known(self) -> dict[str, LinkedTile]:
        """All tiles that are recorded, by name."""
        return {name: tile for part in self.there.values() for name, tile in part.tiles.items()}


def plan(order: Order, path: Path, *, opener: StoreOpener) -> LinkPlan:
    """Tell what `add` would do, from listings alone; changes nothing."""
    _check_folder(Folder(path))
    return _task(order, Folder(path), opener).plan


def add(
    order: Order,
    path: Path,
    *,
    opener: StoreOpener,
    access: Mapping[str, object] | None = None,
    executor: Executor | None = None,
) -> LinkedDataset | SplitDatasets:
    """Record objects as tiles of a dataset, without copying them.

    The same call again does what is left to do and changes nothing else: tiles that are recorded
    stay pinned to the object they were, unless ``order.replace`` asks for a new version.

    Parameters
    ----------
    order
        What to link, and how.
    path
        The folder of the dataset.
    opener
        Gives the store of a URL.
    access
        ``region``, ``endpoint``, ``anonymous``, ``requestPayer``: how the originals are reached.
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
    folder = Folder(path)
    _check_folder(folder)
    with at_work(folder):
        task = _task(order, folder, opener)
        drafts = Drafts(folder.described, hash=order.hash)
        harvest = _describe(task, drafts, opener, executor)
        if not harvest.values and not task.known:
            _nothing(harvest)
        chosen = _choose(task, harvest)
        if not chosen and not task.known and not harvest.failures:
            raise LinkError("No tile lies in that box", "It is west,south,east,north in degrees; a wider one may help.")
        try:
            additions = _additions(task, folder, chosen, {name for name, _ in harvest.failures}, access)
        except LinkError:
            harvest.raise_stop()
            raise
        if harvest.stopped is None and order.hash != "never" and not order.brings:
            additions = _hash(task, additions, chosen, harvest, drafts, opener=opener, executor=executor)
        if task.known and order.replace:
            harvest.raise_stop()
        harvest.values.clear()  # what is recorded now is in the additions
        chosen.clear()
        additions = [one for one in additions if one.fresh or one.known]
        fresh = {tile.name for one in additions for tile in one.fresh}
        for one in additions:
            refuse_strangers(one)
            refuse_last_copies(one, fresh, opener=opener)
        changes = [record(one, is_held=one.folder == folder) for one in additions]
        folder.described.forget()
        harvest.raise_stop()
        recorded = len(fresh | task.kept.keys())
        if not recorded:
            raise_failures(harvest.failures, 0, "linked")
    unfetched: list[tuple[str, Exception]] = []
    for one in additions:
        if order.brings and not _is_there(one):
            _, failed = bring(one.folder, opener=opener, executor=executor)
            unfetched += failed
    raise_failures([*harvest.failures, *unfetched], recorded - len(unfetched), "linked")
    made = [
        LinkedDataset(one.folder.path, opener=opener, plan=task.plan, changes=change)
        for one, change in zip(additions, changes, strict=True)
    ]
    return SplitDatasets(path, made, task.plan) if order.split else made[0]


def renewal(folder: Folder, *, hash: str = "auto", read_limit: int = READ_LIMIT) -> Order:  # noqa: A002
    """Return the order that makes a new version of a dataset, of what its sources name now."""
    info = folder.info()
    chosen = dict(info.selection)
    return Order(
        patterns=tuple(S3Url.parse(place(source, info.redirects)) for source in info.sources),
        replace=True,
        hash=hash,
        read_limit=read_limit,
        match=chosen.get("match"),  # type: ignore[arg-type]
        bbox=chosen.get("bbox"),  # type: ignore[arg-type]
        keep_prefix=bool(chosen.get("keepPrefix")),
        import_=info.imported,
    )


def _check_folder(folder: Folder) -> None:
    if taken := {".git", ".s3link"} & set(folder.path.absolute().parts):
        raise LinkError(f"{folder.path} is inside of {taken.pop()}", "Choose a folder outside of it.")
    if folder.path.exists() and not folder.path.is_dir():
        raise LinkError(f"{folder.path} is a file", "Give a folder for the tiles.")


def _task(order: Order, folder: Folder, opener: StoreOpener) -> _Task:
    """Compare what is found with what is recorded; raise when the folder is of something else."""
    found = survey(order.patterns, opener=opener, match=order.match, keep_prefix=order.keep_prefix)
    report = None if order.report is None else read_report(order.report, opener=opener)
    there = subfolders(folder, order, found.sources)
    known = {name: tile for part in there.values() for name, tile in part.tiles.items()}
    refuse_clashes(found.candidates, {} if order.replace else {name: _url(tile) for name, tile in known.items()})
    if report is not None:
        known = {name: report.fill(tile) for name, tile in known.items()}
    kept: dict[str, LinkedTile] = {} if order.replace else dict(known)
    fresh = []
    for one in found.candidates:
        tile = known.get(one.name)
        if tile is None or (order.replace and not _is_same(tile, one)):
            fresh.append(one)
        else:
            kept[one.name] = tile if tile.sidecars == one.sidecars else replace(tile, sidecars=one.sidecars)
    return _Task(order, found.sources, there, kept, fresh, report, make_plan(found, fresh, order, report))


def _is_same(tile: LinkedTile, one: Candidate) -> bool:
    """Tell whether a listed object is the one that is recorded."""
    return (_url(tile), tile.etag, tile.size) == (one.info.url, one.info.etag, one.info.size) and (
        one.version_id in {None, tile.version_id}
    )


def _url(tile: LinkedTile) -> str:
    """Return where a tile lies now, by the redirects of its dataset."""
    return f"s3://{tile.source.bucket}/{tile.source.key}"


def _describe(task: _Task, drafts: Drafts, opener: StoreOpener, executor: Executor | None) -> Harvest[Described]:
    """Describe what is fresh; what an earlier run described and could not record is not asked for again."""
    recalled = drafts.recall(task.fresh)
    task.fresh[:] = [one for one in reversed(task.fresh) if one.name not in recalled]
    with meter(f"{task.plan.line}: reading headers", len(task.fresh)) as bar:

        def note(_one: Candidate, described: Described) -> None:
            drafts.add(described)
            bar(1)

        work = partial(describe, opener=opener, hash=task.order.hash, report=task.report)
        todo = (task.fresh.pop() for _ in range(len(task.fresh)))
        harvest = gather(work, todo, executor=executor, on_value=note)
    harvest.values += recalled.values()
    return harvest


def _nothing(harvest: Harvest[Described]) -> None:
    """Raise why not one tile could be described."""
    harvest.raise_stop()
    for _, error in harvest.failures:
        if isinstance(error, CredentialsError):
            raise error
    raise_failures(harvest.failures, 0, "linked")


def _choose(task: _Task, harvest: Harvest[Described]) -> list[Described]:
    """Return the tiles that touch the box, and their sidecars; those of unknown place are failures, not guessed."""
    box = task.order.box
    chosen, sidecars = [], []
    why = LinkError("its place on Earth is not known, so a box cannot choose it", "Leave the box out.")
    for one in sorted(harvest.values, key=lambda one: one.name):
        if one.tile.is_sidecar:
            sidecars.append(one)
        elif box is not None and one.tile.crs84_extent is None:
            harvest.failures.append((one.name, why))
        elif box is None or footprints.overlaps(one.tile.crs84_extent, box):
            chosen.append(one)
    owned = {name for one in chosen for name in one.tile.sidecars}
    owned |= {name for tile in task.kept.values() for name in tile.sidecars}
    return [*chosen, *(one for one in sidecars if one.name in owned)]


def _additions(
    task: _Task, folder: Folder, chosen: Sequence[Described], failed: set[str], access: Mapping[str, object] | None
) -> list[Addition]:
    """Return what is to be recorded where; raise `LinkError` when tiles do not fit together."""
    order = task.order
    kept = {name: tile for name, tile in task.kept.items() if _is_inside(task, tile)}
    groups = task.there.grouped(chosen) if order.split else {"": list(chosen)}
    additions = []
    for name in sorted({*groups, *task.there}):
        part, described = task.there.get(name), groups.get(name, [])
        known = {} if part is None else part.tiles
        # What could not be described stays as it was.
        mine = {name: kept.get(name, known[name]) for name in known.keys() & (kept.keys() | failed)}
        everything = _with_their_sidecars([*mine.values(), *(one.tile for one in described)])
        is_joined = not order.replace or not described or any(not mine[name].is_sidecar for name in mine)
        model = fit(described, part.info if part and is_joined else None)
        info = replace(
            model,
            sources=task.sources,
            access=access_record(access) if part is None or order.replace else part.info.access,
            selection=order.selection,
            imported=order.import_,
            format=_format(everything.values()),
            redirects=part.info.redirects if part else {},
        )
        fresh = tuple(tile for key, tile in everything.items() if tile != known.get(key))
        gone = tuple(tile for key, tile in known.items() if key not in everything)
        additions.append(Addition(Folder(folder.path / name) if name else folder, info, known, fresh, gone))
    return additions


def _with_their_sidecars(tiles: Iterable[LinkedTile]) -> dict[str, LinkedTile]:
    """Return tiles by name, the later ones of a name, without sidecars that belong to none of them."""
    by_name = {tile.name: tile for tile in tiles}
    owned = {name for tile in by_name.values() for name in tile.sidecars}
    return {name: tile for name, tile in by_name.items() if not tile.is_sidecar or name in owned}


def _is_inside(task: _Task, tile: LinkedTile) -> bool:
    """Tell whether a recorded tile is still chosen by the box."""
    box = task.order.box
    return not task.order.replace or box is None or tile.is_sidecar or footprints.overlaps(tile.crs84_extent, box)


def _format(tiles: Iterable[LinkedTile]) -> str | None:
    formats = {tile.format for tile in tiles if not tile.is_sidecar}
    return formats.pop() if len(formats) == 1 else None


def _hash(
    task: _Task,
    additions: Sequence[Addition],
    chosen: Sequence[Described],
    harvest: Harvest[Described],
    drafts: Drafts,
    *,
    opener: StoreOpener,
    executor: Executor | None,
) -> list[Addition]:
    """Read the bodies that must be read; a tile whose body cannot be read is not recorded."""
    described = {one.name: one for one in chosen}
    tiles = [tile for one in additions for tile in one.fresh]
    if task.order.hash == "read":
        fresh = {tile.name for tile in tiles}
        tiles += [tile for one in additions for tile in one.stay if tile.name not in fresh]
    hashing = read_hashes(
        tiles,
        {one.name: one.content for one in chosen if one.content},
        opener=opener,
        limit=None if task.order.hash == "read" else task.order.read_limit,
        executor=executor,
        learnt=lambda tile: drafts.add(replace(described[tile.name], tile=tile)) if tile.name in described else None,
    )
    harvest.failures += hashing.failures
    harvest.stopped = hashing.stopped
    done = {tile.name: tile for tile in hashing.values}
    failed = {name for name, _ in hashing.failures}
    return [one.hashed(done, failed) for one in additions]


def _is_there(one: Addition) -> bool:
    """Tell whether every ordinary copy is there; it may have been edited since, as such copies are."""
    return one.info.imported and all(one.folder.place(tile.name).exists() for tile in one.folder.tiles())
