"""The same credentials handed to other libraries: a boto3 session, an s3fs filesystem."""

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
from s3magic.store.credentials import Credentials, CredentialSource, Location

if TYPE_CHECKING:
    import s3fs

_HERE = frozenset({"s3", "sts"})
"""The services that an S3-compatible store answers at its own endpoint."""


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


class _Session(boto3.Session):
    """A boto3 session whose S3 clients go where the connection goes."""

    def __init__(self, session: BotocoreSession, location: Location) -> None:
        super().__init__(botocore_session=session, region_name=location.region)
        self._endpoint_url = location.endpoint_url

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        if service_name in _HERE and len(args) < 5 and kwargs.get("endpoint_url") is None:
            kwargs["endpoint_url"] = self._endpoint_url
            here = Config(proxies=proxies_for(self._endpoint_url))
            kwargs["config"] = here.merge(kwargs["config"]) if kwargs.get("config") else here
        return super().client(service_name, *args, **kwargs)


def boto3_session(source: CredentialSource, location: Location) -> boto3.Session:
    """Return a boto3 session fed by a source; unsigned where the source gives nothing."""
    session = BotocoreSession()
    session.register_component("credential_provider", CredentialResolver([_Provider(source)]))
    session.set_default_client_config(
        Config(s3=_s3_options(location), **({"signature_version": UNSIGNED} if source() is None else {}))
    )
    if location.requester_pays:
        session.register("before-call.s3", _requester_pays)
    return _Session(session, location)


def filesystem(source: CredentialSource, location: Location) -> s3fs.S3FileSystem:
    """Return an s3fs filesystem fed by a source; unsigned where the source gives nothing."""
    import s3fs  # noqa: PLC0415 - brings aiohttp along
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

    session = AioSession()
    session.register_component("credential_provider", AioCredentialResolver([Provider(source)]))
    return s3fs.S3FileSystem(
        anon=source() is None,
        session=session,
        endpoint_url=location.endpoint_url,
        client_kwargs={"region_name": location.region},
        config_kwargs={"s3": _s3_options(location), "proxies": proxies_for(location.endpoint_url)},
        requester_pays=location.requester_pays,
        skip_instance_cache=True,  # two connections must never share one filesystem
    )


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
        raise RuntimeError("the choice signs nothing any more")
    access_key, secret_key, token = _keys(credentials)
    expires = credentials.expires or datetime.max.replace(tzinfo=UTC)
    return {"access_key": access_key, "secret_key": secret_key, "token": token, "expiry_time": expires.isoformat()}


def _requester_pays(*, params: Any = None, **_: Any) -> None:
    params["headers"]["x-amz-request-payer"] = "requester"
