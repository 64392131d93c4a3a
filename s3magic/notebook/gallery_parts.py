"""What a page is told of a gallery: its tiles, its state, an object at large; sends nothing."""

from __future__ import annotations

from html import escape
from typing import Any

from s3magic.html import bytes_text
from s3magic.thumbnails import page
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.icon import letters
from s3magic.thumbnails.item import GalleryItem
from s3magic.thumbnails.presign import SignedUrl
from s3magic.thumbnails.preview import Thumbnail

SHOWN_BY_BROWSERS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
"""Endings of what a browser itself can show, as it is."""


def page_of(gallery: Gallery) -> dict[str, Any]:
    """Return all that a page needs before there is a picture."""
    selected = {item.url for item in gallery.selected}
    return {
        "tell": "page",
        "number": gallery.number,
        "pages": -(-gallery.found // gallery.limit) if gallery.complete else None,
        "more": gallery.has_more,
        "count": len(selected),
        "tiles": [
            {
                "url": item.url,
                "name": item.name or item.info.key,
                "size": item.size,
                "modified": item.info.last_modified.timestamp() if item.info.last_modified else 0,
                "type": letters(item.name),
                "selected": item.url in selected,
            }
            for item in gallery.items
        ],
        **state_of(gallery),
    }


def state_of(gallery: Gallery) -> dict[str, Any]:
    """Return what changes while pictures come: how many are there, the scales, what was read."""
    items = gallery.items
    return {
        "ready": sum(item.ready for item in items),
        "total": len(items),
        "bars": page.bars(gallery.scales),
        "note": page.note(gallery),
    }


def large(item: GalleryItem, seen: Thumbnail | None) -> dict[str, Any]:
    """Return an object at large, and what the listing and it say of it; None while it is read."""
    when, size = item.info.last_modified, f"{item.size_text} ({item.size} bytes)"
    facts = [("size", size), *([("modified", f"{when:%Y-%m-%d %H:%M} UTC")] if when else [])]
    facts += [("ETag", item.info.etag), ("class", item.info.storage_class)]
    small = item.preview if item.ready else Thumbnail()
    picture = next((one for one in (seen, small) if one is not None and one.image), None)
    caption = "reading …" if seen is None else seen.caption
    why = f'<div class="s3m-why">{escape(seen.error)}</div>' if seen is not None and seen.error else ""
    return {
        "picture": page.image(item.name, picture) if picture else "",
        "said": f'<div class="s3m-where">{escape(item.url)}</div><div>{escape(caption)}</div>{why}'
        f"{page.facts((*(seen.facts if seen else ()), *facts))}",
        "original": item.name.lower().endswith(SHOWN_BY_BROWSERS),
    }


def about_link(link: SignedUrl) -> str:
    """Return who can do what with a link, and for how long."""
    if not link.expires_at:
        return "The object is read without credentials, so this is its plain address."
    return (
        f"Anybody who has it can read the object until {link.expires_at:%Y-%m-%d %H:%M} UTC. "
        "It is on this page alone, never in the notebook."
    )


def about_way(seen: Thumbnail, size: int) -> str:
    """Return how an original came that the browser could not fetch."""
    return (
        f"Your browser does not reach the store, so this came through the kernel: {seen.width} x {seen.height} pixels, "
        f"made of {bytes_text(size)}."
    )
