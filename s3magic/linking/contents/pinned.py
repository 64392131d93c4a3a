"""The bytes of exactly the object that was linked, going on where a connection broke; writes nothing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from s3magic.errors import AccessDenied, NoSuchKey, NotFound, ObjectChanged, S3MagicError
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import Store
from s3magic.store.body import body


def pinned_body(store: Store, tile: LinkedTile, *, start: int = 0) -> Generator[memoryview, None, None]:
    """Yield the content of a tile from ``start`` on, in chunks that are gone when the next one is asked for.

    The plain key is read on condition of the pinned ETag, for that needs the least permission; the
    pinned version where that fails. Raises `ObjectChanged` or `NoSuchKey`, naming the tile, when the
    pinned bytes cannot be had any more.
    """
    key, position = tile.source.key, start
    version: str | None = None
    refused: S3MagicError | None = None
    while position < tile.size:
        try:
            chunks = body(store, key, size=tile.size, etag=tile.etag, start=position, version_id=version)
            with closing(chunks):
                for chunk in chunks:
                    position += len(chunk)
                    yield chunk
        except (ObjectChanged, NotFound, AccessDenied) as error:
            if version is not None or tile.version_id is None:
                raise _gone(tile, refused or error) from error
            version, refused = tile.version_id, error


def _gone(tile: LinkedTile, error: S3MagicError) -> S3MagicError:
    """Say what became of the pinned object by what its plain key answered."""
    if isinstance(error, ObjectChanged):
        return ObjectChanged(
            f"{tile.name} changed since it was linked: {tile.url}",
            "The bytes that were linked are not there any more; %s3link update takes those that are.",
        )
    if isinstance(error, NotFound):
        return NoSuchKey(
            f"{tile.name} is not there any more: {tile.url}", "Ask who keeps the bucket; status() shows all such tiles."
        )
    return error
