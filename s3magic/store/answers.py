"""What S3 answers, read, and the one document that it is sent; refuses what no S3 server says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from s3magic.errors import ServerError
from s3magic.store.base import ListPage, ObjectInfo, Version, VersionPage

_META = "x-amz-meta-"
_CHECKSUM = "x-amz-checksum-"
_OF_OBJECT = ("Key", "LastModified", "Size", "ETag", "StorageClass", "ChecksumType", "ChecksumAlgorithm")


def unquoted(etag: str | None) -> str:
    """Return an ETag without its quotes; one marked as weak (``W/"…"``) is taken by what it says."""
    return (etag or "").removeprefix("W/").strip('"')


def read_headers(bucket: str, key: str, headers: Mapping[str, str]) -> ObjectInfo:
    """Return what the headers of an answer say of an object."""
    with _sense(f"s3://{bucket}/{key}"):
        modified = headers.get("last-modified")
        lower = {name.lower(): value for name, value in headers.items()}
        checksums = {
            name[len(_CHECKSUM) :].upper(): value
            for name, value in lower.items()
            if name.startswith(_CHECKSUM) and name != "x-amz-checksum-type"
        }
        return ObjectInfo(
            url=f"s3://{bucket}/{key}",
            key=key,
            size=int(headers.get("content-length", 0)),
            etag=unquoted(headers.get("etag")),
            last_modified=parsedate_to_datetime(modified) if modified else None,
            storage_class=headers.get("x-amz-storage-class", "STANDARD"),
            version_id=known_version(headers.get("x-amz-version-id")),
            content_type=headers.get("content-type"),
            checksums=checksums,
            checksum_type=headers.get("x-amz-checksum-type"),
            metadata={name[len(_META) :]: value for name, value in lower.items() if name.startswith(_META)},
        )


def read_listing(bucket: str, body: bytes) -> ListPage:
    """Return one page of a listing.

    Raises `ServerError` for anything else, such as the page of a portal that wants a sign-in.
    """
    with _sense(f"s3://{bucket}/"):
        page = _Page(bucket, body, "ListBucketResult")
        objects = tuple(page.objects("Contents"))
        return ListPage(objects, page.prefixes(), page.more("NextContinuationToken") or None)


def read_versions(bucket: str, body: bytes) -> VersionPage:
    """Return one page of versions.

    Raises `ServerError` for anything else.
    """
    with _sense(f"s3://{bucket}/"):
        page = _Page(bucket, body, "ListVersionsResult")
        key = page.more("NextKeyMarker")
        token = f"{page.decode(key)}\0{page.next_version}" if key else None
        return VersionPage(tuple(page.versions()), page.prefixes(), token)


class _Page:
    """The XML of one page."""

    def __init__(self, bucket: str, body: bytes, tag: str) -> None:
        try:
            self._root = ElementTree.fromstring(body)  # noqa: S314 - expat bounds entities itself
        except ElementTree.ParseError as error:
            raise _no_listing(bucket) from error
        if self._root.tag.rpartition("}")[2] != tag:
            raise _no_listing(bucket)
        self._bucket = bucket
        self._space = self._root.tag[: -len(tag)]
        self._tags = [f"{self._space}{name}" for name in _OF_OBJECT]
        self.decode = unquote_plus if self._text(self._root, "EncodingType") == "url" else str

    def _text(self, element: ElementTree.Element, name: str) -> str:
        return element.findtext(f"{self._space}{name}") or ""

    def more(self, name: str) -> str:
        """Return where to go on; empty at the end. `ServerError` where there is more, and it is not told where."""
        if self._text(self._root, "IsTruncated") != "true":
            return ""
        told = self._text(self._root, name)
        if not told:
            raise ServerError(
                f"The server lists a part of s3://{self._bucket}/ and does not tell how to go on",
                "Its listings are not those of S3 (ListObjectsV2): tell who keeps it.",
            )
        return told

    @property
    def next_version(self) -> str:
        """The version to go on behind; empty where all of its key are listed."""
        return self._text(self._root, "NextVersionIdMarker")

    def prefixes(self) -> tuple[str, ...]:
        """Return the common prefixes."""
        found = self._root.iterfind(f"{self._space}CommonPrefixes")
        return tuple(self.decode(self._text(entry, "Prefix")) for entry in found)

    def objects(self, name: str) -> Iterator[ObjectInfo]:
        """Yield the objects."""
        for entry in self._root.iterfind(f"{self._space}{name}"):
            yield self._object(entry)

    def versions(self) -> Iterator[Version]:
        """Yield the versions and the marks of deletion, in their common order."""
        mark = f"{self._space}DeleteMarker"
        for entry in self._root:
            if entry.tag in {f"{self._space}Version", mark}:
                info = replace(self._object(entry), version_id=self._text(entry, "VersionId") or "null")
                yield Version(info, self._text(entry, "IsLatest") == "true", is_deletion=entry.tag == mark)

    def _object(self, entry: ElementTree.Element) -> ObjectInfo:
        told = {child.tag: child.text for child in entry}  # once through: listings make objects by the thousand
        key_tag, modified_tag, size_tag, etag_tag, class_tag, type_tag, algorithm_tag = self._tags
        key = self.decode(told.get(key_tag) or "")
        modified = told.get(modified_tag)
        return ObjectInfo(
            url=f"s3://{self._bucket}/{key}",
            key=key,
            size=int(told.get(size_tag) or 0),
            etag=unquoted(told.get(etag_tag)),
            last_modified=datetime.fromisoformat(modified) if modified else None,
            storage_class=told.get(class_tag) or "STANDARD",
            checksum_type=told.get(type_tag) or None,
            algorithms=tuple(one.text or "" for one in entry.iterfind(algorithm_tag)) if algorithm_tag in told else (),
        )


def read_field(body: bytes, name: str) -> str:
    """Return one field of an answer that has no more to it; empty where it is another one, as an error is."""
    try:
        root = ElementTree.fromstring(body.strip())  # noqa: S314 - expat bounds entities itself
    except ElementTree.ParseError:
        return ""
    return next((node.text or "" for node in root if node.tag.rpartition("}")[2] == name), "")


def write_parts(etags: Iterable[str]) -> bytes:
    """Return the list of parts that completes an upload."""
    root = ElementTree.Element("CompleteMultipartUpload")
    for number, etag in enumerate(etags, 1):
        part = ElementTree.SubElement(root, "Part")
        ElementTree.SubElement(part, "PartNumber").text = str(number)
        ElementTree.SubElement(part, "ETag").text = f'"{etag}"'
    return ElementTree.tostring(root)


def known_version(text: str | None) -> str | None:
    """Return a version that can be asked for: a bucket that never kept versions says "null"."""
    return None if text in (None, "", "null") else text


@contextmanager
def _sense(url: str) -> Iterator[None]:
    """Turn sizes and times that are none into an error that names the server."""
    try:
        yield
    except ValueError as error:
        raise ServerError(f"The server says what makes no sense of {url}: {error}", "Check the endpoint.") from error


def _no_listing(bucket: str) -> ServerError:
    return ServerError(f"No listing of s3://{bucket}/ came back", "Is the endpoint really an S3 server?")
