"""Who asks S3: the choice for everything, or for one place; composes `access` and decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from s3magic.errors import InvalidInput
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection


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
    from s3magic.access.exports import HiddenText
    from s3magic.store.tuning import Tuning, seconds

    # a traceback with variables tells them as they are now
    secret_access_key = secret_access_key and HiddenText(secret_access_key)
    session_token = session_token and HiddenText(session_token)
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
