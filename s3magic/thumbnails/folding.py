"""A listing in which a folder that is one thing, a Zarr, is one entry; reads no object."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from s3magic.errors import AccessDenied, NoSuchKey
from s3magic.store.base import ListPage, ObjectInfo, Store
from s3magic.url import S3Url

_ENDING = ".zarr"
_LAST = "\U0010ffff"
_TOKEN = "after:"  # noqa: S105 - marks a place in a listing
_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class FolderInfo(ObjectInfo):
    """What a listing says of a folder that is one thing.

    Its URL ends in a slash, its key and name do not; its ETag stands for all that was counted.

    Parameters
    ----------
    count
        Objects in it, the first thousand of more.
    is_complete
        Whether these are all, so that ``size`` is all of it.
    """

    count: int = 0
    is_complete: bool = True


class Folding:
    """A bucket as a gallery lists it: each Zarr one entry, however many objects it has; otherwise the store itself.

    What lies below a prefix that leads into a Zarr is shown as it is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.bucket = store.bucket

    def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """See `Store.head`; a Zarr is found by its name without the slash."""
        try:
            return self._store.head(key, version_id=version_id)
        except (NoSuchKey, AccessDenied):
            if not key.lower().endswith(_ENDING):
                raise
            found = self._counted(key)
            if not found.count:
                raise
            return found

    def list_page(
        self, prefix: str = "", *, token: str | None = None, start_after: str | None = None, max_keys: int = 1000
    ) -> ListPage:
        """See `Store.list_page`. Of a Zarr that does not end on the page the rest is leapt over."""
        if token is not None and token.startswith(_TOKEN):
            start_after, token = token.removeprefix(_TOKEN), None
        elif start_after is not None and start_after.lower().endswith(_ENDING):
            start_after = _behind(start_after)
        page = self._store.list_page(prefix, token=token, start_after=start_after, max_keys=max_keys)
        objects: list[ObjectInfo] = []
        next_token = page.next_token
        groups = [(root, list(infos)) for root, infos in groupby(page.objects, lambda info: _root(info.key, prefix))]
        for number, (root, infos) in enumerate(groups, 1):
            if root is None:
                objects += infos
            elif number == len(groups) and page.next_token is not None:
                objects.append(self._counted(root))
                next_token = _TOKEN + _behind(root)
            else:
                objects.append(_folded(root, infos, is_complete=True))
        return ListPage(tuple(objects), (), next_token)

    def _counted(self, root: str) -> FolderInfo:
        page = self._store.list_page(f"{root}/", max_keys=_COUNTED)
        url = f"s3://{self._store.bucket}/{root}"
        return _folded(root, page.objects, is_complete=page.next_token is None, url=url)


def as_folder(url: S3Url) -> S3Url:
    """Return the URL of a Zarr without its slash, as its one entry is named; any other URL as it is."""
    return url.with_key(url.key[:-1]) if url.key.lower().endswith(f"{_ENDING}/") and not url.is_pattern else url


def _root(key: str, prefix: str) -> str | None:
    """Return the key of the Zarr that an object below a prefix belongs to."""
    end = key.lower().find(f"{_ENDING}/", max(0, len(prefix) - len(_ENDING)))
    return None if end < 0 else key[: end + len(_ENDING)]


def _behind(root: str) -> str:
    return f"{root}/{_LAST}"


def _folded(root: str, infos: Iterable[ObjectInfo], *, is_complete: bool, url: str = "") -> FolderInfo:
    known = list(infos)
    digest = hashlib.sha256()
    for info in known:
        digest.update(f"{info.key}\n{info.etag}\n{info.size}\n".encode(errors="surrogatepass"))
    where = url or known[0].url.removesuffix(known[0].key) + root
    return FolderInfo(
        url=f"{where}/",
        key=root,
        size=sum(info.size for info in known),
        etag=digest.hexdigest()[:32],
        last_modified=max((info.last_modified for info in known if info.last_modified), default=None),
        count=len(known),
        is_complete=is_complete,
    )
