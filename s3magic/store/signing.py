"""Where a request goes and how it is signed: S3's addresses and Signature V4, by botocore's signer and as it does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import local
from urllib.parse import quote, urlencode, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from s3magic.errors import InvalidInput
from s3magic.store import sigv4
from s3magic.store.credentials import Credentials, Location

MAX_EXPIRES = 7 * 24 * 3600
_here = local()
_VIRTUAL_SAFE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def object_url(location: Location, bucket: str, key: str = "", query: Mapping[str, str] | None = None) -> str:
    """Return the HTTP address of a bucket or an object, the key encoded but never normalised.

    Without a bucket it is that of the server, which knows what buckets there are.

    A bucket whose name is no host name of one label is addressed by path, for no certificate fits it.
    """
    host, path = _host_and_path(location, bucket)
    encoded = quote(key, safe="/~", errors="surrogatepass")
    tail = f"?{urlencode(sorted(query.items()), quote_via=quote, safe='~')}" if query else ""
    return f"{host}{path}/{encoded}{tail}"


def _host_and_path(location: Location, bucket: str) -> tuple[str, str]:
    if location.endpoint_url:
        base = urlsplit(location.endpoint_url)
        if not bucket:
            return f"{base.scheme}://{base.netloc}", base.path.rstrip("/")
        if location.addressing_style == "virtual":
            return f"{base.scheme}://{bucket}.{base.netloc}", base.path.rstrip("/")
        return f"{base.scheme}://{base.netloc}", f"{base.path.rstrip('/')}/{bucket}"
    suffix = "amazonaws.com.cn" if location.region.startswith("cn-") else "amazonaws.com"
    if not bucket:
        return f"https://s3.{location.region}.{suffix}", ""
    if location.addressing_style == "path" or not set(bucket) <= _VIRTUAL_SAFE:
        return f"https://s3.{location.region}.{suffix}", f"/{bucket}"
    return f"https://{bucket}.s3.{location.region}.{suffix}", ""


def sign(
    location: Location,
    credentials: Credentials | None,
    *,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes = b"",
) -> dict[str, str]:
    """Return the headers of a request with its signature; unchanged when there are no credentials."""
    if location.requester_pays:
        headers = {**headers, "x-amz-request-payer": "requester"}
    if credentials is None:
        return headers
    if not body and (usual := sigv4.signed(credentials, location.region, method=method, url=url, headers=headers)):
        return usual
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    _add_unlogged(S3SigV4Auth(_keys(credentials), "s3", location.region), request)
    return dict(request.headers.items())


def presign(
    location: Location,
    credentials: Credentials | None,
    bucket: str,
    key: str,
    *,
    expires: int,
    disposition: str | None = None,
    content_type: str | None = None,
    version_id: str | None = None,
) -> str:
    """Return a URL that anybody can GET until it expires; a plain one when there are no credentials.

    Parameters
    ----------
    expires
        Seconds from now, at most seven days. The URL also dies with the credentials that signed it.
    disposition, content_type
        ``Content-Disposition`` and ``Content-Type`` that S3 is to answer with; a plain URL can ask for neither.
    """
    if not 0 < expires <= MAX_EXPIRES:
        raise InvalidInput(f"A link cannot live for {expires} s", "Choose between one second and seven days (604800).")
    query = {"versionId": version_id} if version_id else {}
    if credentials is None:
        return object_url(location, bucket, key, query)
    if disposition:
        query["response-content-disposition"] = disposition
    if content_type:
        query["response-content-type"] = content_type
    if location.requester_pays:
        query["x-amz-request-payer"] = "requester"
    request = AWSRequest(method="GET", url=object_url(location, bucket, key, query))
    _add_unlogged(S3SigV4QueryAuth(_keys(credentials), "s3", location.region, expires=expires), request)
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
