"""From disk to S3."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from s3magic.copying.entry import Entry, Found
from s3magic.copying.heed import Heed
from s3magic.copying.proof import is_content
from s3magic.copying.tree import find_files
from s3magic.copying.way import SKEW, Coming, Report, objects_there
from s3magic.errors import AccessDenied, NoSuchKey, ObjectChanged
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.upload import upload
from s3magic.url import S3Url

_WORKERS = 4  # parts of one file under way at once


class Up:
    """The way from disk to S3; never overwrites what is not as it was listed.

    Parameters
    ----------
    path
        What is copied: a folder, or one file.
    store, url
        Where to: a prefix that ends in a slash, or the one object.
    """

    def __init__(self, path: Path, store: Store, url: S3Url) -> None:
        self.source, self.target = str(path), str(url)
        self._path, self._store, self._url = path, store, url
        self._heed = Heed(store)

    def find(self) -> Found:
        """See `Way.find`."""
        if self._path.is_file():
            return Found([Entry.of_file(self._path.name, self._path)])
        return find_files(self._path, self._url.key)

    def find_there(self, entries: Sequence[Entry], *, everything: bool) -> Mapping[str, Entry]:  # noqa: ARG002 - it is one listing
        """See `Way.find_there`; markers of folders are no files."""
        if self._url.is_prefix:
            found = objects_there(self._store, self._url.key)
            return {name: there for name, there in found.items() if not name.endswith("/")}
        with suppress(NoSuchKey, AccessDenied):  # who may not list is denied what is not there
            return {one.name: Entry.of_object(one.name, self._store.head(self._url.key)) for one in entries}
        return {}

    def is_named(self, name: str) -> bool:  # noqa: ARG002
        """See `Way.is_named`."""
        return True

    def stands(self, entry: Entry, there: Entry) -> bool | None:
        """See `Way.stands`; what was last touched well before the object was written is what was written then."""
        if entry.size != there.size:
            return False
        return True if entry.touched <= there.modified - SKEW else None

    def compare(self, entry: Entry, there: Entry) -> bool:
        """See `Way.compare`; where S3 knows nothing of the content, the time tells, as it does `aws s3 sync`."""
        if entry.path is None or there.info is None:
            return False
        is_same = is_content(entry.path, there.info, self._store)
        return entry.modified <= there.modified if is_same is None else is_same

    @contextmanager
    def prepare(self, coming: Coming) -> Iterator[None]:  # noqa: ARG002 - S3 has room
        """See `Way.prepare`."""
        yield

    def transfer(self, entry: Entry, there: Entry | None, report: Report) -> None:
        """See `Way.transfer`."""
        if entry.path is None:
            return
        report(0)
        key = self._key(entry)
        if_match = there.info.etag if there is not None and there.info is not None else None
        kind, encoding = mimetypes.guess_type(entry.path.name)
        content_type = None if encoding else kind
        write = partial(
            upload, self._store, key, entry.path, content_type=content_type, progress=report, workers=_WORKERS
        )
        info = self._heed.write(key, if_match, write)
        self._heed.note(entry.size, partial(self._write_again, entry.path, info))

    def remove(self, there: Entry) -> None:
        """See `Way.remove`."""
        if there.info is not None:
            self._heed.remove(there.info)

    def notes(self) -> Sequence[str]:
        """See `Way.notes`."""
        return self._heed.complaint()

    def _write_again(self, path: Path, info: ObjectInfo) -> None:
        data = path.read_bytes()
        if len(data) != info.size:
            raise ObjectChanged(f"The file changed: {path}", "Copy again.")
        self._store.put(info.key, data, content_type=info.content_type, if_none_match=True)

    def _key(self, entry: Entry) -> str:
        return self._url.key + entry.name if self._url.is_prefix else self._url.key
