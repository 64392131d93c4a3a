"""The files behind ``s3://`` URLs: patterns expanded, read through a mount of the bucket, as fresh as S3 has them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from s3magic.access import current
from s3magic.access.connection import Connection
from s3magic.cubes import etags
from s3magic.errors import AccessDenied, ArchivedObject, FuseUnavailable, InvalidInput, NoSuchKey
from s3magic.mounting import manager, mirror, records
from s3magic.mounting.inodes import file_entry
from s3magic.mounting.model import Mount
from s3magic.mounting.starting import Daemon
from s3magic.naming import file_name
from s3magic.parallel import WORKERS
from s3magic.store.base import ObjectInfo
from s3magic.store.listing import expand
from s3magic.url import S3Url

_DIGEST = 8


@dataclass(frozen=True, slots=True)
class _File:
    """An object, and where a mount shows it, or where it is as a copy."""

    info: ObjectInfo
    mount: Mount | None
    path: Path

    @property
    def is_current(self) -> bool:
        """Whether it is the object that S3 has by now; one version never becomes another."""
        if self.mount is None:
            return True
        try:
            shown = self.path.stat().st_ino
        except OSError:
            return False
        return bool(S3Url.parse(self.mount.url).version_id) or shown == file_entry("", self.info).number

    def check(self) -> None:
        """Refuse what the mount cannot show."""
        try:
            self.path.stat()
        except PermissionError as error:
            raise AccessDenied(
                f"Not to be looked at through its mount: {self.info.url}",
                f"Unmount it (%s3umount {self.mount or self.path}) and load again: less is mounted then.",
            ) from error
        except FileNotFoundError as error:
            raise InvalidInput(
                f"{self.info.url} can be no file", "A folder has its name; copy it to another key."
            ) from error


def paths(urls: list[str]) -> list[str]:
    """Return the files that URLs of objects, and patterns, stand for; mounts what is not mounted yet.

    The bucket is mounted as a whole, in a folder of this user's own, so that one mount serves all
    of it; where only some of it may be listed, the largest folder that may. A mount that shows the
    object already is used instead, or a copy (`%s3mount --copy`) that is as S3 has it.

    Raises
    ------
    NoSuchBucket, NoSuchKey, AccessDenied, ArchivedObject, FuseUnavailable
        Before anything is opened.
    """
    parsed = [S3Url.parse(url) for url in urls]
    for url in parsed:
        if url.is_prefix:
            raise InvalidInput(f"A folder is no file: {url}", f"Name the files in it: {url.with_key(f'{url.key}*.nc')}")
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="s3magic-look") if len(parsed) > 1 else nullcontext() as pool:
        found = list((pool.map if pool else map)(_objects, parsed))
    mounts: list[tuple[S3Url, Mount]] = []
    files = [_file(url, info, mounts) for url, infos in zip(parsed, found, strict=True) for info in infos]
    for mount in {mount.path: mount for _, mount in mounts}.values():
        if not all(one.is_current for one in files if one.mount is mount):
            mount.refresh()
    for one in files:
        one.check()
    return [str(one.path) for one in files]


def shows(base: S3Url, url: S3Url) -> bool:
    """Tell whether a mount of one URL shows the object of another, as whoever is chosen for that sees it."""
    is_within = base == url if url.version_id else not base.version_id and url.key.startswith(base.key)
    return base.bucket == url.bucket and is_within and current.connection(base) is current.connection(url)


def _objects(url: S3Url) -> list[ObjectInfo]:
    """Return what a URL names, and note it as seen."""
    store = current.open_store(url)
    try:
        infos = list(expand(store, url))
    except NoSuchKey:
        with suppress(AccessDenied):
            store.list_page(url.key, max_keys=1)  # tells a bucket that is not there from such an object
        raise
    if not infos:
        raise NoSuchKey(f"Nothing fits {url}", "%s3ls shows what is there.")
    for info in infos:
        if info.is_archived:
            raise ArchivedObject(
                f"In an archive class: {info.url}", "Restore it first (aws s3api restore-object), then load it."
            )
        if not url.version_id:
            etags.note(S3Url(url.bucket, info.key), info.etag)
    return infos


def _file(url: S3Url, info: ObjectInfo, mounts: list[tuple[S3Url, Mount]]) -> _File:
    """Find an object in one of the ``mounts`` that were found so far, or in another one, which joins them."""
    endpoint = current.connection(url).location.endpoint_url or ""
    copied = None if url.version_id else mirror.file_of(info, url.bucket, endpoint=endpoint)
    if copied is not None:
        return _File(info, None, copied)
    named = S3Url(url.bucket, info.key, url.version_id)
    found = next((pair for pair in mounts if shows(pair[0], named)), None)
    if found is None:
        mount = _mount(named)
        found = S3Url.parse(mount.url), mount
        mounts.append(found)
    shown, mount = found
    inner = info.key[shown.key.rfind("/") + 1 :]  # the one of a version stands for itself
    names = [file_name(segment) for segment in inner.split("/")]
    known = [name for name in names if name is not None]
    if len(known) < len(names):
        raise InvalidInput(f"No file can be called like {url}", "Copy it to another key.")
    return _File(info, mount, mount.path.joinpath(*known))


def _mount(url: S3Url) -> Mount:
    """Return a mount that shows an object as whoever is chosen for it sees it."""
    chosen = current.connection(url)
    for mount in manager.ours(chosen.location):
        if shows(S3Url.parse(mount.url), url):
            return mount
    with Daemon() as daemon:  # gets ready while the rights are looked at
        place = url if url.version_id else _place(url, chosen)
        try:
            return manager.mount(
                place,
                _folder(place, chosen),
                location=chosen.location,
                broker=chosen.attach(),
                tuning=chosen.tuning,
                daemon=daemon,
            )
        except FuseUnavailable as error:
            error.hint += f" Without it: %s3mount --copy {list(_around(url))[-1]} and load again."
            raise


def _place(url: S3Url, chosen: Connection) -> S3Url:
    """Return the largest folder around an object that may be listed."""
    store = chosen.store(url.bucket)
    refused = None
    for folder in _around(url):
        if current.connection(folder) is not chosen:
            continue  # somebody else is chosen for so much
        try:
            store.list_page(folder.key, delimiter="/", max_keys=1)
        except AccessDenied as error:
            refused = error
        else:
            return folder
    raise AccessDenied(
        f"Iris reads through a mount, and {list(_around(url))[-1]} may not be listed",
        f"Ask for s3:ListBucket there, or load a copy: %s3copy {url} .",
    ) from refused


def _around(url: S3Url) -> Iterator[S3Url]:
    """Yield the folders that a key is in, the bucket first."""
    yield url.with_key("")
    for at, letter in enumerate(url.key):
        if letter == "/":
            yield url.with_key(url.key[: at + 1])


def _folder(place: S3Url, chosen: Connection) -> Path:
    """Return where a place is mounted for this process: nobody else's mount is there."""
    told = f"{chosen.location.endpoint_url}\0{chosen.location.region}\0{place}"
    digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return records.private_folder() / f"{place.bucket}-{os.getpid()}-{digest}"
