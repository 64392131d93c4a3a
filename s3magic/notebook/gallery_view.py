"""A gallery in a notebook: pages of tiles, a large view, a selection; draws in gallery_view.js, reads nothing itself.

All that the browser shows comes in messages, which no notebook keeps: the widget's own state, which one may keep, is
the address of the folder and the code that draws. So a link lives on the page alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from IPython.display import display, update_display

from s3magic.errors import InvalidInput, S3MagicError, UnreadableFormat
from s3magic.notebook import gallery_parts as parts
from s3magic.notebook import kept
from s3magic.notebook.hand_over import common_folder, link_line, mount_line
from s3magic.notebook.tile_sender import TileSender
from s3magic.thumbnails import page
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.item import GalleryItem

PATIENCE = 3
"""Seconds that a cell waits for previews, so that what a notebook saves is complete."""

FULL = 1600
"""Longer side in pixels of an original that comes through the kernel: what a server passes on at once is limited."""

_HERE = Path(__file__).parent


class GalleryWidget(anywidget.AnyWidget):
    """What is displayed: its state is what a notebook may keep."""

    _esm = _HERE / "gallery_view.js"
    _css = page.RULES + (_HERE / "gallery_view.css").read_text(encoding="utf-8")
    where = traitlets.Unicode().tag(sync=True)
    measures = traitlets.Unicode().tag(sync=True)
    identity = traitlets.Unicode().tag(sync=True)


class GalleryView:
    """One gallery as it is displayed.

    Attributes
    ----------
    widget : GalleryWidget
        What is displayed; `ask` is what a click in it sends.
    identity : str
        A CSS class of this view alone, that it has on a page once the kernel has answered there.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.identity = kept.new_identity()
        self.widget = GalleryWidget(
            where=str(gallery.url), measures=page.measures(gallery.size), identity=self.identity
        )
        self._sender = TileSender(gallery, self.tell)
        self.widget.on_msg(lambda _, message, __: self.ask(message))
        self._busy = threading.Lock()

    def tell(self, message: dict[str, Any], *, picture: bytes | None = None) -> None:
        """Send a message to every page that shows the gallery."""
        self.widget.send(message, buffers=None if picture is None else [picture])

    def ask(self, message: dict[str, Any]) -> None:
        """Do what a page asks for, in a thread where it may take long; what goes wrong is told there in two lines."""
        wanted = message.get("ask")
        if wanted == "pictures":
            self._sender.want(message["urls"])
        elif wanted == "select":
            self._select(message["urls"], on=bool(message["on"]))
        elif wanted in self._SLOW:
            in_background(lambda: self._answer(wanted, message))

    def _answer(self, wanted: str, message: dict[str, Any]) -> None:
        try:
            self._SLOW[wanted](self, message)
        except S3MagicError as error:
            self.tell({"tell": "trouble", "lines": error.lines(), "about": message})
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            lines = [f"{type(error).__name__}: {error}", "This is a fault of s3magic."]
            self.tell({"tell": "trouble", "lines": lines, "about": message})

    def _select(self, urls: list[str] | None, *, on: bool) -> None:
        """Choose items, or give them back; those of all pages when None."""
        there = [*self.gallery.items, *self.gallery.selected]
        self.gallery.select([item for item in there if urls is None or item.url in urls], on=on)
        self.tell({"tell": "selected", "count": len(self.gallery.selected)})

    def _page(self, message: dict[str, Any]) -> None:
        """Show the page that is there, or turn to another one."""
        with self._busy:
            number = message.get("number", self.gallery.number)
            if number != self.gallery.number:
                self.gallery.page(number)
            self.tell(parts.page_of(self.gallery))
            self._sender.begin()

    def _open(self, message: dict[str, Any]) -> None:
        item = self._item(message)
        self.tell({"tell": "large", "url": item.url, **parts.large(item, None)})
        self.tell({"tell": "large", "url": item.url, **parts.large(item, self.gallery.enlarge(item))})
        self._sender.note()

    def _link(self, message: dict[str, Any]) -> None:
        item = self._item(message)
        link = self.gallery.link(item)
        self.tell({"tell": message["ask"], "url": item.url, "link": link.url, "note": parts.about_link(link)})

    def _through(self, message: dict[str, Any]) -> None:
        """Send an object nearly as it is, for a browser that cannot reach the store."""
        item = self._item(message)
        seen = self.gallery.enlarge(item, size=FULL)
        if not seen.image:
            raise UnreadableFormat(seen.error or f"No picture of {item.name}", "Its link opens it in another window.")
        note = parts.about_way(seen, item.size)
        self.tell({"tell": "through", "url": item.url, "type": seen.media_type, "note": note}, picture=seen.image)
        self._sender.note()

    def _mount(self, _: dict[str, Any]) -> None:
        from s3magic import api  # noqa: PLC0415 - loads the rooms of mounts

        urls = self._chosen()
        mount = api.mount(common_folder(urls))
        note = f"Mounted read-only at {mount.path}. To have it by name, or in another notebook, write:"
        self.tell({"tell": "line", "line": mount_line(urls), "note": note})

    def _hand_link(self, _: dict[str, Any]) -> None:
        note = "Run this in a cell to keep them by reference; nothing is downloaded. The last word is the folder:"
        self.tell({"tell": "line", "line": link_line(self._chosen()), "note": note})

    def _chosen(self) -> list[str]:
        urls = [item.url for item in self.gallery.selected or self.gallery.items]
        if not urls:
            raise InvalidInput("There is nothing to hand over", "Choose a folder that holds objects.")
        return urls

    def _item(self, message: dict[str, Any]) -> GalleryItem:
        for item in (*self.gallery.items, *self.gallery.selected):
            if item.url == message["url"]:
                return item
        raise InvalidInput(f"The page was turned: {message['url']}", "Turn back to it, and click again.")

    _SLOW: ClassVar[dict[str, Callable[[GalleryView, dict[str, Any]], None]]] = {
        "page": _page, "open": _open, "link": _link, "original": _link, "through": _through, "mount": _mount,
        "line": _hand_link,
    }  # fmt: skip


def show(gallery: Gallery) -> None:
    """Display a gallery as a widget and, hidden while that lives, as the page that a saved notebook keeps.

    Waits a moment for the previews; those that come later find their way into the saved page too.
    """
    view = GalleryView(gallery)
    display(kept.live(view.widget, f"<Gallery {gallery.url}>"), raw=True)  # type: ignore[no-untyped-call]
    gallery.wait(PATIENCE)
    place, is_complete = f"kept-{view.identity}", all(item.ready for item in gallery.items)
    display(_kept(gallery, view), raw=True, display_id=place)  # type: ignore[no-untyped-call]
    if not is_complete:

        def work() -> None:
            gallery.wait()
            update_display(_kept(gallery, view), raw=True, display_id=place)  # type: ignore[no-untyped-call]

        in_background(work)


def in_background(work: Callable[[], None]) -> None:
    """Run something in a thread of its own, so that the kernel stays free."""
    threading.Thread(target=work, name="s3magic-gallery", daemon=True).start()


def _kept(gallery: Gallery, view: GalleryView) -> dict[str, object]:
    return kept.page(page.part(gallery, room=page.ROOM), view.identity)
