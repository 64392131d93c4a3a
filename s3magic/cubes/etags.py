"""The state of objects as this process loaded or saved them last, so that no later one is overwritten unseen."""

from __future__ import annotations

import threading

from s3magic.access import current
from s3magic.url import S3Url

NOTHING = ""
"""The ETag of an object that was not there."""

_lock = threading.Lock()
_seen: dict[tuple[str | None, str, str], str] = {}


def note(url: S3Url, etag: str) -> None:
    """Note what an object is by now."""
    with _lock:
        _seen[_place(url)] = etag


def seen(url: S3Url) -> str | None:
    """Return what an object was when it was noted; None where it was not."""
    with _lock:
        return _seen.get(_place(url))


def _place(url: S3Url) -> tuple[str | None, str, str]:
    return current.connection(url).location.endpoint_url, url.bucket, url.key
