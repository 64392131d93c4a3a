"""Invented ground: fractal heights, the light on them, and colours; the stuff of every picture and tile."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]


def noise(shape: tuple[int, int], seed: int, *, roughness: float = 2.2, feature: float = 0.5) -> Field:
    """Return periodic fractal noise between 0 and 1.

    Parameters
    ----------
    roughness
        How fast small features fade: 1.6 is craggy, 2.6 is gentle.
    feature
        Size of the largest features, as a share of the shorter side.
    """
    rows, columns = shape
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal(shape))
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
    lowest = 1 / (feature * min(shape))
    spectrum *= 1 / np.maximum(frequency, lowest) ** (roughness - 0.2)
    spectrum *= frequency > lowest / 4
    return scaled(np.fft.irfft2(spectrum, shape))


def ridges(shape: tuple[int, int], seed: int, *, roughness: float = 2.3, feature: float = 0.6) -> Field:
    """Return mountains between 0 and 1: sharp crests, broad valleys."""
    crests = 1 - np.hypot(2 * noise(shape, seed, roughness=roughness, feature=feature) - 1, 0.07)
    swell = noise(shape, seed + 1, roughness=2.8, feature=1)
    return scaled(crests**2 * (0.35 + 0.65 * swell) + 0.25 * swell)


def scaled(field: Field) -> Field:
    """Return a field stretched to 0 to 1."""
    low, high = field.min(), field.max()
    return np.asarray((field - low) / (high - low))


def light(heights: Field, *, sun: tuple[float, float, float] = (-0.6, -0.5, 0.62)) -> Field:
    """Return how much sun falls on each cell, 0 to 1.

    Parameters
    ----------
    heights
        In units of a cell's width.
    sun
        Where it stands, as a vector east, south, up.
    """
    down, right = np.gradient(heights)
    x, y, z = np.asarray(sun) / np.linalg.norm(sun)
    return np.asarray(np.clip((z - x * right - y * down) / np.sqrt(1 + down**2 + right**2), 0, 1))


def ramp(values: Field, *stops: tuple[float, tuple[float, float, float]]) -> Any:
    """Return colours (…, 3) for values, linear between stops ``(value, (red, green, blue))``."""
    at = [stop for stop, _ in stops]
    return np.stack([np.interp(values, at, [color[band] for _, color in stops]) for band in range(3)], axis=-1)


def sample(field: Any, x: Field, y: Field) -> Any:
    """Return a periodic field's values between its cells (bilinear).

    Parameters
    ----------
    field
        Of shape (rows, columns), or (rows, columns, bands).
    x, y
        Where, in cells, to the right and down.
    """
    rows, columns = field.shape[:2]
    flat = field.reshape(rows * columns, -1).astype(np.float32)
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    u, v = ((where - whole).astype(np.float32)[..., None] for where, whole in ((x, left), (y, top)))
    left, top = left % columns, top % rows
    right, upper, lower = (left + 1) % columns, top * columns, (top + 1) % rows * columns
    above = flat[upper + left] * (1 - u) + flat[upper + right] * u
    below = flat[lower + left] * (1 - u) + flat[lower + right] * u
    values = above * (1 - v) + below * v
    return values if field.ndim > 2 else values[..., 0]
