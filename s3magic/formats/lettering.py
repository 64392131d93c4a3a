"""Letters for pictures: a font that is there, texts cut to a width, letters it lacks replaced; draws nothing.

Pillow's own font knows ASCII alone, so the fonts that other programs bring are looked for first.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

_FONTS = ("DejaVuSans", "NotoSans-Regular", "LiberationSans-Regular")
_BOLD = {"DejaVuSans": "DejaVuSans-Bold", "NotoSans-Regular": "NotoSans-Bold"}
_DOTS = "…"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=32)
def font(size: int, *, bold: bool = False) -> Font:
    """Return a font of a size in pixels: that of matplotlib or of the system, else Pillow's own."""
    for name in _FONTS:
        for wanted in (_BOLD.get(name, name), name) if bold else (name,):
            for place in (*_beside_matplotlib(wanted), f"{wanted}.ttf"):
                try:
                    return ImageFont.truetype(place, size)
                except OSError:
                    continue
    return ImageFont.load_default(size)


def width(text: str, face: Font) -> float:
    """Return how wide a text is in pixels."""
    return float(face.getlength(text))


def fitted(text: str, face: Font, room: float) -> str:
    """Return a text as a font can write it, its end left out where it is wider than the room."""
    text = "".join(_written(letter, face) for letter in text)
    if width(text, face) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle] + _DOTS, face) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + _DOTS if low else ""


def files() -> tuple[str, ...]:
    """Return the font files that are there whatever the system has: those of matplotlib."""
    return tuple(place for name in (_FONTS[0], _BOLD[_FONTS[0]]) for place in _beside_matplotlib(name))


def _beside_matplotlib(name: str) -> tuple[str, ...]:
    folder = _matplotlib()
    return (str(folder / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"),) if folder else ()


@lru_cache(maxsize=1)
def _matplotlib() -> Path | None:
    spec = find_spec("matplotlib")
    return Path(spec.origin).parent if spec and spec.origin else None


@lru_cache(maxsize=4096)
def _written(letter: str, face: Font) -> str:
    """Return a letter, or the nearest one that the font has."""
    if letter.isascii():
        return letter if letter.isprintable() else " "
    if letter.isspace():
        return " "
    if _has(letter, face):
        return letter
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if part.isascii() and part.isprintable())
    return plain or "?"


def _has(letter: str, face: Font) -> bool:
    return bytes(face.getmask(letter)) != bytes(face.getmask("\uffff"))
