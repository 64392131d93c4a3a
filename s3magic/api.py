"""The public functions: each composes the rooms below and decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.access.permissions import PermissionReport
    from s3magic.linking.dataset import LinkedDataset
    from s3magic.listing import Listing
    from s3magic.mounting.model import Mount, MountTable
    from s3magic.sandboxes.process import Sandbox
    from s3magic.thumbnails.gallery import Gallery

AnyPath = str | PathLike[str]


def connect(
    provider: str = "default",
    *,
    profile: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    session_token: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    addressing_style: str | None = None,
    requester_pays: bool = False,
) -> Connection:
    """Choose who asks S3, from now on and for everything.

    Parameters
    ----------
    provider
        ``"default"`` (the whole chain of AWS's tools), ``"environment"``, ``"profile"``,
        ``"anonymous"`` or ``"keys"``.
    profile
        Name of a profile of the AWS configuration, for ``"profile"``.
    access_key_id, secret_access_key, session_token
        For ``"keys"``: kept in memory alone.
    region, endpoint_url, addressing_style, requester_pays
        Where and how to ask; ``endpoint_url`` names an S3-compatible store.

    Raises
    ------
    InvalidInput
        When the choice does not make sense; the former one stays.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.connect("anonymous", region="eu-west-2").choice.provider
    'anonymous'
    """
    from s3magic.access import current
    from s3magic.access.choice import Choice, keys
    from s3magic.access.connection import open_connection

    choice = Choice(
        provider=provider,
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
        addressing_style=addressing_style or "auto",
        requester_pays=requester_pays,
    )
    connection = open_connection(choice, secrets=keys(access_key_id, secret_access_key, session_token))
    current.use(connection)
    return connection


def connection() -> Connection:
    """Return the connection in use; the default chain's when none was chosen yet."""
    from s3magic.access import current

    return current.connection()


def check(url: S3Url | str) -> PermissionReport:
    """Probe what the connection in use may do at a URL; reads a byte at most, changes nothing."""
    from s3magic.access import current, permissions

    parsed = S3Url.parse(url)
    return permissions.check(current.open_store(parsed), parsed)


def ls(url: S3Url | str, *, recursive: bool = False, limit: int = 1000) -> Listing:
    """List a bucket, a folder or a pattern, at most ``limit`` entries; says when there are more."""
    from s3magic.access import current
    from s3magic.listing import list_objects

    parsed = S3Url.parse(url)
    return list_objects(current.open_store(parsed), parsed, recursive=recursive, limit=limit)


def mount(url: S3Url | str, path: AnyPath | None = None, *, memory: int | None = None, fresh: float = 10) -> Mount:
    """Show a bucket or a folder of it as ordinary files, read-only.

    Parameters
    ----------
    url
        ``s3://bucket/`` or ``s3://bucket/prefix/``.
    path
        An empty or new folder; ``./s3/<bucket>/<prefix>`` when None.
    memory
        The daemon's resident limit in bytes; 256 MB when None.
    fresh
        Seconds that listings and attributes may be old.

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
    from s3magic.mounting import manager

    chosen = connection()
    return manager.mount(
        S3Url.parse(url),
        None if path is None else Path(path),
        location=chosen.location,
        broker=chosen.attach(),
        memory=memory,
        fresh=fresh,
    )


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
    MountBusy
        When somebody still uses it after ``timeout`` seconds; says who.
    """
    from s3magic.mounting import manager

    manager.unmount(None if path is None else Path(path), all=all, timeout=timeout, force=force)


def link(
    pattern: S3Url | str | Sequence[S3Url | str],
    path: AnyPath,
    *,
    checkout: bool = False,
    hash: Literal["auto", "read", "never"] = "auto",
    read_limit: int = 1_000_000_000,
    bbox: tuple[float, float, float, float] | None = None,
    match: str | None = None,
    executor: Executor | None = None,
) -> LinkedDataset:
    """Record tiles by reference, in a folder that git can keep, without copying them.

    Parameters
    ----------
    pattern
        One or several URLs, with ``*``, ``**``, ``{laz,tif}`` …
    path
        Folder of the dataset; made when it is not there.
    checkout
        Whether to download the tiles too.
    hash
        ``"auto"``: the SHA-256 that S3 knows, else of bodies up to ``read_limit`` bytes in all;
        ``"read"``: of every body; ``"never"``: none, until the first fetch fills it in.
    bbox
        Keep only tiles that touch ``(west, south, east, north)``, in CRS84 degrees.
    match
        Keep only tiles whose name fits this glob.

    Raises
    ------
    LinkError
        When the tiles do not fit together; nothing is written then.
    """
    from s3magic.access import current
    from s3magic.linking.add import add

    urls = [pattern] if isinstance(pattern, str | S3Url) else list(pattern)
    chosen = connection()
    return add(
        [S3Url.parse(url) for url in urls],
        Path(path),
        opener=current.open_store,
        access={**chosen.location.to_json(), "anonymous": chosen.choice.provider == "anonymous"},
        checkout=checkout,
        hash=hash,
        read_limit=read_limit,
        bbox=bbox,
        match=match,
        executor=executor,
    )


def thumbs(
    url: S3Url | str, *, size: int = 160, limit: int = 60, expires: int = 3600, match: str | None = None
) -> Gallery:
    """Show what lies under a URL as a page of previews, reading a few kilobytes of each object.

    Parameters
    ----------
    size
        Longer side of a preview in pixels.
    limit
        Objects on a page.
    expires
        Seconds that a link made from the gallery lives.
    match
        Keep only objects whose name fits this glob.
    """
    from platformdirs import user_cache_path

    from s3magic.access import current
    from s3magic.thumbnails.gallery import Gallery
    from s3magic.thumbnails.presign import LinkMaker

    chosen = connection()
    return Gallery(
        S3Url.parse(url),
        opener=current.open_store,
        signer=LinkMaker(lambda bucket: chosen.store(bucket).client.location_for(bucket), chosen.credentials),
        size=size,
        limit=limit,
        expires=expires,
        match=match,
        cache=user_cache_path("s3magic") / "thumbs",
    )


def sandbox(*, port: int = 0, data: AnyPath | None = None) -> Sandbox:
    """Start a local S3 with teaching data and use it from now on; no account is needed.

    The sandbox that runs already is returned. When it stops, the former choice comes back.

    Parameters
    ----------
    port
        Loopback port; a free one when 0.
    data
        Folder whose files become a bucket of their own.
    """
    from platformdirs import user_cache_path

    from s3magic.access import current
    from s3magic.sandboxes import process

    running = process.running()
    box = running or process.start(
        port=port, data=None if data is None else Path(data), cache=user_cache_path("s3magic") / "sandbox"
    )
    if running is None:
        teacher = box.users["teacher"]
        former = current.chosen()
        box.connection = connect(
            "keys",
            access_key_id=teacher.access_key_id,
            secret_access_key=teacher.secret_access_key,
            endpoint_url=box.endpoint_url,
            region="us-east-1",
        )
        box.on_stop(lambda: current.use(former) if former else current.forget())
    return box
