"""From S3 to S3: by S3 itself where one identity reaches both sides, else through this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from s3magic.copying.entry import Entry, Found
from s3magic.copying.heed import Heed
from s3magic.copying.way import Coming, Report, find_objects, is_named, objects_there
from s3magic.errors import AccessDenied, NoSuchKey, ObjectChanged, S3MagicError
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.copies import copy_object
from s3magic.store.s3 import S3Store
from s3magic.store.upload import Written
from s3magic.url import S3Url

PART = 16 << 20
"""Bytes that come here and go on at once; what is no larger goes in one request."""
_MOST_PARTS = 10_000


class Across:
    """The way from S3 to S3; never overwrites what is not as it was listed.

    Parameters
    ----------
    origin, url
        What is copied: a prefix that ends in a slash, a pattern, or one object.
    store, to
        Where to: a prefix that ends in a slash, or the one object.
    is_one
        Whether whoever asks the one store may ask the other just so.
    """

    def __init__(self, origin: Store, url: S3Url, store: Store, to: S3Url, *, is_one: bool) -> None:
        self.source, self.target = str(url), str(to)
        self._origin, self._url, self._store, self._to = origin, url, store, to
        self._heed = Heed(store)
        self._server = store if is_one and isinstance(store, S3Store) else None

    def find(self) -> Found:
        """See `Way.find`; any key can be a key again."""
        return find_objects(self._origin, self._url)

    def find_there(self, entries: Sequence[Entry], *, everything: bool) -> Mapping[str, Entry]:  # noqa: ARG002 - it is one listing
        """See `Way.find_there`."""
        if self._to.is_prefix:
            return objects_there(self._store, self._to.key)
        with suppress(NoSuchKey, AccessDenied):  # who may not list is denied what is not there
            return {one.name: Entry.of_object(one.name, self._store.head(self._to.key)) for one in entries}
        return {}

    def is_named(self, name: str) -> bool:
        """See `Way.is_named`."""
        return is_named(self._url, name)

    def stands(self, entry: Entry, there: Entry) -> bool | None:
        """See `Way.stands`; the ETags need not be the same where one was uploaded in parts."""
        if entry.size != there.size or entry.info is None or there.info is None:
            return False
        if entry.info.etag == there.info.etag or there.modified > entry.modified:
            return True
        return None if there.modified == entry.modified else False

    def compare(self, entry: Entry, there: Entry) -> bool:
        """See `Way.compare`; by a checksum that S3 knows of both, and of all of each."""
        if entry.info is None or there.info is None:
            return False
        one, other = self._origin.head(entry.info.key), self._store.head(there.info.key)
        if "COMPOSITE" in {one.checksum_type, other.checksum_type}:
            return False
        return bool(one.checksums.items() & other.checksums.items())

    @contextmanager
    def prepare(self, coming: Coming) -> Iterator[None]:  # noqa: ARG002 - S3 has room
        """See `Way.prepare`."""
        yield

    def transfer(self, entry: Entry, there: Entry | None, report: Report) -> None:
        """See `Way.transfer`."""
        if entry.info is None:
            return
        report(0)
        key = self._to.key + entry.name if self._to.is_prefix else self._to.key
        etag = there.info.etag if there is not None and there.info is not None else None
        self._heed.write(key, etag, partial(self._write_surely, entry.info, key, report))
        self._heed.note(entry.size, partial(self._write, entry.info, key, lambda _: None, if_none_match=True))

    def _write_surely(self, info: ObjectInfo, key: str, report: Report, **condition: Any) -> None:
        """Write, past passing faults."""
        written = Written(self._store, key, info.size, info.etag)
        written.surely(lambda: self._write(info, key, report, **condition))

    def _write(
        self, info: ObjectInfo, key: str, report: Report, *, if_match: str | None = None, if_none_match: bool = False
    ) -> None:
        if self._server is None:
            self._carry(info, key, report, if_match=if_match, if_none_match=if_none_match)
            return
        try:
            copy_object(self._server, key, info, if_match=if_match, if_none_match=if_none_match, progress=report)
        except (ObjectChanged, NoSuchKey, AccessDenied):  # of either end, and S3 does not tell of which
            self._find_source(info)
            raise

    def _find_source(self, info: ObjectInfo) -> ObjectInfo:
        """Return what is known of a source; raise what keeps it from being read as it was listed."""
        about = self._origin.head(info.key, version_id=info.version_id)
        if about.etag != info.etag:
            raise ObjectChanged(f"The object changed: {info.url}", "Copy again.")
        return about

    def _carry(self, info: ObjectInfo, key: str, report: Report, *, if_match: str | None, if_none_match: bool) -> None:
        """Read an object from the one store and write it to the other."""
        version = info.version_id
        about = self._find_source(info)
        if info.size <= PART:
            data = self._origin.get(info.key, etag=info.etag, version_id=version)
            self._store.put(
                key,
                data,
                content_type=about.content_type,
                metadata=about.metadata,
                if_match=if_match,
                if_none_match=if_none_match,
            )
            report(info.size)
            return
        size = max(PART, -(-info.size // _MOST_PARTS))
        upload_id = self._store.begin_upload(key, content_type=about.content_type, metadata=about.metadata)
        try:
            etags = []
            for number, start in enumerate(range(0, info.size, size), 1):
                data = self._origin.get(
                    info.key, start=start, stop=min(start + size, info.size), etag=info.etag, version_id=version
                )
                etags.append(self._store.upload_part(key, upload_id, number, data))
                report(len(data))
            self._store.complete_upload(
                key, upload_id, etags, size=info.size, if_match=if_match, if_none_match=if_none_match
            )
        except BaseException:
            with suppress(S3MagicError):
                self._store.abort_upload(key, upload_id)
            raise

    def remove(self, there: Entry) -> None:
        """See `Way.remove`."""
        if there.info is not None:
            self._heed.remove(there.info)

    def notes(self) -> Sequence[str]:
        """See `Way.notes`."""
        return self._heed.complaint()
