"""MP4, QuickTime, WebM and Matroska: length and codec from the headers, the first key frame as a picture.

Only these two containers are ever opened, by what a file begins with, and nothing beside the file:
FFmpeg knows playlists too, which would have it open other files and addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

from s3magic.errors import UnreadableFormat
from s3magic.formats.base import PLAIN, Look, Preview, TileInfo
from s3magic.formats.drawing import encoded
from s3magic.formats.lettering import font, width
from s3magic.formats.room import DECODED
from s3magic.formats.watch import WatchedFile

_BUFFER = 64 << 10
_PROBED = 256 << 10  # bytes that FFmpeg may look at to learn what the headers do not say
_MOST_PIXELS = 64_000_000
_PIXEL = 8  # bytes that a pixel takes while it is decoded and made small
_MOST_FRAMES = 20
_PLAIN_BELOW = 6.0  # spread of brightness under which a frame shows nothing
_BADGE_FROM = 96
_MICROSECONDS = 1_000_000
_LONGEST = 1_000 * 3600
_MATROSKA = b"\x1aE\xdf\xa3"
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_CODECS = {
    "h264": "H.264", "hevc": "H.265", "vp8": "VP8", "vp9": "VP9", "av1": "AV1", "mpeg4": "MPEG-4",
    "mjpeg": "Motion JPEG", "prores": "ProRes",
}  # fmt: skip

av.logging.set_level(av.logging.PANIC)  # what matters of what it logs, it raises too


def describe(file: WatchedFile) -> TileInfo:
    """Return size, length and codec; see `Format.describe`."""
    with _opened(file) as container:
        stream = _stream(container)
        shown = _shown_size(stream)
        details: dict[str, Any] = {"codec": _codec(stream)}
        if (seconds := _seconds(container, stream)) is not None:
            details["duration"] = duration(seconds)
        if stream.average_rate:
            details["frames a second"] = round(float(stream.average_rate), 3)
        if container.streams.audio:
            details["sound"] = container.streams.audio[0].codec_context.name
        format_ = f"{_kind(file, container)}/{stream.codec_context.codec.canonical_name}"
    return TileInfo("video", format_, dimensions=f"{shown[0]}x{shown[1]}", details=details)


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:  # noqa: ARG001 - one thing to see
    """Return the first key frame that shows something, with the length of the video on it; see `Format.preview`."""
    with _opened(file) as container:
        stream = _stream(container)
        context = stream.codec_context
        whole = context.width * context.height
        if whole > _MOST_PIXELS:
            raise UnreadableFormat(
                f"Too large to draw: {file.name} has {context.width} x {context.height} pixels",
                f"Videos are drawn up to {_MOST_PIXELS // 1_000_000} million pixels a frame.",
            )
        shown, seconds = _shown_size(stream), _seconds(container, stream)
        with DECODED.take(whole * _PIXEL):
            image = _picture(container, stream, seconds, size)
        if (image.width - image.height) * (shown[0] - shown[1]) < 0:  # a telephone was held upright
            shown = shown[1], shown[0]
        said = [f"{shown[0]} x {shown[1]} pixels", _codec(stream)]
    if seconds is not None:
        said.insert(1, duration(seconds))
        if image.width >= _BADGE_FROM:
            _put_badge(image, duration(seconds))
    return encoded(image, caption=", ".join(said), source="frame", photo=True)


def duration(seconds: float) -> str:
    """Return a length of time as players show it.

    Examples
    --------
    >>> duration(3725.4)
    '1:02:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _opened(file: WatchedFile) -> Iterator[Any]:
    head = file.read_at(0, min(12, file.size))
    if head.startswith(_MATROSKA):
        format_ = "matroska"
    elif head[4:8] in _BOXES:
        format_ = "mov"
    else:
        raise ValueError("it begins like none of MP4, QuickTime, WebM and Matroska")
    file.seek(0)
    options = {"probesize": str(_PROBED), "analyzeduration": "0"}
    try:
        container = av.open(file, "r", format=format_, container_options=options, buffer_size=_BUFFER, io_open=_refuse)
    except MemoryError as error:  # what FFmpeg says of a header that asks for more than there is
        raise ValueError("its header cannot be true") from error
    with container:
        yield container


def _refuse(*_: object) -> None:
    raise ValueError("it wants another file opened")


def _stream(container: Any) -> Any:
    if not container.streams.video:
        raise ValueError("it holds no video")
    stream = next((one for one in container.streams.video if one.codec_context.width), None)
    if stream is None:
        raise ValueError("its video has no size")
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    stream.codec_context.skip_frame = "NONKEY"
    stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
    return stream


def _picture(container: Any, stream: Any, seconds: float | None, size: int) -> Image.Image:
    """Return the first key frame made small; one from further on where it is all of one colour."""
    image = _key_frame(container, stream, size)
    if image is None:
        raise ValueError("no key frame is whole")
    if np.asarray(image.convert("L")).std() < _PLAIN_BELOW and seconds and seconds < _LONGEST:
        try:
            container.seek(int(seconds / 4 * _MICROSECONDS))
            later = _key_frame(container, stream, size)
        except av.FFmpegError:
            later = None
        if later is not None and np.asarray(later.convert("L")).std() > _PLAIN_BELOW:
            return later
    return image


def _key_frame(container: Any, stream: Any, size: int) -> Image.Image | None:
    for number, packet in enumerate(container.demux(stream)):
        if number > _MOST_FRAMES * _MOST_FRAMES:
            return None
        try:
            for frame in packet.decode():
                return _small(frame, stream, size)
        except av.FFmpegError:
            continue  # a player goes on behind a broken frame too
    return None


def _small(frame: VideoFrame, stream: Any, size: int) -> Image.Image:
    """Return a frame upright, its pixels made square, fitting into a square of ``size``."""
    wide = frame.width * _stretch(stream)
    scale = min(1.0, size / max(wide, frame.height))
    sides = max(1, round(wide * scale)), max(1, round(frame.height * scale))
    pixels = frame.reformat(width=sides[0], height=sides[1], format="rgb24").to_ndarray()
    image = Image.fromarray(pixels)
    turned = frame.rotation % 360
    return image.rotate(turned, expand=True) if turned in (90, 180, 270) else image


def _stretch(stream: Any) -> float:
    ratio = stream.codec_context.sample_aspect_ratio
    return float(ratio) if ratio and 0.1 < ratio < 10 else 1.0


def _shown_size(stream: Any) -> tuple[int, int]:
    context = stream.codec_context
    return round(context.width * _stretch(stream)), context.height


def _seconds(container: Any, stream: Any) -> float | None:
    """Return the length in seconds; None where the file does not tell it."""
    if container.duration and container.duration > 0:
        return float(container.duration) / _MICROSECONDS
    if stream.duration and stream.time_base:
        return max(0.0, float(stream.duration * stream.time_base))
    return None


def _codec(stream: Any) -> str:
    name = str(stream.codec_context.codec.canonical_name)
    return _CODECS.get(name, name)


def _kind(file: WatchedFile, container: Any) -> str:
    if "matroska" in container.format.name:
        return "webm" if b"webm" in file.read_at(0, min(128, file.size)) else "matroska"
    return "quicktime" if file.read_at(8, 4) == b"qt  " or file.read_at(4, 4) != b"ftyp" else "mp4"


def _put_badge(image: Image.Image, text: str) -> None:
    """Write the length into the lower right corner, behind a mark that this can be played."""
    letters = max(9, min(18, 8 + image.width // 100))
    face = font(letters, bold=True)
    high, mark = round(letters * 1.5), round(letters * 0.7)
    long = round(width(text, face)) + mark + letters
    right, bottom = image.width - letters // 2, image.height - letters // 2
    left, top = right - long, bottom - high
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    pen.rounded_rectangle((left, top, right, bottom), radius=high // 4, fill=(12, 14, 18, 190))
    middle, start = (top + bottom) / 2, left + letters * 0.4
    pen.polygon(
        [(start, middle - mark / 2), (start, middle + mark / 2), (start + mark * 0.8, middle)],
        fill=(255, 255, 255, 235),
    )
    pen.text((right - letters * 0.4, middle), text, fill=(255, 255, 255, 245), font=face, anchor="rm")
    image.paste(Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB"))
