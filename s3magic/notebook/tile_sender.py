"""Tiles on their way to a page: those in sight first, no faster than a server passes on, anew when colours change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from s3magic.notebook import gallery_parts as parts
from s3magic.thumbnails import page
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.item import GalleryItem

Ends = tuple[float, float]

FIRST = 40
"""Tiles that are sent unasked: about what can be seen without scrolling."""
RATE = 700_000
"""Letters a second in the long run; Jupyter's server passes on a million, and drops what is beyond."""
BURST = 1_500_000
"""Letters that may be sent at once."""
_BATCH = 200_000
_PAUSE = 0.1
_COLOURS_EVERY = 1.0
"""Seconds between two changes of the colours, so that a page does not flicker while it fills."""


class TileSender:
    """Sends the tiles of the page that a gallery shows, as they are ready and in sight.

    Parameters
    ----------
    gallery
        Whose page is sent.
    tell
        Sends a message.
    """

    def __init__(self, gallery: Gallery, tell: Callable[[dict[str, Any]], None]) -> None:
        self._gallery = gallery
        self._tell = tell
        self._lock = threading.Lock()
        self._items: dict[str, GalleryItem] = {}
        self._wanted: dict[str, None] = {}
        self._sent: dict[str, Ends | None] = {}
        self._running = False
        self._news = threading.Event()
        self._credit, self._since = float(BURST), time.monotonic()
        self._recoloured = 0.0

    def begin(self) -> None:
        """Send the page that the gallery shows now, and nothing more of one before."""
        items = self._gallery.items
        with self._lock:
            self._items = {item.url: item for item in items}
            self._wanted = dict.fromkeys([item.url for item in items[:FIRST]])
            self._sent = {}
        for item in items:
            self._gallery.when_ready(item, lambda _: self._news.set())
        self._run()

    def want(self, urls: Iterable[str]) -> None:
        """Send these tiles too: they came into sight."""
        with self._lock:
            self._wanted |= dict.fromkeys(url for url in urls if url in self._items)
        self._run()

    def note(self) -> None:
        """Tell how the page stands: what was read, the scales."""
        self._tell({"tell": "state", **parts.state_of(self._gallery)})

    def _run(self) -> None:
        with self._lock:
            self._news.set()
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._work, name="s3magic-tiles", daemon=True).start()

    def _work(self) -> None:
        told = None
        while True:
            self._news.wait(_COLOURS_EVERY)
            self._news.clear()
            batch = self._batch()
            state = parts.state_of(self._gallery)
            if batch or state != told:
                told = state
                message = {"tell": "tiles", "tiles": batch, **state}
                self._tell(message)
                self._pace(sum(len(one["html"]) for one in batch))
            with self._lock:
                if not batch and self._is_done():
                    self._running = False
                    return
                if batch:
                    self._news.set()

    def _is_done(self) -> bool:
        """Whether every preview is there, and each that is wanted was sent in its last colours."""
        return all(item.ready for item in self._items.values()) and not (
            self._wanted.keys() - self._sent.keys() or self._faded()
        )

    def _batch(self) -> list[dict[str, str]]:
        """Return the next tiles: first those that were never sent, then all whose colours changed at once."""
        with self._lock:
            ready = [url for url in self._wanted if url not in self._sent and self._items[url].ready]
            due = time.monotonic() - self._recoloured >= _COLOURS_EVERY
            is_full = all(item.ready for item in self._items.values())
            faded = [] if ready or not (due or is_full) else self._faded()
            if faded:
                self._recoloured = time.monotonic()
            batch, size = [], 0
            for url in faded or ready:
                item = self._items[url]
                scale = self._scale(item)
                html = page.tile(item, size=self._gallery.size, scales=self._gallery.scales)
                self._sent[url] = scale
                batch.append({"url": url, "html": html})
                size += len(html)
                if size > (BURST if faded else _BATCH):
                    break
            return batch

    def _faded(self) -> list[str]:
        return [
            url for url, scale in self._sent.items() if scale is not None and scale != self._scale(self._items[url])
        ]

    def _scale(self, item: GalleryItem) -> Ends | None:
        field = item.preview.field
        if field is None:
            return None
        scale = self._gallery.scales.of(field)
        return scale.low, scale.high

    def _pace(self, size: int) -> None:
        """Wait until as much may be sent again; a moment at least, so that what comes together is sent together."""
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._since) * RATE) - size
        self._since = now
        time.sleep(max(_PAUSE, -self._credit / RATE))
