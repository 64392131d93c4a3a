"""Putting a file of any size onto S3: whole or in parallel parts, checksummed, under a condition; decides no keys."""

from __future__ import annotations

import base64
import os
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import md5
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from s3magic.errors import NotFound, ObjectChanged, S3MagicError, ServerError, Unreachable
from s3magic.parallel import each
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.pacing import PASSING

PART = 8 << 20
MOST_PARTS = 10_000
WORKERS = 8
_MEMORY = 256 << 20
_TRIES = 4
_FIRST_DELAY = 0.2
_POLYNOMIAL = 0xEDB88320
Made = TypeVar("Made")


def upload(
    store: Store,
    key: str,
    path: Path,
    *,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    if_match: str | None = None,
    if_none_match: bool = False,
    progress: Callable[[int], None] | None = None,
    part_size: int = PART,
    workers: int = WORKERS,
) -> ObjectInfo:
    """Store a file as an object; it is there whole when this returns, else nothing has changed.

    Parameters
    ----------
    store, key
        Where to.
    path
        The file; it is not locked, but one that changes meanwhile is refused.
    content_type, metadata
        What S3 is to tell of it.
    if_match, if_none_match
        Write only over that ETag; only where nothing is.
    progress
        Told, in this thread, how many bytes more are stored.
    part_size
        Bytes of a part, at least 5 MiB on S3; what is no larger goes in one request. Grows where
        there would be more than 10,000 parts.
    workers
        Parts under way at once; fewer where they would take more than 256 MiB.

    Raises
    ------
    ObjectChanged
        When the condition does not hold, or the file changed: what is on S3 stays as it is.
    AccessDenied, NoSuchBucket, Unreachable, ServerError
        After what was begun has been given up; an answer that was lost is asked for again first.

    Notes
    -----
    Every request carries the CRC-32 of its body; an upload in parts also that of the whole, where
    the server says that it compares it.
    """
    told = progress or (lambda _: None)
    with path.open("rb") as file:
        source = _Source(file.fileno(), path, _state(file.fileno()))
        size = source.state[0]
        if size <= part_size:
            data = source.read(0, size)
            source.check()
            written = Written(store, key, size, md5(data, usedforsecurity=False).hexdigest(), _text(zlib.crc32(data)))
            info = written.surely(
                lambda: store.put(
                    key,
                    data,
                    content_type=content_type,
                    metadata=metadata,
                    if_match=if_match,
                    if_none_match=if_none_match,
                )
            )
            told(size)
            return info
        part_size = max(part_size, -(-size // MOST_PARTS))
        upload_id = store.begin_upload(key, content_type=content_type, metadata=metadata)
        try:
            parts = _send(store, key, upload_id, source, part_size=part_size, workers=workers, told=told)
            source.check()
            digests = b"".join(part.digest for part in parts)
            etag = f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
            checksum = _text(_whole(parts))
            return Written(store, key, size, etag, checksum).surely(
                lambda: store.complete_upload(
                    key,
                    upload_id,
                    [part.etag for part in parts],
                    size=size,
                    crc32=checksum,
                    if_match=if_match,
                    if_none_match=if_none_match,
                )
            )
        except BaseException:
            with suppress(S3MagicError):
                store.abort_upload(key, upload_id)
            raise


@dataclass(frozen=True, slots=True)
class _Source:
    """An open file as it was when it was opened: its size and time."""

    descriptor: int
    path: Path
    state: tuple[int, int]

    def read(self, start: int, size: int) -> bytes:
        """Return exactly so many bytes; a read may return fewer than it is asked for."""
        pieces = []
        while size:
            piece = os.pread(self.descriptor, size, start)
            if not piece:
                raise self._changed()
            pieces.append(piece)
            start, size = start + len(piece), size - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def check(self) -> None:
        """Refuse a file that somebody wrote to since it was opened."""
        if _state(self.descriptor) != self.state:
            raise self._changed()

    def _changed(self) -> ObjectChanged:
        return ObjectChanged(f"The file changed while it was uploaded: {self.path}", "Nothing was stored; try again.")


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    size: int
    crc: int
    digest: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Written:
    """What an object is to be, by which it is known again where the answer to a write was lost.

    Parameters
    ----------
    store, key, size
        Where it goes, and its bytes.
    etag, crc32
        What S3 will say of it: one of both is enough.
    """

    store: Store
    key: str
    size: int
    etag: str
    crc32: str | None = None

    def surely(self, write: Callable[[], Made]) -> Made | ObjectInfo:
        """Write, and again after a passing fault, unless the write was carried out already."""
        for left in reversed(range(_TRIES)):
            try:
                return write()
            except (ObjectChanged, NotFound, Unreachable, ServerError) as error:
                if (there := self._find()) is not None:
                    return there
                if not left or not _is_passing(error):
                    raise
            time.sleep(_FIRST_DELAY * 2 ** (_TRIES - 1 - left))
        raise AssertionError("there is a last try")

    def _find(self) -> ObjectInfo | None:
        try:
            info = self.store.head(self.key)
        except S3MagicError:
            return None
        is_same = info.etag == self.etag or (self.crc32 and info.checksums.get("CRC32") == self.crc32)
        return info if is_same and info.size == self.size else None


def _send(
    store: Store,
    key: str,
    upload_id: str,
    source: _Source,
    *,
    part_size: int,
    workers: int,
    told: Callable[[int], None],
) -> list[_Part]:
    """Send all parts and return them in order; none is under way any more when this ends."""
    size = source.state[0]

    def send(number: int) -> _Part:
        start = (number - 1) * part_size
        data = source.read(start, min(part_size, size - start))
        etag = store.upload_part(key, upload_id, number, data)
        digest = md5(data, usedforsecurity=False).digest()
        return _Part(number, len(data), zlib.crc32(data), digest, etag)

    workers = max(1, min(workers, _MEMORY // part_size))
    numbers = range(1, -(-size // part_size) + 1)
    done: list[_Part] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="s3magic-upload") as pool:
        for outcome in each(send, numbers, executor=pool, workers=workers, to_the_end=True):
            if outcome.error is not None:
                raise outcome.error
            if outcome.value is not None:
                done.append(outcome.value)
                told(outcome.value.size)
    return sorted(done, key=lambda part: part.number)


def _state(descriptor: int) -> tuple[int, int]:
    state = os.fstat(descriptor)
    return state.st_size, state.st_mtime_ns


def _is_passing(error: S3MagicError) -> bool:
    if isinstance(error, ServerError):  # one of status 200 was told after a good beginning
        return error.status == HTTPStatus.OK or error.status in PASSING
    return isinstance(error, Unreachable)


def _text(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def _whole(parts: list[_Part]) -> int:
    """Return the CRC-32 of bytes whose parts' are known, as ``crc32_combine`` of zlib does."""
    crc = 0
    for part in parts:
        shift, square, count = 1 << 31, 1 << 23, part.size  # as polynomials: 1 and x to the eighth
        while count:
            shift = _times(shift, square) if count & 1 else shift
            square, count = _times(square, square), count >> 1
        crc = _times(shift, crc) ^ part.crc
    return crc


def _times(one: int, other: int) -> int:
    """Multiply two polynomials over GF(2), whose first bit is the lowest power, modulo that of CRC-32."""
    product = 0
    while one:
        if one & 1 << 31:
            product ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product
