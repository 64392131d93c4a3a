"""Points as a relief: the highest of each cell, gaps filled, lit from the north-west; reads no files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.formats.drawing import limits, stretch, viridis

_NARROWEST = 1 / 8
_PALE = 110

Numbers = NDArray[Any]


def shaded(xyz: Numbers, colours: Numbers | None, size: int, *, box: Numbers, is_sample: bool) -> NDArray[np.uint8]:
    """Return RGBA pixels: the highest point of each cell, lit from the north-west.

    Between the places of a sample the picture is guessed, and drawn pale.
    """
    good = np.isfinite(xyz).all(axis=1)
    xyz, colours = xyz[good], colours[good] if colours is not None else None
    low, high = box
    span = max(float(high[0] - low[0]), float(high[1] - low[1])) or 1.0
    # A narrow strip gets some air, so that it stays a picture.
    air = np.maximum(0, span * _NARROWEST - (high - low)) / 2
    low, high = low - air, high + air
    # Cells as fine as the picture, but no finer than the points are dense.
    share = float(high[0] - low[0]) / span * float(high[1] - low[1]) / span
    side = int(min(size, max(16, np.sqrt(len(xyz) / share))))
    columns, rows = (max(1, round(float(length) / span * side)) for length in (high[0] - low[0], high[1] - low[1]))
    column = np.clip(((xyz[:, 0] - low[0]) / span * side).astype(int), 0, columns - 1)
    row = rows - 1 - np.clip(((xyz[:, 1] - low[1]) / span * side).astype(int), 0, rows - 1)
    order = np.argsort(xyz[:, 2], kind="stable")  # the highest point of a cell is written last
    cell = (row * columns + column)[order]
    height = np.full(rows * columns, np.nan)
    height[cell] = xyz[order, 2]
    paint = np.full((rows * columns, 3), np.nan)
    paint[cell] = viridis(stretch(xyz[order, 2], limits(xyz[:, 2]))) if colours is None else colours[order]
    filled = _fill(np.column_stack([height, paint]).reshape(rows, columns, 4))
    seen = np.isfinite(filled[..., 0])
    if is_sample:
        filled = _guess(filled)
    light = np.where(seen, _light(filled[..., 0], cell=span / side), 1)
    pixels = np.zeros((rows, columns, 4), np.uint8)
    pixels[..., :3] = np.nan_to_num(np.clip(filled[..., 1:] * light[..., None], 0, 255))
    pixels[..., 3] = np.where(seen, 255, _PALE if is_sample else 0)
    return pixels


def _fill(layers: Numbers) -> Numbers:
    """Close small gaps: an empty cell becomes the mean of its neighbours, three cells far."""
    for _ in range(3):
        empty = ~np.isfinite(layers[..., 0])
        if not empty.any():
            break
        padded = np.pad(np.nan_to_num(layers), ((1, 1), (1, 1), (0, 0)))
        known = np.pad((~empty).astype(float), 1)
        rows, columns = empty.shape
        around = [(down, right) for down in range(3) for right in range(3)]
        total = np.sum([padded[down : down + rows, right : right + columns] for down, right in around], axis=0)
        count = np.sum([known[down : down + rows, right : right + columns] for down, right in around], axis=0)
        fillable = empty & (count > 2)
        layers = layers.copy()
        layers[fillable] = total[fillable] / count[fillable][:, None]
    return layers


def _guess(layers: Numbers) -> Numbers:
    """Fill every empty cell: with the mean of ever larger blocks around it, the finest that holds anything."""
    known = np.isfinite(layers[..., 0])
    if known.all() or min(known.shape) < 2:
        return layers
    rows, columns, _ = layers.shape
    even = ((0, rows % 2), (0, columns % 2))
    weight = np.pad(known.astype(float), even)
    total = np.pad(np.nan_to_num(layers), (*even, (0, 0)))
    weight, total = (
        one.reshape(one.shape[0] // 2, 2, one.shape[1] // 2, 2, *one.shape[2:]).sum(axis=(1, 3))
        for one in (weight, total)
    )
    coarse = _guess(total / weight[..., None])
    finer = np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)
    padded = np.pad(finer, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width, _ = finer.shape
    smooth = np.mean(
        [padded[down : down + height, right : right + width] for down in range(3) for right in range(3)], axis=0
    )
    filled: Numbers = np.where(known[..., None], layers, smooth[:rows, :columns])
    return filled


def _light(height: Numbers, *, cell: float) -> Numbers:
    """Return how bright each cell is, around 1: a hillshade from the north-west."""
    if min(height.shape) < 2:
        return np.ones(height.shape)
    known = np.where(np.isfinite(height), height, np.nanmedian(height))
    down, right = np.gradient(known, cell)
    slope = (right - down) / np.sqrt(2 * (1 + right**2 + down**2))
    light: Numbers = np.clip(1 + 0.6 * np.tanh(1.5 * slope), 0.35, 1.3)
    return light
