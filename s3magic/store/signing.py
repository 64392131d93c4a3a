"""Where a request goes and how it is signed: S3's addresses and Signature V4, as botocore makes it.

A mount's daemon signs all its requests without botocore, and need not wait until that is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from s3magic.errors import InvalidInput
from s3magic.store import sigv4
from s3magic.store.credentials import Credentials, Location

MAX_EXPIRES = 7 * 24 * 3600
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
    from s3magic.store import signer  # noqa: PLC0415 - botocore comes with it

    return signer.with_headers(credentials, location.region, method=method, url=url, headers=headers, body=body)


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
    from s3magic.store import signer  # noqa: PLC0415 - botocore comes with it

    return signer.with_query(
        credentials, location.region, url=object_url(location, bucket, key, query), expires=expires
    )
