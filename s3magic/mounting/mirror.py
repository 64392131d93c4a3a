"""Copies in a folder of what a mount would show, where no mount can be made; brings what changed, uploads nothing.

The engine is that of `s3magic.copying`. A marker in the folder tells what it is a copy of, and
which files came from S3, so that no other file is ever replaced or removed.
"""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3magic.copying import sync
from s3magic.copying.down import Down
from s3magic.copying.entry import RECORDS, Entry, Found, relative
from s3magic.copying.place import Place
from s3magic.copying.report import CopyReport
from s3magic.copying.way import Coming, Report
from s3magic.errors import CopyError, CopyFailed, InvalidInput, MountError
from s3magic.html import bytes_text, card
from s3magic.mounting import places
from s3magic.mounting.model import Mount
from s3magic.store.base import ObjectInfo, Store, StoreOpener
from s3magic.store.traffic import Traffic, total
from s3magic.url import S3Url

FILE_MODE = 0o444
_MARKER = "mirror.json"
_NAMED = 3

_making = threading.Lock()  # one at a time, for one may lie within another
_lock = threading.Lock()
_live: dict[Path, Mirror] = {}


@dataclass(frozen=True, slots=True, repr=False)
class CopiedMount(Mount):
    """A mount that is a copy, or a folder inside one.

    Parameters
    ----------
    url, path, backend, read_only
        See `Mount`.
    mirror
        What keeps the copy.
    """

    url: str
    path: Path
    mirror: Mirror = field(compare=False)
    backend: str = "copy"
    read_only: bool = True

    @property
    def state(self) -> str:
        """See `Mount.state`; never stale."""
        return "mounted" if _live.get(self.mirror.path) is self.mirror else "unmounted"

    def stats(self) -> dict[str, Any]:
        """Return what the copying cost.

        Returns
        -------
        dict
            ``files`` and ``bytes`` that are here, ``requests`` and ``bytes_fetched`` that this took since it
            was mounted, ``hidden`` (keys that can be no file here), ``uptime`` in seconds.
        """
        return self.mirror.stats()

    def refresh(self) -> None:
        """Bring what changed on S3, and remove what is not there any more."""
        if self.state != "mounted":
            raise MountError(f"Not mounted any more: {self.path}", "Mount it again.")
        self.mirror.bring()

    def unmount(self, *, timeout: float = 30, force: bool = False) -> None:  # noqa: ARG002 - nobody is in the way
        """Follow S3 no longer; the files stay, and mounting the same there again is quick."""
        with _lock:
            if self.state == "mounted":
                del _live[self.mirror.path]

    def to_html(self, stats: dict[str, Any], former: dict[str, Any] | None = None) -> str:  # noqa: ARG002 - no rate
        """See `Mount.to_html`."""
        if not stats:
            return card(self.url, self._rows())
        rows: list[tuple[str, object]] = [("copied here", f"{stats['files']:,} files, {bytes_text(stats['bytes'])}")]
        rows.append(("fetched", f"{bytes_text(stats['bytes_fetched'])} in {stats['requests']:,} requests"))
        rows += [("left out", f"{stats['hidden']:,} of what S3 has")] if stats["hidden"] else []
        return card(self.url, [*self._rows(), *rows])


class Mirror:
    """One folder that is a copy of a place on S3.

    Parameters
    ----------
    url
        A prefix, a pattern, or one version of an object.
    path
        The folder, absolute.
    opener
        Gives the bucket's store, as whoever is chosen by then sees it.
    endpoint
        Of which store it is a copy; empty for AWS.
    match
        Which of the objects, by their names or the paths below the folder; all when None.
    """

    def __init__(self, url: S3Url, path: Path, *, opener: StoreOpener, endpoint: str, match: str | None) -> None:
        self.url, self.path, self.match = url, path, match
        self.what = {"url": str(url), "endpoint": endpoint, "match": match}
        self._opener = opener
        self._turn = threading.Lock()
        self._began = time.monotonic()
        self._report: CopyReport | None = None
        self._traffic = Traffic()
        self._held = 0, 0

    def bring(self) -> None:
        """Bring what is new or changed, and remove what came from S3 and is not there any more.

        Raises
        ------
        CopyFailed
            Some objects failed, the others are here; the next time it is gone on with.
        NoSuchKey, AccessDenied, CopyError
            There is nothing, it is not allowed, or there is no room; nothing has changed.
        """
        with self._turn:
            way = _Way(self, self._opener(self.url))
            known, before = way.known, total()
            try:
                self._report = sync.copy(way, delete=bool(known), may_delete=way.is_ours)
                self.note(_seals(way.place, (*self._report.kept, *self._report.copied)))
            except CopyFailed as error:
                if isinstance(error.report, CopyReport):
                    self.note(known | _seals(way.place, (*error.report.kept, *error.report.copied)))
                raise
            finally:
                self._traffic += total() - before
        if way.archived:
            more = f" and {len(way.archived) - _NAMED} more" if len(way.archived) > _NAMED else ""
            told = f"Not here, for they are in an archive class: {', '.join(way.archived[:_NAMED])}{more}"
            warnings.warn(told, stacklevel=5)

    def stats(self) -> dict[str, Any]:
        """See `CopiedMount.stats`."""
        files, size = self._held
        return {
            "files": files,
            "bytes": size,
            "requests": self._traffic.requests,
            "bytes_fetched": self._traffic.received,
            "hidden": len(self._report.left_out) if self._report else 0,
            "uptime": time.monotonic() - self._began,
        }

    def check(self) -> None:
        """Refuse a folder that holds anything but a copy of the same; raise what `Place` raises of it."""
        held = self._read()
        if held and {name: held.get(name) for name in self.what} != self.what:
            raise InvalidInput(f"{self.path} holds a copy of {held.get('url')}", "Choose another folder.")
        if not held:
            places.check_empty(self.path)

    def note(self, files: dict[str, list[int]], *, coming: dict[str, list[int]] | None = None) -> None:
        """Write down what the folder is a copy of, which files came from S3, and which are about to."""
        marker = self.path / RECORDS / _MARKER
        marker.parent.mkdir(parents=True, exist_ok=True)
        draft = marker.with_suffix(".new")
        draft.write_text(json.dumps({**self.what, "files": files, "coming": coming or {}}), encoding="utf-8")
        draft.replace(marker)
        self._held = len(files), sum(size for size, _ in files.values())

    def files(self, place: Place) -> dict[str, list[int]]:
        """Return the files that came from S3, by name, with size and time; those of a copy that broke off, too."""
        held = self._read()
        files: dict[str, list[int]] = held.get("files", {})
        came = _seals(place, held.get("coming", {}))
        return files | {name: seal for name, seal in came.items() if seal == held["coming"][name]}

    def _read(self) -> dict[str, Any]:
        try:
            held: dict[str, Any] = json.loads((self.path / RECORDS / _MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return held


class _Way(Down):
    """The way from S3 into a mirror: replaces nothing that did not come from there, and waits for no archive."""

    def __init__(self, mirror: Mirror, store: Store) -> None:
        only = relative(mirror.url.name) if mirror.url.version_id else None
        self.place = Place(mirror.path, only=only, mode=FILE_MODE)
        super().__init__(store, mirror.url, self.place, match=mirror.match)
        self.archived: list[str] = []
        self._mirror = mirror
        self.known = mirror.files(self.place)

    def find(self) -> Found:
        """See `Way.find`."""
        found = super().find()
        self.archived = [entry.name for entry in found.entries if entry.info is not None and entry.info.is_archived]
        gone = set(self.archived)
        found.entries = [entry for entry in found.entries if entry.name not in gone]
        found.left_out += [(name, "it is in an archive class") for name in self.archived]
        return found

    @contextmanager
    def prepare(self, coming: Coming) -> Iterator[None]:
        """See `Way.prepare`; from now on the folder is known to be a copy."""
        with super().prepare(coming):
            self._mirror.note(self.known, coming={entry.name: _seal(entry) for entry, _ in coming})
            yield

    def transfer(self, entry: Entry, there: Entry | None, report: Report) -> None:
        """See `Way.transfer`."""
        if there is not None and not self.is_ours(there):
            raise CopyError(f"Changed here, and on S3: {there.path}", "Move it away; a mount is for reading.")
        super().transfer(entry, there, report)

    def is_ours(self, there: Entry) -> bool:
        """Tell whether a file is as it came."""
        return self.known.get(there.name) == _seal(there)


def mirror(
    url: S3Url,
    path: Path,
    *,
    opener: StoreOpener,
    endpoint: str,
    match: str | None = None,
    ignore: Path | None = None,
    anywhere: bool = False,
) -> Mount:
    """Copy what a URL names into a folder, and return it as a mount.

    The same again gives the one that is there, at no cost; without a mount of it here, what has
    been copied into the folder is gone on with.

    Parameters
    ----------
    url
        A prefix, a pattern, or one version of an object.
    path
        An empty or new folder, or one with a copy of the same.
    opener, endpoint
        The store.
    match
        Which of the objects.
    ignore
        A file to write that keeps git away, if any.
    anywhere
        Whether a mount on another folder will do, that holds all of it.

    Raises
    ------
    InvalidInput, FolderNotEmpty, NoSuchKey, AccessDenied, CopyError
        Before anything is changed.
    CopyFailed
        Some objects failed, the others are there; the same again goes on.
    """
    if not url.is_prefix and not url.is_pattern and not url.version_id:
        url = url.with_key(f"{url.key}/")
    made = Mirror(url, Path(os.path.realpath(path)), opener=opener, endpoint=endpoint, match=match)
    with _making:
        with _lock:
            live = _find(made, anywhere=anywhere)
        if live is not None:
            return live
        made.check()
        made.bring()
        if ignore is not None and not ignore.exists():
            with suppress(OSError):
                ignore.write_text("*\n")
        with _lock:
            _live[made.path] = made
    return CopiedMount(str(url), made.path, made)


def mirrors() -> list[Mount]:
    """Return those of this process."""
    return [CopiedMount(str(one.url), one.path, one) for one in list(_live.values())]


def file_of(info: ObjectInfo, bucket: str, *, endpoint: str) -> Path | None:
    """Return the file here that is an object as S3 has it by now; None where no mirror of this process has it."""
    if info.last_modified is None:
        return None
    for one in list(_live.values()):
        begin = one.url.prefix
        is_same = (one.url.bucket, one.what["endpoint"]) == (bucket, endpoint) and not one.url.version_id
        if is_same and info.key.startswith(begin):
            path = one.path / relative(info.key[len(begin) :])
            with suppress(OSError):
                state = path.stat()
                if [state.st_size, int(state.st_mtime)] == [info.size, int(info.last_modified.timestamp())]:
                    return path
    return None


def forget() -> None:
    """Follow S3 no longer with any; their files stay."""
    with _lock:
        _live.clear()


def _find(wanted: Mirror, *, anywhere: bool) -> Mount | None:
    """Return the live mount that holds what is wanted, in its own folder or ``anywhere``."""
    for one in _live.values():
        if one.path == wanted.path and one.what == wanted.what:
            return CopiedMount(str(one.url), one.path, one)
        is_whole = one.url.is_prefix and one.match is None and one.what["endpoint"] == wanted.what["endpoint"]
        is_inside = one.url.bucket == wanted.url.bucket and wanted.url.key.startswith(one.url.key)
        if is_whole and is_inside and wanted.url.is_prefix and wanted.match is None:
            path = one.path / relative(wanted.url.key[len(one.url.key) :].removesuffix("/"))
            if path.is_dir() and (anywhere or path == wanted.path):
                return CopiedMount(str(wanted.url), path, one)
    return None


def _seal(there: Entry) -> list[int]:
    """Return by what a file is known to be as it came."""
    return [there.size, int(there.modified)]


def _seals(place: Place, names: Iterable[str]) -> dict[str, list[int]]:
    found = ((name, place.find(name)) for name in names)
    return {name: _seal(there) for name, there in found if there is not None}
