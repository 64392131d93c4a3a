"""Reading objects: GetObject, HeadObject and GetObjectAttributes, with ranges, parts, versions and conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from s3magic.sandboxes.answers import NAMESPACE, Response, S3Failure, element, xml

if TYPE_CHECKING:
    from moto.s3.models import FakeKey

    from s3magic.sandboxes.backend import Backend
    from s3magic.sandboxes.request import S3Request

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_OVERRIDES = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")


def get(request: S3Request, backend: Backend) -> Response:
    """Answer GetObject or HeadObject."""
    found = find(request, backend)
    headers = _headers(found)
    if _unmodified(request.headers, found):
        return Response(304, {name: headers[name] for name in ("etag", "last-modified") if name in headers})
    if (
        request.method == "GET"
        and found.storage_class in _ARCHIVED
        and 'ongoing-request="false"' not in headers.get("x-amz-restore", "")
    ):
        raise S3Failure(
            403,
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
            StorageClass=str(found.storage_class),
        )
    whole = (0, found.size)
    span = _span(request, backend, found, headers)
    start, stop = span or whole
    wants_checksum = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    if wants_checksum and (span is None or ("partNumber" in request.query and "x-amz-mp-parts-count" not in headers)):
        checked = backend.checked(found)
        headers[f"x-amz-checksum-{checked.algorithm.lower()}"] = backend.checksum(found)
        headers["x-amz-checksum-type"] = checked.kind
    headers["content-length"] = str(stop - start)
    if span is not None:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{found.size}"
    for name in _OVERRIDES:
        if f"response-{name}" in request.query:
            headers[name] = request.query[f"response-{name}"]
    body = (backend.read(found, start, stop),) if request.method == "GET" and stop > start else ()
    return Response(200 if span is None else 206, headers, body)


def attributes(request: S3Request, backend: Backend) -> Response:
    """Answer GetObjectAttributes; as on S3, a composite checksum has lost its ``-N`` here."""
    found = find(request, backend)
    wanted = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    checked = backend.checked(found)

    def parts() -> Iterator[str]:
        if "ETag" in wanted:
            yield element("ETag", found.etag.strip('"'))
        if "Checksum" in wanted:
            value = backend.checksum(found).partition("-")[0]
            yield element(
                "Checksum",
                iter([element(f"Checksum{checked.algorithm}", value), element("ChecksumType", checked.kind)]),
            )
        if "ObjectParts" in wanted and checked.parts:
            yield element("ObjectParts", iter([element("PartsCount", len(checked.parts))]))
        if "StorageClass" in wanted:
            yield element("StorageClass", found.storage_class)
        if "ObjectSize" in wanted:
            yield element("ObjectSize", found.size)

    headers = {"last-modified": format_datetime(modified(found), usegmt=True)}
    if found._is_versioned:  # noqa: SLF001 - moto tells it by no public name
        headers["x-amz-version-id"] = found.version_id
    return xml(element("GetObjectAttributesResponse", parts(), namespace=NAMESPACE), headers=headers)


def find(request: S3Request, backend: Backend) -> Any:
    """Return the object a request names, its conditions checked; raise what S3 answers else."""
    found = backend.find(request.bucket, request.key, request.version_id)
    if found is None and request.version_id:
        raise S3Failure(
            404, "NoSuchVersion", "The specified version does not exist.", Key=request.key, VersionId=request.version_id
        )
    if found is None:
        raise missing(request.key)
    if not hasattr(found, "size"):
        marker = {"x-amz-delete-marker": "true", "x-amz-version-id": found.version_id}
        if request.version_id:
            raise S3Failure(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                headers={**marker, "allow": "DELETE"},
            )
        raise missing(request.key, headers=marker)
    expected = request.headers.get("if-match")
    since = _date(request.headers.get("if-unmodified-since"))
    if expected is not None and not is_same(expected, found.etag):
        raise unmet("If-Match")
    if expected is None and since and modified(found) > since:
        raise unmet("If-Unmodified-Since")
    return found


def missing(key: str, *, headers: dict[str, str] | None = None) -> S3Failure:
    """Return S3's NoSuchKey."""
    return S3Failure(404, "NoSuchKey", "The specified key does not exist.", headers=headers, Key=key)


def unmet(condition: str) -> S3Failure:
    """Return S3's PreconditionFailed."""
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Failure(412, "PreconditionFailed", message, Condition=condition)


def is_same(wanted: str, etag: str) -> bool:
    """Tell whether an ETag is among those a condition names; quotes do not matter to S3."""
    names = {name.strip().strip('"') for name in wanted.split(",")}
    return "*" in names or etag.strip('"') in names


def _unmodified(headers: Mapping[str, str], found: FakeKey) -> bool:
    unwanted = headers.get("if-none-match")
    if unwanted is not None:
        return is_same(unwanted, found.etag)
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified(found) <= since


def _headers(found: FakeKey) -> dict[str, str]:
    headers = {
        name.lower(): str(value) for source in (found.metadata, found.response_dict) for name, value in source.items()
    }
    for name in ("x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm", "x-amz-checksum-type", "content-md5"):
        headers.pop(name, None)
    headers["accept-ranges"] = "bytes"
    return headers


def _span(request: S3Request, backend: Backend, found: FakeKey, headers: dict[str, str]) -> tuple[int, int] | None:
    """Return the bytes asked for by part or range, or None for all of them."""
    number = request.query.get("partNumber")
    if number is not None:
        return _part(number, request, backend, found, headers)
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if not asked or asked[0] == "bytes=-" or (asked[1] and asked[2] and int(asked[2]) < int(asked[1])):
        return None
    size = found.size
    if asked[1]:
        start, stop = int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size
    else:
        start, stop = max(0, size - int(asked[2])), size
    if start >= stop:
        raise S3Failure(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            headers={"content-range": f"bytes */{size}"},
            RangeRequested=asked[0],
            ActualObjectSize=str(size),
        )
    return start, stop


def _part(
    text: str, request: S3Request, backend: Backend, found: FakeKey, headers: dict[str, str]
) -> tuple[int, int] | None:
    checked = backend.checked(found)
    number = int(text) if text.isdecimal() else 0
    if number == 0 or number > max(1, len(checked.parts)):
        raise S3Failure(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
    if not checked.parts:
        return (0, found.size) if found.size else None
    part = checked.parts[number - 1]
    headers["x-amz-mp-parts-count"] = str(len(checked.parts))
    if part.checksum and request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers[f"x-amz-checksum-{checked.algorithm.lower()}"] = part.checksum
        headers["x-amz-checksum-type"] = checked.kind
    return part.start, part.stop


def modified(found: FakeKey) -> datetime:
    """Return when an object was stored, to the second and with time zone."""
    moment = found.last_modified
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).replace(microsecond=0)


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
