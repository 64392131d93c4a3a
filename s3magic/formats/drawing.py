"""Arrays to small pictures: stretch, colour, scale, encode; knows no file format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3magic.formats.base import Preview, Source

# Every 17th colour of matplotlib's viridis (CC0), close enough to draw straight lines between.
_VIRIDIS = np.array(
    [
        (68, 1, 84), (72, 26, 108), (71, 47, 125), (65, 68, 135), (57, 86, 140), (49, 104, 142),
        (42, 120, 142), (35, 136, 142), (31, 152, 139), (34, 168, 132), (53, 183, 121), (84, 197, 104),
        (122, 209, 81), (165, 219, 54), (210, 226, 27), (253, 231, 37),
    ],
    dtype=float,
)  # fmt: skip

Pixels = NDArray[np.uint8]


def viridis(shares: NDArray[Any]) -> Pixels:
    """Colour numbers from 0 to 1 with the perceptual map viridis; NaN is drawn as 0."""
    at = np.nan_to_num(np.clip(shares, 0, 1)) * (len(_VIRIDIS) - 1)
    stops = np.arange(len(_VIRIDIS))
    return np.stack([np.interp(at, stops, _VIRIDIS[:, band]) for band in range(3)], axis=-1).round().astype(np.uint8)


_COLOURS = viridis(np.linspace(0, 1, 255))
_PALETTE = _COLOURS.tobytes() + b"\xff\xff\xff"
_CLEAR = len(_COLOURS)


def limits(values: NDArray[Any], low: float = 2, high: float = 98) -> tuple[float, float]:
    """Return the percentiles of the finite values, spread apart where they are equal."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    first, last = (float(value) for value in np.percentile(finite, (low, high)))
    if first == last:
        first, last = float(finite.min()), float(finite.max())
    return (first, last) if first < last else (first - 0.5, first + 0.5)


def stretch(values: NDArray[Any], bounds: tuple[float, float]) -> NDArray[np.float64]:
    """Return values scaled so that the bounds become 0 and 1."""
    low, high = bounds
    # Halved first: a range of doubles can be wider than the largest double.
    with np.errstate(all="ignore"):
        scaled: NDArray[np.float64] = (values.astype(float) / 2 - low / 2) / (high / 2 - low / 2)
    return scaled


def field(values: NDArray[Any], *, size: int, caption: str, source: Source) -> Preview:
    """Draw rows and columns of numbers in viridis, NaN transparent, as a PNG that fits into a square.

    Large arrays are averaged, the cells of small ones stay visible as squares. The caption gets
    the values that the first and the last colour stand for.
    """
    low, high = limits(values)
    known = np.isfinite(values)
    shares = np.clip(np.nan_to_num(stretch(np.where(known, values, low), (low, high))), 0, 1)
    scale = size / max(values.shape)
    height, width = (max(1, round(length * scale)) for length in values.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    total, weight = (
        np.asarray(Image.fromarray(layer.astype(np.float32)).resize((width, height), method))
        for layer in (shares * known, known)
    )
    shown = weight >= 0.5
    last = len(_COLOURS) - 1
    indexes = np.where(shown, np.divide(total, weight, out=np.zeros_like(total), where=shown) * last + 0.5, _CLEAR)
    image = Image.fromarray(indexes.astype(np.uint8)).convert("P")
    image.putpalette(_PALETTE)
    if not shown.all():
        image.info["transparency"] = _CLEAR
    note = f"colours from {low:.4g} to {high:.4g}" if known.any() else "no values"
    return encoded(image, caption=f"{caption}, {note}", source=source)


def picture(pixels: Pixels, *, size: int, caption: str, source: Source, photo: bool = False) -> Preview:
    """Encode RGB or RGBA pixels so that they fit into a square of ``size`` pixels.

    Data become PNG whose cells, where they are few, stay visible as squares; a photo is scaled
    smoothly and becomes WebP, a tenth of the size.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = size / max(image.size)
    wanted = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    method = Image.Resampling.LANCZOS if photo else Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    return encoded(image.resize(wanted, method), caption=caption, source=source, photo=photo)


def encoded(image: Image.Image, *, caption: str, source: Source, photo: bool = False) -> Preview:
    """Encode a picture at the size it has: WebP for a photo, PNG for data."""
    out = io.BytesIO()
    if photo:
        image.save(out, "WEBP", quality=85)
    else:
        image.save(out, "PNG", optimize=True)
    kind = "image/webp" if photo else "image/png"
    return Preview(out.getvalue(), kind, image.width, image.height, caption, source)
