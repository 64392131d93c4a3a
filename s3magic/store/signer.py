"""Signature V4 by botocore's own signer, in a request's headers or in its URL; imported when first needed."""

from __future__ import annotations

import logging
from threading import local

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from s3magic.store.credentials import Credentials

_here = local()


def with_headers(
    credentials: Credentials, region: str, *, method: str, url: str, headers: dict[str, str], body: bytes
) -> dict[str, str]:
    """Return the headers of a request with its signature."""
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    _add_unlogged(S3SigV4Auth(_keys(credentials), "s3", region), request)
    return dict(request.headers.items())


def with_query(credentials: Credentials, region: str, *, url: str, expires: int) -> str:
    """Return the URL of a GET with its signature, good for so many seconds."""
    request = AWSRequest(method="GET", url=url)
    _add_unlogged(S3SigV4QueryAuth(_keys(credentials), "s3", region, expires=expires), request)
    return str(request.url)


def _keys(credentials: Credentials) -> ReadOnlyCredentials:
    return ReadOnlyCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)


def _add_unlogged(signer: S3SigV4Auth | S3SigV4QueryAuth, request: AWSRequest) -> None:
    """Sign without telling the log: botocore writes session token and signature there where debugging is on."""
    _here.signing = True
    try:
        signer.add_auth(request)
    finally:
        _here.signing = False


logging.getLogger("botocore.auth").addFilter(lambda _: not getattr(_here, "signing", False))
