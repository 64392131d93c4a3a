"""Thumbnails put on S3 for all objects that have none: in parallel, and again only for the rest; shows nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from s3magic.errors import ObjectChanged, S3MagicError
from s3magic.formats.base import Look
from s3magic.parallel import WORKERS, each
from s3magic.progress import meter
from s3magic.store.base import ObjectInfo
from s3magic.thumbnails import workers
from s3magic.thumbnails.decoding import Decoder
from s3magic.thumbnails.preview import READ_LIMIT, look, reason
from s3magic.thumbnails.stored import Shelf, is_fresh, is_ours

_TOLD = 1000
"""Failures that are remembered by name."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What came of it.

    Parameters
    ----------
    written, kept, failed
        Thumbnails that were stored now, that were there and true, and that could not be made.
    failures
        Name and reason of the first thousand that could not be.
    """

    written: int
    kept: int
    failed: int
    failures: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return all fields as JSON types."""
        return {
            "written": self.written,
            "kept": self.kept,
            "failed": self.failed,
            "failures": [list(failure) for failure in self.failures],
        }

    def __str__(self) -> str:
        words = f"{self.written} thumbnails stored, {self.kept} were there"
        return f"{words}, {self.failed} could not be made" if self.failed else words


def generate(
    infos: Iterable[ObjectInfo],
    *,
    shelf: Shelf,
    size: int,
    wanted: Look,
    read_limit: int = READ_LIMIT,
    executor: Executor | None = None,
    decoder: Decoder | None = None,
) -> Generated:
    """Store a thumbnail of each object that has none, or one that is no longer true.

    What is done stays when this is interrupted; again, it does the rest. An object is never
    replaced: nothing is written over but thumbnails that bear our own mark.

    Parameters
    ----------
    executor
        Who works; threads of this process when None. In other processes the stores are opened
        there, as ``shelf.opener`` does it.
    decoder
        Who makes the pictures; the workers of each process when None.
    """
    work = partial(_one, shelf=shelf, size=size, wanted=wanted, read_limit=read_limit, decoder=decoder)
    counts: Counter[str] = Counter()
    failures: list[tuple[str, str]] = []
    pool = executor or ThreadPoolExecutor(WORKERS, thread_name_prefix="s3magic-generate")
    try:
        outcomes = each(work, infos, executor=pool, to_the_end=True)
        with meter("Making thumbnails", None, " objects") as bar, closing(outcomes):
            for outcome in outcomes:
                state, why = outcome.value or ("failed", reason(outcome.error or Exception()))
                if isinstance(outcome.error, S3MagicError) and not isinstance(outcome.error, ObjectChanged):
                    raise outcome.error  # not allowed, unreachable: the rest would end the same way
                counts[state] += 1
                if why and len(failures) < _TOLD:
                    failures.append((outcome.item.key.removeprefix(shelf.root.key), why))
                bar(1)
    finally:
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)
    return Generated(counts["written"], counts["kept"], counts["failed"], tuple(sorted(failures)))


def _one(
    info: ObjectInfo, *, shelf: Shelf, size: int, wanted: Look, read_limit: int, decoder: Decoder | None
) -> tuple[str, str]:
    """Return what became of one object, and why where it failed; raise what S3 refuses."""
    found = shelf.find(info)
    if found is not None and is_fresh(found, info):
        return "kept", ""
    if found is not None and not is_ours(found):
        return "failed", "Something older lies where its thumbnail belongs, and was not put there by s3magic"
    store = shelf.opener(shelf.root)
    made = look(store, info, size=size, read_limit=read_limit, wanted=wanted, decoder=decoder or workers.shared())
    if not made.image:
        return "failed", made.error or made.caption
    shelf.put(info, made.image, made.media_type, instead_of=found)
    return "written", ""
