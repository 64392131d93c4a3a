"""Objects copied by S3 itself, from one key to another: no byte of them comes here; asks one client."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import quote

from s3magic.errors import ObjectChanged, S3MagicError
from s3magic.parallel import each
from s3magic.store.answers import read_field, unquoted
from s3magic.store.base import ObjectInfo
from s3magic.store.client import Request
from s3magic.store.failures import Failure
from s3magic.store.s3 import S3Store
from s3magic.url import S3Url

LARGEST = 5 << 30
"""Bytes that S3 copies by one request."""
PART = 512 << 20
MOST_PARTS = 10_000
WORKERS = 8


def copy_object(
    store: S3Store,
    key: str,
    source: ObjectInfo,
    *,
    if_match: str | None = None,
    if_none_match: bool = False,
    progress: Callable[[int], None] | None = None,
    largest: int = LARGEST,
    part_size: int = PART,
) -> None:
    """Make an object of a bucket that is a copy of another, with its media type and its metadata.

    Parameters
    ----------
    store, key
        Where to; it is asked as somebody who may read the source.
    source
        What to copy, only if it is still as it was listed.
    if_match, if_none_match
        Write only over that ETag; only where nothing is.
    progress
        Told, in this thread, how many bytes more are copied.
    largest
        Bytes from which on it is copied in parts.
    part_size
        Bytes of such a part, at least 5 MiB.

    Raises
    ------
    ObjectChanged
        When the source, or what a condition speaks of, is another one by now.
    """
    told = progress or (lambda _: None)
    bucket = S3Url.parse(source.url).bucket
    version = f"?versionId={source.version_id}" if source.version_id else ""
    origin = {
        "x-amz-copy-source": quote(f"/{bucket}/{source.key}") + version,
        "x-amz-copy-source-if-match": f'"{source.etag}"',
    }
    if source.size <= largest:
        conditions = {} if if_match is None else {"If-Match": f'"{if_match}"'}
        conditions |= {"If-None-Match": "*"} if if_none_match else {}
        _ask(store, Request("PUT", store.bucket, key, {}, {**origin, **conditions}, repeatable=not conditions))
        told(source.size)
        return
    about = S3Store(bucket, store.client).head(source.key, version_id=source.version_id)
    if about.etag != source.etag:
        raise ObjectChanged(f"The object changed: {source.url}", "Copy again.")
    part_size = max(part_size, -(-source.size // MOST_PARTS))
    upload_id = store.begin_upload(key, content_type=about.content_type, metadata=about.metadata)
    try:
        etags = _copy_parts(store, key, upload_id, origin, size=source.size, part_size=part_size, told=told)
        store.complete_upload(key, upload_id, etags, size=source.size, if_match=if_match, if_none_match=if_none_match)
    except BaseException:
        with suppress(S3MagicError):
            store.abort_upload(key, upload_id)
        raise


def _copy_parts(
    store: S3Store,
    key: str,
    upload_id: str,
    origin: dict[str, str],
    *,
    size: int,
    part_size: int,
    told: Callable[[int], None],
) -> list[str]:
    """Copy all parts and return their ETags in order; none is under way any more when this ends."""

    def copy(number: int) -> str:
        start = (number - 1) * part_size
        stop = min(start + part_size, size)
        query = {"partNumber": str(number), "uploadId": upload_id}
        headers = {**origin, "x-amz-copy-source-range": f"bytes={start}-{stop - 1}"}
        return _ask(store, Request("PUT", store.bucket, key, query, headers))

    etags: dict[int, str] = {}
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="s3magic-copy") as pool:
        numbers = range(1, -(-size // part_size) + 1)
        for outcome in each(copy, numbers, executor=pool, workers=WORKERS, to_the_end=True):
            if outcome.error is not None:
                raise outcome.error
            etags[outcome.item] = outcome.value or ""
            told(min(part_size, size - (outcome.item - 1) * part_size))
    return [etags[number] for number in numbers]


def _ask(store: S3Store, request: Request) -> str:
    """Send a request and return the ETag of what it made; S3 may begin to answer well, and then tell of an error."""
    answer = store.client.send(request)
    etag = read_field(answer.body, "ETag")
    if not etag:
        raise Failure.read(answer.status, answer.headers, answer.body).to_error("PUT", store.bucket, request.key)
    return unquoted(etag)
