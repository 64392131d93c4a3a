"""Channels of a microscope laid over each other in colours; reads no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.formats.base import Look
from s3magic.formats.drawing import Pixels, limits, stretch

Colour = tuple[int, int, int]

_MOST_CHANNELS = 4  # more than these laid over each other show nothing
_COLOURS: tuple[Colour, ...] = ((0, 255, 255), (255, 0, 255), (255, 255, 0), (255, 255, 255))
_DARK, _BRIGHT = 1, 99.8  # percentiles: what glows is small, and should not be cut


def channels_of(look: Look, count: int, name: str) -> list[int]:
    """Return which channels to show, counted from 0: those a look names, else the first.

    Raises `InvalidInput` where there is no such channel.
    """
    chosen = look.chosen(count, name, word="channel")
    return list(range(min(count, _MOST_CHANNELS))) if chosen is None else chosen


def colours_for(own: Sequence[Colour | None], *, is_chosen: bool) -> list[Colour]:
    """Return a colour for each channel: red, green and blue where three were chosen, else their own if they differ."""
    if len(own) == 1:
        return [(255, 255, 255)]
    if is_chosen:
        return [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    known = [colour for colour in own if colour]
    return known if len(set(known)) == len(own) else list(_COLOURS[: len(own)])


def lay_over(layers: Sequence[NDArray[Any]], colours: Sequence[Colour]) -> Pixels:
    """Return layers of numbers, each stretched over its percentiles, as light of their colours added up."""
    total = np.zeros((*layers[0].shape, 3))
    for layer, colour in zip(layers, colours, strict=True):
        values = np.abs(layer).astype(float)
        shares = np.clip(np.nan_to_num(stretch(values, limits(values, _DARK, _BRIGHT))), 0, 1)
        total += shares[..., None] * np.array(colour, float)
    return np.clip(total, 0, 255).astype(np.uint8)


def caption(width: int, height: int, *, shown: Sequence[str], channels: int, depth: int, depths: int) -> str:
    """Return in a line what is seen: size, channels by name, depth."""
    said = [f"{width} x {height} pixels"]
    if channels > len(shown):
        said.append(f"{len(shown)} of {channels} channels")
    elif channels > 1:
        said.append(f"{channels} channels")
    said += [name for name in shown if name]
    if depths > 1:
        said.append(f"depth {depth} of {depths}")
    return ", ".join(said)
