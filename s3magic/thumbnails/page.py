"""A gallery as HTML: a grid of tiles that follows the theme; holds small pictures, and never a link or a signature."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Protocol

from s3magic.html import bytes_text, count_text
from s3magic.thumbnails import colour_bar
from s3magic.thumbnails.icon import letters
from s3magic.thumbnails.item import GalleryItem
from s3magic.thumbnails.preview import Facts, Thumbnail
from s3magic.thumbnails.scales import Scales
from s3magic.url import S3Url

ROOM = 1_200_000
"""Letters of tiles that a notebook keeps: a server passes on no more than a few megabytes at once."""
_NARROW = 88
"""The least width in pixels that a name and a size need below a picture."""
_LETTER, _PADDING = 6.8, 16
"""The usual width in pixels of a letter of a name, and what is left free beside it."""

_RULES = """.s3m-gallery{--s3m-page:var(--jp-layout-color1,#fff);--s3m-ground:var(--jp-layout-color2,#f0f1f3);
--s3m-ink:var(--jp-ui-font-color1,#202327);--s3m-faint:var(--jp-ui-font-color2,#636972);
--s3m-line:var(--jp-border-color2,#d8dbdf);--s3m-warn:var(--jp-warn-color0,#9a5b00);
--s3m-accent:var(--jp-brand-color1,#1976d2);
font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:12px;line-height:1.45;color:var(--s3m-ink);
background:var(--s3m-page);padding:2px}
@media (prefers-color-scheme:dark){.s3m-gallery{--s3m-page:var(--jp-layout-color1,#17191c);
--s3m-ground:var(--jp-layout-color2,#26292e);--s3m-ink:var(--jp-ui-font-color1,#e6e8ea);
--s3m-faint:var(--jp-ui-font-color2,#9aa1a9);--s3m-line:var(--jp-border-color2,#3a3f45);
--s3m-warn:var(--jp-warn-color0,#f0b35a);--s3m-accent:var(--jp-brand-color1,#64b5f6)}}
.s3m-gallery .s3m-where{font-weight:600;font-size:13px;margin:0 0 8px;overflow-wrap:anywhere}
.s3m-gallery .s3m-grid{display:grid;gap:10px;grid-template-columns:repeat(auto-fill,minmax(var(--s3m-tile,160px),1fr))}
.s3m-gallery .s3m-tile{margin:0;min-width:0;border:1px solid var(--s3m-line);border-radius:6px;overflow:hidden;
background:var(--s3m-page);color:var(--s3m-ink)}
.s3m-gallery .s3m-picture{height:var(--s3m-height,160px);display:flex;align-items:center;justify-content:center;
background:var(--s3m-ground);overflow:hidden}
.s3m-gallery .s3m-picture img{max-width:100%;max-height:100%;margin:0;display:block;object-fit:contain}
.s3m-gallery .s3m-words{padding:5px 8px 6px;line-height:1.4}
.s3m-gallery .s3m-name,.s3m-gallery .s3m-meta{display:flex;justify-content:space-between;gap:6px;white-space:nowrap}
.s3m-gallery .s3m-name{font-weight:500}
.s3m-gallery .s3m-name span{overflow:hidden;text-overflow:ellipsis}
.s3m-gallery .s3m-meta,.s3m-gallery .s3m-note{color:var(--s3m-faint);font-size:11px;font-variant-numeric:tabular-nums}
.s3m-gallery .s3m-meta{flex-wrap:wrap;gap:0 6px}
.s3m-gallery .s3m-caption{color:var(--s3m-faint)}
.s3m-gallery .s3m-why{color:var(--s3m-warn)}
.s3m-gallery .s3m-caption,.s3m-gallery .s3m-why{font-size:11px;display:-webkit-box;-webkit-line-clamp:3;
-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere}
.s3m-gallery .s3m-icon{box-sizing:border-box;width:min(34%,72px);aspect-ratio:4/5;display:flex;align-items:center;
justify-content:center;border:1.5px solid var(--s3m-faint);border-radius:5px 14px 5px 5px;color:var(--s3m-faint);
font-weight:700;font-size:13px;letter-spacing:.04em}
.s3m-gallery .s3m-pending .s3m-icon{border-style:dashed;opacity:.55}
.s3m-gallery .s3m-facts{margin:0;padding:8px;align-self:stretch;width:100%;box-sizing:border-box;font-size:11px;
overflow:hidden;overflow-wrap:anywhere}
.s3m-gallery .s3m-facts b{font-weight:500;color:var(--s3m-faint)}
.s3m-gallery .s3m-note{margin:8px 0 0}
"""
RULES = _RULES + colour_bar.RULES
"""How a gallery looks, as CSS."""

STYLE = f"<style>{RULES}</style>"


class Shown(Protocol):
    """What a page tells of a gallery."""

    @property
    def url(self) -> S3Url:
        """What was listed."""
        ...

    @property
    def items(self) -> Sequence[GalleryItem]:
        """The objects on the page."""
        ...

    @property
    def scales(self) -> Scales:
        """What the colours of its pictures stand for."""
        ...

    @property
    def size(self) -> int:
        """Longer side of a picture in pixels."""
        ...

    @property
    def found(self) -> int:
        """Objects the listing has met."""
        ...

    @property
    def complete(self) -> bool:
        """Whether these are all there are."""
        ...

    @property
    def bytes_here(self) -> int:
        """Bytes read since the page was turned to."""
        ...

    @property
    def generated(self) -> object:
        """What came of storing thumbnails, as text; None where none were to be stored."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes read of all objects."""
        ...


def part(gallery: Shown, *, room: int | None = None) -> str:
    """Return the gallery as a piece of a page; tiles under way say so.

    Parameters
    ----------
    room
        About so many letters of tiles at most; the note says when there are more.
    """
    items, tiles, left = gallery.items, [], room
    for item in items:
        tiles.append(tile(item, size=gallery.size, scales=gallery.scales))
        left = None if left is None else left - len(tiles[-1])
        if left is not None and left < 0:
            break
    grid = f'<div class="s3m-grid">{"".join(tiles)}</div>' if tiles else ""
    where = f'<div class="s3m-where">{escape(str(gallery.url))}</div>'
    below = f'<div class="s3m-note">{escape(note(gallery))}{_kept(len(tiles), len(items))}</div>'
    content = f"{where}{bars(gallery.scales)}{grid}{below}"
    return f'{STYLE}<div class="s3m-gallery" style="{measures(gallery.size)}">{content}</div>'


def _kept(shown: int, count: int) -> str:
    return f" · the first {count_text(shown)} of them here" if shown < count else ""


def document(gallery: Shown) -> str:
    """Return the gallery as a whole page that loads nothing from anywhere."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(str(gallery.url))}</title>"
        "<style>body{margin:1.2em auto;padding:0 1.2em;max-width:90em}"
        "@media (prefers-color-scheme:dark){body{background:#17191c}}</style></head>"
        f"<body>{part(gallery)}</body></html>\n"
    )


def bars(scales: Scales) -> str:
    """Return the colour bars that pictures share; nothing where they share none."""
    shared = "".join(colour_bar.bar(scale) for scale in scales.shared)
    return f'<div class="s3m-bars">{shared}</div>' if shared else ""


def measures(size: int) -> str:
    """Return the measures of tiles whose pictures are ``size`` pixels, as CSS."""
    return f"--s3m-tile:{max(size, _NARROW)}px;--s3m-height:{size}px"


def tile(item: GalleryItem, *, size: int, scales: Scales) -> str:
    """Return one object as a tile ``size`` pixels wide: picture or icon, name, bytes, and how many were read."""
    name = item.name or item.info.key
    state, caption, read, why, scale = " s3m-pending", "", "reading …", "", ""
    picture = f'<div class="s3m-icon" role="img" aria-label="reading">{letters(name)}</div>'
    if item.ready:
        seen = item.preview
        state, caption, picture = "", seen.caption, _picture(name, seen)
        read = f"read {bytes_text(seen.bytes_read)}" if seen.bytes_read else ""
        if seen.field and not scales.is_shared(seen.field):
            scale = colour_bar.own_bar(scales.of(seen.field))
        why = f'<div class="s3m-why" title="{escape(seen.error)}">{escape(seen.error)}</div>' if seen.error else ""
    said = f'<div class="s3m-caption">{escape(caption)}</div>' if caption else ""
    short = shorten(name, int((max(size, _NARROW) - _PADDING) / _LETTER))
    title = f"{item.url}\n{caption}" if caption else item.url
    about = f"<span>{letters(name)} · {item.size_text}</span><span>{escape(read)}</span>"
    return (
        f'<figure class="s3m-tile{state}" title="{escape(title)}"><div class="s3m-picture">{picture}</div>{scale}'
        f'<figcaption class="s3m-words"><div class="s3m-name"><span>{escape(short)}</span></div>'
        f'<div class="s3m-meta">{about}</div>{said}{why}</figcaption></figure>'
    )


def _picture(name: str, seen: Thumbnail) -> str:
    if seen.image:
        return image(name, seen)
    if seen.facts:
        return facts(seen.facts)
    return f'<div class="s3m-icon" role="img" aria-label="{letters(name)} file, no preview">{letters(name)}</div>'


def image(name: str, seen: Thumbnail) -> str:
    """Return a picture as an ``img`` that holds its own bytes."""
    data = base64.b64encode(seen.image).decode()
    alt = f"Preview of {name}: {seen.caption}" if seen.caption else f"Preview of {name}"
    return (
        f'<img src="data:{escape(seen.media_type)};base64,{data}" alt="{escape(alt)}" '
        f'width="{seen.width}" height="{seen.height}" style="width:auto;height:auto">'
    )


def facts(pairs: Facts) -> str:
    """Return names and texts as lines."""
    lines = "".join(f"<div><b>{escape(name)}</b> {escape(text)}</div>" for name, text in pairs)
    return f'<div class="s3m-facts">{lines}</div>'


def note(gallery: Shown) -> str:
    """Return in one line how many objects are shown and how much of them was read."""
    items = gallery.items
    count, found = len(items), gallery.found
    if not items:
        return "no objects here" if gallery.complete else f"no match among the first {count_text(found)} objects"
    if not gallery.complete:
        shown = f"{count_text(count)} of more than {count_text(found)} objects"
    elif count < found:
        shown = f"{count_text(count)} of {count_text(found)} objects"
    else:
        shown = f"{count_text(count)} object{'s' if count > 1 else ''}"
    total, here = bytes_text(sum(item.size for item in items)), gallery.bytes_here
    read = f"read {bytes_text(here)} of {total}"
    if gallery.bytes_read > here:
        read += f", {bytes_text(gallery.bytes_read)} in all"
    return " · ".join(filter(None, (shown, read, str(gallery.generated or ""))))


def shorten(name: str, length: int) -> str:
    """Return a name with its middle left out where it is long, so that the ending stays.

    Examples
    --------
    >>> shorten("air_temperature_monthly_mean_1850-2014.nc", 20)
    'air_temperat…2014.nc'
    """
    if len(name) <= length:
        return name
    tail = (length - 1) * 2 // 5
    head = length - 1 - tail
    return f"{name[:head]}…{name[-tail:]}"
