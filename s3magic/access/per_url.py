"""The connections chosen for one bucket or folder each, in memory alone; the longest that fits a URL serves it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from s3magic.errors import InvalidInput
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection

_lock = threading.Lock()
_chosen: dict[S3Url, Connection] = {}


def place(url: S3Url | str) -> S3Url:
    """Return the bucket or folder that a choice is made for; raise `InvalidInput` where it can be none."""
    url = S3Url.parse(url)
    if url.is_pattern or url.version_id:
        raise InvalidInput(f"No choice can be made for {url}", "Name a bucket or a folder: s3://bucket/prefix/.")
    return url if url.is_prefix else url.with_key(f"{url.key}/")


def use(url: S3Url, connection: Connection) -> None:
    """Let a connection serve a place from now on."""
    with _lock:
        _chosen[place(url)] = connection


def find(url: S3Url) -> Connection | None:
    """Return the connection chosen for a URL or for the nearest place above it, if any was."""
    with _lock:
        fits = [one for one in _chosen if covers(one, url)]
        return _chosen[max(fits, key=lambda one: len(one.key))] if fits else None


def covers(place: S3Url, url: S3Url) -> bool:
    """Tell whether all that a URL names lies in a place."""
    # a folder may be written without its closing slash; the beginning of a pattern may not
    key = url.prefix if url.is_pattern or url.is_prefix else f"{url.key}/"
    return place.bucket == url.bucket and key.startswith(place.key)


def drop(url: S3Url) -> None:
    """Let a place be served by what is chosen for all again; raise `InvalidInput` where it was already."""
    with _lock:
        if _chosen.pop(place(url), None) is None:
            made = ", ".join(map(str, _chosen))
            raise InvalidInput(
                f"Nothing was chosen for {place(url)}", f"Chosen are: {made}." if made else "One choice serves all."
            )


def clear() -> None:
    """Forget them all."""
    with _lock:
        _chosen.clear()


def chosen() -> dict[str, Connection]:
    """Return them by the place each was chosen for."""
    with _lock:
        return {str(url): connection for url, connection in sorted(_chosen.items(), key=lambda item: str(item[0]))}
