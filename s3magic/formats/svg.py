"""SVG drawings, cleaned and drawn by resvg: its size from the first bytes, its picture from all of a small file."""

from __future__ import annotations

import io
import re
import zlib

import resvg_py
from PIL import Image

from s3magic.errors import UnreadableFormat
from s3magic.formats import lettering
from s3magic.formats.base import PLAIN, Look, Preview, TileInfo
from s3magic.formats.drawing import encoded
from s3magic.formats.svg_clean import clean
from s3magic.formats.watch import WatchedFile

_LARGEST = 2_000_000
_LARGEST_UNPACKED = 8_000_000
_GZIP, _GZIP_WINDOW = b"\x1f\x8b", 31
_ROOT = re.compile(rb"<(?:\w+:)?svg\b[^<>]*>")
_SIDE = re.compile(r"\s*([\d.]+(?:[eE][+-]?\d+)?)\s*(px|pt|mm|cm|in|pc)?\s*")
_UNITS = {"px": 1.0, "pt": 4 / 3, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "pc": 16.0}


def describe(file: WatchedFile) -> TileInfo:
    """Return the size the drawing asks for; see `Format.describe`."""
    size = _size(_read(file))
    return TileInfo("picture", "svg", dimensions=f"{size[0]:g}x{size[1]:g}" if size else None)


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:  # noqa: ARG001 - one thing to see
    """Return the drawing; see `Format.preview`."""
    raw = _read(file)
    asked = _size(raw)
    scale = size / max(asked or (1, 1))
    width, height = (max(1, round(side * scale)) for side in asked or (1, 1))
    drawn = resvg_py.svg_to_bytes(
        svg_string=clean(raw, box=asked, size=(width, height)),
        font_files=list(lettering.files()),
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
    )
    with Image.open(io.BytesIO(drawn), formats=["PNG"]) as image:
        small = image.convert("RGBA")
    caption = f"{asked[0]:g} x {asked[1]:g}, SVG" if asked else "SVG"
    return encoded(small, caption=caption, source="whole")


def _read(file: WatchedFile) -> bytes:
    if file.size > _LARGEST:
        raise UnreadableFormat(
            f"Too large to draw: {file.name} has {file.size} bytes",
            f"A drawing is read whole, up to {_LARGEST // 1_000_000} million bytes.",
        )
    raw = file.read_at(0, file.size)
    if not raw.startswith(_GZIP):
        return raw
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    raw = unpacker.decompress(raw, _LARGEST_UNPACKED)
    if not unpacker.eof:
        raise ValueError("it is cut short, or unpacks to more than a drawing needs")
    return raw


def _size(raw: bytes) -> tuple[float, float] | None:
    """Return width and height in pixels as the root element tells them; None where it does not."""
    root = _ROOT.search(raw)
    if root is None:
        raise ValueError("it holds no SVG element")
    sides = [_length(_attribute(root[0], name)) for name in ("width", "height")]
    if all(sides):
        return round(sides[0], 2), round(sides[1], 2)
    box = _attribute(root[0], "viewBox").replace(",", " ").split()
    numbers = [_length(side) for side in box[2:4]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and all(numbers) else None


def _attribute(root: bytes, name: str) -> str:
    found = re.search(rb"\s" + name.encode() + rb"\s*=\s*[\"']([^\"']*)[\"']", root)
    return found[1].decode("utf-8", "replace") if found else ""


def _length(text: str) -> float:
    """Return a length in pixels; 0 where it is relative, or none."""
    found = _SIDE.fullmatch(text)
    if found is None:
        return 0.0
    try:
        return float(found[1]) * _UNITS[found[2] or "px"]
    except ValueError:
        return 0.0
