"""A gallery as widgets: tiles that come as they are ready, a filter, a large view; reads and signs through the gallery.

Only ipywidgets' own parts are used. A link is made when it is asked for, shown for half a
minute, and taken out of the widget's state again: a notebook saved meanwhile keeps it, where Jupyter is set to save the
state of widgets, and the page says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from uuid import uuid4

import ipywidgets as widgets
from IPython.display import display, update_display
from ipywidgets.widgets.widget_bool import CheckboxStyle

from s3magic.errors import S3MagicError
from s3magic.html import bytes_text
from s3magic.thumbnails import page
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.item import GalleryItem
from s3magic.thumbnails.presign import SignedUrl
from s3magic.url import matches

LINK_SHOWN = 30
"""Seconds that a link stays on the page."""

PATIENCE = 3
"""Seconds that a cell waits for previews, so that what a notebook saves is complete."""

_STYLE = """<style>
.s3m-gallery .s3m-slot{position:relative;margin:0;min-width:0;overflow:visible}
.s3m-gallery .s3m-slot>*,.s3m-gallery .s3m-plain{margin:0;width:100%;height:auto;min-width:0}
.s3m-gallery .widget-html-content{line-height:1.4;width:100%;min-width:0}
.s3m-gallery .s3m-grid{overflow:visible;margin:0;grid-auto-flow:row dense;align-items:start}
.s3m-gallery .s3m-slot .s3m-open{position:absolute;inset:0;height:100%;background:transparent!important;border:0;
color:transparent!important;box-shadow:none!important;border-radius:6px;cursor:zoom-in}
.s3m-gallery .s3m-slot .s3m-open:focus-visible{outline:2px solid var(--s3m-accent);outline-offset:1px}
.s3m-gallery .s3m-slot:hover .s3m-tile{border-color:var(--s3m-accent)}
.s3m-gallery .s3m-slot .s3m-choose{position:absolute;top:5px;left:5px;width:18px;height:18px;overflow:visible}
.s3m-gallery .s3m-choose label{width:18px;height:18px;margin:0;line-height:18px;overflow:hidden}
.s3m-gallery .s3m-choose input{width:16px;height:16px;margin:1px;opacity:.55;accent-color:var(--s3m-accent)}
.s3m-gallery .s3m-choose input:is(:checked,:focus-visible,:hover),.s3m-gallery .s3m-slot:hover input{opacity:1}
.s3m-gallery .s3m-choose span{font-size:0}
.s3m-gallery .s3m-chosen .s3m-tile{border-color:var(--s3m-accent);box-shadow:0 0 0 1px var(--s3m-accent)}
.s3m-gallery .s3m-bar{align-items:center;flex-flow:row wrap;gap:4px 8px;margin:0 0 8px;overflow:visible}
.s3m-gallery .s3m-large{grid-column:1/-1;border:1px solid var(--s3m-line);border-radius:6px;padding:10px;margin:0;
overflow:visible}
.s3m-gallery .s3m-large .s3m-pair{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start}
.s3m-gallery .s3m-large .s3m-shown{flex:1 1 320px;display:flex;justify-content:center;background:var(--s3m-ground);
border-radius:4px;min-height:120px;align-items:center}
.s3m-gallery .s3m-large .s3m-shown img{max-width:100%;max-height:60vh;object-fit:contain;margin:0}
.s3m-gallery .s3m-large .s3m-said{flex:1 1 260px;min-width:0;overflow-wrap:anywhere}
.s3m-gallery .s3m-large .s3m-facts{padding:4px 0 0;font-size:12px}
.s3m-gallery .s3m-link input{width:min(100%,42em);font:11px var(--jp-code-font-family,monospace);padding:3px 5px;
color:var(--s3m-ink);background:var(--s3m-ground);border:1px solid var(--s3m-line);border-radius:3px}
.s3m-gallery .s3m-link button{font:inherit;color:inherit;background:var(--s3m-ground);cursor:pointer;
border:1px solid var(--s3m-line);border-radius:3px;padding:2px 10px;margin:0 6px}
</style>"""

_COPY = "this.previousElementSibling.select();document.execCommand('copy');this.textContent='Copied'"


class GalleryView:
    """The widgets of one gallery.

    Attributes
    ----------
    widget : ipywidgets.VBox
        What is displayed.
    identity : str
        A CSS class of this view alone.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.identity = f"s3m-live-{uuid4().hex[:12]}"
        self._items: list[GalleryItem] = []
        self._slots: dict[str, widgets.Box] = {}
        self._boxes: dict[str, widgets.Checkbox] = {}
        self._layout, self._button_style = widgets.Layout(), widgets.ButtonStyle()
        self._look = CheckboxStyle()
        self._hidden = widgets.HTML()
        self._filter = widgets.Text(
            placeholder="filter by name or *.tif",
            description="Filter",
            continuous_update=True,
            layout={"width": "280px"},
        )
        self._filter.style.description_width = "initial"
        self._filter.observe(lambda _: self._apply_filter(), "value")
        self._count = widgets.HTML()
        self._all = self._button("Select all shown", self._select_shown)
        self._none = self._button("Select none", lambda: self._select(self._items, on=False))
        self._note = widgets.HTML()
        self._more = self._button("More", self._show_more)
        self._large = LargeView(self)
        self._grid = _classed(widgets.GridBox([self._large.widget]), "s3m-grid")
        style = f"<style>.{self.identity}{{{page.measures(gallery.size)}}}</style>"
        where = f'<div class="s3m-where">{escape(str(gallery.url))}</div>'
        self.widget = _classed(
            widgets.VBox(
                [
                    _classed(widgets.HTML(page.STYLE + _STYLE + style + where), "s3m-plain"),
                    self._hidden,
                    _classed(widgets.HBox([self._filter, self._all, self._none, self._count]), "s3m-bar"),
                    self._grid,
                    _classed(widgets.HBox([self._note, self._more]), "s3m-bar"),
                ]
            ),
            "s3m-gallery",
            self.identity,
        )
        self._hidden.layout.display = "none"
        self._add()

    def _add(self) -> None:
        """Append a tile for each item that has none; it shows its picture as soon as there is one."""
        items = self.gallery.items[len(self._items) :]
        tiles = {
            item.url: widgets.HTML(page.tile(item, size=self.gallery.size, scales=self.gallery.scales))
            for item in items
        }
        self._grid.children += tuple(self._slot(item, tiles[item.url]) for item in items)
        self._items += items
        self._apply_filter()
        self._tell()
        for item in items:
            self.gallery.when_ready(item, lambda item: self._fill(item, tiles[item.url]))

    def _slot(self, item: GalleryItem, tile: widgets.HTML) -> widgets.Box:
        opener = widgets.Button(description=f"Open {item.name}", layout=self._layout, style=self._button_style)
        opener.on_click(lambda _: self._large.enter(item))
        chosen = item in self.gallery.selected
        box = widgets.Checkbox(
            value=chosen, description=f"Select {item.name}", indent=False, layout=self._layout, style=self._look
        )
        box.observe(lambda change: self._select([item], on=change["new"]), "value")
        number = len(self._slots)
        parts = [tile, _classed(opener, "s3m-open"), _classed(box, "s3m-choose")]
        slot = _classed(
            widgets.Box(parts, layout={"display": "block", "order": str(2 * number)}), "s3m-slot", f"s3m-n{number}"
        )
        if chosen:
            slot.add_class("s3m-chosen")
        self._slots[item.url], self._boxes[item.url] = slot, box
        return slot

    def _fill(self, item: GalleryItem, tile: widgets.HTML) -> None:
        tile.value = page.tile(item, size=self.gallery.size, scales=self.gallery.scales)
        self._tell()

    def _tell(self) -> None:
        chosen = len(self.gallery.selected)
        self._count.value = f'<span class="s3m-note">{chosen} selected</span>' if chosen else ""
        self._none.layout.display = "" if chosen else "none"
        self._note.value = f'<div class="s3m-note">{escape(page.note(self.gallery))}</div>'
        self._more.layout.display = "" if self.gallery.has_more or self._is_behind else "none"

    @property
    def _is_behind(self) -> bool:
        """Whether a script asked the gallery for more than is shown here."""
        return len(self._items) < len(self.gallery.items)

    def focus(self, item: GalleryItem) -> None:
        """Move the keyboard to an item's tile."""
        self._slots[item.url].children[1].focus()

    def place(self, item: GalleryItem) -> str:
        """Return where in the grid, as CSS's ``order``, the row after an item's tile begins."""
        return str(2 * list(self._slots).index(item.url) + 1)

    def shown(self) -> list[GalleryItem]:
        """Return the items that the filter lets through."""
        wanted = self._filter.value.strip().lower()
        pattern = wanted if any(sign in wanted for sign in "*?[{") else f"*{wanted}*"
        return [item for item in self._items if matches(pattern, item.name.lower())]

    def _apply_filter(self) -> None:
        shown = {item.url for item in self.shown()}
        hidden = [f".{self.identity} .s3m-n{index}" for index, url in enumerate(self._slots) if url not in shown]
        self._hidden.value = f"<style>{','.join(hidden)}{{display:none!important}}</style>" if hidden else ""

    def _select_shown(self) -> None:
        self._select(self.shown(), on=True)

    def _select(self, items: list[GalleryItem], *, on: bool) -> None:
        self.gallery.select(items, on=on)
        for item in items:
            self._boxes[item.url].value = on
            mark = self._slots[item.url].add_class if on else self._slots[item.url].remove_class
            mark("s3m-chosen")
        self._tell()

    def _show_more(self) -> None:
        self._more.disabled, self._more.description = True, "Listing …"

        def work() -> None:
            try:
                if not self._is_behind:
                    self.gallery.more()
                self._add()
            except S3MagicError as error:
                self._note.value = f'<div class="s3m-why">{escape(" ".join(error.lines()))}</div>'
            finally:
                self._more.disabled, self._more.description = False, "More"

        in_background(work)

    @staticmethod
    def _button(words: str, action: Callable[[], None]) -> widgets.Button:
        return button(words, action)


class LargeView:
    """One object large, with what it says of itself and, when asked, a link; hidden until opened."""

    def __init__(self, view: GalleryView) -> None:
        self._view = view
        self._item: GalleryItem | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._body = _classed(widgets.HTML(), "s3m-plain")
        self._link = _classed(widgets.HTML(), "s3m-plain", "s3m-link")
        self._close = button("Close", self._leave)
        buttons = [
            button("Previous", lambda: self._step(-1)),
            button("Next", lambda: self._step(1)),
            button("Get link", self._show_link),
            self._close,
        ]
        parts = [_classed(widgets.HBox(buttons), "s3m-bar"), self._link, self._body]
        self.widget = _classed(widgets.VBox(parts, layout={"display": "none"}), "s3m-large")

    def open(self, item: GalleryItem) -> None:
        """Show an item: what is known at once, the larger picture when it is read."""
        self._item = item
        self._clear_link()
        self._body.value = _large(item, "", "reading …")
        self.widget.layout.order = self._view.place(item)
        self.widget.layout.display = ""

        def work() -> None:
            picture = self._view.gallery.enlarge(item)
            shown = page.image(item.name, picture) if picture.image else ""
            facts = page.facts(picture.facts) if picture.facts else ""
            below = f'{facts}<div class="s3m-why">{escape(picture.error)}</div>' if picture.error else facts
            if self._item is item:
                self._body.value = _large(item, shown, picture.caption, below)
                self._view._tell()  # noqa: SLF001 - one view in two classes

        in_background(work)

    def enter(self, item: GalleryItem) -> None:
        """Show an item and move the keyboard there."""
        self.open(item)
        self._close.focus()

    def close(self) -> None:
        """Hide the large view and forget what it showed."""
        self._item = None
        self._clear_link()
        self._body.value = ""
        self.widget.layout.display = "none"

    def _leave(self) -> None:
        item = self._item
        self.close()
        if item is not None:
            self._view.focus(item)

    def _step(self, by: int) -> None:
        shown = self._view.shown()
        if self._item is None or not shown:
            return
        urls = [item.url for item in shown]
        here = urls.index(self._item.url) if self._item.url in urls else -by
        self.open(shown[(here + by) % len(shown)])

    def _show_link(self) -> None:
        item = self._item
        if item is None:
            return
        try:
            self._link.value = _link(self._view.gallery.link(item))
        except S3MagicError as error:
            self._link.value = f'<div class="s3m-why">{escape(" ".join(error.lines()))}</div>'
            return
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(LINK_SHOWN, self._clear_link)
            self._timer.daemon = True
            self._timer.start()

    def _clear_link(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._link.value = ""


def display_bundle(gallery: Gallery) -> dict[str, object]:
    """Return the widgets of a gallery as a display bundle, with its plain text for those who have no widgets."""
    return _bundle(gallery, GalleryView(gallery))


def show(gallery: Gallery) -> None:
    """Display a gallery as widgets and, hidden while they live, as the page that a saved notebook keeps.

    Waits a moment for the previews; those that come later find their way into the saved page too.
    """
    view = GalleryView(gallery)
    display(_bundle(gallery, view), raw=True)  # type: ignore[no-untyped-call]
    gallery.wait(PATIENCE)
    saved = f"saved-{view.identity}"
    display(_saved(gallery, view), raw=True, display_id=saved)  # type: ignore[no-untyped-call]
    if not all(item.ready for item in gallery.items):

        def work() -> None:
            gallery.wait()
            update_display(_saved(gallery, view), raw=True, display_id=saved)  # type: ignore[no-untyped-call]

        in_background(work)


def in_background(work: Callable[[], None]) -> None:
    """Run something in a thread of its own, so that the kernel stays free."""
    threading.Thread(target=work, name="s3magic-gallery", daemon=True).start()


def button(words: str, action: Callable[[], None]) -> widgets.Button:
    """Return a button that does something."""
    made = widgets.Button(description=words, layout={"width": "auto"})
    made.on_click(lambda _: action())
    return made


def _bundle(gallery: Gallery, view: GalleryView) -> dict[str, object]:
    widget = {"version_major": 2, "version_minor": 0, "model_id": view.widget.model_id}
    return {"text/plain": repr(gallery), "application/vnd.jupyter.widget-view+json": widget}


def _saved(gallery: Gallery, view: GalleryView) -> dict[str, object]:
    live, saved, child = f":has(.{view.identity})", f"saved-{view.identity}", ".jp-OutputArea-child"
    alone = f"body:not({live}) {child}:has(+ {child} .{saved})"  # JupyterLab's note that the widgets are gone
    rules = f"<style>body{live} .{saved},{alone}{{display:none}}</style>"
    return {"text/plain": "", "text/html": f'{rules}<div class="{saved}">{page.part(gallery)}</div>'}


def _large(item: GalleryItem, shown: str, caption: str, below: str = "") -> str:
    picture = shown or (page.image(item.name, item.preview) if item.ready and item.preview.image else "")
    when = item.info.last_modified
    facts: list[tuple[str, str]] = [("size", f"{bytes_text(item.size)} ({item.size} bytes)"), ("ETag", item.info.etag)]
    facts += [("modified", f"{when:%Y-%m-%d %H:%M} UTC")] if when else []
    facts += [("class", item.info.storage_class)]
    return (
        f'<div class="s3m-pair"><div class="s3m-shown">{picture}</div><div class="s3m-said">'
        f'<div class="s3m-where">{escape(item.url)}</div><div>{escape(caption)}</div>'
        f"{page.facts(tuple(facts))}{below}</div></div>"
    )


def _link(link: SignedUrl) -> str:
    words = "The object is read without credentials, so this is its plain address."
    if link.expires_at:
        words = f"Anybody who has it can read the object until {link.expires_at:%Y-%m-%d %H:%M} UTC. "
        words += f"It leaves this page in {LINK_SHOWN} s, or with Close; save the notebook after that."
    return (
        f'<input readonly aria-label="link" value="{escape(link.url)}" onfocus="this.select()">'
        f'<button type="button" onclick="{_COPY}">Copy</button><div class="s3m-note">{words}</div>'
    )


def _classed(widget: widgets.DOMWidget, *names: str) -> widgets.DOMWidget:
    for name in names:
        widget.add_class(name)
    return widget
