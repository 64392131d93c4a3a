"""The environment of this process, made to lead every library to one choice, and given back as it was.

Knows variables alone: it asks no broker and loads no library. What it holds back, `originals`
tells, so that another choice is made as if nothing had been masked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from s3magic.loaded import loaded
from s3magic.store.credentials import Location

ANNOUNCED = timedelta(minutes=4)
"""How long another library may keep what it was given at most: so it asks again soon, and follows another choice."""

_EARLIER = (
    # whatever a library asks before the container's endpoint, or takes for an order about it
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_NO_SIGN_REQUEST",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
_PLACE = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ALLOW_HTTP",
    "AWS_S3_ENDPOINT",
    "AWS_HTTPS",
    "AWS_VIRTUAL_HOSTING",
)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Published:
    """Where the broker gives a choice's credentials, and a configuration without any; holds no secret itself.

    Parameters
    ----------
    url
        Address of the credentials.
    token_file
        Where the token to show there is read.
    config_file
        An AWS configuration whose default profile names no credentials.
    """

    url: str
    token_file: str
    config_file: str


def variables(location: Location, published: Published | None) -> dict[str, str | None]:
    """Return what leads every library to a place and its credentials; None for what must not be set.

    Parameters
    ----------
    location
        Where S3 is.
    published
        Where the credentials are; None for a choice that signs nothing.
    """
    found: dict[str, str | None] = dict.fromkeys(_EARLIER + _PLACE)
    found |= {
        **dict.fromkeys(("AWS_SHARED_CREDENTIALS_FILE", "AWS_CREDENTIAL_FILE", "BOTO_CONFIG"), os.devnull),
        "AWS_CONFIG_FILE": published.config_file if published else os.devnull,
        "AWS_PROFILE": "default" if published else None,
        "AWS_DEFAULT_PROFILE": "default" if published else None,
        "AWS_EC2_METADATA_DISABLED": "true",  # else another identity takes over once the endpoint is gone
        "AWS_REGION": location.region,
        "AWS_DEFAULT_REGION": location.region,
        "AWS_REQUEST_PAYER": "requester" if location.requester_pays else None,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": published.url if published else None,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": published.token_file if published else None,
    }
    if published is None:
        found["AWS_NO_SIGN_REQUEST"] = "YES"
    if location.endpoint_url:
        found |= {"AWS_ENDPOINT_URL": location.endpoint_url, "AWS_ENDPOINT_URL_S3": location.endpoint_url}
        found["AWS_ALLOW_HTTP"] = str(location.endpoint_url.startswith("http:")).lower()
    return found | gdal_options(location) | _without_proxy()


def gdal_options(location: Location) -> dict[str, str | None]:
    """Return where S3 is in the words of GDAL, which reads an endpoint without its scheme."""
    virtual = {"path": "FALSE", "virtual": "TRUE"}.get(location.addressing_style)
    if not location.endpoint_url:
        return {"AWS_VIRTUAL_HOSTING": virtual}
    parts = urlsplit(location.endpoint_url)
    return {
        "AWS_S3_ENDPOINT": parts.netloc,
        "AWS_HTTPS": "YES" if parts.scheme == "https" else "NO",
        "AWS_VIRTUAL_HOSTING": virtual or "FALSE",
    }


def _without_proxy() -> dict[str, str | None]:
    """Return the lists of hosts that no proxy is asked for, this very machine on them."""
    before = [name.strip() for list_ in ("no_proxy", "NO_PROXY") for name in os.environ.get(list_, "").split(",")]
    both = ",".join(dict.fromkeys(name for name in (*before, *_LOOPBACK) if name))
    return {"no_proxy": both, "NO_PROXY": both}


_lock = threading.RLock()
_before: dict[str, str | None] = {}
_ours: dict[str, str | None] = {}
_leader: object = None


def mask(wanted: Mapping[str, str | None], *, leader: object) -> None:
    """Set this process's variables, or take them away where None; an earlier mask is replaced.

    The leader, whose credentials the variables lead to, is kept alive as long as they do.
    """
    global _leader  # noqa: PLW0603 - one a process, as its environment is
    with _lock:
        _leader = leader
        before = originals()
        _give_back([name for name in _ours if name not in wanted])
        for name, value in wanted.items():
            _before[name] = before.get(name)
            _ours[name] = value
            _set(name, value)
    _start_anew()


def restore() -> None:
    """Give the environment back as it was, but for what somebody else has changed meanwhile."""
    global _leader  # noqa: PLW0603
    with _lock:
        masked = bool(_ours)
        _leader = None
        _give_back(list(_ours))
    if masked:
        _start_anew()


def leader() -> object:
    """Return whose credentials the environment leads to; None where nothing is masked."""
    return _leader


def originals() -> dict[str, str]:
    """Return this process's variables as they would be if nothing were masked."""
    with _lock:
        held_back = {name: value for name, value in _before.items() if os.environ.get(name) == _ours[name]}
        merged = {**os.environ, **held_back}
    return {name: value for name, value in merged.items() if value is not None}


def _give_back(names: Sequence[str]) -> None:
    for name in names:
        if os.environ.get(name) == _ours.pop(name):
            _set(name, _before[name])
        del _before[name]


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _start_anew() -> None:
    """Let libraries that are loaded forget what they keep of an earlier environment."""
    boto3: Any = loaded("boto3")
    if boto3 is not None:
        boto3.DEFAULT_SESSION = None
    s3fs: Any = loaded("s3fs")
    if s3fs is not None:
        s3fs.S3FileSystem.clear_instance_cache()
