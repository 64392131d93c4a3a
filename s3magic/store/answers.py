"""What S3 answers, read: listings and the headers of an object; refuses what no S3 server says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from s3magic.errors import ServerError
from s3magic.store.base import ListPage, ObjectInfo

_META = "x-amz-meta-"
_CHECKSUM = "x-amz-checksum-"


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
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat bounds entities itself
    except ElementTree.ParseError as error:
        raise _no_listing(bucket) from error
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise _no_listing(bucket)
    with _sense(f"s3://{bucket}/"):
        return _page(bucket, root)


def _page(bucket: str, root: ElementTree.Element) -> ListPage:
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    decode = unquote_plus if root.findtext(f"{space}EncodingType") == "url" else str

    def text(element: ElementTree.Element, name: str) -> str:
        return element.findtext(f"{space}{name}") or ""

    names = ("Key", "Size", "ETag", "LastModified", "StorageClass", "ChecksumType", "ChecksumAlgorithm")
    key_tag, size_tag, etag_tag, modified_tag, class_tag, type_tag, algorithm_tag = (f"{space}{name}" for name in names)
    objects = []
    for entry in root.iterfind(f"{space}Contents"):
        told = {child.tag: child.text or "" for child in entry}  # a look for each name takes twice as long
        key = decode(told.get(key_tag, ""))
        modified = told.get(modified_tag)
        objects.append(
            ObjectInfo(
                url=f"s3://{bucket}/{key}",
                key=key,
                size=int(told.get(size_tag) or 0),
                etag=unquoted(told.get(etag_tag)),
                last_modified=datetime.fromisoformat(modified) if modified else None,
                storage_class=told.get(class_tag) or "STANDARD",
                checksum_type=told.get(type_tag) or None,
                algorithms=tuple(found.text or "" for found in entry.iterfind(algorithm_tag))
                if algorithm_tag in told
                else (),
            )
        )
    prefixes = tuple(decode(text(entry, "Prefix")) for entry in root.iterfind(f"{space}CommonPrefixes"))
    token = text(root, "NextContinuationToken") if text(root, "IsTruncated") == "true" else None
    return ListPage(tuple(objects), prefixes, token or None)


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
