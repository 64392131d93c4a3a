"""ListObjects, ListObjectsV2 and ListObjectVersions, in key order, page by page; nothing else of a bucket."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from s3magic.sandboxes.answers import NAMESPACE, Response, S3Failure, element, xml
from s3magic.sandboxes.objects import modified

if TYPE_CHECKING:
    from moto.s3.models import FakeKey

    from s3magic.sandboxes.backend import Backend
    from s3magic.sandboxes.request import S3Request

MOST_KEYS = 1000


def list_objects(request: S3Request, backend: Backend) -> Response:
    """Answer either version of the listing."""
    query = request.query
    second = query.get("list-type") == "2"
    most = _most(query.get("max-keys"))
    token = query.get("continuation-token") if second else query.get("marker")
    after = (_decode(token) if second else token) if token else query.get("start-after", "") if second else ""
    live = dict(backend.keys(request.bucket))
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    keys, groups, more = _page(
        sorted(live), prefix=prefix, delimiter=delimiter, after=after, told=token is not None, most=most
    )
    encode = quote if query.get("encoding-type") == "url" else str
    last = max([*keys[-1:], *groups[-1:]], default="")
    fields: dict[str, object] = {
        "Name": request.bucket,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter),
        "MaxKeys": most,
        "EncodingType": query.get("encoding-type", ""),
        "IsTruncated": more,
    }
    if second:
        fields |= {
            "KeyCount": len(keys) + len(groups),
            "StartAfter": encode(query.get("start-after", "")),
            "ContinuationToken": token or "",
            "NextContinuationToken": base64.urlsafe_b64encode(last.encode()).decode() if more else "",
        }
    else:
        fields |= {"Marker": encode(after), "NextMarker": encode(last) if more and delimiter else ""}

    def parts() -> Iterator[str]:
        for name, value in fields.items():
            if value != "" or name in {"Prefix", "Marker"}:
                yield element(name, value)
        for key in keys:
            yield _contents(encode(key), live[key], backend)
        for group in groups:
            yield element("CommonPrefixes", iter([element("Prefix", encode(group))]))

    return xml(element("ListBucketResult", parts(), namespace=NAMESPACE))


def list_versions(request: S3Request, backend: Backend) -> Response:
    """Answer the listing of versions: of each key the newest first, with the marks of deletion among them."""
    query = request.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    most = _most(query.get("max-keys"))
    histories = backend.histories(request.bucket)
    encode = quote if query.get("encoding-type") == "url" else str
    told: list[str] = []
    groups: list[str] = []
    last, more = ("", ""), False
    for key, group, version in _versions(histories, prefix, delimiter, key_marker, version_marker):
        if group in groups:
            continue
        if len(told) + len(groups) == most:
            more = most > 0
            break
        if group is None:
            told.append(_version(encode(key), version, backend, is_latest=version is histories[key][0]))
            last = key, str(version.version_id)
        else:
            groups.append(group)
            last = group, ""
    fields: dict[str, object] = {
        "Name": request.bucket,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter),
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_marker,
        "MaxKeys": most,
        "EncodingType": query.get("encoding-type", ""),
        "IsTruncated": more,
        "NextKeyMarker": encode(last[0]) if more else "",
        "NextVersionIdMarker": last[1] if more else "",
    }

    def parts() -> Iterator[str]:
        for name, value in fields.items():
            if value != "" or name in {"Prefix", "KeyMarker"}:
                yield element(name, value)
        yield from told
        for group in groups:
            yield element("CommonPrefixes", iter([element("Prefix", encode(group))]))

    return xml(element("ListVersionsResult", parts(), namespace=NAMESPACE))


def _versions(
    histories: dict[str, list[Any]], prefix: str, delimiter: str, key_marker: str, version_marker: str
) -> Iterator[tuple[str, str | None, Any]]:
    """Yield key, common prefix if any, and version, of all that comes after the markers."""
    for key in sorted(key for key in histories if key.startswith(prefix)):
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        group = key[: end + len(delimiter)] if end >= 0 else None
        if key < key_marker or (key == key_marker and not version_marker) or (group and group == key_marker):
            continue
        is_past = key != key_marker
        for version in histories[key]:
            if is_past:
                yield key, group, version
            is_past = is_past or str(version.version_id) == version_marker


def _version(key: str, found: Any, backend: Backend, *, is_latest: bool) -> str:
    fields = {
        "Key": key,
        "VersionId": found.version_id,
        "IsLatest": is_latest,
        "LastModified": found.last_modified.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
    if not hasattr(found, "size"):
        return element("DeleteMarker", (element(*pair) for pair in fields.items()))
    return element("Version", (element(*pair) for pair in (fields | _facts(found, backend)).items()))


def _contents(key: str, found: FakeKey, backend: Backend) -> str:
    fields = {"Key": key, "LastModified": modified(found).strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    return element("Contents", (element(*pair) for pair in (fields | _facts(found, backend)).items()))


def _facts(found: FakeKey, backend: Backend) -> dict[str, object]:
    checked = backend.checked(found)
    return {
        "ETag": found.etag,
        "ChecksumAlgorithm": checked.algorithm,
        "ChecksumType": checked.kind,
        "Size": found.size,
        "StorageClass": found.storage_class,
    }


def _page(
    keys: list[str], *, prefix: str, delimiter: str, after: str, told: bool, most: int
) -> tuple[list[str], list[str], bool]:
    """Return keys, common prefixes, and whether there are more of either."""
    objects: list[str] = []
    groups: list[str] = []
    at = max(bisect_left(keys, prefix), bisect_right(keys, after) if after else 0)
    # Where the page before ended with a common prefix, all that is under it has been told.
    done = after if told and delimiter and after.endswith(delimiter) and after.startswith(prefix) else None
    while at < len(keys) and keys[at].startswith(prefix):
        key = keys[at]
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        group = key[: end + len(delimiter)] if end >= 0 else None
        if group is None or group != done:
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
