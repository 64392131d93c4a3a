"""The objects a gallery is about, page by page: listed as they are wanted, never all held at once; reads no object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey
from s3magic.store.base import ObjectInfo, Store
from s3magic.thumbnails.folding import Folding, as_folder
from s3magic.url import S3Url, matches, utf8

SORT_LIMIT = 100_000
"""Objects that can be put into another order than that of the listing: they must all be known for it."""
_LAST = "\U0010ffff"
_LISTINGS_AT_ONCE = 10
"""Listings that one page may ask for, so that a rare pattern does not stall in a huge bucket."""

_ORDERS: dict[str, Callable[[ObjectInfo], Any]] = {
    "name": lambda info: utf8(info.key),
    "size": lambda info: info.size,
    "modified": lambda info: info.last_modified.timestamp() if info.last_modified else 0,
    "type": lambda info: info.name.rpartition(".")[2].lower(),
}


@dataclass(slots=True)
class _Ahead:
    """What was listed and not handed out, and where to go on."""

    after: str = ""
    infos: list[ObjectInfo] = field(default_factory=list)
    token: str | None = None
    is_end: bool = False


class Catalogue:
    """Walks what a URL names, a page at a time, forth and back; safe to use from several threads.

    Of the pages left behind it keeps the last key alone, and lists them again when asked. A URL that
    names no object but a folder without its closing slash is read as the folder. A Zarr is one object here.

    Parameters
    ----------
    limit
        Objects on a page.
    match
        Keep only objects whose name fits this glob, or, when it holds a ``/``, whose path below
        the URL does.
    keep
        Keep only objects whose key this lets through.
    hidden
        Keys that begin with this are leapt over; nothing when empty.
    within
        Keys that do not begin with this need not be listed.
    sort
        One of `s3magic.thumbnails.SORTS`; any but ``"name"`` lists everything first, up to `SORT_LIMIT` objects.
    """

    def __init__(
        self,
        store: Store,
        url: S3Url,
        *,
        limit: int,
        match: str | None = None,
        keep: Callable[[str], bool] | None = None,
        hidden: str = "",
        within: str = "",
        sort: str = "name",
    ) -> None:
        self.url = as_folder(url)
        self._store = Folding(store)
        self._limit = limit
        self._match = match
        self._keep = keep
        self._hidden = hidden
        self._within = within
        self._sort = sort
        self._lock = threading.Lock()
        self._marks = [""]  # the key after which each known page begins
        self._ahead = _Ahead()
        self._farthest = ""
        self._found = 0
        self._complete = False
        self._has_hidden = False
        self._sorted: list[ObjectInfo] | None = None

    @property
    def found(self) -> int:
        """Objects met so far, handed out or not."""
        return self._found

    @property
    def complete(self) -> bool:
        """Whether the listing came to its end, so that `found` is all there is."""
        return self._complete

    @property
    def has_hidden(self) -> bool:
        """Whether hidden keys were met."""
        return self._has_hidden

    def has(self, number: int) -> bool:
        """Whether there may be a page of this number; once `complete`, whether there is one."""
        known = max(len(self._marks), -(-self._found // self._limit))
        return number >= 1 and (number <= known or not self._complete)

    def page(self, number: int) -> list[ObjectInfo]:
        """Return the objects of a page, the first is 1; fewer where only long walking would find more.

        Beyond the end there are none. Raises `InvalidInput` when there are more than can be sorted.
        """
        with self._lock:
            if self._sort != "name":
                start = (number - 1) * self._limit
                return self._in_order()[start : start + self._limit]
            while len(self._marks) < number:
                known = len(self._marks)
                self._walk(known)
                if len(self._marks) == known:
                    return []
            infos = self._walk(number)
            if not infos and self._complete and len(self._marks) == number > 1:
                self._marks.pop()  # what was still to come when the page before ended was no object of ours
            return infos

    def _walk(self, number: int) -> list[ObjectInfo]:
        """Return a page whose beginning is known; note where the next begins, if there is one.

        What failed leaves everything as it was, so that it can be asked for again.
        """
        after = self._marks[number - 1]
        ahead = self._ahead if self._ahead.after == after else _Ahead(after)
        infos, last, listings = list(ahead.infos), after, 0
        while len(infos) < self._limit and not ahead.is_end and listings < _LISTINGS_AT_ONCE:
            batch, last, ahead = self._list(ahead, last)
            infos += batch
            listings += 1
        page, rest = infos[: self._limit], infos[self._limit :]
        mark = page[-1].key if rest or (page and ahead.is_end) else max(last, page[-1].key if page else "", key=utf8)
        if len(self._marks) == number and (rest or not ahead.is_end):
            self._marks.append(mark)
        self._ahead = _Ahead(mark, rest, ahead.token, ahead.is_end)
        return page

    def _list(self, ahead: _Ahead, last: str) -> tuple[list[ObjectInfo], str, _Ahead]:
        """Return what fits of the next listing, the last key of it, and where to go on."""
        if not self.url.is_pattern and not self.url.is_prefix:
            found = self._single()
            if found is not None:
                return self._met([found], is_end=True), found.key, _Ahead(is_end=True)
        start_after = last if ahead.token is None and last else None
        prefix = self._within if self._within.startswith(self.url.prefix) else self.url.prefix
        page = self._store.list_page(prefix, token=ahead.token, start_after=start_after)
        is_end = page.next_token is None
        seen = page.objects[-1].key if page.objects else last
        shown = [info for info in page.objects if not (self._hidden and info.key.startswith(self._hidden))]
        self._has_hidden = self._has_hidden or len(shown) < len(page.objects)
        if not is_end and self._hidden and seen.startswith(self._hidden):
            return self._met(shown, is_end=False), self._hidden + _LAST, _Ahead()
        return self._met(shown, is_end=is_end), seen, _Ahead(token=page.next_token, is_end=is_end)

    def _single(self) -> ObjectInfo | None:
        """Return the one object that the URL names; None where it names a folder, which it does from then on."""
        try:
            return self._store.head(self.url.key, version_id=self.url.version_id)
        except (NoSuchKey, AccessDenied):
            folder = self.url.with_key(self.url.key + "/")
            with suppress(AccessDenied):  # it is reading that was asked for
                if self._store.list_page(folder.key, max_keys=1).objects:
                    self.url = folder
                    return None
            raise

    def _met(self, infos: list[ObjectInfo], *, is_end: bool) -> list[ObjectInfo]:
        """Return what fits, and count what was not met before."""
        fitting = [info for info in infos if self._fits(info)]
        self._found += sum(utf8(info.key) > utf8(self._farthest) for info in fitting)
        if infos:
            self._farthest = max(self._farthest, infos[-1].key, key=utf8)
        self._complete = self._complete or is_end
        return fitting

    def _in_order(self) -> list[ObjectInfo]:
        if self._sorted is None:
            everything: list[ObjectInfo] = []
            ahead, last = _Ahead(), ""
            while not ahead.is_end:
                batch, last, ahead = self._list(ahead, last)
                everything += batch
                if len(everything) > SORT_LIMIT:
                    raise InvalidInput(
                        f"More than {SORT_LIMIT} objects are too many to sort",
                        "Name a folder or a pattern that holds fewer; in the order of their names any number is fine.",
                    )
            everything.sort(key=_ORDERS[self._sort.removeprefix("-")], reverse=self._sort.startswith("-"))
            self._sorted = everything
        return self._sorted

    def _fits(self, info: ObjectInfo) -> bool:
        if info.key.endswith("/") or not self.url.matches(info.key) or not (self._keep is None or self._keep(info.key)):
            return False
        if self._match is None:
            return True
        below = info.key[len(self.url.prefix) :] if "/" in self._match else info.name
        return matches(self._match, below)
