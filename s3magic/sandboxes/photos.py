"""Photographs as files: JPEG with and without an EXIF thumbnail, PNG and WebP, of the invented landscapes."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from s3magic.sandboxes.pictures import SCENES, take

_WIDTH, _HEIGHT = 960, 640
_ENLARGED = 2.5  # what a camera writes is large, and grainy: that is why its thumbnail is worth so much
_GRAIN = 5.0
_THUMBNAIL = (160, 107)
_ORIENTATION_ROTATED = 6
# With a thumbnail: as a camera writes them. Without: as from the web.
_PLAIN = ("autumn-valley", "first-snow")
_UPRIGHT = "northern-fjord"
_PNG, _WEBP = "red-desert", "before-the-storm"


def photos() -> dict[str, bytes]:
    """Return the pictures by file name."""
    made = {}
    for number, (name, scene) in enumerate(SCENES.items(), start=1):
        if name == _UPRIGHT:
            # Taken with the camera turned: its rows run along the picture's height.
            image = Image.fromarray(take(scene, _HEIGHT, _WIDTH)).transpose(Image.Transpose.ROTATE_90)
            made[f"{name}.jpg"] = _camera(image, number, orientation=_ORIENTATION_ROTATED)
            continue
        image = Image.fromarray(take(scene, _WIDTH, _HEIGHT))
        if name == _PNG:
            made[f"{name}.png"] = _save(image.resize((480, 320)), "PNG", optimize=False)
        elif name == _WEBP:
            made[f"{name}.webp"] = _save(image, "WEBP", quality=80, method=2)
        elif name in _PLAIN:
            made[f"{name}.jpg"] = _save(image, "JPEG", quality=84)
        else:
            made[f"{name}.jpg"] = _camera(image, number)
    return made


def _camera(image: Any, number: int, *, orientation: int = 1) -> bytes:
    """Return a large JPEG with its thumbnail."""
    size = round(image.width * _ENLARGED), round(image.height * _ENLARGED)
    large = np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = np.random.default_rng(number).normal(0, _GRAIN, (*large.shape[:2], 1)).astype(np.int16)
    grainy = Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))
    return _save(grainy, "JPEG", quality=86, exif=_exif(image, number, orientation=orientation))


def _save(image: Any, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _exif(image: Any, number: int, *, orientation: int = 1) -> bytes:
    """Return an EXIF block: a TIFF of two directories, the second of them the thumbnail.

    Pillow writes no thumbnail. Layout after the Exif 2.3 standard, section 4.5.
    """
    size = _THUMBNAIL if orientation == 1 else _THUMBNAIL[::-1] if image.width < image.height else _THUMBNAIL
    thumbnail = _save(image.resize(size), "JPEG", quality=74)
    texts = {
        271: b"s3magic\0",
        272: b"Sandbox One\0",
        306: f"2024:06:{number:02d} 09:30:00\0".encode(),
    }
    first_start = 8
    entries = [(tag, 2, len(text), text) for tag, text in texts.items()]
    entries.append((274, 3, 1, struct.pack("<HH", orientation, 0)))
    first_size = 6 + 12 * len(entries)
    values_at = first_start + first_size
    second_start = values_at + sum(len(text) for text in texts.values())
    second_size = 6 + 12 * 3
    body = struct.pack("<H", len(entries))
    values = b""
    for tag, kind, count, value in sorted(entries):
        if len(value) > 4:
            body += struct.pack("<HHII", tag, kind, count, values_at + len(values))
            values += value
        else:
            body += struct.pack("<HHI", tag, kind, count) + value
    body += struct.pack("<I", second_start) + values
    pairs = ((259, 3, 6), (513, 4, second_start + second_size), (514, 4, len(thumbnail)))
    body += struct.pack("<H", len(pairs)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in pairs
    )
    return b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, first_start) + body + struct.pack("<I", 0) + thumbnail
