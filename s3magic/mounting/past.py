"""A bucket as it stood at some time, and one version of one object: what a mount may show in place of the live bucket.

Both look like a store to those who list and read. An ETag here names a version too, so that what is
read by it is that version and no other. Nothing can be written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from s3magic.errors import InvalidInput
from s3magic.store.base import ListPage, ObjectInfo, Store, Version

_BETWEEN = "@"
_BEFORE_VERSIONS = "null"


class Source(Protocol):
    """What a mount needs of a bucket: `Store` has it."""

    def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """See `Store.list_page`."""
        ...

    def get(self, key: str, *, start: int = 0, stop: int | None = None, etag: str | None = None) -> bytes:
        """See `Store.get`."""
        ...

    def receive(
        self, key: str, into: memoryview, *, arrived: Callable[[int], None], start: int = 0, etag: str | None = None
    ) -> None:
        """See `Store.receive`."""
        ...


class _Versions:
    """Reads versions of a store by ETags that name them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, *, start: int = 0, stop: int | None = None, etag: str | None = None) -> bytes:
        """See `Store.get`."""
        tag, version = _parted(etag)
        return self._store.get(key, start=start, stop=stop, etag=tag, version_id=version)

    def receive(
        self, key: str, into: memoryview, *, arrived: Callable[[int], None], start: int = 0, etag: str | None = None
    ) -> None:
        """See `Store.receive`."""
        tag, version = _parted(etag)
        self._store.receive(key, into, arrived=arrived, start=start, etag=tag, version_id=version)


class AsOf(_Versions):
    """A bucket as it stood at one time: of each object the version that was live then.

    A folder is there if anything was ever in it; one that held nothing then is empty.

    Parameters
    ----------
    store
        The bucket.
    time
        The moment, with its time zone; S3 knows whole seconds.

    Examples
    --------
    >>> from datetime import UTC
    >>> from s3magic.store.memory import MemoryStore
    >>> store = MemoryStore("teaching")
    >>> _ = store.put("a.txt", b"old")
    >>> now = datetime.now(UTC)
    >>> _ = store.put("a.txt", b"new"), store.put("b.txt", b"new")
    >>> [(info.key, info.size) for info in AsOf(store, now).list_page().objects]
    [('a.txt', 3)]
    """

    def __init__(self, store: Store, time: datetime) -> None:
        super().__init__(store)
        self._time = time

    def check(self, prefix: str) -> None:
        """Raise `InvalidInput` where no versions are kept: what was overwritten there is lost without a trace."""
        page = self._store.list_versions(prefix, max_keys=100)
        if page.versions and all(one.info.version_id == _BEFORE_VERSIONS for one in page.versions):
            raise InvalidInput(
                f"The bucket {self._store.bucket} keeps no versions, so nobody knows how it stood then",
                "Mount it as it is now, or have versioning switched on for the time to come.",
            )

    def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """See `Store.list_page`; a page may hold less than was asked for."""
        inner, settled = json.loads(token) if token is not None else (None, None)
        while True:
            page = self._store.list_versions(
                prefix, delimiter=delimiter, token=inner, start_after=start_after if inner is None else None,
                max_keys=max_keys,
            )  # fmt: skip
            objects = []
            for version in page.versions:
                if version.info.key != settled and self._was_there(version):
                    settled = version.info.key  # older ones of the same key follow
                    if not version.is_deletion:
                        objects.append(_pinned(version.info))
            inner = page.next_token
            taken = {f"{info.key}{delimiter}" for info in objects}  # of two that share a name, one was there
            prefixes = tuple(one for one in page.prefixes if one not in taken or self._held(one))
            if objects or prefixes or inner is None:
                return ListPage(tuple(objects), prefixes, None if inner is None else json.dumps([inner, settled]))

    def _held(self, prefix: str) -> bool:
        """Whether anything was under a prefix."""
        return bool(self.list_page(prefix).objects)

    def _was_there(self, version: Version) -> bool:
        written = version.info.last_modified
        return written is not None and written <= self._time


class Pinned(_Versions):
    """One version of one object, and nothing else.

    Parameters
    ----------
    store
        The bucket.
    key, version_id
        The object. It is asked for at once: `NoSuchKey` is raised where there is none.
    """

    def __init__(self, store: Store, key: str, version_id: str) -> None:
        super().__init__(store)
        self._info = _pinned(replace(store.head(key, version_id=version_id), version_id=version_id))

    def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """See `Store.list_page`."""
        key = self._info.key
        is_there = key.startswith(prefix) and key > (token or start_after or "") and max_keys > 0
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if is_there and end >= 0:
            return ListPage((), (key[: end + len(delimiter)],), None)
        return ListPage((self._info,) if is_there else (), (), None)


def time_of(text: datetime | str) -> datetime:
    """Read a time, such as ``2026-01-31T12:00+01:00``; without a zone it is one of this machine's clock.

    Raises `InvalidInput` for what is no time, or is yet to come.
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else text
    except ValueError:
        raise InvalidInput(f"Not a time: {text!r}", "Write it like 2026-01-31 or 2026-01-31T12:00+01:00.") from None
    time = time.astimezone()
    if time > datetime.now(time.tzinfo):
        raise InvalidInput(f"Nobody knows yet how it will stand at {time.isoformat()}", "Give a time that has passed.")
    return time


def _pinned(info: ObjectInfo) -> ObjectInfo:
    return replace(info, etag=f"{info.etag}{_BETWEEN}{info.version_id}")


def _parted(etag: str | None) -> tuple[str | None, str | None]:
    """Return ETag and version of what `_pinned` gave."""
    tag, _, version = (etag or "").rpartition(_BETWEEN)
    return (tag, version) if version else (etag, None)
