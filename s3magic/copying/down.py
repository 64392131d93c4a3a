"""From S3 to disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from s3magic.copying.download import download
from s3magic.copying.entry import RECORDS, Entry, Found, alike, unfit
from s3magic.copying.place import Place
from s3magic.copying.proof import is_content
from s3magic.copying.way import SKEW, Coming, Report, find_objects, is_named
from s3magic.naming import segment_of
from s3magic.store.base import Store
from s3magic.url import S3Url, fits


class Down:
    """The way from S3 to disk.

    Parameters
    ----------
    store, url
        What is copied: a prefix that ends in a slash, a pattern, or one object.
    place
        Where to.
    match
        Which of the objects, by the last part of their keys, or by all of it below the prefix; all when None.
    """

    def __init__(self, store: Store, url: S3Url, place: Place, *, match: str | None = None) -> None:
        self.source, self.target = str(url), str(place)
        self._store, self._url, self._place, self._match = store, url, place, match

    def find(self) -> Found:
        """See `Way.find`."""
        found = find_objects(self._store, self._url)
        if self._match is not None:
            found.entries = [entry for entry in found.entries if fits(self._match, entry.name)]
        found.sort_out(is_one=self._place.is_one)
        return found

    def find_there(self, entries: Sequence[Entry], *, everything: bool) -> Mapping[str, Entry]:
        """See `Way.find_there`; links are nothing that a copy made."""
        if everything:
            there = {one.name: one for one in _files(self._place.root)}
            spelt = {alike(name): name for name in there}
            for name in {entry.name for entry in entries} - there.keys():
                if alike(name) in spelt and self._place.find(name):  # the disk finds it by this name, too
                    there[name] = there.pop(spelt.pop(alike(name)))
            return there
        found = ((entry.name, self._place.find(entry.name)) for entry in entries)
        return {name: there for name, there in found if there is not None}

    def is_named(self, name: str) -> bool:
        """See `Way.is_named`."""
        return is_named(self._url, name) and (self._match is None or fits(self._match, name))

    def stands(self, entry: Entry, there: Entry) -> bool | None:
        """See `Way.stands`; a copy gives a file its object's time."""
        if entry.size != there.size:
            return False
        is_ours = int(there.modified) == int(entry.modified)
        return True if is_ours and there.touched >= entry.modified + SKEW else None

    def compare(self, entry: Entry, there: Entry) -> bool:
        """See `Way.compare`; where S3 knows nothing of the content, the time tells."""
        if entry.info is None or there.path is None:
            return False
        has_time = int(there.modified) == int(entry.modified)
        is_same = is_content(there.path, entry.info, self._store)
        if is_same and not has_time:
            os.utime(there.path, (entry.modified, entry.modified))
        return has_time if is_same is None else is_same

    @contextmanager
    def prepare(self, coming: Coming) -> Iterator[None]:
        """See `Way.prepare`."""
        self._place.check_room(coming)
        with self._place.writing(self._place.part(entry.info) for entry, _ in coming if entry.info is not None):
            yield

    def transfer(self, entry: Entry, there: Entry | None, report: Report) -> None:
        """See `Way.transfer`."""
        if entry.info is not None:
            download(self._store, entry.info, self._place, entry.name, over=there, report=report)

    def remove(self, there: Entry) -> None:
        """See `Way.remove`."""
        self._place.remove(there)

    def notes(self) -> Sequence[str]:
        """See `Way.notes`."""
        return ()


def _files(root: Path) -> Iterator[Entry]:
    """Yield the files below a folder that an object could be the source of; follows no links."""
    for folder, folders, names in os.walk(root):
        if RECORDS in folders:
            folders.remove(RECORDS)
        above = [segment_of(part) for part in Path(folder).relative_to(root).parts]
        for name in names:
            path, key = Path(folder, name), "/".join([*above, segment_of(name)])
            if unfit(key) is None and path.is_file() and not path.is_symlink():
                with suppress(FileNotFoundError):
                    yield Entry.of_file(key, path)
