"""Arrays to small pictures: stretch, colour, scale, encode; knows no file format."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from s3magic.formats.base import Field, Preview, Source
from s3magic.formats.colours import ALPHA, BODY, CLEAR, LAST, VIRIDIS, own_scale, palette
from s3magic.html import number_text

Pixels = NDArray[np.uint8]
Overlay = Callable[[Image.Image], None]

_FIELD, _LONGEST = "s3magic-field", 2000  # where a PNG says what its colours stand for, in so many letters at most
_FAR = 10.0  # so many widths of a scale beyond its ends values are told apart


def viridis(shares: NDArray[Any]) -> Pixels:
    """Colour numbers from 0 to 1 with the perceptual map viridis; NaN is drawn as 0."""
    colours = np.array(VIRIDIS, float)
    at = np.nan_to_num(np.clip(shares, 0, 1)) * (len(colours) - 1)
    stops = np.arange(len(colours))
    return np.stack([np.interp(at, stops, colours[:, band]) for band in range(3)], axis=-1).round().astype(np.uint8)


def limits(values: NDArray[Any], low: float = 2, high: float = 98) -> tuple[float, float]:
    """Return the percentiles of the finite values, spread apart where they are equal."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    first, last = (float(value) for value in np.percentile(finite, (low, high)))
    if first == last:
        first, last = float(finite.min()), float(finite.max())
    half = 0.0 if first < last else max(0.5, abs(first) * 1e-6)
    return first - half, last + half


def stretch(values: NDArray[Any], bounds: tuple[float, float]) -> NDArray[np.float64]:
    """Return values scaled so that the bounds become 0 and 1."""
    low, high = bounds
    # Halved first: a range of doubles can be wider than the largest double.
    with np.errstate(all="ignore"):
        scaled: NDArray[np.float64] = (values.astype(float) / 2 - low / 2) / (high / 2 - low / 2)
    return scaled


def field(
    values: NDArray[Any],
    *,
    size: int,
    caption: str,
    source: Source,
    quantity: str = "",
    title: str = "",
    units: str = "",
    signed: bool = False,
    aspect: float | None = None,
    overlay: Overlay | None = None,
) -> Preview:
    """Draw rows and columns of numbers, NaN transparent, as a PNG that fits into a square and can be coloured anew.

    Large arrays are averaged, the cells of small ones stay visible as squares. The caption gets
    the least and the greatest value.

    Parameters
    ----------
    quantity, title, units, signed
        See `Field`; pictures of no quantity share no scale.
    aspect
        Width by height of the picture; that of the array when None.
    overlay
        Draws lines in `INK` and `SHADOW` on a picture of the palette's entries.
    """
    low, high = limits(values)
    known = np.isfinite(values)
    shares = np.clip(stretch(np.where(known, values, low), (low, high)), -_FAR, 1 + _FAR)
    least, most = float(shares[known].min(initial=0)), float(shares[known].max(initial=1))
    wide = aspect or values.shape[1] / values.shape[0]
    width, height = (max(1, round(size * length)) for length in (min(1, wide), min(1, 1 / wide)))
    total, weight = (
        np.asarray(Image.fromarray(layer.astype(np.float32)).resize((width, height), Image.Resampling.BOX))
        for layer in (shares * known, known)
    )
    shown = weight >= 0.5
    mean = np.divide(total, weight, out=np.zeros_like(total), where=shown)
    entries = _entries(mean, least, most) + 0.5
    image = Image.fromarray(np.where(shown, entries, CLEAR).astype(np.uint8))
    if overlay is not None:
        overlay(image)
    meant = Field(
        quantity, title, units, low + least * (high - low), low, high, low + most * (high - low), signed=signed
    )
    image = image.convert("P")
    image.putpalette(palette(meant, *own_scale(meant)))
    image.info["transparency"] = ALPHA
    note = f"{number_text(values[known].min())} to {number_text(values[known].max())}" if known.any() else "no values"
    return encoded(image, caption=f"{caption}, {note}", source=source, field=meant if known.any() else None)


def field_again(image: Image.Image, *, size: int) -> Preview | None:
    """Return a picture that `field` once drew with its numbers, so that it can share a scale; None for any other.

    So thumbnails of fields that were stored can still be compared.
    """
    meant = _inscribed(image.info.get(_FIELD))
    if meant is None or image.mode != "P":
        return None
    image.thumbnail((size, size), Image.Resampling.NEAREST)
    image.putpalette(palette(meant, *own_scale(meant)))
    image.info = {"transparency": ALPHA}
    return encoded(image, caption=meant.title, source="whole", field=meant)


def _inscribed(text: object) -> Field | None:
    """Return the field that a picture says it is of, where it can be true."""
    try:
        said = json.loads(str(text)[:_LONGEST])
        quantity, title, units = (str(said[name]) for name in ("quantity", "title", "units"))
        values = [float(said[name]) for name in ("minimum", "low", "high", "maximum")]
    except (KeyError, TypeError, ValueError):
        return None
    if values != sorted(values) or not np.isfinite(values).all() or values[1] == values[2]:
        return None
    minimum, low, high, maximum = values
    return Field(quantity, title, units, minimum, low, high, maximum, signed=bool(said.get("signed")))


def _entries(shares: NDArray[Any], least: float, most: float) -> NDArray[np.float64]:
    """Return the entries of a palette for shares of a scale; see `s3magic.formats.colours`."""
    first, last = BODY
    under = np.sqrt(np.clip(shares / min(least, -1e-9), 0, 1)) * first
    over = np.sqrt(np.clip((shares - 1) / max(most - 1, 1e-9), 0, 1)) * (LAST - last)
    entries: NDArray[np.float64] = first + np.clip(shares, 0, 1) * (last - first) - under + over
    return entries


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


def encoded(
    image: Image.Image, *, caption: str, source: Source, photo: bool = False, field: Field | None = None
) -> Preview:
    """Encode a picture at the size it has: WebP for a photo, PNG for data, which says of what field it is."""
    out = io.BytesIO()
    if photo:
        image.save(out, "WEBP", quality=85, method=2)  # half the time for 3 % more bytes
    else:
        told = PngInfo()
        if field is not None:
            told.add_text(_FIELD, json.dumps(field.to_json()))
        image.save(out, "PNG", optimize=True, pnginfo=told)
    kind = "image/webp" if photo else "image/png"
    return Preview(out.getvalue(), kind, image.width, image.height, caption, source, field)
