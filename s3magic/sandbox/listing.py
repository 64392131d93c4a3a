"""ListObjects and ListObjectsV2, in key order, page by page; nothing else of a bucket."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from s3magic.sandbox.answers import NAMESPACE, Response, S3Failure, element, xml
from s3magic.sandbox.objects import modified

if TYPE_CHECKING:
    from s3magic.sandbox.backend import Backend
    from s3magic.sandbox.request import S3Request

MOST_KEYS = 1000


def list_objects(request: S3Request, backend: Backend) -> Response:
    """Answer either version of the listing."""
    query = request.query
    second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = _most(query.get("max-keys"))
    after = query.get("start-after" if second else "marker", "")
    token = query.get("continuation-token") if second else None
    if token is not None:
        after = _decode(token)
    live = dict(backend.keys(request.bucket))
    keys, groups, more = _page(sorted(live), prefix=prefix, delimiter=delimiter, after=after, most=most)
    encode = quote if query.get("encoding-type") == "url" else str
    last = max([*keys[-1:], *groups[-1:]], default="")

    def parts() -> Iterator[str]:
        yield element("Name", request.bucket)
        yield element("Prefix", encode(prefix))
        if delimiter:
            yield element("Delimiter", encode(delimiter))
        yield element("MaxKeys", most)
        if query.get("encoding-type"):
            yield element("EncodingType", query["encoding-type"])
        if second:
            yield element("KeyCount", len(keys) + len(groups))
            for name, tag in (("start-after", "StartAfter"), ("continuation-token", "ContinuationToken")):
                if query.get(name):
                    yield element(tag, encode(query[name]) if name == "start-after" else query[name])
        else:
            yield element("Marker", encode(after))
        yield element("IsTruncated", more)
        if more and second:
            yield element("NextContinuationToken", base64.urlsafe_b64encode(last.encode()).decode())
        elif more and delimiter:
            yield element("NextMarker", encode(last))
        for key in keys:
            found = live[key]
            checked = backend.checked(found)
            yield element(
                "Contents",
                iter(
                    [
                        element("Key", encode(key)),
                        element("LastModified", modified(found).strftime("%Y-%m-%dT%H:%M:%S.000Z")),
                        element("ETag", found.etag),
                        element("ChecksumAlgorithm", checked.algorithm),
                        element("ChecksumType", checked.kind),
                        element("Size", found.size),
                        element("StorageClass", found.storage_class),
                    ]
                ),
            )
        for group in groups:
            yield element("CommonPrefixes", iter([element("Prefix", encode(group))]))

    return xml(element("ListBucketResult", parts(), namespace=NAMESPACE))


def _page(keys: list[str], *, prefix: str, delimiter: str, after: str, most: int) -> tuple[list[str], list[str], bool]:
    """Return keys, common prefixes, and whether there are more of either."""
    objects: list[str] = []
    groups: list[str] = []
    at = max(bisect_left(keys, prefix), bisect_right(keys, after) if after else 0)
    # Where a page ended with a common prefix, all that is under it has been told.
    told = after if delimiter and after.endswith(delimiter) and after.startswith(prefix) and after != prefix else None
    while at < len(keys) and keys[at].startswith(prefix):
        key = keys[at]
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        group = key[: end + len(delimiter)] if end >= 0 else None
        if group is None or group != told:
            if len(objects) + len(groups) == most:
                return objects, groups, most > 0
            if group is None:
                objects.append(key)
            else:
                groups.append(group)
        at = at + 1 if group is None else bisect_left(keys, group + "\U0010ffff", at)
    return objects, groups, False


def _most(text: str | None) -> int:
    if text is None:
        return MOST_KEYS
    if not text.isdecimal():
        raise S3Failure(400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
    return min(int(text), MOST_KEYS)


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise S3Failure(400, "InvalidArgument", "The continuation token provided is incorrect") from None
