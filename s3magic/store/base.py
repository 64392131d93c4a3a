"""The contract every store keeps: one bucket, listed, read and written; no HTTP here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from s3magic.url import S3Url

ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_NOTHING: Mapping[str, str] = {}  # one for all: a listing makes objects by the hundred thousand


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What S3 says of one object.

    Parameters
    ----------
    url
        ``s3://bucket/key`` without the version.
    key
        The key, exactly as S3 has it.
    size
        Length in bytes.
    etag
        The ETag without its quotes.
    last_modified
        Time of the last write, with time zone; None where the server did not say.
    storage_class
        ``STANDARD`` where the server did not say.
    version_id
        The version, where the bucket keeps versions and the request told it.
    content_type
        Media type; known from `Store.head` and `Store.whole` alone.
    checksums
        Base64 checksums by algorithm (``"SHA256"``, ``"CRC64NVME"`` …); from the same.
    algorithms
        The algorithms of the checksums that S3 keeps, where it told those without the checksums: in listings.
    checksum_type
        ``"FULL_OBJECT"``, ``"COMPOSITE"`` or None where the server did not say.
    metadata
        The user's own ``x-amz-meta-*``; from the same.
    """

    url: str
    key: str
    size: int
    etag: str
    last_modified: datetime | None = None
    storage_class: str = "STANDARD"
    version_id: str | None = None
    content_type: str | None = None
    checksums: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    checksum_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    algorithms: tuple[str, ...] = ()

    @property
    def is_archived(self) -> bool:
        """Whether the object must be restored before it can be read."""
        return self.storage_class in ARCHIVE_CLASSES

    @property
    def name(self) -> str:
        """The part of the key after the last slash."""
        return self.key.rpartition("/")[2]

    def to_json(self) -> dict[str, object]:
        """Return the public fields as JSON types."""
        return {
            "url": self.url,
            "key": self.key,
            "size": self.size,
            "etag": self.etag,
            "last_modified": self.last_modified.isoformat() if self.last_modified else None,
            "storage_class": self.storage_class,
            "version_id": self.version_id,
        }


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing, in key order: objects, common prefixes, and where to go on."""

    objects: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the mark that it was deleted.

    Parameters
    ----------
    info
        What S3 says of it; its ``version_id`` is always told, as ``"null"`` for what was stored
        while no versions were kept. A mark has neither size nor ETag.
    is_latest
        Whether no other is newer.
    is_deletion
        Whether it is such a mark.
    """

    info: ObjectInfo
    is_latest: bool
    is_deletion: bool = False


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of versions, in key order and for each key the newest first; common prefixes, and where to go on."""

    versions: tuple[Version, ...]
    prefixes: tuple[str, ...]
    next_token: str | None


class Store(Protocol):
    """One bucket.

    Every method is safe to call from several threads and raises only errors of
    `s3magic.errors`: `NoSuchKey`, `NoSuchBucket`, `AccessDenied`, `ObjectChanged`, `Unreachable` …
    Keys are taken whole; nothing is normalised. ETags are given and taken without quotes.
    """

    bucket: str

    def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> ListPage:
        """Return one page of the keys under a prefix, in UTF-8 order."""
        ...

    def list_versions(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> VersionPage:
        """Return one page of the versions of the keys under a prefix, and of the marks of deletion.

        Needs a right of its own. A bucket that keeps no versions tells one of each object.
        """
        ...

    def head(self, key: str, *, version_id: str | None = None, part_number: int | None = None) -> ObjectInfo:
        """Return what S3 knows of one object, checksums included."""
        ...

    def get(
        self,
        key: str,
        *,
        start: int = 0,
        stop: int | None = None,
        etag: str | None = None,
        version_id: str | None = None,
    ) -> bytes:
        """Return the bytes ``[start, stop)`` of an object, cut at its end.

        With ``etag`` the read is conditional: `ObjectChanged` is raised when the object is another
        one by now, so that two reads never mix two objects.
        """
        ...

    def whole(self, key: str, *, most: int, version_id: str | None = None) -> tuple[ObjectInfo, bytes] | None:
        """Return a small object, with all that `head` would tell of it, in one request.

        None when it has more than ``most`` bytes.
        """
        ...

    def stream(
        self,
        key: str,
        *,
        start: int = 0,
        stop: int | None = None,
        etag: str | None = None,
        version_id: str | None = None,
    ) -> AbstractContextManager[Iterator[memoryview]]:
        """Open the same bytes as chunks of at most 1 MiB, for objects too large to hold.

        A chunk is gone when the next one is asked for: what is to be kept is copied. A body cut
        short raises `Unreachable`; the caller goes on with a later ``start``.
        """
        ...

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
        """Put the bytes ``[start, start + len(into))``, cut at the end of the object, straight into a buffer.

        ``arrived`` is told how many bytes more have come, in order: 0 at first, when the answer
        has been found to be the one asked for. Errors are those of `stream`.
        """
        ...

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
        """Store an object, checksummed; return its new ETag and version.

        ``if_match`` writes only over that ETag, ``if_none_match`` only where nothing is; both
        raise `ObjectChanged` otherwise.
        """
        ...

    def delete(self, key: str, *, version_id: str | None = None, if_match: str | None = None) -> str | None:
        """Delete one object, or one version of it for good; deleting what is not there is no error.

        ``if_match`` deletes only what has that ETag, and raises `ObjectChanged` otherwise; a server
        may ignore it, and takes it with no version.

        A bucket that keeps versions puts a delete marker in the object's place, whose version is
        returned: deleting that one takes the marker away.
        """
        ...

    def begin_upload(
        self, key: str, *, content_type: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Begin to upload an object in parts and return the upload's id; nothing is seen of it yet."""
        ...

    def upload_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        """Send a part of an upload, checksummed, and return its ETag; `NoSuchKey` where there is no such upload."""
        ...

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
        """Make an object of the parts, whose ETags are given in order, and return its ETag and version.

        ``size`` and ``crc32`` (base64) are those of the whole: one that does not fit is refused by
        a server that told it would compare it. Conditions are those of `put`. `NoSuchKey` where there
        is no such upload.
        """
        ...

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Forget an upload and its parts; aborting one that is not there is no error."""
        ...


class StoreOpener(Protocol):
    """Gives the store of a URL's bucket; the same object for the same bucket."""

    def __call__(self, url: S3Url) -> Store:
        """Return the store."""
        ...
