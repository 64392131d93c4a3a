"""JPEG, PNG, WebP and GIF pictures: size and place from the first bytes, thumbnails from EXIF where there are any."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, cast

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from s3magic.errors import UnreadableFormat
from s3magic.formats import camera, jpeg
from s3magic.formats.base import PLAIN, Look, Preview, Source, TileInfo
from s3magic.formats.drawing import encoded, field_again, limits, stretch
from s3magic.formats.exif import Exif, read_exif
from s3magic.formats.room import DECODED
from s3magic.formats.watch import WatchedFile

_HEAD, _LONGEST_HEAD = 32 << 10, 128 << 10
_MOST_PIXELS, _MOST_THUMBNAIL_PIXELS = 64_000_000, 4_000_000
_MOST_THINNED_PIXELS = 400_000_000  # a plain JPEG is thinned while it is decoded
_EIGHTH = 8  # so many times smaller is the picture of a progressive JPEG's first scans
_PIXELS_A_BYTE = 64  # of these scans, mostly
_NARROW, _WIDE = 8, 32  # bytes that a pixel takes while it is decoded and made small
_TITLES = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WebP"}
_TURNED = (5, 6, 7, 8)
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _Jpeg(JpegImageFile):
    """A JPEG whose EXIF Pillow leaves alone: it would look for the resolution and warn of each broken tag."""

    def _read_dpi_from_exif(self) -> None:
        return


# Opened by what they begin with, and by no other of Pillow's many decoders.
_DECODERS: dict[str, type[ImageFile]] = {
    "jpeg": _Jpeg, "png": PngImageFile, "gif": GifImageFile, "webp": WebPImageFile
}  # fmt: skip


def describe(file: WatchedFile) -> TileInfo:
    """Return the size as it is shown, and where and when it was taken; see `Format.describe`."""
    format_ = _format(file.read_at(0, min(16, file.size)))
    if format_ == "webp":
        width, height = _webp_size(file)
        exif = Exif()
    else:
        with _opened(file, format_) as image:
            width, height = image.size
            exif = _exif(image)
    if exif.orientation in _TURNED:
        width, height = height, width
    return camera.describe(exif, format_, width, height)


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:
    """Return the thumbnail that a camera left in the file, else the whole picture made small."""
    head = file.read_at(0, min(_HEAD, file.size))
    format_ = _format(head)
    if format_ == "jpeg" and not look.whole:
        found = _from_exif(file, head, size)
        if found is not None:
            return found
    if format_ == "webp":  # Pillow would read and decode it all before it tells the size
        _check_size(file, *_webp_size(file), most=_MOST_PIXELS)
    with _opened(file, format_) as image:
        width, height = image.size
        is_progressive = format_ == "jpeg" and bool(image.info.get("progressive"))
        is_thinned = format_ == "jpeg" and not is_progressive
        _check_size(file, width, height, most=_MOST_THINNED_PIXELS if is_thinned else _MOST_PIXELS)
    is_enough = is_progressive and not look.whole and min(width, height) >= _EIGHTH * size
    scans = _first_scans(file, width * height // _PIXELS_A_BYTE) if is_enough else b""
    # All of it in one go, where decoders would ask for 64 KiB at a time.
    with _DECODERS[format_](io.BytesIO(scans or file.read_at(0, file.size))) as image:
        if format_ == "png" and (drawn := field_again(image, size=size)):
            return drawn
        image.draft("RGB", (size, size))
        orientation = _exif(image).orientation
        with DECODED.take(image.width * image.height * (_WIDE if _is_wide(image) else _NARROW)):
            small = _plain(image)
            small.thumbnail((size, size), Image.Resampling.LANCZOS)
            image.close()
    if orientation in _TURNED:
        width, height = height, width
    source: Source = "overview" if scans else "whole"
    return encoded(_upright(small, orientation), caption=_caption(width, height, format_), source=source, photo=True)


def _first_scans(file: WatchedFile, length: int) -> bytes:
    """Return the first scans of a progressive JPEG, which mostly lie in so many bytes; else nothing."""
    length = max(_HEAD, length)
    while length < file.size:
        if found := jpeg.first_scans(file.read_at(0, length)):
            return found
        length *= 2
    return b""


def _format(head: bytes) -> str:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    raise ValueError("it begins like none of JPEG, PNG, GIF and WebP")


def _opened(file: WatchedFile, format_: str) -> ImageFile:
    file.seek(0)
    return _DECODERS[format_](cast("BinaryIO", file))


def _exif(image: ImageFile) -> Exif:
    """Return the EXIF data that stand before the pixels; asking Pillow for them could decode them all."""
    raw = image.info.get("exif")
    return read_exif(raw) if isinstance(raw, bytes) else Exif()


def _webp_size(file: WatchedFile) -> tuple[int, int]:
    """Return width and height of a WebP, by its container specification and RFC 6386."""
    head = file.read_at(12, 18)
    if head[:4] == b"VP8X":
        return 1 + int.from_bytes(head[12:15], "little"), 1 + int.from_bytes(head[15:18], "little")
    if head[:4] == b"VP8L":
        bits = int.from_bytes(head[9:13], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[:4] == b"VP8 ":
        width, height = struct.unpack("<HH", head[14:18])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("its first chunk is none of WebP's")


def _check_size(file: WatchedFile, width: int, height: int, *, most: int) -> None:
    if width * height > most:
        raise UnreadableFormat(
            f"Too large to draw: {file.name} has {width} x {height} pixels",
            f"Pictures like this are drawn up to {most // 1_000_000} million pixels.",
        )


def _from_exif(file: WatchedFile, head: bytes, size: int) -> Preview | None:
    """Return the thumbnail in the first bytes of a JPEG, turned upright; None where there is none."""
    end = min(jpeg.exif_end(head), _LONGEST_HEAD, file.size)
    exif = read_exif(jpeg.exif_block(head if end <= len(head) else file.read_at(0, end)))
    if not exif.thumbnail:
        return None
    try:
        with _Jpeg(io.BytesIO(exif.thumbnail)) as image:
            _check_size(file, *image.size, most=_MOST_THUMBNAIL_PIXELS)
            small = _plain(image)
    except (OSError, SyntaxError, ValueError):
        return None  # a broken thumbnail is no reason to show nothing
    if not camera.is_worth_it(max(small.size), size):
        return None
    caption = "thumbnail of the camera, JPEG"
    if exif.size:
        width, height = exif.size
        small = _without_bars(small, width / height)
        caption = _caption(*((height, width) if exif.orientation in _TURNED else (width, height)), "jpeg")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    return encoded(_upright(small, exif.orientation), caption=caption, source="exif", photo=True)


def _without_bars(image: Image.Image, shape: float) -> Image.Image:
    """Cut the black bars off that cameras put around a thumbnail of another shape."""
    width, height = image.size
    if width > height * shape * 1.05:
        cut = round((width - height * shape) / 2)
        return image.crop((cut, 0, width - cut, height))
    if height * shape > width * 1.05:
        cut = round((height - width / shape) / 2)
        return image.crop((0, cut, width, height - cut))
    return image


def _plain(image: Image.Image) -> Image.Image:
    """Return a picture as RGB, or RGBA where it has transparency; 16 bits are stretched to 8."""
    if _is_wide(image):
        values = np.asarray(image).astype(float)
        return Image.fromarray((np.clip(stretch(values, limits(values)), 0, 1) * 255).astype(np.uint8)).convert("RGB")
    has_alpha = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La")
    return image.convert("RGBA" if has_alpha else "RGB")


def _is_wide(image: Image.Image) -> bool:
    """Whether its numbers are wider than a byte."""
    return image.mode.startswith("I") or image.mode == "F"


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    transposition = _TRANSPOSITIONS.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def _caption(width: int, height: int, format_: str) -> str:
    return f"{width} x {height} pixels, {_TITLES[format_]}"
