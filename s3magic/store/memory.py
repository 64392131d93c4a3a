"""A store in memory that keeps the whole contract; for tests, and for trying things out."""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from s3magic.errors import NoSuchKey, ObjectChanged, ServerError
from s3magic.store.base import ListPage, ObjectInfo, Version, VersionPage
from s3magic.url import utf8

_CHUNK = 1 << 20


class MemoryStore:
    """One bucket held in a dictionary, every version kept.

    Examples
    --------
    >>> store = MemoryStore("teaching")
    >>> store.put("a.txt", b"hello").size
    5
    """

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._lock = threading.Lock()
        self._live: dict[str, ObjectInfo] = {}
        self._history: dict[str, list[Version]] = {}  # the newest first
        self._versions: dict[tuple[str, str], tuple[ObjectInfo, bytes]] = {}
        self._made = 0
        self._uploads: dict[tuple[str, str], _Upload] = {}

    @property
    def uploads(self) -> list[str]:
        """The keys of the uploads that were begun, and neither completed nor aborted."""
        with self._lock:
            return sorted(key for key, _ in self._uploads)

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
        with self._lock:
            live = {key: info for key, info in self._live.items() if key.startswith(prefix)}
        after = token if token is not None else start_after
        keys, prefixes, last = _page(live, prefix, delimiter=delimiter, after=after, token=token, most=max_keys)
        return ListPage(tuple(live[key] for key in keys), prefixes, last)

    def list_versions(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        max_keys: int = 1000,
    ) -> VersionPage:
        """See `Store.list_versions`; here all versions of a key are on one page."""
        with self._lock:
            history = {key: tuple(kept) for key, kept in self._history.items() if kept and key.startswith(prefix)}
        after = token if token is not None else start_after
        keys, prefixes, last = _page(history, prefix, delimiter=delimiter, after=after, token=token, most=max_keys)
        return VersionPage(tuple(version for key in keys for version in history[key]), prefixes, last)

    def head(self, key: str, *, version_id: str | None = None, part_number: int | None = None) -> ObjectInfo:  # noqa: ARG002
        """See `Store.head`; every object counts as one part."""
        return self._find(key, version_id)[0]

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
        info, data = self._find(key, version_id)
        if etag is not None and etag != info.etag:
            raise _changed(info.url)
        return data[start:stop]

    def whole(self, key: str, *, most: int, version_id: str | None = None) -> tuple[ObjectInfo, bytes] | None:
        """See `Store.whole`."""
        info = self.head(key, version_id=version_id)
        return None if info.size > most else (info, self.get(key, etag=info.etag, version_id=version_id))

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
        data = self.get(key, start=start, stop=stop, etag=etag, version_id=version_id)
        yield _chunks(data)

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
        at = 0
        with self.stream(key, start=start, stop=start + len(into), etag=etag, version_id=version_id) as chunks:
            arrived(0)
            for chunk in chunks:
                into[at : at + len(chunk)] = chunk
                at += len(chunk)
                arrived(len(chunk))

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
        """See `Store.put`."""
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            self._check(key, if_match=if_match, if_none_match=if_none_match)
            return self._keep(key, bytes(data), etag, content_type, metadata)

    def _check(self, key: str, *, if_match: str | None, if_none_match: bool) -> None:
        """Refuse a write whose condition does not hold; under the lock, as the next."""
        live = self._live.get(key)
        if (if_none_match and live) or (if_match is not None and (live is None or live.etag != if_match)):
            raise _changed(f"s3://{self.bucket}/{key}")

    def _keep(
        self, key: str, data: bytes, etag: str, content_type: str | None, metadata: Mapping[str, str] | None
    ) -> ObjectInfo:
        self._made += 1
        sha256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
        info = ObjectInfo(
            url=f"s3://{self.bucket}/{key}",
            key=key,
            size=len(data),
            etag=etag,
            last_modified=datetime.now(UTC),
            version_id=f"v{self._made}",
            content_type=content_type or "binary/octet-stream",
            checksums={"SHA256": sha256},
            checksum_type="FULL_OBJECT",
            metadata=dict(metadata or {}),
        )
        self._note(Version(info, is_latest=True))
        self._versions[key, str(info.version_id)] = (info, data)
        return info

    def delete(self, key: str, *, version_id: str | None = None, if_match: str | None = None) -> str | None:
        """See `Store.delete`; what never was leaves no marker here."""
        with self._lock:
            if key in self._live:
                self._check(key, if_match=if_match, if_none_match=False)
            if version_id is not None:
                kept = [one for one in self._history.get(key, []) if one.info.version_id != version_id]
                self._history[key] = [replace(one, is_latest=not at) for at, one in enumerate(kept)]
                self._versions.pop((key, version_id), None)
            elif self._history.get(key):
                self._made += 1
                marker = f"v{self._made}"
                info = ObjectInfo(f"s3://{self.bucket}/{key}", key, 0, "", datetime.now(UTC), version_id=marker)
                self._note(Version(info, is_latest=True, is_deletion=True))
                return marker
            self._settle(key)
            return None

    def _note(self, version: Version) -> None:
        """Take in a new version; under the lock, as the next."""
        key = version.info.key
        former = [replace(one, is_latest=False) for one in self._history.get(key, [])]
        self._history[key] = [version, *former]
        self._settle(key)

    def _settle(self, key: str) -> None:
        kept = self._history.get(key)
        if kept and not kept[0].is_deletion:
            self._live[key] = kept[0].info
        else:
            self._live.pop(key, None)

    def begin_upload(
        self, key: str, *, content_type: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `Store.begin_upload`."""
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._uploads[key, upload_id] = _Upload(content_type, dict(metadata or {}))
        return upload_id

    def upload_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        """See `Store.upload_part`."""
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            self._upload(key, upload_id).parts[number] = (etag, bytes(data))
        return etag

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
        """See `Store.complete_upload`."""
        with self._lock:
            begun = self._upload(key, upload_id)
            self._check(key, if_match=if_match, if_none_match=if_none_match)
            parts = [begun.parts.get(number, ("", b"")) for number in range(1, len(etags) + 1)]
            data = b"".join(data for _, data in parts)
            told = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
            whole = [etag for etag, _ in parts] == list(etags) and len(data) == size and crc32 in {None, told}
            if not whole:
                raise ServerError(f"The parts of s3://{self.bucket}/{key} are not those that were sent", "Begin anew.")
            digest = hashlib.md5(b"".join(map(bytes.fromhex, etags)), usedforsecurity=False).hexdigest()
            info = self._keep(key, data, f"{digest}-{len(etags)}", begun.content_type, begun.metadata)
            del self._uploads[key, upload_id]
            return info

    def _upload(self, key: str, upload_id: str) -> _Upload:
        try:
            return self._uploads[key, upload_id]
        except KeyError:
            raise NoSuchKey(
                f"No such upload to s3://{self.bucket}/{key}", "It was completed or given up already; begin anew."
            ) from None

    def abort_upload(self, key: str, upload_id: str) -> None:
        """See `Store.abort_upload`."""
        with self._lock:
            self._uploads.pop((key, upload_id), None)

    def _find(self, key: str, version_id: str | None) -> tuple[ObjectInfo, bytes]:
        with self._lock:
            live = self._live.get(key)
            version = version_id or (live.version_id if live else None)
            try:
                return self._versions[key, str(version)]
            except KeyError:
                raise NoSuchKey(
                    f"No such object: s3://{self.bucket}/{key}", "Check the key; %s3ls shows what is there."
                ) from None


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload that was begun, its parts by number with their ETags."""

    content_type: str | None
    metadata: Mapping[str, str]
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)


def _chunks(data: bytes) -> Iterator[memoryview]:
    for at in range(0, len(data), _CHUNK):
        with memoryview(data)[at : at + _CHUNK] as chunk:
            yield chunk


def _page(
    known: Iterable[str], prefix: str, *, delimiter: str, after: str | None, token: str | None, most: int
) -> tuple[list[str], tuple[str, ...], str | None]:
    """Return the keys and the common prefixes of one page, and where to go on."""
    keys = sorted(known, key=utf8)
    if after is not None:
        keys = keys[bisect_right(keys, utf8(after), key=utf8) :]
    found: list[str] = []
    prefixes: dict[str, None] = {}
    last = ""
    for key in keys:
        group = _group(key, prefix, delimiter)
        if group is not None and (group in prefixes or (token is not None and token.startswith(group))):
            continue
        if len(found) + len(prefixes) == most:
            return found, tuple(prefixes), last
        if group is None:
            found.append(key)
            last = key
        else:
            prefixes[group] = None
            last = group
    return found, tuple(prefixes), None


def _group(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    end = key.find(delimiter, len(prefix))
    return None if end < 0 else key[: end + len(delimiter)]


def _changed(url: str) -> ObjectChanged:
    return ObjectChanged(f"The object changed: {url}", "Somebody replaced it; read its new state first.")
