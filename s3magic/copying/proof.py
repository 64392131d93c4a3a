"""Whether bytes on disk are those of an object: by the checksums that S3 knows, and by what its ETag tells."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from s3magic.errors import ServerError
from s3magic.store.base import ObjectInfo, Store

_MD5 = re.compile(r"[0-9a-f]{32}")
_PARTS = re.compile(r"([0-9a-f]{32})-([0-9]+)")
_CHUNK = 1 << 20
_EASY = ("CRC32", "SHA256", "SHA1")
_WITH_AWSCRT = ("CRC64NVME", "CRC32C")
Bytes = bytes | memoryview


class Digest(Protocol):
    """Takes bytes and tells their checksum."""

    def update(self, data: Bytes, /) -> object:
        """Take bytes in."""
        ...

    def digest(self) -> bytes:
        """Return the checksum of all so far."""
        ...


class _Crc:
    """A CRC of some width, as `hashlib` has its digests."""

    def __init__(self, function: Callable[[Bytes, int], int], width: int) -> None:
        self._function, self._width, self._state = function, width, 0

    def update(self, data: Bytes, /) -> None:
        self._state = self._function(data, self._state)

    def digest(self) -> bytes:
        return self._state.to_bytes(self._width, "big")


class Proof:
    """The checksum that a content must have; told its bytes in order, it says whether they are right.

    Parameters
    ----------
    algorithm
        As S3 names it.
    wanted
        The checksum in Base64, as S3 tells it.
    """

    def __init__(self, algorithm: str, wanted: str) -> None:
        self.algorithm, self.wanted = algorithm, wanted
        self._digest = _digest(algorithm)

    def update(self, data: Bytes) -> None:
        """Take bytes in."""
        self._digest.update(data)

    def read(self, path: Path) -> Proof:
        """Take a whole file in."""
        for chunk in chunks(path):
            self.update(chunk)
        return self

    @property
    def holds(self) -> bool:
        """Whether the bytes so far are the content that S3 tells of."""
        return base64.b64encode(self._digest.digest()).decode() == self.wanted

    def check(self, url: str) -> None:
        """Raise `ServerError` where it does not hold."""
        if not self.holds:
            raise ServerError(
                f"The bytes of {url} are not those that S3 has a {self.algorithm} of",
                "Try again; if it stays, tell who keeps the bucket.",
            )


def proof(info: ObjectInfo) -> Proof | None:
    """Return the proof of an object's whole content, where a checksum of it is known and can be computed here.

    One of the checksums of parts is none: S3 marks it by ``-N`` or as ``COMPOSITE``, and where it
    gives no type, by the ``-N`` of the ETag.
    """
    if info.checksum_type == "COMPOSITE" or (info.checksum_type is None and "-" in info.etag):
        return None
    for algorithm in (*_EASY, *(_WITH_AWSCRT if find_spec("awscrt") else ())):
        wanted = info.checksums.get(algorithm, "")
        if wanted and "-" not in wanted:
            return Proof(algorithm, wanted)
    return None


def is_content(path: Path, info: ObjectInfo, store: Store) -> bool | None:
    """Tell whether a file of the right size is an object's content; None where S3 knows nothing to tell it by.

    Reads the file. A single ETag is the MD5 of the content, unless it is encrypted by a key of KMS;
    one of parts is made of theirs, whose size S3 is asked for. A checksum settles it.
    """
    if _MD5.fullmatch(info.etag) and _md5(chunks(path)) == info.etag:
        return True
    known = store.head(info.key, version_id=info.version_id)
    if known.etag != info.etag:
        return False
    settled = proof(known)
    if settled is not None:
        return settled.read(path).holds
    parts = _PARTS.fullmatch(info.etag)
    if parts is None:
        return False if _MD5.fullmatch(info.etag) else None
    size = store.head(info.key, version_id=info.version_id, part_number=1).size
    if not 0 < size <= info.size or -(-info.size // size) != int(parts[2]):
        return None
    return True if _of_parts(path, size) == info.etag else None


def chunks(path: Path, *, size: int = _CHUNK) -> Iterator[bytes]:
    """Yield a file's content."""
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def _digest(algorithm: str) -> Digest:
    match algorithm:
        case "CRC32":
            return _Crc(zlib.crc32, 4)
        case "SHA256":
            return cast("Digest", hashlib.sha256())
        case "SHA1":
            return cast("Digest", hashlib.sha1(usedforsecurity=False))
    from awscrt import checksums  # noqa: PLC0415 - where it happens to be installed

    return _Crc(checksums.crc64nvme, 8) if algorithm == "CRC64NVME" else _Crc(checksums.crc32c, 4)


def _md5(pieces: Iterable[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _of_parts(path: Path, size: int) -> str:
    """Return the ETag of a file that was uploaded in parts of a size."""
    digests, left, part = b"", size, hashlib.md5(usedforsecurity=False)
    count = 0
    for chunk in chunks(path):
        rest = memoryview(chunk)
        while rest:
            piece, rest = rest[:left], rest[left:]
            part.update(piece)
            left -= len(piece)
            if not left:
                digests, count, left = digests + part.digest(), count + 1, size
                part = hashlib.md5(usedforsecurity=False)
    if left < size:
        digests, count = digests + part.digest(), count + 1
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{count}"
