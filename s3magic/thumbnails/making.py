"""The previews of a gallery, as threads make them: from the shelf, the cache or the object; knows no pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from s3magic.errors import S3MagicError
from s3magic.formats.base import PLAIN, Look
from s3magic.parallel import WORKERS
from s3magic.store.base import ObjectInfo, Store
from s3magic.thumbnails.cache import DiskCache
from s3magic.thumbnails.decoding import Decoder
from s3magic.thumbnails.item import GalleryItem
from s3magic.thumbnails.preview import Thumbnail, look
from s3magic.thumbnails.scales import Scales

if TYPE_CHECKING:
    from s3magic.thumbnails.stored import Shelf


class Making:
    """Makes previews and counts what was read for them; safe to use from several threads.

    Parameters
    ----------
    store, size, read_limit, wanted, cache, decoder
        See `s3magic.thumbnails.preview.look`.
    scales
        Where the fields of previews get their colours.
    shelf
        Where thumbnails may be stored; None to make each from its object.
    may_be_stored
        Whether any can be on the shelf, as far as is known by now.

    Attributes
    ----------
    bytes_read : int
        Bytes read of all objects up to now.
    """

    def __init__(
        self,
        store: Store,
        *,
        size: int,
        read_limit: int,
        wanted: Look,
        cache: DiskCache | None,
        decoder: Decoder,
        scales: Scales,
        shelf: Shelf | None,
        may_be_stored: Callable[[], bool],
    ) -> None:
        self.bytes_read = 0
        self._store = store
        self._size = size
        self._read_limit = read_limit
        self._wanted = wanted
        self._cache = cache
        self._decoder = decoder
        self._scales = scales
        self._shelf = shelf
        self._may_be_stored = may_be_stored
        self._lock = threading.Lock()

    def begin(self, infos: Sequence[ObjectInfo], *, known: Mapping[str, GalleryItem]) -> list[GalleryItem]:
        """Return the items of objects, their previews under way; those that are known by their URLs as they are."""
        if not infos:
            return []
        pool = ThreadPoolExecutor(min(WORKERS, len(infos)), thread_name_prefix="s3magic-thumbs")
        items = [
            known.get(info.url) or GalleryItem(info, pool.submit(self._preview, info), self._scales.paint)
            for info in infos
        ]
        pool.shutdown(wait=False)
        return items

    def enlarge(self, info: ObjectInfo, *, size: int) -> Thumbnail:
        """Read a larger picture of an object, in the colours of its scale."""
        return self._scales.paint(self._look(info, size=size))

    def _preview(self, info: ObjectInfo) -> Thumbnail:
        thumbnail = self._stored(info) or self._look(info, size=self._size)
        if thumbnail.field is not None:
            self._scales.add(thumbnail.field)
        return thumbnail

    def _stored(self, info: ObjectInfo) -> Thumbnail | None:
        """Return the thumbnail that lies on S3, where there is a true one of the look that is wanted."""
        shelf = self._shelf
        if shelf is None or self._wanted != PLAIN or not (shelf.is_certain or self._may_be_stored()):
            return None
        try:
            thumbnail = shelf.picture(info, size=self._size, decoder=self._decoder, cache=self._cache)
        except S3MagicError:
            return None  # the object itself may still be seen, or tells what is wrong
        if thumbnail is not None:
            self._count(thumbnail.bytes_read)
        return thumbnail

    def _look(self, info: ObjectInfo, *, size: int) -> Thumbnail:
        thumbnail = look(
            self._store,
            info,
            size=size,
            read_limit=self._read_limit,
            cache=self._cache,
            wanted=self._wanted,
            decoder=self._decoder,
        )
        self._count(thumbnail.bytes_read)
        return thumbnail

    def _count(self, read: int) -> None:
        with self._lock:
            self.bytes_read += read
