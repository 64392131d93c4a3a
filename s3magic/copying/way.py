"""What each way of a copy does, whichever two ends it joins; does nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from s3magic.copying.entry import Entry, Found
from s3magic.store.base import Store
from s3magic.store.listing import pages
from s3magic.url import S3Url

SKEW = 15 * 60
"""Seconds that S3 lets clocks differ by: what is further apart came one after the other for sure."""
Report = Callable[[int], None]
Coming = Sequence[tuple[Entry, Entry | None]]


class Way(Protocol):
    """One way: down from S3, up to it, or across from one prefix to another."""

    source: str
    target: str

    def find(self) -> Found:
        """Return what is at the source."""
        ...

    def find_there(self, entries: Sequence[Entry], *, everything: bool) -> Mapping[str, Entry]:
        """Return what is at the target of the entries' names, or all of it, by name."""
        ...

    def is_named(self, name: str) -> bool:
        """Tell whether something at the target would be copied if it were at the source."""
        ...

    def stands(self, entry: Entry, there: Entry) -> bool | None:
        """Tell by size and time whether what is there is unchanged; None when only the content can tell."""
        ...

    def compare(self, entry: Entry, there: Entry) -> bool:
        """Tell by the content whether what is there is unchanged."""
        ...

    def prepare(self, coming: Coming) -> AbstractContextManager[None]:
        """Refuse what cannot be done, and hold the target while it is."""
        ...

    def transfer(self, entry: Entry, there: Entry | None, report: Report) -> None:
        """Copy one; ``report`` is told the bytes, and may raise to end it."""
        ...

    def remove(self, there: Entry) -> None:
        """Remove one from the target."""
        ...

    def notes(self) -> Sequence[str]:
        """Return what else is to be told at the end."""
        ...


def find_objects(store: Store, url: S3Url) -> Found:
    """Return the objects of one URL: a prefix, which ends in a slash, a pattern or one object.

    A version is pinned only where the URL does it, for reading one needs a right of its own; the
    ETag pins the others.
    """
    found = Found()
    if not url.is_pattern and not url.is_prefix:
        info = store.head(url.key, version_id=url.version_id)
        found.entries.append(Entry.of_object(info.name, replace(info, version_id=url.version_id)))
        return found
    skip = len(url.prefix)
    for page in pages(store, url.stem, delimiter="/" if url.is_flat else ""):
        found.entries += [
            Entry.of_object(info.key[skip:], replace(info, version_id=None) if info.version_id else info)
            for info in page.objects
            if url.matches(info.key) and len(info.key) > skip
        ]
    return found


def objects_there(store: Store, base: str) -> dict[str, Entry]:
    """Return all objects below a prefix, by the rest of their keys."""
    return {
        info.key[len(base) :]: Entry.of_object(info.key[len(base) :], info)
        for page in pages(store, base)
        for info in page.objects
        if info.key != base and info.key.startswith(base)  # some that is like S3 may list more than it was asked for
    }


def is_named(url: S3Url, name: str) -> bool:
    """Tell whether a URL names the object of a name below its folder."""
    return url.matches(url.prefix + name)
