"""Hashes out of a completion report of S3 Batch Operations ("Compute checksum"); asks S3 for nothing but the report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from s3magic.errors import LinkError
from s3magic.linking.contents import hashes
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import ObjectInfo, StoreOpener
from s3magic.store.listing import expand
from s3magic.url import S3Url

_COLUMNS = 7  # Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage
_LARGEST = 1 << 30
csv.field_size_limit(1 << 20)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a report says of one object: its ``sha256:…``, and which version and ETag that is of, as far as told."""

    oid: str
    etag: str | None
    version_id: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The SHA-256 of objects by URL, as S3 computed them."""

    entries: Mapping[str, tuple[Entry, ...]]

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, one: ObjectInfo | LinkedTile) -> str | None:
        """Return the ``sha256:…`` of exactly this object, or None.

        It must be of the same ETag or, where the report tells none, of the same version: the key
        alone may be another object by now.
        """
        for entry in self.entries.get(one.url, ()):
            if entry.etag == one.etag or (entry.etag is None and entry.version_id == one.version_id is not None):
                return entry.oid
        return None

    def fill(self, tile: LinkedTile) -> LinkedTile:
        """Return a tile with the hash that the report tells, where it has none yet."""
        oid = None if tile.oid else self.find(tile)
        return replace(tile, oid=oid, oid_from="report") if oid else tile


def read_report(place: str | PathLike[str] | S3Url, *, opener: StoreOpener) -> Report:
    """Read a report: a CSV file or a folder of them, here or on S3.

    Raises `LinkError` when it holds no SHA-256 of a whole object, and what reading raises.
    """
    found: dict[str, tuple[Entry, ...]] = {}
    for text in _texts(place, opener):
        for url, entry in _entries(csv.reader(io.StringIO(text))):
            found[url] = (*found.get(url, ()), entry)
    if not found:
        raise LinkError(
            f"No SHA-256 of a whole object stands in {place}",
            "Give the CSV files that a Compute checksum job (SHA256, full object) left in its results folder.",
        )
    return Report(found)


def _texts(place: str | PathLike[str] | S3Url, opener: StoreOpener) -> Iterator[str]:
    if isinstance(place, S3Url) or str(place).startswith("s3://"):
        url = S3Url.parse(place if isinstance(place, S3Url) else str(place))
        store, is_single = opener(url), not (url.is_pattern or url.is_prefix)
        for info in expand(store, url):
            if is_single or info.name.endswith(".csv"):
                _check_size(info.size, info.url)
                yield _decoded(store.get(info.key, etag=info.etag), info.url)
        return
    path = Path(str(place))
    try:
        for file in sorted(path.rglob("*.csv")) if path.is_dir() else [path]:
            _check_size(file.stat().st_size, str(file))
            yield _decoded(file.read_bytes(), str(file))
    except OSError as error:
        raise LinkError(f"Cannot read {path}: {error.strerror or error}", "Give the CSV file of the report.") from error


def _check_size(size: int, place: str) -> None:
    if size > _LARGEST:
        raise LinkError(f"{place} is too large for a report", "Give the CSV files of its results folder.")


def _decoded(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LinkError(f"{place} is no text", "Give the CSV file of the report, unpacked.") from error


def _entries(rows: Iterable[list[str]]) -> Iterator[tuple[str, Entry]]:
    """Yield what is said of each object whose task succeeded; a head line and other rows are passed over."""
    try:
        for row in rows:
            if len(row) == _COLUMNS and row[3].strip().lower() == "succeeded":
                bucket, key, version = row[0].strip(), unquote_plus(row[1]), row[2].strip()
                if found := _entry(row[6], version):
                    yield f"s3://{bucket}/{key}", found
    except csv.Error as error:
        raise LinkError(f"The report is no CSV: {error}", "Give the CSV file as S3 wrote it.") from error


def _entry(text: str, version: str) -> Entry | None:
    try:
        said: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    if str(said.get("checksumAlgorithm", "")).upper() != "SHA256" or said.get("checksumType") != "FULL_OBJECT":
        return None
    oid = hashes.of_base64(str(said.get("checksum_base64", "")))
    etag = str(said.get("etag") or "").strip('"') or None
    version_id = version if version not in {"", "null"} else None
    return Entry(oid, etag, version_id) if oid and (etag or version_id) else None
