"""Writing objects: put, parts, copies and deletions, with conditions and checksums, on top of moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from s3magic.sandboxes import checksums
from s3magic.sandboxes.actions import Need, arn, copy_source
from s3magic.sandboxes.answers import NAMESPACE, Response, S3Failure, element, xml
from s3magic.sandboxes.backend import Checked, Part
from s3magic.sandboxes.objects import is_same, missing, unmet
from s3magic.sandboxes.payload import bad_digest

if TYPE_CHECKING:
    from s3magic.sandboxes.backend import Backend
    from s3magic.sandboxes.payload import Payload
    from s3magic.sandboxes.request import S3Request

LARGEST_PUT = 5 << 30


def write(request: S3Request, payload: Payload, backend: Backend, allowed: Callable[[Need], bool]) -> Response:
    """Answer a request that may change something; the caller holds the backend's lock."""
    if not request.key:
        if request.method == "POST" and "delete" in request.query:
            return _delete_many(request, payload, backend, allowed)
        return backend.forward(request, payload.data)
    if "uploadId" in request.query:
        return _upload(request, payload, backend)
    if request.method == "DELETE" and "tagging" not in request.query:
        return _delete(request, backend)
    if request.method == "PUT" and not {"acl", "tagging", "retention", "legal-hold"} & set(request.query):
        return _put(request, payload, backend)
    return backend.forward(request, payload.data)


def _put(request: S3Request, payload: Payload, backend: Backend) -> Response:
    _check_conditions(request, backend)
    if len(payload.data) > LARGEST_PUT:
        raise S3Failure(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
    source = copy_source(request)
    if source:
        return _copy(request, backend, *source)
    answer = backend.forward(request, payload.data)
    if answer.status != 200:
        return answer
    algorithm, value = next(iter(payload.checksums.items()), ("CRC64NVME", None))
    checked = Checked(algorithm, value=value)
    stored = backend.live(request.bucket, request.key)
    backend.remember(stored, checked)
    headers = {name: text for name, text in answer.headers.items() if not name.startswith("x-amz-checksum-")}
    headers[f"x-amz-checksum-{algorithm.lower()}"] = backend.checksum(stored)
    headers["x-amz-checksum-type"] = checked.kind
    return replace(answer, headers=headers)


def _copy(request: S3Request, backend: Backend, bucket: str, key: str, version_id: str | None) -> Response:
    source = _find_source(request, backend, bucket, key, version_id)
    before = backend.checked(source)
    changes = (
        request.headers.get("x-amz-metadata-directive") == "REPLACE"
        or request.headers.get("x-amz-tagging-directive") == "REPLACE"
        or "x-amz-storage-class" in request.headers
        or version_id is not None
    )
    algorithm = request.headers.get("x-amz-checksum-algorithm", "").upper() or before.algorithm
    if (bucket, key) == (request.bucket, request.key) and not changes and algorithm == before.algorithm:
        raise S3Failure(
            400,
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )
    data = backend.read(source)
    answer = backend.forward(request, b"")
    if answer.status == 200:
        # A copy is written in one piece, so its checksum is always one of the full object.
        backend.remember(
            backend.live(request.bucket, request.key), Checked(algorithm, value=checksums.checksum(data, algorithm))
        )
    return answer


def _upload(request: S3Request, payload: Payload, backend: Backend) -> Response:
    upload = backend.uploads(request.bucket).get(request.query["uploadId"])
    if upload is None or upload.key_name != request.key:
        completed = backend.find(request.bucket, request.key) if request.method == "POST" else None
        again = getattr(completed, "multipart", None)
        if again is None or again.id != request.query["uploadId"]:
            raise S3Failure(
                404,
                "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                "aborted or completed.",
                UploadId=request.query["uploadId"],
            )
        return backend.forward(request, payload.data)
    if request.method == "POST":
        return _complete(request, payload, backend, upload)
    source = copy_source(request)
    if source:
        _find_source(request, backend, *source)
    answer = backend.forward(request, payload.data)
    headers = dict(answer.headers)
    headers |= {f"x-amz-checksum-{name.lower()}": value for name, value in payload.checksums.items()}
    return replace(answer, headers=headers)


def _complete(request: S3Request, payload: Payload, backend: Backend, upload: Any) -> Response:
    _check_conditions(request, backend)
    algorithm = str(upload.metadata.get("x-amz-checksum-algorithm") or "CRC64NVME").upper()
    default = "FULL_OBJECT" if algorithm in checksums.FULL_OBJECT_ONLY else "COMPOSITE"
    kind = str(upload.metadata.get("x-amz-checksum-type") or default).upper()
    parts, at, bodies = [], 0, []
    for number, claimed in _listed(payload.data, algorithm):
        part = upload.parts.get(number)
        if part is None:
            raise _invalid_part()
        body = backend.read(part)
        value = checksums.checksum(body, algorithm)
        if claimed and claimed != value:
            raise _invalid_part()
        parts.append(Part(at, at + len(body), value if kind == "COMPOSITE" else None))
        bodies.append(body)
        at += len(body)
    if kind == "COMPOSITE":
        value = checksums.composite(bodies, algorithm)
    else:
        value = checksums.checksum(b"".join(bodies), algorithm)
    expected = payload.checksums.get(algorithm)
    if expected and expected not in {value, value.partition("-")[0]}:
        raise bad_digest(algorithm)
    answer = backend.forward(request, payload.data)
    if answer.status != 200:
        return answer
    stored = backend.live(request.bucket, request.key)
    backend.remember(stored, Checked(algorithm, kind=kind, value=value, parts=tuple(parts)))
    fields = {
        "Location": f"/{request.bucket}/{request.key}",
        "Bucket": request.bucket,
        "Key": request.key,
        "ETag": stored.etag,
        f"Checksum{algorithm}": value,
        "ChecksumType": kind,
    }
    result = element("CompleteMultipartUploadResult", (element(*pair) for pair in fields.items()), namespace=NAMESPACE)
    kept = {name: text for name, text in answer.headers.items() if name.startswith("x-amz-")}
    return xml(result, headers=kept)


def _delete(request: S3Request, backend: Backend) -> Response:
    wanted = request.headers.get("if-match")
    if wanted is not None:
        _check_match(wanted, request, backend)
    return Response(204, _delete_one(backend, request.bucket, request.key, request.version_id))


def _delete_one(backend: Backend, bucket: str, key: str, version_id: str | None) -> dict[str, str]:
    if backend.find(bucket, key) is None and (version_id or not backend.bucket(bucket).is_versioned):
        return {}
    return {f"x-amz-{name}": value for name, value in backend.delete(bucket, key, version_id).items()}


def _delete_many(request: S3Request, payload: Payload, backend: Backend, allowed: Callable[[Need], bool]) -> Response:
    tree = _parse(payload.data)
    quiet = _child(tree, "Quiet") == "true"

    def results() -> Iterator[str]:
        for node in tree:
            if _name(node) != "Object":
                continue
            key, version = _child(node, "Key"), _child(node, "VersionId") or None
            named = [element("Key", key)] + ([element("VersionId", version)] if version else [])
            action = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
            if not allowed(Need(action, arn(request.bucket, key))):
                refusal = [element("Code", "AccessDenied"), element("Message", "Access Denied")]
                yield element("Error", iter([*named, *refusal]))
                continue
            told = _delete_one(backend, request.bucket, key, version)
            if "x-amz-delete-marker" in told:
                named += [element("DeleteMarker", "true"), element("DeleteMarkerVersionId", told["x-amz-version-id"])]
            if not quiet:
                yield element("Deleted", iter(named))

    return xml(element("DeleteResult", results(), namespace=NAMESPACE))


def _check_conditions(request: S3Request, backend: Backend) -> None:
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise S3Failure(
                501,
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
                Header="If-None-Match",
            )
        if backend.live(request.bucket, request.key) is not None:
            raise unmet("If-None-Match")
    if match is not None:
        _check_match(match, request, backend)


def _check_match(wanted: str, request: S3Request, backend: Backend) -> None:
    live = backend.live(request.bucket, request.key)
    if live is None:
        raise missing(request.key)
    if not is_same(wanted, live.etag):
        raise unmet("If-Match")


def _find_source(request: S3Request, backend: Backend, bucket: str, key: str, version_id: str | None) -> Any:
    source = backend.find(bucket, key, version_id)
    if source is None or not hasattr(source, "size"):
        raise missing(key)
    match = request.headers.get("x-amz-copy-source-if-match")
    none_match = request.headers.get("x-amz-copy-source-if-none-match")
    if (match is not None and not is_same(match, source.etag)) or (
        none_match is not None and is_same(none_match, source.etag)
    ):
        raise unmet("x-amz-copy-source-If-Match" if match is not None else "x-amz-copy-source-If-None-Match")
    return source


def _listed(document: bytes, algorithm: str) -> Iterator[tuple[int, str]]:
    for node in _parse(document):
        if _name(node) == "Part":
            number = _child(node, "PartNumber")
            if not number.isdecimal():
                raise _malformed()
            yield int(number), _child(node, f"Checksum{algorithm}")


def _parse(document: bytes) -> ET.Element:
    try:
        return ET.fromstring(document)  # noqa: S314 - expat by itself fetches nothing; a local server
    except ET.ParseError:
        raise _malformed() from None


def _child(node: ET.Element, name: str) -> str:
    return next((child.text or "" for child in node if _name(child) == name), "")


def _name(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def _malformed() -> S3Failure:
    return S3Failure(
        400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )


def _invalid_part() -> S3Failure:
    return S3Failure(
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found. The part might not have been uploaded, or the "
        "specified entity tag or checksum might not match the part's.",
    )
