"""A short film over invented mountains as WebM, written by hand: each frame a WebP, which is a VP8 key frame.

Layouts: RFC 8794 (EBML), RFC 9559 (Matroska), the WebP container specification.
"""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image

from s3magic.sandboxes import pictures

_WIDTH, _HEIGHT = 320, 180
_FRAMES, _MILLISECONDS = 24, 125
_TRAVEL = 96  # pixels that the view moves from the first frame to the last


def flight() -> bytes:
    """Return three seconds of a view that moves along a lake at dawn."""
    wide = Image.fromarray(pictures.take(pictures.SCENES["dawn-on-the-lake"], _WIDTH + _TRAVEL, _HEIGHT))
    clusters = b""
    for number in range(_FRAMES):
        left = number * _TRAVEL // (_FRAMES - 1)
        frame = _vp8(wide.crop((left, 0, left + _WIDTH, _HEIGHT)))
        block = b"\x81" + struct.pack(">hB", 0, 0x80) + frame  # track 1, time within the cluster, a key frame
        clusters += _element(0x1F43B675, _element(0xE7, _unsigned(number * _MILLISECONDS)), _element(0xA3, block))
    head = _element(
        0x1A45DFA3,
        _element(0x4286, b"\x01"),
        _element(0x42F7, b"\x01"),
        _element(0x42F2, b"\x04"),
        _element(0x42F3, b"\x08"),
        _element(0x4282, b"webm"),
        _element(0x4287, b"\x02"),
        _element(0x4285, b"\x02"),
    )
    about = _element(
        0x1549A966,
        _element(0x2AD7B1, _unsigned(1_000_000)),
        _element(0x4489, struct.pack(">d", _FRAMES * _MILLISECONDS)),
        _element(0x4D80, b"s3magic sandbox"),
        _element(0x5741, b"s3magic sandbox"),
    )
    pixels = _element(0xE0, _element(0xB0, _unsigned(_WIDTH)), _element(0xBA, _unsigned(_HEIGHT)))
    track = _element(
        0xAE,
        _element(0xD7, b"\x01"),
        _element(0x73C5, b"\x01"),
        _element(0x83, b"\x01"),
        _element(0x86, b"V_VP8"),
        _element(0x23E383, _unsigned(_MILLISECONDS * 1_000_000)),
        pixels,
    )
    return head + _element(0x18538067, about, _element(0x1654AE6B, track), clusters)


def _vp8(image: Any) -> bytes:
    """Return a picture as a VP8 key frame: what is in a lossy WebP behind its first chunk's header."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=6)
    data = out.getvalue()
    at = data.index(b"VP8 ")
    return data[at + 8 : at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")]


def _element(identifier: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (1 << 56 | len(content)).to_bytes(8, "big") + content


def _unsigned(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
