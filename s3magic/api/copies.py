"""Copy between S3 and disk: finds out what the two ends are, and composes the way between; decides nothing itself."""

from __future__ import annotations

import os
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey, NotFound
from s3magic.harvest import reason
from s3magic.naming import file_name
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.copying.report import CopyReport
    from s3magic.copying.way import Way

End = S3Url | str | PathLike[str]


def copy(src: End, dst: End, *, dry_run: bool = False, delete: bool = False) -> CopyReport:
    """Copy from S3 to disk, from disk to S3, or from S3 to S3: what is new there, or changed.

    The same again does what is left to do; an interrupted or killed copy is gone on with.

    Parameters
    ----------
    src
        ``s3://bucket/prefix/``, a pattern such as ``s3://bucket/prefix/**/*.{laz,tif}``, one object,
        or one version of it (``?versionId=…``); or a file or folder here.
    dst
        A folder here or a prefix, made when it is not there. One object or file may also be given
        the name that it is to have; where the name ends in a slash, or is a folder, it goes inside.
    dry_run
        Say what would be done, and do nothing.
    delete
        Remove from ``dst`` what the source does not have, once all else is done. Where anything
        failed, nothing is removed; of a pattern, only what it would name.

    Returns
    -------
    CopyReport
        ``.copied``, ``.kept``, ``.deleted``, ``.failures``, ``.left_out``, ``.size``, ``.seconds``.

    Raises
    ------
    CopyFailed
        Some objects failed and the others are done; ``.failures`` lists them, ``.report`` tells all.
    NotFound, CopyError, InvalidInput
        There is nothing to copy, no room, or no sense in it; nothing has changed.
    AccessDenied
        It is not allowed; said after the first refusal.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.copy("s3://teaching/tiles/*.laz", "tiles")  # doctest: +SKIP
    s3://teaching/tiles/*.laz → /home/me/tiles
      copied           4 objects, 102 kB in 0.1 s
      unchanged        0 objects
    """
    from s3magic.copying import sync

    return sync.copy(_way(src, dst, delete=delete), dry_run=dry_run, delete=delete)


def _way(src: End, dst: End, *, delete: bool) -> Way:
    if not _is_url(src):
        if not _is_url(dst):
            raise InvalidInput("Neither end is on S3", "One of them begins with s3://; cp copies on this machine.")
        return _up(_local(os.fspath(src)), _target(dst), delete=delete)  # type: ignore[arg-type]
    given = S3Url.parse(src)  # type: ignore[arg-type]
    source = _source(given)
    _check_delete(str(source), is_one=not source.is_prefix and not source.is_pattern, delete=delete)
    way = _across(source, _target(dst), delete=delete) if _is_url(dst) else _down(source, os.fspath(dst))  # type: ignore[arg-type]
    way.source = str(given)  # without a slash that nobody wrote
    return way


def _down(source: S3Url, dst: str) -> Way:
    from s3magic.access import current
    from s3magic.copying.down import Down
    from s3magic.copying.place import Place

    folder = _local(dst)
    only = None
    if not source.is_prefix and not source.is_pattern:
        only = file_name(source.name)
        if not dst.endswith(os.sep) and not folder.is_dir():
            folder, only = folder.parent, folder.name
        if only is None:
            raise InvalidInput(f"No file can be called like {source}", "Say what to call it here.")
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"Not a folder: {folder}", "Name a folder to copy to.")
    return Down(current.open_store(source), source, Place(folder, only=only))


def _up(path: Path, target: S3Url, *, delete: bool) -> Way:
    from s3magic.access import current
    from s3magic.copying.up import Up

    if not path.exists():
        is_pattern = any(sign in str(path) for sign in "*?[{")
        hint = "Only URLs may be patterns: name the folder, or one file." if is_pattern else "Check the spelling."
        raise NotFound(f"No such file or folder: {path}", hint)
    _check_delete(str(path), is_one=not path.is_dir(), delete=delete)
    if path.is_dir():
        target = _folder(target)
    elif not path.is_file() or file_name(path.name) is None:
        raise InvalidInput(f"Neither a folder, nor a file whose name is text: {path!s:.200}", "Name one of them.")
    elif target.is_prefix:
        target = target.with_key(target.key + path.name)
    return Up(path, current.open_store(target), target)


def _across(source: S3Url, target: S3Url, *, delete: bool) -> Way:
    from s3magic.access import current
    from s3magic.copying.across import Across
    from s3magic.copying.sync import check_ends

    if source.is_prefix or source.is_pattern:
        target = _folder(target)
    elif target.is_prefix:
        target = target.with_key(target.key + source.name)
    whoever, other = current.connection(source), current.connection(target)
    if _server(whoever) == _server(other):
        check_ends(source, target, delete=delete)
    return Across(current.open_store(source), source, current.open_store(target), target, is_one=whoever is other)


def _server(connection: Connection) -> str:
    """Return where a connection asks, in one form; empty for AWS, whose buckets have names that no other has."""
    from s3magic.access.place import is_aws

    endpoint = connection.location.endpoint_url or ""
    return "" if is_aws(endpoint) else urlsplit(endpoint).netloc.lower()


def _local(end: str) -> Path:
    """Return a path on this machine that can be looked at, whatever there is."""
    if not end:
        raise InvalidInput("One end has no name", "Write . for the folder that you are in.")
    try:
        path = Path(end).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"Cannot look at {end:.200}: {reason(error)}", "Name another place.") from error
    return path


def _source(url: S3Url) -> S3Url:
    """Return what is copied; what names no object is a folder without its slash."""
    if url.is_prefix or url.is_pattern:
        if url.version_id:
            raise InvalidInput(f"Only an object has versions: {url}", "Name one object, or leave the version out.")
        return url
    from s3magic.access import current
    from s3magic.store.listing import alone

    return url if url.version_id or alone(current.open_store(url), url) else url.with_key(f"{url.key}/")


def _folder(url: S3Url) -> S3Url:
    """Return where a folder goes; not below the name of an object, which programs would not find any more."""
    if is_object(url):
        raise InvalidInput(f"A folder cannot take the place of an object: {url}", "Name another place to copy to.")
    return url if url.is_prefix else url.with_key(f"{url.key}/")


def is_object(url: S3Url) -> bool:
    """Tell whether there is an object of just this name, for whoever may see it."""
    from s3magic.access import current

    if url.is_prefix:
        return False
    try:
        current.open_store(url).head(url.key)
    except (NoSuchKey, AccessDenied):  # who may not list is denied what is not there
        return False
    return True


def _target(dst: End) -> S3Url:
    target = S3Url.parse(dst)  # type: ignore[arg-type]
    if target.is_pattern or target.version_id:
        raise InvalidInput(f"Nothing can be copied to {target}", "Name a prefix, or a key, without wildcards.")
    return target


def _check_delete(source: str, *, is_one: bool, delete: bool) -> None:
    if delete and is_one:
        raise InvalidInput(f"{source} is no folder", "Only a copy of a folder, or a pattern, deletes: leave that out.")


def _is_url(end: End) -> bool:
    return isinstance(end, S3Url) or os.fspath(end).startswith("s3://")
