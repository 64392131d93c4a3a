"""One object of a gallery: what the listing said of it, and the preview that comes; makes none itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from s3magic.html import bytes_text
from s3magic.store.base import ObjectInfo
from s3magic.thumbnails import icon
from s3magic.thumbnails.folding import FolderInfo
from s3magic.thumbnails.preview import Thumbnail


class GalleryItem:
    """One object of a gallery.

    What the listing said is there at once; what the preview says is waited for, so that a script
    never sees half of it. `ready` tells without waiting.

    Attributes
    ----------
    info : ObjectInfo
        What the listing said.
    future : Future
        The preview, as it is being made, in colours of its own.
    """

    __slots__ = ("_paint", "future", "info")

    def __init__(
        self, info: ObjectInfo, future: Future[Thumbnail], paint: Callable[[Thumbnail], Thumbnail] | None = None
    ) -> None:
        self.info = info
        self.future = future
        self._paint = paint

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.info.name

    @property
    def url(self) -> str:
        """``s3://bucket/key``; never a signed link."""
        return self.info.url

    @property
    def size(self) -> int:
        """Length of the object in bytes."""
        return self.info.size

    @property
    def size_text(self) -> str:
        """Length for people; of a folder with more objects than were counted only what it has at least."""
        text = bytes_text(self.size)
        return text if not isinstance(self.info, FolderInfo) or self.info.is_complete else f"over {text}"

    @property
    def format(self) -> str:
        """What the object says it is: ``"laz-1.4/copc-1.0"``, ``"netcdf-4"`` …; else ``"file"``."""
        return self.preview.format

    @property
    def ready(self) -> bool:
        """Whether the preview is there, or will not come."""
        return self.future.done()

    @property
    def preview(self) -> Thumbnail:
        """All that is known of the picture, in the colours of the scale that it shares now."""
        try:
            made = self.future.result()
        except CancelledError:
            return Thumbnail(error="Stopped before it was read")
        return made if self._paint is None else self._paint(made)

    @property
    def thumbnail(self) -> bytes:
        """The picture, as PNG, JPEG or WebP; an icon with the letters of the type where there is none."""
        return self.preview.image or icon.draw(icon.letters(self.name))

    @property
    def bytes_read(self) -> int:
        """Bytes read of the object for the preview."""
        return self.preview.bytes_read

    @property
    def error(self) -> str | None:
        """Why there is no picture, in words; None when there is one or the type has none."""
        return self.preview.error

    def to_json(self) -> dict[str, object]:
        """Return what is known, pictures left out, as JSON types."""
        return {**self.info.to_json(), "name": self.name, **self.preview.to_json()}

    def __repr__(self) -> str:
        state = self.error or "ready" if self.ready else "under way"
        return f"<GalleryItem {self.url} ({self.size_text}): {state}>"
