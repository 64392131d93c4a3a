"""GeoTIFF, COG and plain TIFF: size, place and bands from the directories; decodes no pixels (see geotiff_pixels).

Sidecar files (PAM, world files) are not looked for: this reads one file. Keys and transformation:
OGC GeoTIFF 1.1.
"""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from typing import Any

from s3magic.errors import UnreadableFormat
from s3magic.formats.base import PLAIN, Extent, Look, Preview, TileInfo, numbers
from s3magic.formats.crs import GeoKeys, crs_name, geo_keys, wkt_of_keys
from s3magic.formats.ome import read_ome
from s3magic.formats.tiff import Directory, Layout, Tag, read_layout
from s3magic.formats.watch import WatchedFile

_GHOST = re.compile(rb"GDAL_STRUCTURAL_METADATA_SIZE=(\d{6}) bytes\n")
_ITEM = re.compile(r'<Item name="DESCRIPTION" sample="(\d+)"[^<>]*>([^<]*)</Item>')
_UNITS = re.compile(r'<Item name="UNITTYPE" sample="(\d+)"[^<>]*>([^<]*)</Item>')
_WIDEST_STRIP = 1024
_SMALL = 512
_RASTER_TYPE = 1025
_POINT = 2
_COLOURS = {2: ("red", "green", "blue"), 5: ("cyan", "magenta", "yellow", "black"), 6: ("red", "green", "blue")}
_COMPRESSIONS = {
    1: "none", 2: "CCITT", 3: "CCITT fax 3", 4: "CCITT fax 4", 5: "LZW", 6: "old JPEG", 7: "JPEG", 8: "deflate",
    32773: "PackBits", 32946: "deflate", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "zstd",
    50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip

Affine = tuple[float, float, float, float, float, float]


def describe(file: WatchedFile) -> TileInfo:
    """Return size, place, CRS and bands; see `Format.describe`."""
    layout = read_layout(file)
    image = layout.directories[0]
    if not (image.width and image.height):
        raise ValueError("its image has no size")
    if image.last_data > file.size:
        raise UnreadableFormat(
            f"Cut short: {file.name} has {file.size} bytes, its image needs {image.last_data}",
            "Copy or upload the file again; its end is missing.",
        )
    keys = _keys(image)
    crs = wkt_of_keys(keys) if keys else None
    affine = _affine(image, keys)
    bounds = _bounds(affine, image.width, image.height) if affine else None
    overviews = [directory for directory in layout.directories[1:] if directory.is_overview and not directory.is_mask]
    details: dict[str, Any] = {
        "bands": image.samples,
        "type": _type_name(image),
        "compression": _compression(image),
        "overviews": len(overviews),
    }
    if affine and not (affine[1] or affine[3]):
        details["pixel"] = f"{affine[0]:.6g} x {abs(affine[4]):.6g}"
    if crs:
        details["CRS"] = crs_name(crs)
    microscopic = read_ome(image)
    if microscopic:
        details |= microscopic.details()
    return TileInfo(
        kind="raster",
        format="ome-tiff"
        if microscopic
        else _format(file, layout, overviews, is_placed=affine is not None or crs is not None),
        crs=crs,
        native_extent=numbers(bounds[0], bounds[2], bounds[1], bounds[3]) if bounds else None,
        bounds=bounds,
        dimensions=f"{image.width}x{image.height}",
        schema=_bands(image),
        details=details,
    )


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:
    """Return the picture, from an overview where there is one; see `Format.preview`."""
    from s3magic.formats import geotiff_pixels  # noqa: PLC0415 - drawing wants libraries that a description does not

    layout = read_layout(file)
    microscopic = read_ome(layout.directories[0])
    if microscopic:
        from s3magic.formats import ome_picture  # noqa: PLC0415 - as above

        return ome_picture.draw(file, layout, microscopic, size=size, look=look)
    return geotiff_pixels.draw(file, layout, size=size, look=look, measured=_measured(layout.directories[0], look))


def _measured(image: Directory, look: Look) -> tuple[str, str, str]:
    """Return quantity, title and units of what a single band holds; without a name it is that of its own grid."""
    index = look.bands[0] - 1 if look.bands else 0
    text = image.text(Tag.GDAL_METADATA)
    title = unescape(dict(_ITEM.findall(text)).get(str(index), ""))
    units = unescape(dict(_UNITS.findall(text)).get(str(index), ""))
    affine = _affine(image, _keys(image))
    grid = f"{affine[0]:.6g} {affine[4]:.6g}" if affine else ""
    name = title or f"band {index + 1}, {_type_name(image)}"
    return f"{name} {grid if not title else ''} {units}", name, units


def is_cog(file: WatchedFile, layout: Layout, overviews: list[Directory]) -> bool:
    """Tell whether a file is laid out as a Cloud Optimized GeoTIFF, by the rules GDAL's validator has.

    Directories come first, larger images before smaller ones; then their pixels, the smallest image
    first. Wide images must be tiled. Missing overviews are a pity, but no breach: `TileInfo.details`
    tells their number.
    """
    image = layout.directories[0]
    start = 16 if layout.is_big else 8
    if image.offset != start:
        ghost = _GHOST.match(file.read_at(start, 43))
        if not ghost or b"KNOWN_INCOMPATIBLE_EDITION=YES" in file.read_at(start + 43, int(ghost[1])):
            return False
        end = start + 43 + int(ghost[1])
        if image.offset != end + end % 2:
            return False
    images = [image, *overviews]
    if max(image.width, image.height) > _SMALL and any(
        one.block_width == one.width and one.width > _WIDEST_STRIP for one in images
    ):
        return False
    sizes = [(one.width, one.height) for one in images]
    places = [one.offset for one in images]
    data = [one.first_data for one in images]
    return (
        all(after[0] <= before[0] and after[1] <= before[1] for before, after in pairwise(sizes))
        and places == sorted(places)
        and all(not before or before >= after for before, after in pairwise(data))
        and (not data[-1] or data[-1] >= places[-1])
    )


def _format(file: WatchedFile, layout: Layout, overviews: list[Directory], *, is_placed: bool) -> str:
    if not is_placed:
        return "tiff"
    return "geotiff/cog" if is_cog(file, layout, overviews) else "geotiff"


def _keys(image: Directory) -> GeoKeys:
    return geo_keys(image.values(Tag.GEO_KEYS), image.values(Tag.GEO_DOUBLES), image.text(Tag.GEO_TEXT))


def _affine(image: Directory, keys: GeoKeys) -> Affine | None:
    """Return a, b, c, d, e, f so that x = a column + b row + c and y = d column + e row + f."""
    matrix = image.values(Tag.TRANSFORMATION)
    scale, ties = image.values(Tag.PIXEL_SCALE), image.values(Tag.TIE_POINTS)
    if len(matrix) == 16:
        a, b, c, d, e, f = matrix[0], matrix[1], matrix[3], matrix[4], matrix[5], matrix[7]
    elif len(scale) >= 2 and len(ties) >= 6:
        a, b, d, e = scale[0], 0.0, 0.0, -scale[1]
        c, f = ties[3] - ties[0] * a, ties[4] - ties[1] * e
    else:
        return None
    if keys.get(_RASTER_TYPE) == _POINT:  # the tie point is the middle of its pixel, not the corner
        c, f = c - (a + b) / 2, f - (d + e) / 2
    return (a, b, c, d, e, f)


def _bounds(affine: Affine, width: int, height: int) -> Extent:
    a, b, c, d, e, f = affine
    corners = [(a * column + b * row + c, d * column + e * row + f) for column in (0, width) for row in (0, height)]
    xs, ys = zip(*corners, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def _bands(image: Directory) -> list[dict[str, Any]]:
    """Return what each band holds, in the words of Kart's schema for rasters."""
    names = dict(_ITEM.findall(image.text(Tag.GDAL_METADATA)))
    nodata = image.text(Tag.GDAL_NODATA).strip()
    bands = []
    for index in range(min(image.samples, 1 << 10)):
        band: dict[str, Any] = {"dataType": _data_type(image), "size": image.bits}
        if image.sample_format == 1:
            band["unsigned"] = True
        if str(index) in names:
            band["description"] = unescape(names[str(index)])
        band["interpretation"] = _interpretation(image, index)
        if nodata:
            band["noData"] = nodata
        bands.append(band)
    return bands


def _interpretation(image: Directory, index: int) -> str:
    colours = _COLOURS.get(image.photometric, ("palette" if image.photometric == 3 else "gray",))
    if index < len(colours):
        return colours[index]
    extra = image.values(Tag.EXTRA_SAMPLES, most=1 << 10)
    at = index - len(colours)
    return "alpha" if at < len(extra) and extra[at] in (1, 2) else "undefined"


def _data_type(image: Directory) -> str:
    return {1: "integer", 2: "integer", 3: "float", 5: "complex integer", 6: "complex float"}.get(
        image.sample_format, "bytes"
    )


def _type_name(image: Directory) -> str:
    sign = "unsigned " if image.sample_format == 1 else ""
    return f"{sign}{_data_type(image)}, {image.bits} bit{'s' if image.bits > 1 else ''}"


def _compression(image: Directory) -> str:
    number = image.value(Tag.COMPRESSION, 1)
    return _COMPRESSIONS.get(number, str(number))
