"""OME-Zarr: an image of several levels, or the first one of a plate; draws the smallest level that is large enough.

Layout: OME-NGFF 0.4 and 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from s3magic.errors import UnreadableFormat
from s3magic.formats import composite
from s3magic.formats.base import Look, Preview, TileInfo
from s3magic.formats.composite import Colour
from s3magic.formats.drawing import picture

_MOST_LEVELS = 16
_MOST_NUMBERS = 1 << 24
_LARGEST_CHUNK = 256 << 20
_USUAL = "tczyx"


@dataclass(frozen=True, slots=True)
class Image:
    """The levels of an image.

    Parameters
    ----------
    group
        Where its levels lie.
    axes
        The names of the axes, in lower case; the last two are y and x.
    paths
        The levels, the largest first.
    channels
        Names and colours, as many as the file gives.
    note
        Which of several images it is; empty where there is but one.
    """

    group: Any
    axes: tuple[str, ...]
    paths: tuple[str, ...]
    channels: tuple[tuple[str, Colour | None], ...]
    note: str = ""

    def level(self, path: str) -> Any:
        """Open a level; raise `ValueError` where it is no array of the axes."""
        array = self.group[path]
        if not isinstance(array, zarr.Array) or array.ndim != len(self.axes) or not all(array.shape):
            raise ValueError("its levels are not what it says")
        return array


def read_image(root: Any) -> Image | None:
    """Return the image that a group is, or holds; None where it is none of OME's."""
    if not isinstance(root, zarr.Group):
        return None
    said = _said(root)
    note = ""
    try:
        group: Any = root
        if isinstance(said.get("plate"), Mapping):
            well = group[str(said["plate"]["wells"][0]["path"])]
            group = well[str(_said(well)["well"]["images"][0]["path"])]
            said, note = _said(group), "first well"
        elif "bioformats2raw.layout" in said:
            group, note = group["0"], "first image"
            said = _said(group)
        multiscale = said["multiscales"][0]
        paths = tuple(str(one["path"]) for one in multiscale["datasets"][:_MOST_LEVELS])
        axes = tuple(
            str(one["name"] if isinstance(one, Mapping) else one).lower() for one in multiscale.get("axes", _USUAL)
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    if not paths or axes[-2:] != ("y", "x"):
        return None
    return Image(group, axes, paths, tuple(_channels(said)), note)


def describe(image: Image, *, version: str) -> TileInfo:
    """Return size, channels and levels of an image."""
    array = image.level(image.paths[0])
    lengths = dict(zip(image.axes, array.shape, strict=True))
    details: dict[str, Any] = {"levels": len(image.paths), "type": str(array.dtype)}
    if image.note:
        details["shown"] = image.note
    if lengths.get("c", 1) > 1 or image.channels:
        names = [name or f"channel {index}" for index, (name, _) in enumerate(image.channels, 1)]
        details["channels"] = names or lengths["c"]
    for axis, word in (("z", "depths"), ("t", "times")):
        if lengths.get(axis, 1) > 1:
            details[word] = lengths[axis]
    return TileInfo(
        "picture", f"ome-{version}", dimensions=f"{lengths['x']}x{lengths['y']}", schema=None, details=details
    )


def draw(image: Image, *, size: int, look: Look, name: str) -> Preview:
    """Return the channels of the middle depth laid over each other.

    A look names channels by ``bands``, depth by ``level``, and ``time``.
    """
    whole = image.level(image.paths[0])
    array = whole
    for path in reversed(image.paths[1:]):
        smaller = image.level(path)
        if max(smaller.shape[-2:]) >= size:
            array = smaller
            break
    lengths = dict(zip(image.axes, array.shape, strict=True))
    if lengths["y"] * lengths["x"] > _MOST_NUMBERS or math.prod(array.chunks) * array.dtype.itemsize > _LARGEST_CHUNK:
        raise UnreadableFormat(
            f"Too large to draw: {name} has {lengths['x']} x {lengths['y']} pixels at its smallest useful level",
            "Write it with more levels, each half the size of the one before.",
        )
    count = lengths.get("c", 1)
    shown = composite.channels_of(look, count, name)
    depths = lengths.get("z", 1)
    time, depth = look.place("time", lengths.get("t", 1), name), look.place("level", depths, name)
    depth = depths // 2 if depth is None else depth
    step = max(1, max(array.shape[-2:]) // (4 * size))
    layers = []
    for channel in shown:
        place = {"c": channel, "z": depth, "t": time or 0}
        index = tuple(place.get(axis, 0) if axis not in "yx" else slice(None, None, step) for axis in image.axes)
        layers.append(np.asarray(array[index]))
    channels = [image.channels[index] if index < len(image.channels) else ("", None) for index in shown]
    colours = composite.colours_for([colour for _, colour in channels], is_chosen=look.bands is not None)
    pixels = composite.lay_over(layers, colours)
    said = composite.caption(
        whole.shape[-1],
        whole.shape[-2],
        shown=[name for name, _ in channels],
        channels=count,
        depth=depth,
        depths=depths,
    )
    return picture(
        pixels,
        size=size,
        caption=f"{said}, {image.note}" if image.note else said,
        source="whole" if array is whole else "overview",
        photo=2 * max(pixels.shape[:2]) >= size,
    )


def _said(group: Any) -> Mapping[str, Any]:
    """Return what OME's attributes say, which version 0.5 keeps in a place of their own."""
    attributes: Mapping[str, Any] = dict(group.attrs)
    own = attributes.get("ome")
    return own if isinstance(own, Mapping) else attributes


def _channels(said: Mapping[str, Any]) -> list[tuple[str, Colour | None]]:
    omero = said.get("omero")
    listed = omero.get("channels") if isinstance(omero, Mapping) else None
    found: list[tuple[str, Colour | None]] = []
    for one in listed[:64] if isinstance(listed, list) else []:
        if not isinstance(one, Mapping):
            return []
        colour = str(one.get("color", ""))
        try:
            red, green, blue = bytes.fromhex(colour[:6])
        except ValueError:
            found.append((str(one.get("label", ""))[:80], None))
        else:
            found.append((str(one.get("label", ""))[:80], (red, green, blue)))
    return found
