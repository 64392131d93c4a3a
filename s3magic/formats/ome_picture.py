"""An OME-TIFF as a picture: the middle depth, its channels laid over each other in colours; reads no XML."""

from __future__ import annotations

from dataclasses import replace

from s3magic.errors import UnreadableFormat
from s3magic.formats import composite, geotiff_pixels, ome
from s3magic.formats.base import Look, Preview
from s3magic.formats.drawing import picture
from s3magic.formats.ome import Ome
from s3magic.formats.room import DECODED
from s3magic.formats.tiff import Layout
from s3magic.formats.watch import WatchedFile

_DRAWN_NUMBER = 40  # bytes that a number takes until it is part of a picture


def draw(file: WatchedFile, layout: Layout, about: Ome, *, size: int, look: Look) -> Preview:
    """Return the channels of one depth, from their smallest copies that are large enough.

    A look names channels by ``bands``, depth by ``level``, and ``time``.
    """
    time, wanted = look.place("time", about.times, file.name), look.place("level", about.depths, file.name)
    depth, planes = ome.planes(layout, about, wanted, time or 0)
    if not planes:
        raise UnreadableFormat(
            f"Not drawn: {file.name} has its planes in other files, or behind too many others",
            "A preview follows the links between planes for a while only; tifffile can load it.",
        )
    if about.samples >= 3:
        chosen = replace(layout, directories=tuple(ome.with_copies(layout, planes[0])))
        plain = Look(bands=look.bands)
        return geotiff_pixels.draw(file, chosen, size=size, look=plain, measured=("", "", ""))
    shown = composite.channels_of(look, len(about.channels), file.name)
    layers, is_copy = [], False
    for index in shown:
        images = [one for one in ome.with_copies(layout, planes[index]) if one.width and one.height]
        if not images:
            raise ValueError("a plane has no size")
        image = geotiff_pixels.smallest(images, size)
        is_copy = image is not images[0]
        with DECODED.take(_DRAWN_NUMBER * image.width * image.height):
            values = geotiff_pixels.decoded(file, layout, image)[..., 0]
            step = max(1, max(values.shape) // (4 * size))
            layers.append(values[::step, ::step].copy())
    channels = [about.channels[index] for index in shown]
    colours = composite.colours_for([one.colour for one in channels], is_chosen=look.bands is not None)
    pixels = composite.lay_over(layers, colours)
    return picture(
        pixels,
        size=size,
        caption=composite.caption(
            planes[0].width,
            planes[0].height,
            shown=[one.name for one in channels],
            channels=len(about.channels),
            depth=depth,
            depths=about.depths,
        ),
        source="overview" if is_copy else "whole",
        photo=2 * max(pixels.shape[:2]) >= size,
    )
