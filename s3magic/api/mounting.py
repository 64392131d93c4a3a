"""Show S3 as files: mounts, and copies where no mount can be made; composes that room and decides nothing itself."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from s3magic.api.identity import connection
from s3magic.errors import InvalidInput, NoSuchKey
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.mounting.model import Mount, MountTable

AnyPath = str | PathLike[str]


def mount(
    url: S3Url | str,
    path: AnyPath | None = None,
    *,
    write: bool = False,
    copy: bool = False,
    match: str | None = None,
    cache: AnyPath | None = None,
    cache_size: int | None = None,
    memory: int | None = None,
    fresh: float = 10,
    version_at: datetime | str | None = None,
    allow_other: bool = False,
    uid: int | None = None,
    gid: int | None = None,
    file_mode: int = 0o444,
    dir_mode: int = 0o555,
    keep: bool = False,
) -> Mount:
    """Show a bucket or a folder of it as ordinary files, read-only.

    Parameters
    ----------
    url
        ``s3://bucket/`` or ``s3://bucket/prefix/``; or one version of one object, which is then the
        only file: ``s3://bucket/key?versionId=…``.
    path
        An empty or new folder; ``./s3/<bucket>/<prefix>`` when None.
    write
        Not yet: nothing can be written through a mount.
    copy
        Copy the files into the folder instead, for machines without FUSE; the ``url`` may be a
        pattern then. ``refresh()`` brings what changed; the files stay when it is unmounted, and
        mounting it there again fetches only what is new.
    match
        Copy only objects whose name fits this glob.
    cache
        A folder on disk where bytes are kept for later mounts; nothing is kept when None.
    cache_size
        Bytes it may take; 10 GB when None.
    memory
        The daemon's resident limit in bytes; 256 MB when None.
    fresh
        Seconds that listings and attributes may be old.
    version_at
        A time to show the bucket at, such as ``"2026-01-31T12:00+01:00"``; as it is now when None.
    allow_other
        Whether other users of this machine may enter.
    uid, gid, file_mode, dir_mode
        Whose files and folders are shown as, and who may read them: by default yours, for all who
        may enter.
    keep
        Whether it stays, its credentials refreshed, when this process has ended, until
        `unmount` or ``s3magic umount --all``.

    Raises
    ------
    FuseUnavailable, FolderNotEmpty, NoSuchBucket, AccessDenied
        Before anything has changed.

    Examples
    --------
    >>> import s3magic
    >>> with s3magic.mount("s3://teaching/iris/") as m:  # doctest: +SKIP
    ...     cubes = iris.load(m / "E1_north_america.nc")
    """
    from s3magic.access import current
    from s3magic.mounting import manager
    from s3magic.mounting.starting import Daemon

    parsed = S3Url.parse(url)
    if write:
        raise InvalidInput("Nothing can be written through a mount yet", "%s3copy brings files to S3.")
    if copy:
        looks = {"uid": uid, "gid": gid, "file_mode": file_mode != 0o444, "dir_mode": dir_mode != 0o555}
        rest = {"version_at": version_at, "allow_other": allow_other, "keep": keep}
        words = {"cache": cache, "cache_size": cache_size, "memory": memory, **looks, **rest}
        if senseless := [word for word, value in words.items() if value is not None and value is not False]:
            told = " and ".join(senseless)
            raise InvalidInput(f"Copied files are ordinary files, which know no {told}", f"Leave {told} out.")
        return _mirror(parsed, path, match)
    if match is not None:
        raise InvalidInput("A mount shows all files", "Leave match out, or have the files copied: copy=True.")
    with nullcontext() if current.chosen() else Daemon() as daemon:  # gets ready while the broker does
        chosen = connection(parsed)
        return manager.mount(
            parsed,
            None if path is None else Path(path).expanduser(),
            location=chosen.location,
            broker=chosen.attach(),
            tuning=chosen.tuning,
            cache=None if cache is None else Path(cache).expanduser(),
            cache_size=cache_size,
            memory=memory,
            fresh=fresh,
            version_at=version_at,
            allow_other=allow_other,
            uid=uid,
            gid=gid,
            file_mode=file_mode,
            dir_mode=dir_mode,
            keep=keep,
            daemon=daemon,
        )


def _mirror(url: S3Url, path: AnyPath | None, match: str | None) -> Mount:
    from s3magic.access import current
    from s3magic.api.copies import is_object
    from s3magic.mounting import mirror, places

    if url.version_id and (url.is_prefix or url.is_pattern):
        raise InvalidInput(f"A folder has no version: {url}", "Name one object.")
    shown = url.with_key(url.prefix) if url.is_pattern else url
    try:
        return mirror.mirror(
            url,
            places.default_path(shown) if path is None else Path(path).expanduser(),
            opener=current.open_store,
            endpoint=connection(url).location.endpoint_url or "",
            match=match,
            ignore=places.ignore_file() if path is None else None,
            anywhere=path is None,
        )
    except NoSuchKey as nothing:
        if url.is_pattern or url.version_id or not is_object(url):
            raise
        message = f"Only folders can be mounted, and {url} is one object"
        raise InvalidInput(message, "Mount its folder, or let %s3copy bring it alone.") from nothing


def mounts() -> MountTable:
    """Return the mounts that are up, of this kernel and of others of the same user."""
    from s3magic.mounting import manager

    return manager.mounts()


def unmount(
    path: AnyPath | None = None,
    *,
    all: bool = False,
    timeout: float = 30,
    force: bool = False,
) -> None:
    """Take a mount (or all of them) away; nothing on S3 changes.

    Raises
    ------
    InvalidInput
        When nothing is mounted there.
    MountBusy
        When somebody still uses it after ``timeout`` seconds; says who.
    """
    from s3magic.mounting import manager

    if path is not None and str(path).startswith("s3://"):
        raise InvalidInput(f"Not a folder, but a URL: {path}", "s3magic.mounts() lists the folders of all mounts.")
    manager.unmount(None if path is None else Path(path).expanduser(), all=all, timeout=timeout, force=force)
