"""The same credentials handed to libraries that ask a function for them: boto3, s3fs, obstore."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.credentials import Credentials as BotoCredentials
from botocore.session import Session as BotocoreSession

from s3magic.access.environment import proxies_for
from s3magic.access.masking import ANNOUNCED
from s3magic.access.wire import Hidden
from s3magic.store.credentials import Credentials, CredentialSource, Location

if TYPE_CHECKING:
    import s3fs

_HERE = frozenset({"s3", "sts"})
"""The services that an S3-compatible store answers at its own endpoint."""
_NO_PROFILE = {"profile": (None, None, None, None)}
"""Keeps AWS_PROFILE out: it may name a profile that is not there, or other settings than were chosen."""
_UNSIGNED = "the choice signs nothing any more"


class _Provider(CredentialProvider):
    """botocore's view of a `CredentialSource`."""

    METHOD = "s3magic"

    def __init__(self, source: CredentialSource) -> None:
        super().__init__()
        self._source = source

    def load(self) -> Any:
        credentials = self._source()
        if credentials is None:
            return None
        if credentials.expires is None:
            return BotoCredentials(*_keys(credentials), method=self.METHOD)
        return RefreshableCredentials.create_from_metadata(
            _metadata(credentials), refresh_using=lambda: _metadata(self._source()), method=self.METHOD
        )


class _Session(BotocoreSession):
    """A botocore session whose S3 clients go where the connection goes."""

    def __init__(self, location: Location) -> None:
        super().__init__(session_vars=_NO_PROFILE)
        self._endpoint_url = location.endpoint_url

    def create_client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        if service_name in _HERE and len(args) < 5 and kwargs.get("endpoint_url") is None:
            kwargs["endpoint_url"] = self._endpoint_url
            here = Config(proxies=proxies_for(self._endpoint_url))
            kwargs["config"] = here.merge(kwargs["config"]) if kwargs.get("config") else here
        return super().create_client(service_name, *args, **kwargs)


def session_options(source: CredentialSource, location: Location) -> dict[str, Any]:
    """Return the arguments of a `boto3.Session` fed by a source; unsigned where the source gives nothing."""
    session = _Session(location)
    session.register_component("credential_provider", CredentialResolver([_Provider(source)]))
    session.set_default_client_config(
        Config(s3=_s3_options(location), **({"signature_version": UNSIGNED} if source() is None else {}))
    )
    if location.requester_pays:
        session.register("before-call.s3", _requester_pays)
    return {"botocore_session": session, "region_name": location.region}


def boto3_session(source: CredentialSource, location: Location) -> boto3.Session:
    """Return a boto3 session fed by a source; unsigned where the source gives nothing."""
    return boto3.Session(**session_options(source, location))


def filesystem(source: CredentialSource, location: Location) -> s3fs.S3FileSystem:
    """Return an s3fs filesystem fed by a source; unsigned where the source gives nothing."""
    import s3fs  # noqa: PLC0415 - brings aiohttp along

    return s3fs.S3FileSystem(**filesystem_options(source, location))


def filesystem_options(source: CredentialSource, location: Location) -> dict[str, Any]:
    """Return the arguments of an `s3fs.S3FileSystem` fed by a source; unsigned where the source gives nothing."""
    from aiobotocore.credentials import (  # type: ignore[import-untyped]  # noqa: PLC0415
        AioCredentialResolver,
        AioCredentials,
        AioRefreshableCredentials,
    )
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]  # noqa: PLC0415

    class Provider(_Provider):
        async def load(self) -> Any:
            credentials = await asyncio.to_thread(self._source)
            if credentials is None:
                return None
            if credentials.expires is None:
                return AioCredentials(*_keys(credentials), method=self.METHOD)
            return AioRefreshableCredentials.create_from_metadata(
                _metadata(credentials), refresh_using=_refresh_in_thread(self._source), method=self.METHOD
            )

    session = AioSession(session_vars=_NO_PROFILE)
    session.register_component("credential_provider", AioCredentialResolver([Provider(source)]))
    return {
        "anon": source() is None,
        "session": session,
        "endpoint_url": location.endpoint_url,
        "client_kwargs": {"region_name": location.region},
        "config_kwargs": {"s3": _s3_options(location), "proxies": proxies_for(location.endpoint_url)},
        "requester_pays": location.requester_pays,
        "skip_instance_cache": True,  # two connections must never share one filesystem
    }


def obstore_provider(source: CredentialSource) -> Callable[[], dict[str, Any]]:
    """Return obstore's view of a source: a function that gives keys and when to ask again."""

    def provide() -> dict[str, Any]:
        credentials = source()
        if credentials is None:
            raise RuntimeError(_UNSIGNED)
        soon = datetime.now(UTC) + ANNOUNCED
        return Hidden(
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
            token=credentials.session_token,
            expires_at=min(soon, credentials.expires or soon),
        )

    return provide


def _refresh_in_thread(source: CredentialSource) -> Callable[[], Awaitable[dict[str, str | None]]]:
    async def refresh() -> dict[str, str | None]:
        return _metadata(await asyncio.to_thread(source))

    return refresh


def _s3_options(location: Location) -> Any:
    return {} if location.addressing_style == "auto" else {"addressing_style": location.addressing_style}


def _keys(credentials: Credentials) -> tuple[str, str, str | None]:
    return credentials.access_key_id, credentials.secret_access_key, credentials.session_token


def _metadata(credentials: Credentials | None) -> dict[str, str | None]:
    """Return credentials in the words of botocore's refresh."""
    if credentials is None:
        raise RuntimeError(_UNSIGNED)
    access_key, secret_key, token = _keys(credentials)
    expires = credentials.expires or datetime.max.replace(tzinfo=UTC)
    return {"access_key": access_key, "secret_key": secret_key, "token": token, "expiry_time": expires.isoformat()}


def _requester_pays(*, params: Any = None, **_: Any) -> None:
    params["headers"]["x-amz-request-payer"] = "requester"
