"""One S3 request taken apart from its raw bytes: bucket, key, query, headers, body; judges nothing.

The key is read from the raw request line, for every WSGI server and router normalises paths:
``//``, a leading ``/`` and ``..`` are ordinary parts of a key on S3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

# Parameters of a presigned URL that are about the signature, in lower case.
SIGNING = frozenset(
    f"x-amz-{name}"
    for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token")
)
_SIGNED = re.compile(r".*SignedHeaders=([^,\s]*).*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class S3Request:
    """One request, path-style.

    Parameters
    ----------
    method
        ``GET``, ``PUT`` …
    raw_path, raw_query
        The request line as it came, still percent-encoded.
    bucket, key
        Decoded; the key is kept whole.
    query
        Decoded parameters; a name without value stands for itself with ``""``.
    headers
        By lower-case name. The ``x-amz-*`` parameters of a presigned URL count as headers too,
        as S3 has it.
    body
        All of it, transfer coding removed, ``aws-chunked`` not.
    """

    method: str
    raw_path: str
    raw_query: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_presigned(self) -> bool:
        """Whether the signature stands in the URL."""
        return "X-Amz-Signature" in self.query or "X-Amz-Algorithm" in self.query

    @property
    def lists_objects(self) -> bool:
        """Whether this is ListObjects or ListObjectsV2."""
        listing = {"list-type", "prefix", "delimiter", "marker", "max-keys", "encoding-type", "fetch-owner"}
        listing |= {"start-after", "continuation-token", "x-id"}
        names = {name for name in self.query if name.lower() not in SIGNING and not name.lower().startswith("x-amz-")}
        return self.method == "GET" and bool(self.bucket) and not self.key and names <= listing

    @property
    def version_id(self) -> str | None:
        """The version asked for, or None for the live one."""
        return self.query.get("versionId") or None


def read(environ: dict[str, Any]) -> S3Request:
    """Take a WSGI request apart and read its body."""
    raw_path, _, raw_query = str(environ["REQUEST_URI"]).partition("?")
    if "://" in raw_path.partition("/")[0] + "//" and raw_path.startswith("http"):
        raw_path = "/" + raw_path.split("/", 3)[3] if raw_path.count("/") > 2 else "/"
    bucket, _, key = raw_path.removeprefix("/").partition("/")
    query = {}
    for part in filter(None, raw_query.split("&")):
        name, _, value = part.partition("=")
        query[unquote_plus(name)] = unquote_plus(value)
    return S3Request(
        method=environ["REQUEST_METHOD"],
        raw_path=raw_path,
        raw_query=raw_query,
        bucket=unquote(bucket),
        key=unquote(key),
        query=query,
        headers=_headers(environ, query),
        body=_body(environ),
    )


def _headers(environ: dict[str, Any], query: Mapping[str, str]) -> dict[str, str]:
    headers = {}
    if "X-Amz-Signature" in query:
        headers = {
            name.lower(): value
            for name, value in query.items()
            if name.lower().startswith("x-amz-") and name.lower() not in SIGNING
        }
    # WSGI cannot tell "_" from "-" in a header's name, but the list of signed headers can.
    signed = query.get("X-Amz-SignedHeaders") or _SIGNED.sub(r"\1", environ.get("HTTP_AUTHORIZATION", ""))
    spelled = {name.replace("_", "-"): name for name in signed.split(";") if "_" in name}
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            dashed = name[5:].lower().replace("_", "-")
            headers[spelled.get(dashed, dashed)] = value
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.lower().replace("_", "-")] = environ[name]
    return headers


def _body(environ: dict[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return bytes(stream.read(length)) if length else b""
