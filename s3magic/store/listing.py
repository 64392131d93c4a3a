"""Walking a bucket: pages joined, patterns expanded, nothing held longer than a page."""

from __future__ import annotations

from collections.abc import Iterator

from s3magic.errors import AccessDenied, NoSuchKey, ServerError
from s3magic.store.base import ListPage, ObjectInfo, Store
from s3magic.url import S3Url, utf8


def pages(
    store: Store, prefix: str = "", *, delimiter: str = "", after: str | None = None, max_keys: int = 1000
) -> Iterator[ListPage]:
    """Yield the pages of a listing in key order, from behind a key on, each asked for only when it is wanted."""
    token: str | None = None
    while True:
        start = after if token is None else None
        page = store.list_page(prefix, delimiter=delimiter, token=token, start_after=start, max_keys=max_keys)
        yield page
        if page.next_token is not None and page.next_token == token:
            raise ServerError(f"The listing of s3://{store.bucket}/{prefix} goes in a circle", "Check the endpoint.")
        token = page.next_token
        if token is None:
            return


def between(
    store: Store, prefix: str = "", *, after: str | None, until: str, delimiter: str = "", max_keys: int = 1000
) -> Iterator[ListPage]:
    """Yield what a listing has of ``(after, until]``, page by page in key order; asks for no page behind that.

    Ranges that follow each other hold what the whole listing holds, each thing once: where some keys
    are known beforehand, they can all be walked at the same time.
    """
    low, high = utf8(after or ""), utf8(until)
    for page in pages(store, prefix, delimiter=delimiter, after=after, max_keys=max_keys):
        objects = tuple(info for info in page.objects if utf8(info.key) <= high)
        yield ListPage(objects, tuple(group for group in page.prefixes if low < utf8(group) <= high), None)
        last = (*(info.key for info in page.objects[-1:]), *page.prefixes[-1:])
        if last and max(map(utf8, last)) >= high:
            return


def alone(store: Store, url: S3Url) -> ObjectInfo | None:
    """Return the one object, or version of it, that a URL names; None where that is a folder or a pattern.

    A folder's closing slash may be left out. Who may neither read an object nor list a folder of
    that name is told that reading is not allowed.
    """
    if url.is_prefix or url.is_pattern:
        return None
    try:
        return store.head(url.key, version_id=url.version_id)
    except NoSuchKey:
        if url.version_id:
            raise
    except AccessDenied:  # as what is not there is, too, to who may not list
        if url.version_id or not _may_list(store, f"{url.key}/"):
            raise
    return None


def _may_list(store: Store, prefix: str) -> bool:
    try:
        store.list_page(prefix, max_keys=1)
    except AccessDenied:
        return False
    return True


def expand(store: Store, url: S3Url) -> Iterator[ObjectInfo]:
    """Yield the objects a URL names, in key order: one object, a prefix or a pattern.

    Folder markers (empty objects whose key ends in ``/``) are passed over.
    A single object is asked for by HEAD, so that no right to list is needed.
    """
    if not url.is_pattern and not url.is_prefix:
        yield store.head(url.key, version_id=url.version_id)
        return
    yield from (info for info in around(store, url) if url.matches(info.key))


def around(store: Store, url: S3Url) -> Iterator[ObjectInfo]:
    """Yield the objects that must be listed to find those a prefix or a pattern names: these and their neighbours.

    No more is listed than what begins as all matches do, and no sub-folder that none can be in.
    """
    for page in pages(store, url.stem, delimiter="/" if url.is_flat else ""):
        yield from (info for info in page.objects if not info.key.endswith("/"))
