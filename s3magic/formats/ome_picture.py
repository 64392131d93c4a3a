"""An OME-TIFF as a picture: the middle depth, its channels laid over each other in colours; reads no XML."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from s3magic.errors import InvalidInput, UnreadableFormat
from s3magic.formats import geotiff_pixels, ome
from s3magic.formats.base import Look, Preview, Source
from s3magic.formats.drawing import limits, picture, stretch
from s3magic.formats.ome import Channel, Ome
from s3magic.formats.room import DECODED
from s3magic.formats.tiff import Layout
from s3magic.formats.watch import WatchedFile

_SHOWN = 4
_COLOURS = ((0, 255, 255), (255, 0, 255), (255, 255, 0), (255, 255, 255))
_WHITE = (255, 255, 255)
_DARK, _BRIGHT = 1, 99.8  # percentiles: what glows is small, and should not be cut


def draw(file: WatchedFile, layout: Layout, about: Ome, *, size: int, look: Look) -> Preview:
    """Return the channels of one depth, from their smallest copies that are large enough.

    A look names channels by ``bands``, depth by ``level``, and ``time``.
    """
    time, depth = _place(file, about, look)
    depth, planes = ome.planes(layout, about, depth, time)
    if not planes:
        raise UnreadableFormat(
            f"Not drawn: {file.name} has its planes in other files, or behind too many others",
            "A preview follows the links between planes for a while only; tifffile can load it.",
        )
    if about.samples >= 3:
        chosen = replace(layout, directories=tuple(ome.with_copies(layout, planes[0])))
        measured = ("", "", "")
        return geotiff_pixels.draw(file, chosen, size=size, look=Look(bands=look.bands), measured=measured)
    shown = _channels(file, about, look)
    colours = _colours([about.channels[index] for index in shown], is_chosen=look.bands is not None)
    total, source = None, "whole"
    for index, colour in zip(shown, colours, strict=True):
        images = [one for one in ome.with_copies(layout, planes[index]) if one.width and one.height]
        image = geotiff_pixels.smallest(images, size)
        with DECODED.take(12 * image.width * image.height * image.samples):
            values = geotiff_pixels.decoded(file, layout, image)[..., 0]
            step = max(1, max(values.shape) // (4 * size))
            values = np.abs(values[::step, ::step]).astype(float)
            share = np.clip(np.nan_to_num(stretch(values, limits(values, _DARK, _BRIGHT))), 0, 1)
        source = "whole" if image is images[0] else "overview"
        layer = share[..., None] * np.array(colour, float)
        total = (
            layer if total is None else total[: len(layer), : layer.shape[1]] + layer[: len(total), : total.shape[1]]
        )
    if total is None:
        raise ValueError("it has no channel that could be drawn")
    pixels = np.clip(total, 0, 255).astype(np.uint8)
    caption = _caption(planes[0].width, planes[0].height, about, shown, depth)
    made: Source = "overview" if source == "overview" else "whole"
    return picture(pixels, size=size, caption=caption, source=made, photo=2 * max(pixels.shape[:2]) >= size)


def _place(file: WatchedFile, about: Ome, look: Look) -> tuple[int, int | None]:
    for word, wanted, count in (("time", look.time, about.times), ("level", look.level, about.depths)):
        if wanted is not None and not -count <= wanted < count:
            there = f"{count} of them, 0 to {count - 1}" if count > 1 else "but one"
            raise InvalidInput(f"No {word} {wanted} in {file.name}: it has {there}")
    return (look.time or 0) % about.times, None if look.level is None else look.level % about.depths


def _channels(file: WatchedFile, about: Ome, look: Look) -> list[int]:
    count = len(about.channels)
    if look.bands is None:
        return list(range(min(count, _SHOWN)))
    if max(look.bands) > count:
        there = f"channels 1 to {count}" if count > 1 else "but one"
        raise InvalidInput(f"No channel {max(look.bands)} in {file.name}: it has {there}")
    return [band - 1 for band in look.bands]


def _colours(channels: list[Channel], *, is_chosen: bool) -> list[tuple[int, int, int]]:
    """Return a colour for each channel: red, green and blue where three were chosen, else its own."""
    if len(channels) == 1:
        return [_WHITE]
    if is_chosen:
        return [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    own = [one.colour for one in channels]
    if len({colour for colour in own if colour}) == len(channels):
        return [colour or _WHITE for colour in own]
    return list(_COLOURS[: len(channels)])


def _caption(width: int, height: int, about: Ome, shown: list[int], depth: int) -> str:
    said = [f"{width} x {height} pixels"]
    names = [about.channels[index].name for index in shown]
    if len(about.channels) > len(shown):
        said.append(f"{len(shown)} of {len(about.channels)} channels")
    elif len(shown) > 1:
        said.append(f"{len(shown)} channels")
    if any(names):
        said.append(", ".join(name for name in names if name))
    if about.depths > 1:
        said.append(f"depth {depth} of {about.depths}")
    return ", ".join(said)
