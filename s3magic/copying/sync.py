"""A copy from beginning to end: what is at both ends, the plan, the transfers, the report."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from s3magic.copying.entry import Entry, Found, folders, total
from s3magic.copying.report import CopyReport
from s3magic.copying.way import Way
from s3magic.errors import AccessDenied, CopyError, CopyFailed, InvalidInput, NoSuchKey
from s3magic.harvest import gather, raise_failures, reason
from s3magic.progress import Meter, Stopped, meter
from s3magic.url import S3Url

_AT_ONCE = 24  # bodies: enough to fill a line, few enough not to wait for each other's turn in Python
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOUN = "objects"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: each that is copied with what it replaces, each that stays, each that is removed."""

    coming: tuple[tuple[Entry, Entry | None], ...]
    kept: tuple[str, ...]
    leaving: tuple[Entry, ...]
    left_out: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, Exception], ...]

    @property
    def size(self) -> int:
        """Bytes that are copied."""
        return total(entry for entry, _ in self.coming)


def copy(
    way: Way,
    *,
    dry_run: bool = False,
    delete: bool = False,
    may_delete: Callable[[Entry], bool] | None = None,
) -> CopyReport:
    """Copy what is new or changed; the same again does what is left to do.

    Parameters
    ----------
    way
        From where to where.
    dry_run
        Say what would be done, and do nothing.
    delete
        Remove from the target what the source does not have, once all else is done; nothing where
        anything failed.
    may_delete
        Tells what may be removed; all of the target that the source could name when None.

    Raises
    ------
    NoSuchKey, CopyError
        There is nothing to copy, or no room for it; nothing has changed.
    AccessDenied
        It is not allowed; said after the first refusal.
    CopyFailed
        Some failed, the others are done; its ``report`` tells of all.
    """
    began = time.monotonic()
    plan = make_plan(way, delete=delete, may_delete=may_delete)
    failures = list(plan.failures)
    copied: list[str] = [entry.name for entry, _ in plan.coming]
    deleted = [entry.name for entry in plan.leaving] if not failures else []
    notes: Sequence[str] = ()
    verb = "copied"
    if not dry_run:
        run = _Run(way)
        failures += run.transfer(plan)
        failed = {name for name, _ in failures}
        copied = [name for name in copied if name not in failed]
        if failures:
            deleted = []
        else:
            verb = "deleted"
            failures += run.remove(plan.leaving)
            gone = {name for name, _ in failures}
            deleted = [name for name in deleted if name not in gone]
        notes = way.notes()
    done = set(copied)
    report = CopyReport(
        source=way.source,
        target=way.target,
        copied=tuple(copied),
        kept=plan.kept,
        deleted=tuple(deleted),
        failures=tuple((name, reason(error)) for name, error in sorted(failures, key=lambda one: one[0])),
        left_out=plan.left_out,
        size=total(entry for entry, _ in plan.coming if entry.name in done),
        seconds=time.monotonic() - began,
        dry_run=dry_run,
        notes=tuple(notes),
    )
    if not dry_run:
        _raise(failures, report, verb)
    return report


def make_plan(way: Way, *, delete: bool = False, may_delete: Callable[[Entry], bool] | None = None) -> Plan:
    """Look at both ends and return what is to be done; what only its content can tell is read."""
    found = way.find()
    if not found.entries and not found.failures and not found.left_out:
        if delete:
            raise CopyError(f"There is nothing at {way.source}", "Nothing is deleted for the sake of an empty source.")
        if way.source.startswith("s3://"):
            raise NoSuchKey(f"There is nothing at {way.source}", "Check the spelling; %s3ls shows what is there.")
    there = way.find_there(found.entries, everything=delete)
    kept: list[Entry] = []
    unsure: list[Entry] = []
    coming: list[Entry] = []
    for entry in found.entries:
        other = there.get(entry.name)
        stands = other is not None and way.stands(entry, other)
        (kept if stands else unsure if stands is None else coming).append(entry)
    same, failures = _compare(way, unsure, there)
    failed = {name for name, _ in failures}
    kept += [entry for entry in unsure if entry.name in same]
    coming += [entry for entry in unsure if entry.name not in same and entry.name not in failed]
    return Plan(
        coming=tuple((entry, there.get(entry.name)) for entry in coming),
        kept=tuple(entry.name for entry in kept),
        leaving=tuple(_leaving(way, found, there, may_delete)) if delete else (),
        left_out=tuple(found.left_out),
        failures=(*found.failures, *failures),
    )


def _leaving(
    way: Way, found: Found, there: Mapping[str, Entry], may_delete: Callable[[Entry], bool] | None
) -> list[Entry]:
    left_out = {name for name, _ in found.left_out}
    staying = {entry.name for entry in found.entries} | left_out

    def stays(name: str) -> bool:
        return name in staying or any(folder in left_out for folder in folders(name))  # a link to a folder, say

    return [
        other
        for name, other in there.items()
        if not stays(name) and way.is_named(name) and (may_delete is None or may_delete(other))
    ]


def _compare(
    way: Way, unsure: Sequence[Entry], there: Mapping[str, Entry]
) -> tuple[Collection[str], list[tuple[str, Exception]]]:
    """Return the names of those whose content is the same, and what failed."""

    def compare(entry: Entry) -> str | None:
        bar(0)
        is_same = way.compare(entry, there[entry.name])
        bar(entry.size)
        return entry.name if is_same else None

    with meter("Comparing", total(unsure), "B", tiles=len(unsure), noun=_NOUN) as bar:
        harvest = gather(compare, unsure, on_value=lambda *_: bar.tile_done(), stop=bar.stop, workers=_AT_ONCE)
    harvest.raise_stop()
    return {name for name in harvest.values if name is not None}, harvest.failures


@dataclass(slots=True)
class _Run:
    """Does what a plan says, and stops where all else would fail, too."""

    way: Way
    done: int = 0
    fatal: Exception | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def transfer(self, plan: Plan) -> list[tuple[str, Exception]]:
        """Copy what comes; return what failed."""
        if not plan.coming:
            return []
        replaced = {entry.name: other for entry, other in plan.coming}

        def send(entry: Entry, bar: Meter) -> None:
            self.way.transfer(entry, replaced[entry.name], bar)

        with self.way.prepare(plan.coming):
            return self._each("Copying", send, [entry for entry, _ in plan.coming], sized=True)

    def remove(self, leaving: Sequence[Entry]) -> list[tuple[str, Exception]]:
        """Remove what leaves; return what failed."""
        self.done = 0

        def remove(entry: Entry, _bar: Meter) -> None:
            self.way.remove(entry)

        return self._each("Deleting", remove, leaving, sized=False)

    def _each(
        self, label: str, work: Callable[[Entry, Meter], None], entries: Sequence[Entry], *, sized: bool
    ) -> list[tuple[str, Exception]]:
        def one(entry: Entry) -> None:
            bar(0)
            try:
                work(entry, bar)
            except OSError as error:  # being refused is one
                self._look_at(error, bar.stop)
                raise
            with self.lock:
                self.done += 1

        size, unit = (total(entries), "B") if sized else (len(entries), f" {_NOUN}")
        with meter(label, size, unit, tiles=len(entries), noun=_NOUN) as bar:
            harvest = gather(
                one,
                entries,
                on_value=lambda *_: bar.tile_done() if sized else bar.count(1),
                stop=bar.stop,
                workers=_AT_ONCE,
            )
        harvest.raise_stop()
        if self.fatal is not None:
            raise self.fatal
        return [(name, error) for name, error in harvest.failures if not isinstance(error, Stopped)]

    def _look_at(self, error: Exception, stop: threading.Event) -> None:
        """End it all where the disk is full, or the first thing that is tried is refused."""
        with self.lock:
            if isinstance(error, OSError) and error.errno in _FULL:
                self.fatal = self.fatal or CopyError(
                    f"No room left in {self.way.target}", "What is whole stays; make room, then copy again."
                )
            elif isinstance(error, AccessDenied) and not self.done:
                self.fatal = self.fatal or error
            if self.fatal is not None:
                stop.set()


def _raise(failures: Sequence[tuple[str, Exception]], report: CopyReport, verb: str) -> None:
    done = len(report.copied) + len(report.kept) + len(report.deleted)
    try:
        raise_failures(failures, done, verb, noun=_NOUN, kind=CopyFailed)
    except CopyFailed as error:
        error.report = report
        raise


def check_ends(source: S3Url, target: S3Url, *, delete: bool) -> None:
    """Refuse a copy of a prefix into itself, and one whose deletions would reach its own source."""
    if source.bucket != target.bucket:
        return
    if source.prefix == target.key:
        raise InvalidInput(f"Both ends are the same: {target}", "Name another place to copy to.")
    is_folder = source.is_prefix or source.is_pattern
    if is_folder and not source.is_flat and target.key.startswith(source.prefix):
        raise InvalidInput(
            f"{target} lies inside of {source}", "Copy to a place outside of it: each copy would copy the last one."
        )
    if delete and source.prefix.startswith(target.key):
        raise InvalidInput(f"{source} lies inside of {target}", "Leave delete out: it would remove the source.")
