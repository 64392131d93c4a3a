"""The public functions: each composes the rooms below and decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from s3magic.errors import InvalidInput
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.access.lint import Finding
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
    role_arn: str | None = None,
    external_id: str | None = None,
    session_name: str | None = None,
    duration: int | None = None,
    source: str | None = None,
    order: Sequence[str] | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    session_token: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    addressing_style: str | None = None,
    requester_pays: bool = False,
    request_concurrency: int | None = None,
    max_retries: int = 4,
    initial_delay: float = 0.2,
    max_delay: float = 8,
    read_rate: float | None = None,
    write_rate: float | None = None,
    doubling_time: float | str | None = None,
    for_url: S3Url | str | None = None,
    save: str | None = None,
    saved: str | None = None,
    environ: bool = False,
) -> Connection:
    """Choose who asks S3, from now on: for everything, or for one bucket or folder.

    Parameters
    ----------
    provider
        ``"default"`` (the whole chain of AWS's tools), ``"environment"``, ``"profile"``, ``"sso"``,
        ``"role"``, ``"web-identity"``, ``"process"``, ``"ecs"``, ``"imds"``, ``"login"``,
        ``"anonymous"`` or ``"keys"``.
    profile
        Name of a profile of the AWS configuration, for the providers that read one.
    role_arn, external_id, session_name, duration, source
        For ``"role"``: which one, what its owner expects to be told, what the session is called,
        how many seconds it lasts, and the provider whose credentials take it on.
    order
        Several providers instead of one; the first that finds credentials is taken.
    access_key_id, secret_access_key, session_token
        For ``"keys"``: kept in memory alone.
    region, endpoint_url, addressing_style, requester_pays
        Where and how to ask; ``endpoint_url`` names an S3-compatible store.
    request_concurrency
        Requests under way at once; ``TENSORSTORE_S3_REQUEST_CONCURRENCY``, else 32, when None.
    max_retries, initial_delay, max_delay
        How often a request that met a passing fault is sent again, and the first and the longest
        wait before that, in seconds.
    read_rate, write_rate, doubling_time
        Requests begun a second at most, reads and writes apart, and the time in which both rates
        double: seconds, or words such as ``"5m"``; ``TENSORSTORE_S3_RATE_LIMITER_DOUBLING_TIME``,
        else never, when None.
    for_url
        Choose for this bucket or folder alone; the longest one that fits a URL serves it.
    save, saved
        Keep the choice by this name in the user's configuration folder (never one with keys), or
        take the one that was kept, instead of any other words.
    environ
        Whether to set this process's environment too, so that boto3, s3fs, pyarrow, rasterio and
        other libraries ask as this connection does. What was set before is put aside meanwhile,
        and given back when something else is chosen without it or the extension is unloaded.

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
    from s3magic import following
    from s3magic.access import current, per_url
    from s3magic.access import saved as kept
    from s3magic.access.choice import Choice, keys
    from s3magic.access.connection import open_connection
    from s3magic.store.tuning import Tuning, seconds

    choice = Choice(
        provider=provider,
        profile=profile,
        role_arn=role_arn,
        external_id=external_id,
        session_name=session_name,
        duration=duration,
        source=source,
        order=tuple(order or ()),
        region=region,
        endpoint_url=endpoint_url,
        addressing_style=addressing_style or "auto",
        requester_pays=requester_pays,
        tuning=Tuning(
            request_concurrency=request_concurrency,
            max_retries=max_retries,
            initial_delay=initial_delay,
            max_delay=max_delay,
            read_rate=read_rate,
            write_rate=write_rate,
            doubling_time=seconds(doubling_time, "doubling_time") if isinstance(doubling_time, str) else doubling_time,
        ),
    )
    place = None if for_url is None else per_url.place(for_url)
    if place is not None and environ:
        raise InvalidInput("Other libraries know one choice for everything", "Leave environ or for_url out.")
    if saved is not None:
        if choice != Choice() or save is not None:
            raise InvalidInput("A saved choice is taken as it is", "Leave the other words out, or choose anew.")
        choice = kept.load(saved, folder=saved_choices())
    if save is not None:
        kept.check(choice, save)
    connection = open_connection(choice, secrets=keys(access_key_id, secret_access_key, session_token))
    if save is not None:
        kept.save(choice, save, folder=saved_choices())
    if place is None:
        former = current.chosen()
        current.use(connection, environ=environ)
    else:
        former = per_url.find(place) or current.chosen()
        connection.place = str(place)
        per_url.use(place, connection)
    following.lead(connection, former)
    return connection


def connection(url: S3Url | str | None = None) -> Connection:
    """Return the connection that serves a URL, or everything; the default chain's when none was chosen yet."""
    from s3magic.access import current

    return current.connection(None if url is None else S3Url.parse(url))


def forget(url: S3Url | str) -> None:
    """Let a bucket or folder that something was chosen for be served by the choice for everything again."""
    from s3magic import following
    from s3magic.access import current, per_url

    place = per_url.place(url)
    former = per_url.find(place)
    per_url.drop(place)
    if (new := per_url.find(place) or current.chosen()) is not None:
        following.lead(new, former, within=place)


def saved_choices() -> Path:
    """Return the folder where choices are kept by name."""
    from platformdirs import user_config_path

    return user_config_path("s3magic") / "choices"


def check(
    url: S3Url | str, *, write: bool | Literal["full"] = False, output: S3Url | str | None = None
) -> PermissionReport:
    """Light the lights: what the connection in use may do at a URL.

    Parameters
    ----------
    url
        An object, a prefix or a pattern. It is listed, and one byte is read.
    write
        True to begin and abort an upload there under a random name; ``"full"`` to overwrite and
        delete a scratch object of our own as well. What is there is never touched, and nothing stays.
    output
        A folder that results shall go to; its Write light is tried, in the same way.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.check("s3://teaching/iris/", output="s3://scratch/").output.state  # doctest: +SKIP
    'ok'
    """
    from s3magic.access import current, permissions
    from s3magic.access.policy import output_folder, partition_of

    parsed, target = S3Url.parse(url), None if output is None else output_folder(output)
    store = current.open_store(parsed)
    partition = partition_of(store.client.location.region)
    report = permissions.check(store, parsed, write=write, partition=partition)
    if target is None:
        return report
    return report.with_output(target, permissions.check_output(current.open_store(target), target, partition=partition))


def policy(
    url: S3Url | str,
    purpose: str,
    *,
    write: bool = False,
    output: S3Url | str | None = None,
    partition: str | None = None,
    kms_key: str | None = None,
    account: str | None = None,
    external_id: str | None = None,
) -> dict[str, Any]:
    """Return the IAM policy that allows one purpose at one place and no more; asks nobody.

    Parameters
    ----------
    url
        An object, a prefix or a pattern.
    purpose
        ``"browse"``, ``"thumbs"``, ``"mount"``, ``"link"``, ``"checksums"``, ``"stored-thumbnails"``
        or ``"delegated"``.
    write
        Whether objects at the URL shall be changed too.
    output
        A folder of its own that results go to.
    partition
        ``"aws"``, ``"aws-cn"`` or ``"aws-us-gov"``; that of the region in use when None.
    kms_key
        ARN of the key that objects are encrypted with, where they are.
    account, external_id
        For ``"delegated"``: the account (or the user or role) that may take on the role, and what it
        must say when it does; an ID is made when None.

    Returns
    -------
    dict
        The document, shown as JSON; for ``"delegated"`` a mapping of ``policy``, ``trust_policy`` and
        ``external_id``.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.policy("s3://teaching/photos/", "browse", partition="aws")["Statement"][1]["Action"]
    ['s3:GetObject']
    """
    from uuid import uuid4

    from s3magic.access import current
    from s3magic.access import policy as policies

    if partition is None:
        chosen = current.chosen()
        partition = policies.partition_of(chosen.location.region if chosen else "")
    if account is not None and external_id is None:
        external_id = uuid4().hex
    return policies.policy(
        url,
        purpose,
        write=write,
        output=output,
        partition=partition,
        kms_key=kms_key,
        account=account,
        external_id=external_id,
    )


def lint_policy(document: Mapping[str, Any] | str) -> list[Finding]:
    """Find the common faults of a policy, each with its mend; takes a mapping or JSON text.

    Examples
    --------
    >>> import s3magic
    >>> wide = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::teaching/*"}]}
    >>> [finding.rule for finding in s3magic.lint_policy(wide)]
    ['every-action']
    """
    from s3magic.access.lint import lint

    return lint(document)


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

    parsed = S3Url.parse(url)
    chosen = connection(parsed)
    return manager.mount(
        parsed,
        None if path is None else Path(path),
        location=chosen.location,
        broker=chosen.attach(),
        tuning=chosen.tuning,
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
    chosen = connection(urls[0] if urls else None)
    return add(
        [S3Url.parse(url) for url in urls],
        Path(path),
        opener=current.open_store,
        access={**chosen.location.to_json(), "anonymous": chosen.provider == "anonymous"},
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

    parsed = S3Url.parse(url)
    chosen = connection(parsed)
    return Gallery(
        parsed,
        opener=current.open_store,
        signer=LinkMaker(lambda bucket: chosen.store(bucket).client.location_for(bucket), chosen.credentials),
        size=size,
        limit=limit,
        expires=expires,
        match=match,
        cache=user_cache_path("s3magic") / "thumbs",
    )


def sandbox(
    *,
    port: int = 0,
    data: AnyPath | None = None,
    users: Mapping[str, Any] | AnyPath | None = None,
    environ: bool = False,
) -> Sandbox:
    """Start a local S3 with teaching data and use it from now on; no account is needed.

    The sandbox that runs already is returned. When it stops, the former choice comes back.

    Parameters
    ----------
    port
        Loopback port; a free one when 0.
    data
        Folder whose files become a bucket of their own.
    users
        Users and roles of one's own, as a mapping or a JSON file:
        ``{"users": {NAME: POLICY}, "roles": {NAME: {"policies": [POLICY], "trust": POLICY}}}``.
        Their policies are really enforced, conditions too; what would not be is refused.
    environ
        Whether to lead other libraries there too, as `connect` does.
    """
    from platformdirs import user_cache_path

    from s3magic.access import current, masking
    from s3magic.sandboxes import process

    running = process.running()
    if running is not None and users is not None and not running.has(users):
        raise InvalidInput("A sandbox with other people runs already", "Stop it first: %s3sandbox stop.")
    box = running or process.start(
        port=port, data=None if data is None else Path(data), users=users, cache=user_cache_path("s3magic") / "sandbox"
    )
    if running is None:
        teacher = box.users["teacher"]
        former, led = current.chosen(), masking.leader() is not None
        box.connection = connect(
            "keys",
            access_key_id=teacher.access_key_id,
            secret_access_key=teacher.secret_access_key,
            endpoint_url=box.endpoint_url,
            region="us-east-1",
            environ=environ,
        )
        box.on_stop(lambda: current.use(former, environ=led) if former else current.forget())
    return box
