"""Bytes of exactly one state of an object, going on where a connection broke; writes nothing."""

from __future__ import annotations

from collections.abc import Generator

from s3magic.errors import ServerError, Unreachable
from s3magic.store.base import Store

ATTEMPTS = 5


def body(
    store: Store,
    key: str,
    *,
    size: int,
    etag: str,
    start: int = 0,
    stop: int | None = None,
    version_id: str | None = None,
) -> Generator[memoryview, None, None]:
    """Yield the bytes ``[start, stop)`` of an object of that size and ETag, in chunks.

    A chunk is gone when the next one is asked for. A broken connection is taken up again,
    ``ATTEMPTS`` times without a byte between.

    Raises
    ------
    ObjectChanged, NoSuchKey, AccessDenied
        The bytes of that state cannot be had.
    Unreachable, ServerError
        They did not come, or more came than was asked for.
    """
    position, end, left = start, size if stop is None else min(stop, size), ATTEMPTS
    url = f"s3://{store.bucket}/{key}"
    while position < end:
        try:
            until = end if end < size else None
            with store.stream(key, start=position, stop=until, etag=etag, version_id=version_id) as chunks:
                for chunk in chunks:
                    position += len(chunk)
                    left = ATTEMPTS
                    yield chunk
            if position < end:
                raise Unreachable(f"The body of {url} was cut short", "Try again.")  # noqa: TRY301 - as a broken one
        except Unreachable:
            left -= 1
            if not left:
                raise
    if position > end:
        raise ServerError(f"{url} has more bytes than it said", "Check the endpoint.")
