"""Linking objects: survey, plan, describe, check that they fit together, and only then record the dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from s3magic.errors import CredentialsError, LinkError
from s3magic.harvest import Harvest, gather, raise_failures
from s3magic.linking.adding.describe import Described, describe, place
from s3magic.linking.adding.drafts import Drafts
from s3magic.linking.adding.fit import fit
from s3magic.linking.adding.hashing import read_hashes
from s3magic.linking.adding.ledger import Ledger
from s3magic.linking.adding.order import Order
from s3magic.linking.adding.plan import LinkPlan, make_plan
from s3magic.linking.adding.recording import Addition, at_work, record, refuse_last_copies, refuse_strangers
from s3magic.linking.adding.report import Report, read_report
from s3magic.linking.adding.split import homes, subfolders
from s3magic.linking.adding.state import State
from s3magic.linking.adding.survey import refuse_clashes, survey
from s3magic.linking.fetch import bring
from s3magic.linking.records import footprints
from s3magic.linking.records.changes import Changes
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import DatasetInfo, access_record
from s3magic.progress import meter
from s3magic.store.base import StoreOpener


@dataclass(frozen=True, slots=True)
class Added:
    """What an add did in one folder, and what it was going to do in all."""

    folder: Folder
    plan: LinkPlan
    changes: Changes


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done, and what is known of it so far; the tiles themselves stand in a ledger.

    Parameters
    ----------
    state
        What is recorded of each tile and what shall be.
    drafts
        The tiles that are described.
    there
        The datasets that are there, by sub-folder; one in ``""`` unless they are split.
    """

    order: Order
    sources: tuple[str, ...]
    state: State
    drafts: Drafts
    there: Mapping[str, DatasetInfo]
    report: Report | None
    plan: LinkPlan


def plan(order: Order, path: Path, *, opener: StoreOpener) -> LinkPlan:
    """Tell what `add` would do, from listings alone; changes nothing."""
    _check_folder(Folder(path))
    with Ledger() as ledger:
        return _task(order, Folder(path), opener, ledger).plan


def add(
    order: Order,
    path: Path,
    *,
    opener: StoreOpener,
    access: Mapping[str, object] | None = None,
    executor: Executor | None = None,
) -> list[Added]:
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

    Returns
    -------
    list of Added
        One, or one for each kind of tiles where the order splits them.

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
    with at_work(folder), Ledger(folder.drafts) as ledger:
        task = _task(order, folder, opener, ledger)
        harvest = _describe(task, opener, executor)
        if task.drafts.is_empty and task.state.is_empty:
            _nothing(harvest)
        _choose(task, harvest)
        try:
            additions = _additions(task, folder, harvest, access)
        except LinkError:
            harvest.raise_stop()
            raise
        if harvest.stopped is None and order.hash != "never" and not order.brings:
            _hash(task, harvest, opener=opener, executor=executor)
        if order.replace and not task.state.is_empty:
            harvest.raise_stop()
        additions = [one for one in additions if one.tiles.is_fresh or one.tiles.is_known]
        for one in additions:
            refuse_strangers(one)
            refuse_last_copies(one, opener=opener, executor=executor)
        changes = [record(one, is_held=one.folder == folder) for one in additions]
        recorded = task.state.count()
        task.drafts.keep_left_out()
        harvest.raise_stop()
        if not recorded:
            raise_failures(harvest.failures, 0, "linked")
    unfetched: list[tuple[str, Exception]] = []
    for one in additions:
        if order.brings and not _is_there(one):
            _, failed = bring(one.folder, opener=opener, executor=executor)
            unfetched += failed
    raise_failures([*harvest.failures, *unfetched], recorded - len(unfetched), "linked")
    return [Added(one.folder, task.plan, change) for one, change in zip(additions, changes, strict=True)]


def _check_folder(folder: Folder) -> None:
    if taken := {".git", ".s3link"} & set(folder.path.absolute().parts):
        raise LinkError(f"{folder.path} is inside of {taken.pop()}", "Choose a folder outside of it.")
    if folder.path.exists() and not folder.path.is_dir():
        raise LinkError(f"{folder.path} is a file", "Give a folder for the tiles.")


def _task(order: Order, folder: Folder, opener: StoreOpener, ledger: Ledger) -> _Task:
    """Compare what is found with what is recorded; raise when the folder is of something else."""
    found = survey(order.patterns, opener=opener, match=order.match, keep_prefix=order.keep_prefix, ledger=ledger)
    report = None if order.report is None else read_report(order.report, opener=opener)
    there = subfolders(folder, order, found.sources)
    state = State(ledger)
    for name in there:
        state.record(name, (Folder(folder.path / name) if name else folder).tiles(), report)
    if not order.replace and not state.is_empty:
        refuse_clashes(ledger)
    state.compare(is_replaced=order.replace)
    plan = make_plan(found, order, report)
    return _Task(order, found.sources, state, Drafts(ledger, hash=order.hash), there, report, plan)


def _describe(task: _Task, opener: StoreOpener, executor: Executor | None) -> Harvest[Described]:
    """Describe what is fresh; what an earlier run described and could not record is not asked for again."""
    task.drafts.recall()
    if task.report is not None and task.order.hash == "auto":
        task.drafts.fill(task.report)
    with meter(f"{task.plan.line}: reading headers", task.drafts.left) as bar:

        def note(some: Sequence[Described]) -> None:
            task.drafts.add(place(some))
            bar(len(some))

        work = partial(describe, opener=opener, hash=task.order.hash, report=task.report)
        return gather(work, task.drafts.missing(), executor=executor, on_values=note, keep=False)


def _nothing(harvest: Harvest[Described]) -> None:
    """Raise why not one tile could be described."""
    harvest.raise_stop()
    for _, error in harvest.failures:
        if isinstance(error, CredentialsError):
            raise error
    raise_failures(harvest.failures, 0, "linked")


def _choose(task: _Task, harvest: Harvest[Described]) -> None:
    """Leave out the tiles that do not touch the box; those of unknown place are failures, not guessed."""
    box = task.order.box
    if box is None:
        return
    why = LinkError("its place on Earth is not known, so a box cannot choose it", "Leave the box out.")
    for tile in task.drafts.tiles():
        if tile.crs84_extent is None:
            harvest.failures.append((tile.name, why))
        if not footprints.overlaps(tile.crs84_extent, box):
            task.drafts.leave_out(tile.name)
    if not task.drafts.kinds() and task.state.is_empty and not harvest.failures:
        raise LinkError("No tile lies in that box", "It is west,south,east,north in degrees; a wider one may help.")


def _additions(
    task: _Task, folder: Folder, harvest: Harvest[Described], access: Mapping[str, object] | None
) -> list[Addition]:
    """Return what is to be recorded where; raise `LinkError` when tiles do not fit together."""
    order, drafts, state = task.order, task.drafts, task.state
    if order.replace:
        state.drop((name for name, _ in harvest.failures), order.box)
    kinds = drafts.kinds()
    groups = homes(kinds, task.there, named=drafts.named) if order.split else {"": kinds}
    models = {}
    for name in sorted({*groups, *task.there}):
        group, info = groups.get(name, []), task.there.get(name)
        is_joined = not order.replace or not group or state.has_tiles(name)
        models[name] = fit(group, info if is_joined else None, named=drafts.named)
    state.take({kind.number: name for name, group in groups.items() for kind in group})
    additions = []
    for name, model in models.items():
        there, formats = task.there.get(name), state.formats(name)
        info = replace(
            model,
            sources=task.sources,
            access=access_record(access) if there is None or order.replace else there.access,
            selection=order.selection,
            imported=order.import_,
            format=formats[0] if len(formats) == 1 else None,
            redirects=there.redirects if there else {},
        )
        additions.append(Addition(Folder(folder.path / name) if name else folder, info, state.part(name)))
    return additions


def _hash(task: _Task, harvest: Harvest[Described], *, opener: StoreOpener, executor: Executor | None) -> None:
    """Read the bodies that must be read; a tile whose body cannot be read is not recorded."""
    order = task.order
    hashing = read_hashes(
        task.state,
        opener=opener,
        fresh=order.hash != "read",
        limit=None if order.hash == "read" else order.read_limit,
        executor=executor,
    )
    harvest.failures += hashing.failures
    harvest.stopped = hashing.stopped
    task.state.lose(name for name, _ in hashing.failures)


def _is_there(one: Addition) -> bool:
    """Tell whether every ordinary copy is there; it may have been edited since, as such copies are."""
    return one.info.imported and all(one.folder.place(tile.name).exists() for tile in one.folder.tiles())
