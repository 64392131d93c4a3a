"""Pages of objects and their previews, and what can be asked of them; makes none, draws nothing and signs nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from s3magic.errors import InvalidInput
from s3magic.formats.base import PLAIN, Look
from s3magic.thumbnails import SORTS, page, workers
from s3magic.thumbnails.cache import DiskCache
from s3magic.thumbnails.catalogue import Catalogue
from s3magic.thumbnails.decoding import Decoder
from s3magic.thumbnails.folding import FolderInfo
from s3magic.thumbnails.item import GalleryItem
from s3magic.thumbnails.making import Making
from s3magic.thumbnails.presign import SignedUrl, Signer, check_expires
from s3magic.thumbnails.preview import READ_LIMIT, Thumbnail
from s3magic.thumbnails.scales import SHARINGS, Scales, Sharing
from s3magic.url import S3Url, utf8

if TYPE_CHECKING:
    from s3magic.store.base import StoreOpener
    from s3magic.thumbnails.choosing import Choice
    from s3magic.thumbnails.generating import Generated
    from s3magic.thumbnails.stored import Shelf

SIZES = range(16, 1025)
LIMITS = range(1, 1001)
LARGE = 800
"""Longer side in pixels of the large view."""
_PATIENCE = 60
"""Seconds that a page waits for previews when it is shown by itself; those still under way say so."""


def check(*, size: int, limit: int, expires: int, scale: str, sort: str) -> None:
    """Raise `InvalidInput` when words for a gallery make no sense."""
    if size not in SIZES:
        raise InvalidInput(f"A preview cannot be {size!r} pixels wide", "Choose between 16 and 1024.")
    if limit not in LIMITS:
        raise InvalidInput(f"A page cannot hold {limit!r} objects", "Choose between 1 and 1000; more() shows more.")
    if scale not in SHARINGS:
        raise InvalidInput(f"A scale cannot be {scale!r}", "Choose shared, so that pictures can be compared, or each.")
    if sort not in SORTS:
        raise InvalidInput(f"There is no order {sort!r}", f"There is {', '.join(SORTS)}.")
    check_expires(expires)


class Gallery:
    """Previews of the objects under a URL.

    The first page is listed at once; its previews are made by threads in the background. Any number
    of objects can be paged through: of the pages that are left nothing is held but the selection.

    Parameters
    ----------
    url
        One object, a prefix or a pattern.
    opener
        Gives the store of the URL's bucket.
    signer
        Makes the links, when they are asked for.
    size
        Longer side of a preview in pixels, 16 to 1024.
    limit
        Objects on a page, 1 to 1000.
    match
        Keep only objects whose name fits this glob.
    sort
        ``"name"``, ``"size"``, ``"modified"`` or ``"type"``, the greatest first with a ``-`` before it.
    expires
        Seconds that a link lives unless said otherwise.
    cache
        Folder where previews are remembered; None for nowhere.
    read_limit
        The most bytes that one preview may read.
    wanted
        What of each object to show, where it holds more than one thing to see.
    scale
        ``"shared"``: pictures of one quantity have one scale of colours; ``"each"``: each its own.
    decoder
        Who makes the pictures; the worker processes of this kernel when None.
    shelf
        Where thumbnails may be stored; None to make each from its object.
    choice
        The objects to show, by a filter file; all when None.
    generated
        What came of storing thumbnails just before, to be told with it.

    Raises
    ------
    InvalidInput
        When an argument makes no sense; nothing was asked of S3 then.
    NotFound, CredentialsError
        When the URL cannot be listed.
    """

    def __init__(
        self,
        url: S3Url | str,
        *,
        opener: StoreOpener,
        signer: Signer,
        size: int = 160,
        limit: int = 60,
        match: str | None = None,
        sort: str = "name",
        expires: int = 3600,
        cache: str | os.PathLike[str] | None = None,
        read_limit: int = READ_LIMIT,
        wanted: Look = PLAIN,
        scale: Sharing = "shared",
        decoder: Decoder | None = None,
        shelf: Shelf | None = None,
        choice: Choice | None = None,
        generated: Generated | None = None,
    ) -> None:
        parsed = S3Url.parse(url)
        check(size=size, limit=limit, expires=expires, scale=scale, sort=sort)
        self.size = size
        self.limit = limit
        self.expires = expires
        self.scales = Scales(scale)
        self.generated = generated
        self._signer = signer
        store = opener(parsed)
        catalogue = self._catalogue = Catalogue(
            store,
            parsed,
            limit=limit,
            match=match,
            sort=sort,
            keep=lambda key: not (shelf and shelf.holds(key)) and (choice is None or choice(key)),
            hidden=shelf.folder if shelf else "",
            within=choice.prefix if choice else "",
        )
        self._making = Making(
            store,
            size=size,
            read_limit=read_limit,
            wanted=wanted,
            cache=DiskCache(cache) if cache is not None else None,
            decoder=decoder or workers.shared(),
            scales=self.scales,
            shelf=shelf,
            may_be_stored=lambda: catalogue.has_hidden,
        )
        self._lock = threading.Lock()
        self._items: list[GalleryItem] = []
        self._selected: dict[str, GalleryItem] = {}
        self._bytes_before = 0
        self._number = 0
        self.more()

    @property
    def url(self) -> S3Url:
        """What is shown."""
        return self._catalogue.url

    @property
    def items(self) -> list[GalleryItem]:
        """What is on the page: the objects that are shown, in their order."""
        with self._lock:
            return list(self._items)

    @property
    def bytes_read(self) -> int:
        """Bytes read of all objects up to now, large views included."""
        return self._making.bytes_read

    @property
    def bytes_here(self) -> int:
        """Bytes read since this page was turned to."""
        return self.bytes_read - self._bytes_before

    @property
    def found(self) -> int:
        """Objects the listing has met; all there are once `complete`."""
        return self._catalogue.found

    @property
    def complete(self) -> bool:
        """Whether the listing came to its end."""
        return self._catalogue.complete

    @property
    def number(self) -> int:
        """The page that is shown, the last one of those shown together; the first is 1."""
        return self._number

    @property
    def has_more(self) -> bool:
        """Whether there may be a page after this one."""
        return self._catalogue.has(self._number + 1)

    def page(self, number: int) -> Gallery:
        """Turn to a page and begin its previews; return the gallery.

        Raises `InvalidInput` when there is no such page; then the page stays as it was.
        """
        infos = self._catalogue.page(number) if number > 0 else []
        if number < 1 or not (infos or number == 1 or self._catalogue.has(number)):
            raise InvalidInput(f"There is no page {number}", "The first one is 1; has_more tells whether one follows.")
        for item in self.items:
            if item.url not in self._selected:
                item.future.cancel()
        self._bytes_before = self.bytes_read
        added = self._making.begin(infos, known=self._selected)
        with self._lock:
            self._items, self._number = added, number
        return self

    def more(self) -> list[GalleryItem]:
        """Add the next page to what is shown, begin its previews and return its items."""
        if self._number and not self.has_more:
            return []
        added = self._making.begin(self._catalogue.page(self._number + 1), known=self._selected)
        with self._lock:
            self._items += added
            self._number += 1
        return added

    def wait(self, timeout: float | None = None) -> Gallery:
        """Wait until every preview is there, at most ``timeout`` seconds; return the gallery.

        An interrupt ends the waiting, not the work.
        """
        wait([item.future for item in self.items], timeout=timeout)
        return self

    def stop(self) -> None:
        """Give up the previews that were not begun."""
        for item in self.items:
            item.future.cancel()

    def when_ready(self, item: GalleryItem, call: Callable[[GalleryItem], None]) -> None:
        """Call back once an item's preview is there, from the thread that made it; now if it is."""
        item.future.add_done_callback(lambda _: call(item))

    def enlarge(self, item: GalleryItem, *, size: int = LARGE) -> Thumbnail:
        """Read a larger picture of an item, ``size`` pixels on its longer side."""
        return self._making.enlarge(item.info, size=size)

    @property
    def selected(self) -> list[GalleryItem]:
        """The items that were chosen, here or by a click, on whatever page, in key order."""
        return sorted(self._selected.values(), key=lambda item: utf8(item.info.key))

    def select(self, items: Iterable[GalleryItem], *, on: bool = True) -> None:
        """Choose items, or with ``on=False`` give them back."""
        chosen = {item.url: item for item in items}
        with self._lock:
            if on:
                self._selected = {**chosen, **self._selected}
            else:
                self._selected = {url: item for url, item in self._selected.items() if url not in chosen}

    def urls(self, *, expires: int | None = None) -> list[SignedUrl]:
        """Make links to the selected items, or to all of the page where none is selected; a Zarr has none.

        Parameters
        ----------
        expires
            Seconds; the credentials may end earlier, and the links with them: each says when.

        Raises
        ------
        InvalidInput
            When ``expires`` is over seven days.
        """
        chosen = self.selected or self.items
        return [self.link(item, expires=expires) for item in chosen if not isinstance(item.info, FolderInfo)]

    def link(self, item: GalleryItem, *, expires: int | None = None) -> SignedUrl:
        """Make a link to one item; see `urls`. Raises `InvalidInput` for a Zarr, which is many objects."""
        if isinstance(item.info, FolderInfo):
            raise InvalidInput(
                f"{item.name} is a folder of many objects, so no one link opens it",
                f"Mount it, or open {item.url} with xarray or zarr.",
            )
        return self._signer(
            S3Url(self.url.bucket, item.info.key), expires=self.expires if expires is None else check_expires(expires)
        )

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, once complete, as one HTML file that needs nothing else and holds no link.

        Raises `InvalidInput` where it cannot be written.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise InvalidInput(f"No such folder: {target.parent}", "Make it first, or write the page elsewhere.")
        if target.is_dir():
            raise InvalidInput(f"A folder, not a file: {target}", f"Name a file in it: {target / 'page.html'}")
        document = page.document(self.wait())
        try:
            target.write_text(document, encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"Cannot write {target}: {error.strerror}", "Write the page elsewhere.") from error
        return target

    def __reduce__(self) -> NoReturn:
        raise TypeError("A gallery cannot be pickled, for it holds a connection; to_html(path) keeps what it shows")

    def _repr_html_(self) -> str:
        return page.part(self.wait(_PATIENCE), room=page.ROOM)

    def __repr__(self) -> str:
        items = self.items
        ready = sum(item.ready for item in items)
        lines = [f"<Gallery {self.url}: {page.note(self)}>"]
        if self.generated is not None:
            lines += [f"  {name}: {why}" for name, why in self.generated.failures[:5]]
        if ready < len(items):
            lines.append(f"  {ready} of {len(items)} previews are ready")
        failed = [item for item in items if item.ready and item.error]
        lines += [f"  {item.name}: {item.error}" for item in failed[:5]]
        if len(failed) > 5:
            lines.append(f"  … and {len(failed) - 5} more without a picture")
        return "\n".join(lines)
