"""Which SHA-256 of an object can be trusted, and reading the body where S3 knows none."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from contextlib import closing

from s3magic.errors import ServerError
from s3magic.linking.contents.pinned import pinned_body
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import ObjectInfo, Store

_PARTS = re.compile(r"-[0-9]+$")


def of(content: bytes) -> str:
    """Return the ``sha256:…`` of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def whole(info: ObjectInfo) -> str | None:
    """Return the ``sha256:…`` of an object's whole content as HEAD told it, or None.

    A hash of the hashes of parts is none: S3 marks it by ``-N`` or as ``COMPOSITE``, and where it
    gives no type, by the ``-N`` of the ETag.
    """
    text = info.checksums.get("SHA256", "")
    if info.checksum_type == "COMPOSITE" or (info.checksum_type is None and _PARTS.search(info.etag)):
        return None
    return of_base64(text)


def only_part(store: Store, info: ObjectInfo, *, version_id: str | None = None) -> str | None:
    """Return the ``sha256:…`` of an object uploaded as one part, asked for by HEAD, or None.

    The hash of that part is the hash of the content; what S3 keeps for the whole is the hash of
    that hash. A server that answers with the same text for both did not understand the question.
    """
    composite = info.checksums.get("SHA256", "")
    if not composite or not (info.etag.endswith("-1") or composite.endswith("-1")):
        return None
    part = store.head(info.key, version_id=version_id, part_number=1)
    text = part.checksums.get("SHA256", "")
    if part.etag != info.etag or part.size != info.size or text == _PARTS.sub("", composite):
        return None
    return of_base64(text)


def read(store: Store, tile: LinkedTile, *, report: Callable[[int], None] | None = None) -> str:
    """Read a tile's content and return its ``sha256:…``; ``report`` is told the bytes as they come."""
    digest, size = hashlib.sha256(), 0
    with closing(pinned_body(store, tile)) as chunks:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            if report is not None:
                report(len(chunk))
    if size != tile.size:
        raise ServerError(f"{tile.url} has {size} bytes where {tile.size} were announced", "Check the endpoint.")
    return f"sha256:{digest.hexdigest()}"


def of_base64(text: str) -> str | None:
    """Return the ``sha256:…`` that S3 writes in Base64; None when it is no SHA-256."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return f"sha256:{raw.hex()}" if len(raw) == hashlib.sha256().digest_size else None
