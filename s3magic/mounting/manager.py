"""The life of mounts: made once for the same words, found again from other kernels, and none left behind."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from s3magic.errors import InvalidInput, MountBusy, MountError, MountTaken, NoSuchKey, S3MagicError
from s3magic.loaded import loaded
from s3magic.mounting import attach, control, counted, ending, places, records, wishes
from s3magic.mounting.disk import SIZE
from s3magic.mounting.failures import error_of
from s3magic.mounting.model import DaemonMount, Mount, MountTable
from s3magic.mounting.records import Record
from s3magic.mounting.starting import Daemon, own_pidfd, reap
from s3magic.naming import file_name
from s3magic.store.credentials import Location
from s3magic.store.tuning import Tuning
from s3magic.url import S3Url

MEMORY = 256_000_000
FRESH = 10
FILE_MODE, DIR_MODE = 0o444, 0o555
_EXIT_SECONDS = 0.5
_MAKING_SECONDS = 20
_PAUSE = 0.05
_MIRROR = "s3magic.mounting.mirror"  # loaded by the first copy, for it costs more than all the rest

_lock = threading.Lock()
_ours: dict[int, Record] = {}  # by the daemon's pid: mounts this process made or shares
os.register_at_fork(after_in_child=_ours.clear)


def mount(
    url: S3Url,
    path: Path | None = None,
    *,
    location: Location,
    broker: socket.socket,
    tuning: Tuning | None = None,
    cache: Path | None = None,
    cache_size: int | None = None,
    memory: int | None = None,
    fresh: float = FRESH,
    version_at: datetime | str | None = None,
    allow_other: bool = False,
    uid: int | None = None,
    gid: int | None = None,
    file_mode: int = FILE_MODE,
    dir_mode: int = DIR_MODE,
    keep: bool = False,
    daemon: Daemon | None = None,
) -> Mount:
    """Show a bucket or a prefix as a folder of read-only files.

    The same URL on the same folder gives the mount that is there, unless it is asked to be another
    one. Without a folder, a URL inside a mount of this process gives its sub-folder.

    Parameters
    ----------
    url
        ``s3://bucket`` or ``s3://bucket/prefix``; or one version of one object, which is then the
        only file: ``s3://bucket/key?versionId=…``.
    path
        An empty or new folder; ``./s3/<bucket>/<prefix>`` when None.
    location, broker
        The store, and a socket that a `BrokerSource` takes; it is closed here.
    tuning
        How hard the daemon asks the store.
    cache
        A folder on disk where bytes are kept for later mounts, by several mounts at once if need
        be; nothing is kept when None.
    cache_size
        Bytes it may take; 10 GB when None.
    memory
        Bytes the daemon should stay below; 256 MB when None.
    fresh
        Seconds after which listings and attributes are asked for again.
    version_at
        The time to show the bucket at; as it is now when None. Needs a bucket that keeps versions.
    allow_other
        Whether other users may enter.
    uid, gid
        Whose files are shown as; this user's when None.
    file_mode, dir_mode
        Who may read files and enter folders; whoever may write cannot, nevertheless.
    keep
        Whether it stays, and its credentials are refreshed, when its last process is gone, until it
        is unmounted.
    daemon
        One that was started already, if any; whoever started it ends it where it is not needed.

    Raises
    ------
    InvalidInput, FuseUnavailable, FolderNotEmpty, NoSuchBucket, NoSuchKey, AccessDenied
        All before anything is changed.
    """
    memory = MEMORY if memory is None else memory
    with broker, _lock:
        wishes.check(url, memory=memory, fresh=fresh)
        at = wishes.moment(url, version_at)
        _clear_dead()
        target = Path(os.path.realpath(places.default_path(url, at) if path is None else path))
        wishes.check_cache(cache, cache_size, target)
        config = {
            "url": str(url),
            "path": str(target),
            "location": location.to_json(),
            "tuning": (tuning or Tuning()).to_json(),
            "memory": memory,
            "fresh": fresh,
            "version_at": at,
            "looks": wishes.looks(uid, gid, file_mode, dir_mode),
            "allow_other": allow_other,
            "keep": keep,
            "cache": cache and [os.path.realpath(cache), SIZE if cache_size is None else cache_size],
            "ignore": str(places.ignore_file()) if path is None else None,
        }
        live = _find(url, at, target, location, anywhere=path is None)
        if live is not None:
            wishes.check_same(config, _usual(), live.record.wishes, live.record.path)
            _share(live.record)
            return live
        attach.check_available()
        try:
            record = _start(config, broker, daemon)
        except MountError as error:
            live = _made_meanwhile(target, lambda: _find(url, at, target, location, anywhere=False))
            if live is not None:
                _share(live.record)
                return live
            if not isinstance(error, MountTaken):
                raise
            record = _start(config, broker, None)  # whoever began there has ended: its kernel was killed
        _keep(record, is_new=True)
        return DaemonMount(record.url, record.path, record)


def _start(config: dict[str, Any], broker: socket.socket, daemon: Daemon | None) -> Record:
    places.check(Path(config["path"]))
    with daemon or Daemon() as started:
        return started.mount(config, broker)


def _usual() -> dict[str, Any]:
    """Return what a mount is where nothing else is asked for."""
    looks = wishes.looks(None, None, FILE_MODE, DIR_MODE)
    return {"memory": MEMORY, "fresh": FRESH, "looks": looks, "allow_other": False, "keep": False, "cache": None}


def mounts() -> MountTable:
    """Return the live mounts of this user, those of other kernels too."""
    _clear_dead()
    live: list[Mount] = [DaemonMount(record.url, record.path, record) for record in records.live()]
    mirror: Any = loaded(_MIRROR)
    return MountTable([*live, *(mirror.mirrors() if mirror else ())])


def unmount(
    path: Path | None = None,
    *,
    all: bool = False,  # noqa: A002 - the word of the command
    timeout: float = 30,
    force: bool = False,
) -> None:
    """Take one mount away, or all of this user.

    Parameters
    ----------
    path
        A folder that is a mount or inside one; may be None where there is only one mount.
    timeout
        Seconds to try in all, while files are in use.
    force
        Do not wait for whoever uses it: they get errors.

    Raises
    ------
    InvalidInput
        When nothing is mounted there, or when it is not clear which mount is meant.
    MountError
        When one is still used (`MountBusy`), or cannot be ended; the others are unmounted nevertheless.
    """
    deadline = time.monotonic() + timeout
    failed = None
    for found in mounts() if all else [_named(path)]:
        try:
            found.unmount(timeout=max(0.0, deadline - time.monotonic()), force=force)
        except MountError as error:
            failed = failed or error
    reap()
    if failed is not None:
        raise failed


def unmount_ours() -> None:
    """Take away the mounts that only this process needs, by force where they are in use.

    What it shares with other kernels stays for them, and what is to be kept.
    """
    mirror: Any = loaded(_MIRROR)
    if mirror:
        mirror.forget()
    for record in list(_ours.values()):
        _ours.pop(record.pid, None)
        with contextlib.suppress(S3MagicError):
            if not record.is_alive:
                ending.clear(record)
            elif control.ask(record.socket, {"ask": "leave", "pid": os.getpid()})["is_last"]:
                try:
                    ending.end(record, timeout=_EXIT_SECONDS)
                except MountBusy:
                    ending.end(record, timeout=0, force=True)
    reap()


def move(
    is_served: Callable[[S3Url], bool], *, location: Location, attach: Callable[[], socket.socket]
) -> tuple[list[str], list[str]]:
    """Let mounts that this process alone uses ask as somebody else from now on, their caches dropped.

    A mount of another store stays as it is, and so does one that other kernels use too.

    Parameters
    ----------
    is_served
        Tells which URLs are meant.
    location, attach
        The store, and what gives a socket that a `BrokerSource` takes, one for each mount.

    Returns
    -------
    tuple of list of str
        The URLs of the mounts that were moved, and of those that stay as they were.
    """
    moved: list[str] = []
    left: list[str] = []
    for record in [one for one in records.live() if one.pid in _ours and is_served(S3Url.parse(one.url))]:
        (moved if _move(record, location, attach) else left).append(record.url)
    return moved, left


def _move(record: Record, location: Location, attach: Callable[[], socket.socket]) -> bool:
    if record.location["endpoint_url"] != location.endpoint_url:
        return False
    with contextlib.suppress(S3MagicError):  # a daemon, or a broker, that ends just now
        if set(control.ask(record.socket, {"ask": "owners"})["owners"]) <= {os.getpid()}:
            with attach() as broker:
                question = {"ask": "move", "location": location.to_json()}
                control.ask(record.socket, question, descriptors=[broker.fileno()], seconds=60)
            return True
    return False


def _find(url: S3Url, version_at: str, target: Path, location: Location, *, anywhere: bool) -> DaemonMount | None:
    """Return the live mount that shows a URL on the target already; or ``anywhere``, if it is one of ours."""
    folder = url if url.is_prefix else url.with_key(f"{url.key}/")
    for record in records.live():
        base = S3Url.parse(record.url)
        if record.version_at != version_at or base.version_id != url.version_id:
            continue
        if url.version_id:
            if base == url and record.path == target and record.location == location.to_json():
                return DaemonMount(record.url, record.path, record)
            continue
        if base.bucket != url.bucket or record.location != location.to_json() or not folder.key.startswith(base.key):
            continue
        inner = folder.key[len(base.key) :].removesuffix("/")
        names = [file_name(segment) or segment for segment in inner.split("/")] if inner else []
        path = record.path.joinpath(*names)
        if path != target and not (anywhere and record.pid in _ours and not record.is_private):
            continue
        try:
            is_there, is_folder = path.exists(), path.is_dir()
        except OSError as error:
            raise error_of(error, path) from error
        if not is_folder:
            if is_there:
                raise InvalidInput(f"Only folders can be mounted, and {url} is one object", f"It is here: {path}")
            raise NoSuchKey(f"There is nothing at {folder}", "Check the spelling; %s3ls shows what is there.")
        return DaemonMount(str(folder), path, record)
    return None


def ours(location: Location) -> list[DaemonMount]:
    """Return the mounts of a store that this process uses, the deepest first; none that shows a time gone by."""
    told = location.to_json()
    found = [one for one in records.live() if one.pid in _ours and one.location == told and not one.version_at]
    shown = (DaemonMount(record.url, record.path, record) for record in found)
    return sorted(shown, key=lambda mount: len(mount.url), reverse=True)


def _made_meanwhile(target: Path, find: Callable[[], DaemonMount | None]) -> DaemonMount | None:
    """Return what another kernel was quicker to mount with the same words, waited for while it is being made."""
    deadline = time.monotonic() + _MAKING_SECONDS
    while (written := records.at(target)) is not None and written.is_alive and time.monotonic() < deadline:
        is_there = written.mount_point is not None
        live = find()
        if live is not None or is_there:
            return live
        time.sleep(_PAUSE)
    return None


def _named(path: Path | None) -> Mount:
    live = mounts()
    if path is not None:
        target = Path(os.path.realpath(path))
        live = MountTable(mount for mount in live if target.is_relative_to(mount.path))
    if len(live) == 1:
        return live[0]
    if not live:
        raise InvalidInput(f"Nothing is mounted{f' on {path}' if path else ''}", "s3magic.mounts() lists the mounts.")
    raise InvalidInput("There are several mounts", f"Say which: {', '.join(str(mount.path) for mount in live)}")


def _clear_dead() -> None:
    for record in records.all_records():
        if not record.is_alive:
            ending.clear(record)
    reap()


def _share(record: Record) -> None:
    """Let a mount of another kernel live as long as this one does, too."""
    if record.pid not in _ours:
        with own_pidfd() as owner:
            control.ask(record.socket, {"ask": "adopt"}, descriptors=[owner])
        _keep(record, is_new=False)


def _keep(record: Record, *, is_new: bool) -> None:
    _ours[record.pid] = record
    counted.begin(record, is_new=is_new)


atexit.register(unmount_ours)
