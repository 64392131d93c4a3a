"""OME-TIFF: what its XML says of channels, depths and times, and where the picture of each lies; draws nothing.

Layout: OME-TIFF specification 6, OME schema 2016-06.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from s3magic.formats.tiff import Directory, Layout, Tag

_MOST_PLANES = 1 << 20
_MOST_CHANNELS = 64
_NEAR = 64 << 10  # bytes within which the next directory comes with the last one's read
_MOST_JUMPS = 24  # directories further away that are followed
_MOST_WALKED = 4096


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its name, and its colour as red, green, blue where the file gives one."""

    name: str
    colour: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Ome:
    """The first image of an OME-TIFF.

    Parameters
    ----------
    depths, times
        Planes along z and t.
    channels
        As many as there are planes for; one where the samples of a pixel are its colours.
    samples
        Numbers of a pixel in a plane.
    pixel
        Width of a pixel with its unit; empty where it is not known.
    planes
        The number of the directory in the chain by channel, depth and time.
    """

    depths: int
    times: int
    channels: tuple[Channel, ...]
    samples: int
    pixel: str
    planes: Mapping[tuple[int, int, int], int]

    def details(self) -> dict[str, Any]:
        """Return what people want to know."""
        names = [one.name or f"channel {index}" for index, one in enumerate(self.channels, 1)]
        said: dict[str, Any] = {"channels": names if self.samples == 1 else "colours"}
        if self.depths > 1:
            said["depths"] = self.depths
        if self.times > 1:
            said["times"] = self.times
        if self.pixel:
            said["pixel"] = self.pixel
        return said


def read_ome(image: Directory) -> Ome | None:
    """Return what the description of a file's first image says; None where it is no OME-XML, or makes no sense."""
    if Tag.DESCRIPTION not in image:
        return None
    try:
        text = image.text(Tag.DESCRIPTION)
        if "<OME" not in text[:4096] or "<!" in text.replace("<!--", ""):
            return None  # a declaration of its own is none of OME's
        root = ElementTree.fromstring(text)  # noqa: S314 - it has no entities, see above
        return _understood(root)
    except (ElementTree.ParseError, EOFError, ValueError, KeyError):
        return None


def planes(layout: Layout, ome: Ome, depth: int | None, time: int) -> tuple[int, list[Directory]]:
    """Return a depth and its planes, one a channel: the depth that is asked for, else the one nearest the middle.

    Directories are linked one to the next, so those far behind are found only where a few steps
    lead there; no planes are returned where none are found.
    """
    wanted = sorted(range(ome.depths), key=lambda z: abs(z - ome.depths // 2)) if depth is None else [depth]
    places = {z: [ome.planes.get((c, z, time)) for c in range(len(ome.channels))] for z in wanted}
    last = max((place for place in places[wanted[0]] if place is not None), default=-1)
    known = list(_walk(layout, last))
    for z in wanted:
        found = [known[place] for place in places[z] if place is not None and place < len(known)]
        if found and len(found) == len(ome.channels):
            return z, found
    return 0, []


def with_copies(layout: Layout, plane: Directory) -> list[Directory]:
    """Return a plane and its smaller copies."""
    children = plane.values(Tag.SUB_DIRECTORIES, most=_MOST_CHANNELS)
    return [plane, *(layout.directory_at(int(at)) for at in children)]


def _walk(layout: Layout, last: int) -> Iterator[Directory]:
    """Yield the directories up to a number, as long as they lie close or are few."""
    before, jumps = 0, 0
    for number, directory in enumerate(layout.pages()):
        jumps += abs(directory.offset - before) > _NEAR
        if jumps > _MOST_JUMPS or number > _MOST_WALKED:
            return
        yield directory
        if number >= last:
            return
        before = directory.offset


def _understood(root: ElementTree.Element) -> Ome | None:
    name = root.tag.rpartition("}")[0] + "}" if root.tag.startswith("{") else ""
    pixels = root.find(f"{name}Image/{name}Pixels")
    if pixels is None:
        return None
    sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in "CZT"}
    found = pixels.findall(f"{name}Channel")[:_MOST_CHANNELS]
    samples = int(found[0].get("SamplesPerPixel", "1")) if found else 1
    count = max(1, sizes["C"] // max(1, samples))
    if not all(0 < size <= _MOST_PLANES for size in (*sizes.values(), count * sizes["Z"] * sizes["T"])):
        raise ValueError("it has more planes than can be true")
    if count > _MOST_CHANNELS:
        raise ValueError("it has more channels than can be true")
    channels = [Channel(one.get("Name", "")[:80], _colour(one.get("Color"))) for one in found[:count]]
    channels += [Channel("", None)] * (count - len(channels))
    width, unit = pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm")
    return Ome(
        depths=sizes["Z"],
        times=sizes["T"],
        channels=tuple(channels),
        samples=samples,
        pixel=f"{float(width):.4g} {unit[:8]}" if width else "",
        planes=_places(root, pixels, name, {**sizes, "C": count}),
    )


def _places(
    root: ElementTree.Element, pixels: ElementTree.Element, name: str, sizes: Mapping[str, int]
) -> dict[tuple[int, int, int], int]:
    """Return the number of the directory of each plane; those in other files are left out."""
    order = [axis for axis in pixels.get("DimensionOrder", "XYCZT") if axis in sizes]
    if sorted(order) != ["C", "T", "Z"]:
        raise ValueError("its axes make no sense")
    total = sizes["C"] * sizes["Z"] * sizes["T"]
    found: dict[tuple[int, int, int], int] = {}
    for data in pixels.findall(f"{name}TiffData") or [ElementTree.Element("TiffData")]:
        other = data.find(f"{name}UUID")
        if other is not None and root.get("UUID") and (other.text or "").strip() != root.get("UUID"):
            continue
        start, step = 0, 1
        for axis in order:
            start += int(data.get(f"First{axis}", "0")) * step
            step *= sizes[axis]
        directory = int(data.get("IFD", "0"))
        count = int(data.get("PlaneCount", "1" if "IFD" in data.attrib else str(total)))
        for number in range(max(0, start), min(total, start + count)):
            at, place = number, {}
            for axis in order:
                at, place[axis] = divmod(at, sizes[axis])
            found[place["C"], place["Z"], place["T"]] = directory + number - start
    return found


def _colour(text: str | None) -> tuple[int, int, int] | None:
    """Return the colour of a channel, which OME writes as one signed number: red, green, blue, alpha."""
    try:
        number = int(text or "") & 0xFFFFFFFF
    except ValueError:
        return None
    return number >> 24, number >> 16 & 255, number >> 8 & 255
