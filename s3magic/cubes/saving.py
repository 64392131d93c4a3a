"""Saving to an ``s3://`` URL: a local file first, then one upload that overwrites nothing unseen.

What cannot be stored stays on disk, and the error says where.
"""

from __future__ import annotations

import mimetypes
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from s3magic.access import current
from s3magic.cubes import etags
from s3magic.cubes.loading import shows
from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey, ObjectChanged, S3MagicError
from s3magic.mounting import manager
from s3magic.naming import file_name
from s3magic.progress import meter
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.upload import PART, upload
from s3magic.url import S3Url

_WRITING = "writing-"


def save(target: str, write: Callable[[str], Any], words: Mapping[str, Any], *, folder: Path) -> Any:
    """Let somebody save to a file and store it at a URL; return what they return, once it is stored.

    An object that is there is overwritten only if it is the one that this process loaded or saved
    last, or, where it did neither, the one that was there when the saving began.

    Parameters
    ----------
    target
        The URL of an object.
    write
        Saves to a path.
    words
        What else was asked of the saver: ``append=True`` gives it the object that is there to begin with.
    folder
        Where files are written, and kept if they cannot be stored.

    Raises
    ------
    InvalidInput, NoSuchBucket, NoCredentials, Unreachable
        Before anything is written.
    ObjectChanged, AccessDenied, S3MagicError
        When it could not be stored: the hint names the file that is kept.
    """
    url = S3Url.parse(target)
    _check(url, words)
    store = current.open_store(url)
    there = _look(store, url)
    with _draft(url, folder) as path:
        if words.get("append") and there is not None:
            _fetch(store, there, path)
        result = write(str(path))
        with _kept(path):
            info = _store(store, url, path, there)
    etags.note(url, info.etag)
    for mount in manager.ours(current.connection(url).location):
        if shows(S3Url.parse(mount.url), url):
            with suppress(S3MagicError):
                mount.refresh()
    return result


def _check(url: S3Url, words: Mapping[str, Any]) -> None:
    if url.is_prefix or url.is_pattern:
        raise InvalidInput(f"Not the name of one file: {url}", "Save to s3://bucket/key.nc, without wildcards.")
    if url.version_id:
        raise InvalidInput(f"A version cannot be written: {url}", "Leave ?versionId=… out: saving makes a new one.")
    if words.get("compute") is False:
        raise InvalidInput("What is saved to S3 cannot be computed later", "Leave compute=False out.")


def _look(store: Store, url: S3Url) -> ObjectInfo | None:
    """Return the object that is there; None where none is, or where one may not know."""
    try:
        return store.head(url.key)
    except NoSuchKey:
        with suppress(AccessDenied):
            store.list_page(url.key, max_keys=1)  # tells a bucket that is not there from such an object
    except AccessDenied:
        pass  # one may write what one may not see
    return None


def _fetch(store: Store, info: ObjectInfo, path: Path) -> None:
    with path.open("wb") as file, store.stream(info.key, etag=info.etag) as chunks:
        for chunk in chunks:
            file.write(chunk)


def _store(store: Store, url: S3Url, path: Path, there: ObjectInfo | None) -> ObjectInfo:
    """Store a file over what was there when the saving began, or over nothing."""
    expected = None if there is None else etags.seen(url)
    if there is not None and expected is None:
        expected = there.etag
    now = _look(store, url)  # again: sooner than S3 could tell of a large upload, and some stores heed no condition
    if now is None:
        expected = None
    elif now.etag != expected:
        raise _overtaken(url, expected)
    kind, size = mimetypes.guess_type(path.name)[0], path.stat().st_size
    condition: dict[str, Any] = {"if_none_match": True} if expected is None else {"if_match": expected}
    with meter(f"saving {url.name}", size, "B") if size > PART else nullcontext() as progress:
        try:
            return upload(store, url.key, path, content_type=kind, progress=progress, **condition)
        except ObjectChanged as error:
            raise _overtaken(url, expected) from error


def _overtaken(url: S3Url, expected: str | None) -> ObjectChanged:
    """Return what is told where somebody else was quicker; the same again is told the same, until it is loaded."""
    etags.note(url, expected or etags.NOTHING)
    if not expected:
        message = f"There is one at {url} already, which was not there, or not to be seen, before"
    else:
        message = f"Somebody else wrote {url} since it was loaded here"
    return ObjectChanged(message, "Theirs stays: load it and save again, or save under another name.")


@contextmanager
def _draft(url: S3Url, folder: Path) -> Iterator[Path]:
    """Give a place to write a file of the same name; it is gone afterwards unless it is kept."""
    name = file_name(url.name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = Path(tempfile.mkdtemp(prefix=_WRITING, dir=folder))
    except OSError as error:
        raise InvalidInput(
            f"No file can be written in {folder}: {error.strerror}",
            "Set XDG_STATE_HOME to a folder of yours with room.",
        ) from error
    try:
        yield place / (name or f"unnamed{Path(url.name).suffix}")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Keep a file that is whole when it cannot be stored, and say where."""
    try:
        yield
    except BaseException as error:
        kept = path.parent.with_name(path.parent.name.removeprefix(_WRITING)) / path.name
        path.parent.rename(kept.parent)
        told = f"What was to be stored is kept: {kept}"
        if isinstance(error, S3MagicError):
            error.hint = f"{error.hint} {told}"
        else:
            error.add_note(told)
        raise
