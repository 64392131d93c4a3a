"""The objects of the sandbox: moto's S3 model, driven in-process, and what moto does not remember of them.

Nothing here knows HTTP connections, signatures or rights. It is the only module that imports moto.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode
from weakref import WeakKeyDictionary

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, Request, environ_key_for_header
from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends
from moto.s3.responses import S3Response

from s3magic.sandboxes import checksums
from s3magic.sandboxes.answers import Response, S3Failure
from s3magic.sandboxes.request import SIGNING, S3Request
from s3magic.sandboxes.users import ACCOUNT, REGION

# What moto sees instead of the real signature, which was verified before.
_AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=SANDBOX/20200101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
)
_OWN_HEADERS = frozenset(
    {
        "authorization", "host", "content-length", "transfer-encoding", "content-md5", "expect", "if-match",
        "if-none-match", "range", "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer",
        "x-amz-date", "x-amz-security-token", "x-amz-checksum-mode", "x-amz-sdk-checksum-algorithm",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an object that was uploaded in parts."""

    start: int
    stop: int
    checksum: str | None


@dataclass(slots=True)
class Checked:
    """The checksum of one stored object; computed when first asked for, if it was not sent.

    Parameters
    ----------
    algorithm
        One of `checksums.ALGORITHMS`.
    kind
        ``FULL_OBJECT`` or ``COMPOSITE``.
    value
        Base64, with ``-N`` if composite; None while it is not known.
    parts
        Of a multipart upload, in order.
    """

    algorithm: str = "CRC64NVME"
    kind: str = "FULL_OBJECT"
    value: str | None = None
    parts: tuple[Part, ...] = field(default=())


class _RawRequest(Request):  # type: ignore[misc, unused-ignore]
    """A request whose body is never taken for a form, whatever its content type says."""

    from_wsgi_server = True
    want_form_data_parsed = False


class Backend:
    """All buckets. `lock` is held by whoever looks at an object and then writes it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._checked: WeakKeyDictionary[FakeKey, Checked] = WeakKeyDictionary()

    @property
    def _moto(self) -> Any:
        return s3_backends[ACCOUNT]["aws"]

    def clear(self) -> None:
        """Forget every bucket."""
        with self.lock:
            self._moto.reset()

    def create_bucket(self, name: str, *, versioned: bool = False, policy: str | None = None) -> None:
        """Make a bucket, before anybody asks for it."""
        bucket = self._moto.create_bucket(name, REGION)
        if versioned:
            bucket.versioning_status = "Enabled"
        if policy:
            bucket.policy = policy.encode()

    @property
    def buckets(self) -> list[str]:
        """The names of the buckets."""
        return sorted(self._moto.buckets)

    def bucket(self, name: str) -> Any:
        """Return a bucket; raise S3's NoSuchBucket."""
        try:
            return self._moto.buckets[name]
        except KeyError:
            raise S3Failure(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=name) from None

    def policies(self, resource: str) -> list[dict[str, Any]]:
        """Return the bucket policy that a resource's ARN falls under, if there is one."""
        name = resource.rpartition(":")[2].partition("/")[0]
        bucket = self._moto.buckets.get(name)
        return [json.loads(bucket.policy)] if bucket is not None and bucket.policy else []

    def keys(self, bucket: str) -> Iterator[tuple[str, FakeKey]]:
        """Yield the live objects of a bucket by key, in no order."""
        for key, versions in list(dict.items(self.bucket(bucket).keys)):
            if versions and isinstance(versions[-1], FakeKey):
                yield key, versions[-1]

    def histories(self, bucket: str) -> dict[str, list[Any]]:
        """Return all versions and marks of deletion by key, the newest first."""
        kept = list(dict.items(self.bucket(bucket).keys))
        return {key: list(reversed(versions)) for key, versions in kept if versions}

    def find(self, bucket: str, key: str, version_id: str | None = None) -> Any:
        """Return moto's object, or the delete marker in its place (which has no ``size``), or None."""
        versions = self.bucket(bucket).keys.getlist(key, [])
        if version_id is None:
            return versions[-1] if versions else None
        return next((version for version in versions if str(version.version_id) == version_id), None)

    def live(self, bucket: str, key: str) -> Any:
        """Return the live object of a key, or None."""
        found = self.find(bucket, key)
        return found if isinstance(found, FakeKey) else None

    def read(self, found: FakeKey, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes of an object without copying the rest of it, as moto's own ``value`` does."""
        with found.lock:
            found._value_buffer.seek(start)  # noqa: SLF001
            return bytes(found._value_buffer.read(-1 if stop is None else stop - start))  # noqa: SLF001

    def checked(self, found: FakeKey) -> Checked:
        """Return what is known of an object's checksum."""
        return self._checked.setdefault(found, Checked())

    def checksum(self, found: FakeKey) -> str:
        """Return the checksum of an object, computed now if need be."""
        checked = self.checked(found)
        if checked.value is None:
            checked.value = checksums.checksum(self.read(found), checked.algorithm)
        return checked.value

    def remember(self, found: FakeKey, checked: Checked) -> None:
        """Keep the checksum of a new object; moto's own note of it is for its copies."""
        self._checked[found] = checked

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        content_type: str,
        checked: Checked,
        storage_class: str = "STANDARD",
        etag: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an object directly, as the teaching data is."""
        made = self._moto.put_object(bucket, key, data, storage=storage_class, etag=etag, disable_notification=True)
        named = {f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}
        made.set_metadata({"Content-Type": content_type, **named})
        self.remember(made, checked)

    def delete(self, bucket: str, key: str, version_id: str | None) -> dict[str, str]:
        """Delete an object or a version of it; return ``version-id`` and ``delete-marker`` as S3 tells them."""
        keys = self.bucket(bucket).keys
        if version_id is None and key not in keys and self.bucket(bucket).is_versioned:
            # Where versions are kept, S3 marks as deleted even what never was.
            keys[key] = marker = FakeDeleteMarker(FakeKey(key, b"", account_id=ACCOUNT, region_name=REGION))
            return {"version-id": marker.version_id, "delete-marker": "true"}
        return dict(self._moto.delete_object(bucket, key, version_id=version_id)[1])

    def uploads(self, bucket: str) -> dict[str, Any]:
        """Return the multipart uploads under way, by id."""
        return dict(self.bucket(bucket).multiparts)

    def forward(self, request: S3Request, data: bytes, *, headers: Mapping[str, str] | None = None) -> Response:
        """Let moto answer a request whose sender, rights, conditions and body are settled.

        Parameters
        ----------
        data
            The decoded body.
        headers
            Further headers for moto.
        """
        moto_request = _RawRequest(_environ(request, data, headers or {}))
        dispatch = S3Response.key_dispatch if request.key else S3Response.bucket_dispatch
        answer = dispatch(moto_request, moto_request.raw_url, dict(moto_request.headers))
        status, answer_headers, body = answer if len(answer) == 3 else (200, {}, answer)
        chunks = _chunks(body)
        lowered = {name.lower(): str(value) for name, value in answer_headers.items() if value is not None}
        lowered["content-length"] = str(sum(map(len, chunks)))
        return Response(int(status), lowered, chunks)


def _environ(request: S3Request, data: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    query = urlencode({name: value for name, value in request.query.items() if name.lower() not in SIGNING})
    path = f"/{quote(request.bucket)}" + (f"/{quote(request.key)}" if request.key else "")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": "/",
        "RAW_URI": f"{path}?{query}",
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(data),
        "wsgi.version": (1, 0),
        "CONTENT_LENGTH": str(len(data)),
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": _AUTHORIZATION,
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: {
            environ_key_for_header(name): name for name in request.headers if "_" in name
        },
    }
    given = {name: value for name, value in request.headers.items() if name not in _OWN_HEADERS}
    environ |= {environ_key_for_header(name): value for name, value in {**given, **headers}.items()}
    return environ


def _chunks(body: Any) -> tuple[bytes, ...]:
    if isinstance(body, str):
        return (body.encode(),) if body else ()
    if isinstance(body, bytes | bytearray):
        return (bytes(body),) if body else ()
    return tuple(body) if isinstance(body, Iterable) else ()
