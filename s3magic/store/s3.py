"""A bucket over HTTP: the store contract spoken to S3 and to what is compatible with it."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus

from s3magic.errors import InvalidInput, NoSuchKey, ObjectChanged, ServerError, Unreachable
from s3magic.store.answers import (
    known_version,
    read_field,
    read_headers,
    read_listing,
    read_versions,
    unquoted,
    write_parts,
)
from s3magic.store.base import ListPage, ObjectInfo, VersionPage
from s3magic.store.client import Client, Request, Response
from s3magic.store.failures import Failure
from s3magic.store.sockets import PIECE, Head

_ATTEMPTS = 5  # at a small body whose connection breaks
_META = "x-amz-meta-"
_WITH_CHECKSUMS = {"x-amz-checksum-mode": "ENABLED"}
_WHOLE_CHECKSUM = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
_GONE = "Somebody deleted it; write it as a new one if it shall be there."
_RANGE = re.compile(r"bytes (\d+)-(\d+)/")


class S3Store:
    """One bucket on a server.

    Parameters
    ----------
    bucket
        Its name.
    client
        Who sends the requests; several stores may share one.
    """

    def __init__(self, bucket: str, client: Client) -> None:
        self.bucket = bucket
        self.client = client
        self._compared: set[str] = set()  # uploads of which the server said that it compares the whole checksum

    def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """See `Store.list_page`."""
        query = {"list-type": "2", "encoding-type": "url", "prefix": prefix, "max-keys": str(max_keys)}
        optional = {"delimiter": delimiter, "continuation-token": token, "start-after": start_after}
        query |= {name: value for name, value in optional.items() if value}
        return read_listing(self.bucket, self.client.send(Request("GET", self.bucket, query=query)).body)

    def list_versions(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> VersionPage:
        """See `Store.list_versions`; a token is a key and a version, with a NUL between."""
        query = {"versions": "", "encoding-type": "url", "prefix": prefix, "max-keys": str(max_keys)}
        key, _, version = (token or start_after or "").partition("\0")
        optional = {"delimiter": delimiter, "key-marker": key, "version-id-marker": version}
        query |= {name: value for name, value in optional.items() if value}
        return read_versions(self.bucket, self.client.send(Request("GET", self.bucket, query=query)).body)

    def head(self, key: str, *, version_id: str | None = None, part_number: int | None = None) -> ObjectInfo:
        """See `Store.head`."""
        query = _query(version_id)
        if part_number is not None:
            query["partNumber"] = str(part_number)
        answer = self.client.send(Request("HEAD", self.bucket, self._key(key), query, _WITH_CHECKSUMS))
        return read_headers(self.bucket, key, answer.headers)

    def get(
        self,
        key: str,
        *,
        start: int = 0,
        stop: int | None = None,
        etag: str | None = None,
        version_id: str | None = None,
    ) -> bytes:
        """See `Store.get`."""
        if stop is not None and stop <= start:
            return b""
        request = Request("GET", self.bucket, self._key(key), _query(version_id), _read_conditions(start, stop, etag))
        try:
            if etag is not None and stop is not None and stop - start <= PIECE:  # it is there: an error is rare

                def begun(head: Head) -> None:
                    self._check(key, head.status, head.headers, start, etag)

                return self._small(request, stop - start, begun)
            answer = self.client.send(request)
        except ServerError as error:
            if error.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""
            raise
        self._check(key, answer.status, answer.headers, start, etag)
        if stop is not None and len(answer.body) > stop - start:
            raise ServerError(f"The server sent more than was asked of s3://{self.bucket}/{key}", "Check the endpoint.")
        return answer.body

    def whole(self, key: str, *, most: int, version_id: str | None = None) -> tuple[ObjectInfo, bytes] | None:
        """See `Store.whole`; asked without a range, for only then S3 tells checksums."""
        request = Request("GET", self.bucket, self._key(key), _query(version_id), _WITH_CHECKSUMS)
        told: list[ObjectInfo] = []

        def begun(head: Head) -> None:
            told[:] = [read_headers(self.bucket, key, head.headers)]
            if told[0].size > most:
                raise _TooLarge

        try:
            body = self._small(request, most, begun)
        except _TooLarge:
            return None
        return told[0], body

    def _small(self, request: Request, most: int, begun: Callable[[Head], None]) -> bytes:
        """Return the body of a GET of at most ``most`` bytes; it is asked for again when the connection breaks."""
        into = memoryview(bytearray(most))
        for left in reversed(range(_ATTEMPTS)):
            sizes: list[int] = []
            try:
                self.client.receive(request, into, begun=begun, arrived=sizes.append)
                return bytes(into[: sum(sizes)])
            except Unreachable:
                if not left:
                    raise
        raise AssertionError("there is a last attempt")

    @contextmanager
    def stream(
        self,
        key: str,
        *,
        start: int = 0,
        stop: int | None = None,
        etag: str | None = None,
        version_id: str | None = None,
    ) -> Iterator[Iterator[memoryview]]:
        """See `Store.stream`."""
        headers = _read_conditions(start, stop, etag)
        request = Request("GET", self.bucket, self._key(key), _query(version_id), headers)
        with self.client.stream(request) as (head, chunks):
            self._check(key, head.status, head.headers, start, etag)
            yield chunks

    def receive(
        self,
        key: str,
        into: memoryview,
        *,
        arrived: Callable[[int], None],
        start: int = 0,
        etag: str | None = None,
        version_id: str | None = None,
    ) -> None:
        """See `Store.receive`."""
        headers = _read_conditions(start, start + len(into), etag)

        def begun(head: Head) -> None:
            self._check(key, head.status, head.headers, start, etag)
            arrived(0)

        request = Request("GET", self.bucket, self._key(key), _query(version_id), headers)
        self.client.receive(request, into, begun=begun, arrived=arrived)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> ObjectInfo:
        """See `Store.put`; the body carries its CRC-32, which S3 checks."""
        headers = {**_described(content_type, metadata), **_write_conditions(if_match, if_none_match=if_none_match)}
        headers["x-amz-checksum-crc32"] = _crc32(data)
        conditional = if_none_match or if_match is not None
        request = Request("PUT", self.bucket, self._key(key), {}, headers, bytes(data), repeatable=not conditional)
        answer = self._write(request, if_match)
        return self._written(key, len(data), answer.headers.get("etag"), answer.headers, content_type)

    def _write(self, request: Request, if_match: str | None) -> Response:
        """Send a write that may have a condition; what must be there and is gone has changed, too."""
        try:
            return self.client.send(request)
        except NoSuchKey as error:
            if if_match is None or self._is_there(request.key):
                raise
            raise ObjectChanged(f"The object is gone: s3://{self.bucket}/{request.key}", _GONE) from error

    def _is_there(self, key: str) -> bool:
        try:
            self.head(key)
        except NoSuchKey:
            return False
        return True

    def _written(
        self, key: str, size: int, etag: str | None, headers: Mapping[str, str], content_type: str | None = None
    ) -> ObjectInfo:
        return ObjectInfo(
            url=f"s3://{self.bucket}/{key}",
            key=key,
            size=size,
            etag=unquoted(etag),
            version_id=known_version(headers.get("x-amz-version-id")),
            content_type=content_type,
        )

    def delete(self, key: str, *, version_id: str | None = None, if_match: str | None = None) -> str | None:
        """See `Store.delete`; S3 lets who may not read it not delete on a condition, either."""
        conditions = _write_conditions(if_match, if_none_match=False)
        try:
            answer = self.client.send(Request("DELETE", self.bucket, self._key(key), _query(version_id), conditions))
        except NoSuchKey:
            return None
        marks = version_id is None and answer.headers.get("x-amz-delete-marker") == "true"
        return known_version(answer.headers.get("x-amz-version-id")) if marks else None

    def begin_upload(
        self, key: str, *, content_type: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `Store.begin_upload`; sent once only, for a second upload would stay unknown."""
        headers = {**_described(content_type, metadata), **_WHOLE_CHECKSUM}
        request = Request("POST", self.bucket, self._key(key), {"uploads": ""}, headers, repeatable=False)
        answer = self.client.send(request)
        upload_id = read_field(answer.body, "UploadId")
        if not upload_id:
            raise ServerError(
                f"No upload was begun at s3://{self.bucket}/{key}", "Is the endpoint really an S3 server?"
            )
        if all(answer.headers.get(name) == value for name, value in _WHOLE_CHECKSUM.items()):
            self._compared.add(upload_id)
        return upload_id

    def upload_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        """See `Store.upload_part`."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        headers = {"x-amz-checksum-crc32": _crc32(data)}
        answer = self.client.send(Request("PUT", self.bucket, self._key(key), query, headers, bytes(data)))
        return unquoted(answer.headers.get("etag"))

    def complete_upload(
        self,
        key: str,
        upload_id: str,
        etags: Sequence[str],
        *,
        size: int,
        crc32: str | None = None,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> ObjectInfo:
        """See `Store.complete_upload`; S3 may begin to answer well, and then tell of an error."""
        headers = _write_conditions(if_match, if_none_match=if_none_match)
        if crc32 is not None and upload_id in self._compared:
            headers |= {"x-amz-checksum-crc32": crc32, "x-amz-checksum-type": "FULL_OBJECT"}
        request = Request(
            "POST", self.bucket, self._key(key), {"uploadId": upload_id}, headers, write_parts(etags), repeatable=False
        )
        answer = self._write(request, if_match)
        etag = read_field(answer.body, "ETag")
        if not etag:
            raise Failure.read(answer.status, answer.headers, answer.body).to_error("POST", self.bucket, key)
        self._compared.discard(upload_id)
        return self._written(key, size, etag, answer.headers)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """See `Store.abort_upload`."""
        self._compared.discard(upload_id)
        with suppress(NoSuchKey):
            self.client.send(Request("DELETE", self.bucket, self._key(key), {"uploadId": upload_id}))

    def _key(self, key: str) -> str:
        if not key:
            raise InvalidInput(f"s3://{self.bucket}/ names no object", "Give a key after the bucket.")
        return key

    def _check(self, key: str, status: int, headers: Mapping[str, str], start: int, etag: str | None) -> None:
        """Refuse an answer that is not the bytes that were asked for."""
        url = f"s3://{self.bucket}/{key}"
        answered = headers.get("etag")
        if etag is not None and answered and unquoted(answered) != etag:
            raise ObjectChanged(f"The object changed: {url}", "Somebody replaced it; read its new state first.")
        if start and status != HTTPStatus.PARTIAL_CONTENT:
            raise ServerError(
                f"The server ignored the range asked of {url}", "It cannot be read in parts; copy it whole."
            )
        if status == HTTPStatus.PARTIAL_CONTENT and not _is_range(headers, start):
            raise ServerError(
                f"The server sent other bytes than asked of {url}", "Check the endpoint, or a proxy between."
            )


def _described(content_type: str | None, metadata: Mapping[str, str] | None) -> dict[str, str]:
    named = {f"{_META}{name}": value for name, value in (metadata or {}).items()}
    return {"Content-Type": content_type or "binary/octet-stream", **named}


def _write_conditions(if_match: str | None, *, if_none_match: bool) -> dict[str, str]:
    headers = {} if if_match is None else {"If-Match": f'"{if_match}"'}
    return headers | ({"If-None-Match": "*"} if if_none_match else {})


class _TooLarge(Exception):
    """An object is not as small as it was said to be; never leaves the module."""


def _is_range(headers: Mapping[str, str], start: int) -> bool:
    """Tell whether an answer says of itself that it begins at ``start``, and is as long as its range."""
    named = _RANGE.match(headers.get("content-range", ""))
    if named is None or int(named[1]) != start:
        return False
    length = headers.get("content-length", "")
    return not length.isdecimal() or int(length) == int(named[2]) + 1 - start


def _crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _query(version_id: str | None) -> dict[str, str]:
    return {"versionId": version_id} if version_id else {}


def _read_conditions(start: int, stop: int | None, etag: str | None) -> dict[str, str]:
    headers = {}
    if start or stop is not None:
        headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    if etag is not None:
        headers["If-Match"] = f'"{etag}"'
    return headers
