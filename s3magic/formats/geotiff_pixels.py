"""A TIFF as a picture: which of its images to read, and how numbers become colours; reads no keys."""

from __future__ import annotations

import logging
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from s3magic.errors import UnreadableFormat
from s3magic.formats import jpeg
from s3magic.formats.base import Look, Preview, Source
from s3magic.formats.drawing import field, limits, picture, stretch
from s3magic.formats.room import DECODED
from s3magic.formats.tiff import Directory, Layout, Tag
from s3magic.formats.watch import WatchedFile

_MOST_NUMBERS = 1 << 26  # decoded at once: a picture of 8000 x 8000 in one band
_BYTE = 255
_JPEG, _JPEG_HEAD = 7, 4096
_GREY_INVERTED, _PALETTE, _CMYK = 0, 3, 5

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what matters of what it logs, it raises too

Numbers = NDArray[Any]
Pixels = NDArray[np.uint8]


def draw(file: WatchedFile, layout: Layout, *, size: int, look: Look, measured: tuple[str, str, str]) -> Preview:
    """Return a picture from the smallest image of the file that is large enough.

    Parameters
    ----------
    measured
        Quantity, title and units of a band that is no brightness; see `Field`.
    """
    whole = layout.directories[0]
    images = [whole, *(one for one in layout.directories[1:] if _is_copy(one, whole))]
    image = smallest(images, size)
    with DECODED.take(2 * image.width * image.height * image.samples * max(1, image.bits // 8)):
        data, shown, source = _read(file, layout, image, size=size)
    caption = f"{whole.width} x {whole.height} pixels, {whole.samples} band{'s' if whole.samples > 1 else ''}"
    data, caption = _chosen(data, look, caption, file.name)
    if _is_measured(whole, data):
        quantity, title, units = measured
        values = np.where(shown > 0, data[..., 0], np.nan)
        return field(values, size=size, caption=caption, source=source, quantity=quantity, title=title, units=units)
    pixels = _coloured(image, whole, data, shown)
    return picture(pixels, size=size, caption=caption, source=source, photo=whole.photometric != _PALETTE)


def _read(file: WatchedFile, layout: Layout, image: Directory, *, size: int) -> tuple[Numbers, Pixels, Source]:
    """Return the numbers of an image without alpha, how opaque each pixel is, and what they were made from."""
    whole = layout.directories[0]
    data = decoded(file, layout, image)
    masks = [
        one for one in layout.directories if one.is_mask and (one.width, one.height) == (image.width, image.height)
    ]
    seen = decoded(file, layout, masks[0])[..., 0] > 0 if masks else None
    step = max(1, max(data.shape[:2]) // (4 * size))
    data, seen = data[::step, ::step], seen[::step, ::step] if seen is not None else None
    if np.iscomplexobj(data):
        data = np.abs(data)
    valid = _valid(whole, data) if seen is None else _valid(whole, data) & seen
    shown = np.where(valid, _BYTE, 0).astype(np.uint8)
    extra = whole.values(Tag.EXTRA_SAMPLES, most=64)
    if extra and extra[-1] in (1, 2) and data.shape[-1] > 1:
        shown = np.minimum(shown, _bytes(data[..., -1:])[..., 0])
        data = data[..., :-1]
    return data, shown, "whole" if image is whole else "overview"


def _chosen(data: Numbers, look: Look, caption: str, name: str) -> tuple[Numbers, str]:
    """Return the bands that a look names, in its order, and which they are; all of them where it names none."""
    chosen = look.chosen(data.shape[-1], name)
    if chosen is None:
        return data, caption
    return data[..., chosen], f"{caption}, of which {', '.join(str(band + 1) for band in chosen)}"


def _is_copy(image: Directory, whole: Directory) -> bool:
    """Whether an image shows the same as another, only smaller."""
    if image.is_mask or not (image.width and image.height) or image.samples != whole.samples:
        return False
    return image.is_overview and image.width <= whole.width and image.height <= whole.height


def smallest(images: list[Directory], size: int) -> Directory:
    """Return the smallest image that is as large as the picture; the first where none is."""
    enough = [image for image in images if max(image.width, image.height) >= size]
    return min(enough, key=lambda image: image.width * image.height) if enough else images[0]


def decoded(file: WatchedFile, layout: Layout, image: Directory) -> Numbers:
    """Return the numbers of an image: rows, columns, samples."""
    rows, columns = min(image.block_height, image.height), image.block_width
    if max(image.width * image.height, rows * columns) * image.samples > _MOST_NUMBERS:
        raise UnreadableFormat(
            f"Too large to draw: {file.name} has {image.width} x {image.height} pixels and no smaller copy of them",
            "Add overviews to the file, for instance with gdaladdo, or save it as a COG.",
        )
    if image.value(Tag.COMPRESSION) == _JPEG:
        _check_jpegs(file, image)
    file.seek(0)
    with TiffFile(cast("BinaryIO", _EnteredAt(file, layout, image))) as tiff:
        page = tiff.pages.first
        separate, depth, height, width, together = page.shaped
        if depth != 1 or (height, width) != (image.height, image.width):
            raise ValueError("it is no flat picture")
        data = page.asarray(maxworkers=1).reshape(separate, height, width, together)
    if data.dtype == bool:
        data = data.astype(np.uint8)
    return np.moveaxis(data, 0, -1).reshape(height, width, -1) if separate > 1 else data[0]


def _check_jpegs(file: WatchedFile, image: Directory) -> None:
    """Refuse tiles that are larger than the image says, for the decoder would make room for all they claim."""
    for offset, length in image.data:
        found = jpeg.size(file.read_at(offset, min(length, _JPEG_HEAD))) if offset else None
        if found and found[0] * found[1] > 4 * image.block_width * image.block_height:
            raise ValueError(f"a tile of {found[0]} x {found[1]} pixels is larger than the image says")


class _EnteredAt(WatchedFile):
    """The same file with another of its images first, so that the others are never looked at."""

    def __init__(self, file: WatchedFile, layout: Layout, image: Directory) -> None:
        super().__init__(cast("BinaryIO", file))
        self._head = layout.header(image.offset)

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        data = super().read(size)
        head = self._head[start : start + len(data)]
        return head + data[len(head) :]


def _is_measured(whole: Directory, data: Numbers) -> bool:
    """Whether the numbers are no brightness but something measured: one or two bands, not of bytes."""
    if whole.photometric == _PALETTE or data.shape[-1] >= 3:
        return False
    return whole.bits > 8 or whole.sample_format != 1


def _coloured(image: Directory, whole: Directory, data: Numbers, shown: Pixels) -> Pixels:
    """Return RGB pixels, or RGBA where some of them are transparent."""
    if whole.photometric == _PALETTE:
        colours = _from_palette(image, whole, data)
    elif whole.photometric == _CMYK and data.shape[-1] > 3:
        inks = _bytes(data).astype(int)
        colours = ((_BYTE - inks[..., :3]) * (_BYTE - inks[..., 3:4]) // _BYTE).astype(np.uint8)
    elif data.shape[-1] >= 3:
        colours = _bytes(data[..., :3], shown > 0)
    else:
        grey = _bytes(data[..., :1]) * (_BYTE // ((1 << min(whole.bits, 8)) - 1))
        colours = np.repeat(_BYTE - grey if whole.photometric == _GREY_INVERTED else grey, 3, axis=-1)
    return colours if shown.min() == _BYTE else np.dstack([colours, shown])


def _valid(whole: Directory, data: Numbers) -> NDArray[np.bool_]:
    """Return which pixels hold anything: not all of their bands are nodata or NaN."""
    empty = ~np.isfinite(data) if data.dtype.kind == "f" else np.zeros(data.shape, bool)
    try:
        nodata = float(whole.text(Tag.GDAL_NODATA))
    except ValueError:
        nodata = np.nan
    if np.isfinite(nodata):
        # Compared as the file stores it: -3.4e38 as text is not quite the float32.
        empty |= data == (data.dtype.type(nodata) if data.dtype.kind == "f" else nodata)
    valid: NDArray[np.bool_] = ~np.all(empty, axis=-1)
    return valid


def _from_palette(image: Directory, whole: Directory, data: Numbers) -> Pixels:
    table = np.array(image.values(Tag.COLOR_MAP) or whole.values(Tag.COLOR_MAP)).reshape(3, -1).T
    colours = (table >> 8 if table.max(initial=0) > _BYTE else table).astype(np.uint8)
    return colours[np.minimum(data[..., 0], len(colours) - 1)]


def _bytes(data: Numbers, valid: NDArray[np.bool_] | None = None) -> Pixels:
    """Return bands as bytes: bytes as they are, wider numbers stretched over their percentiles."""
    if data.dtype == np.uint8:
        return data
    bands = []
    for index in range(data.shape[-1]):
        band = data[..., index]
        shares = np.clip(stretch(band, limits(band if valid is None else band[valid])), 0, 1)
        bands.append((np.nan_to_num(shares) * _BYTE).astype(np.uint8))
    return np.stack(bands, axis=-1)
