from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile
from format_samples import EPSG_2193, cog, geo_tags, geotiff, temperatures

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.drawing import viridis

RAMP = np.add.outer(np.arange(300) * 100, np.arange(400) * 50).astype("u2")


def test_describes_place_and_bands(describe):
    info = describe(geotiff(RAMP, nodata=0), "a.tif")
    assert (info.kind, info.format, info.dimensions) == ("raster", "geotiff/cog", "400x300")
    assert info.bounds == (1573869.73, 5155224.35 - 4500, 1573869.73 + 6000, 5155224.35)
    assert info.native_extent == "1573869.73,1579869.73,5150724.35,5155224.35"
    assert info.schema == [
        {"dataType": "integer", "size": 16, "unsigned": True, "interpretation": "gray", "noData": "0"}
    ]
    assert 'AUTHORITY["EPSG","2193"]' in info.crs
    assert info.crs84_extent == pytest.approx((172.67, -43.80, 172.75, -43.75), abs=0.01)


def test_rasterio_sees_the_same(describe, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    for data in (geotiff(RAMP), geotiff(RAMP, point=True), cog(RAMP), geotiff(RAMP, bigtiff=True)):
        (tmp_path / "a.tif").write_bytes(data)
        with rasterio.open(tmp_path / "a.tif") as raster:
            info = describe(data, "a.tif")
            assert info.bounds == pytest.approx(tuple(raster.bounds), rel=1e-15)
            assert raster.crs.to_epsg() == 2193


def test_a_pixel_may_be_a_point(describe):
    edge, middle = describe(geotiff(RAMP), "a.tif").bounds, describe(geotiff(RAMP, point=True), "a.tif").bounds
    assert [a - b for a, b in zip(edge, middle, strict=True)] == [7.5, -7.5, 7.5, -7.5]


def test_a_turned_image_is_placed_by_its_corners(describe, tmp_path):
    matrix = (0.0, 10.0, 0, 500.0, 10.0, 0.0, 0, 900.0, 0, 0, 0, 0, 0, 0, 0, 1)
    tags = [(34264, "d", 16, matrix, True), (34735, "H", len(EPSG_2193), tuple(EPSG_2193), True)]
    tifffile.imwrite(tmp_path / "a.tif", RAMP, metadata=None, extratags=tags)
    assert describe((tmp_path / "a.tif").read_bytes(), "a.tif").bounds == (500.0, 900.0, 3500.0, 4900.0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cog_is_known_by_its_layout(describe, order):
    info = describe(cog(RAMP, order=order), "a.tif")
    assert (info.format, info.details["overviews"], info.dimensions) == ("geotiff/cog", 2, "400x300")


def test_narrow_strips_in_order_are_a_cog_to_gdal_too(describe):
    assert describe(geotiff(np.zeros((20, 1024), "u1")), "a.tif").format == "geotiff/cog"


def test_a_directory_behind_the_pixels_is_no_cog(describe):
    data = geotiff(RAMP)
    (place,) = struct.unpack_from("<I", data, 4)
    # The same file with its one directory moved to the end.
    length = 2 + 12 * struct.unpack_from("<H", data, place)[0] + 4
    moved = bytearray(data + data[place : place + length])
    struct.pack_into("<I", moved, 4, len(data))
    assert describe(geotiff(RAMP), "a.tif").bounds == describe(bytes(moved), "a.tif").bounds
    assert describe(bytes(moved), "a.tif").format == "geotiff"


def test_wide_strips_are_no_cog(describe):
    assert describe(geotiff(np.zeros((20, 2000), "u1")), "a.tif").format == "geotiff"


def test_large_pixels_first_are_no_cog(describe):
    data = bytearray(cog(RAMP, overviews=1))
    first, second = _tile_offsets(data)
    # Both images now begin at each other's place.
    (one,), (two,) = struct.unpack_from("<I", data, first), struct.unpack_from("<I", data, second)
    struct.pack_into("<I", data, first, two)
    struct.pack_into("<I", data, second, one)
    assert describe(bytes(data), "a.tif").format == "geotiff"


def _tile_offsets(data):
    places, at = [], 8
    while at:
        (count,) = struct.unpack_from("<H", data, at)
        for index in range(count):
            tag, _, _, value = struct.unpack_from("<HHII", data, at + 2 + 12 * index)
            if tag == 324:
                places.append(value)
        (at,) = struct.unpack_from("<I", data, at + 2 + 12 * count)
    return places


def test_without_a_place_it_is_just_tiff(describe):
    out = geotiff(RAMP)
    plain = out.replace(struct.pack("<H", 33550), struct.pack("<H", 60001)).replace(
        struct.pack("<H", 34735), struct.pack("<H", 60002)
    )
    info = describe(plain, "a.tif")
    assert (info.format, info.crs, info.bounds, info.crs84_extent) == ("tiff", None, None, None)


def test_requests_are_few(reader):
    data = cog(np.resize(RAMP, (2000, 2000)), tile=256, overviews=3)
    file = reader(data, "a.tif")
    registry.describe(file, "a.tif")
    assert file.requests == 1
    file = reader(data, "a.tif", block=64 << 10)
    found = registry.find("a.tif").preview(file)
    assert (found.source, file.requests) == ("overview", 2)
    assert file.bytes_read < 300_000 < len(data)
    file = reader(geotiff(RAMP), "a.tif")
    registry.describe(file, "a.tif")
    assert file.requests <= 2


def test_a_directory_at_the_end_costs_one_more(reader):
    out = geotiff(RAMP)
    (place,) = struct.unpack_from("<I", out, 4)
    padded = bytearray(out + bytes(1 << 20))
    length = 2 + 12 * struct.unpack_from("<H", out, place)[0] + 4
    padded += out[place : place + length]
    struct.pack_into("<I", padded, 4, len(padded) - length)
    file = reader(bytes(padded), "a.tif")
    registry.describe(file, "a.tif")
    assert file.requests == 2


@pytest.mark.parametrize("size", [160, 320])
def test_an_overview_looks_like_the_whole(preview, size):
    whole, overview = preview(geotiff(RAMP), "a.tif", size=size), preview(cog(RAMP), "a.tif", size=size)
    assert (whole[0].source, overview[0].source) == ("whole", "overview" if size == 160 else "whole")
    assert (whole[0].width, whole[0].height) == (overview[0].width, overview[0].height) == (size, size * 3 // 4)
    assert np.abs(whole[1] - overview[1]).mean() < 4
    assert whole[0].caption.startswith("400 x 300 pixels, 1 band, 0 to 498")


def test_measured_numbers_are_drawn_in_viridis(preview):
    values = temperatures(80, 160)
    found, pixels = preview(geotiff(values), "a.tif")
    low, high = np.percentile(values, (2, 98))
    expected = viridis(np.clip((values - low) / (high - low), 0, 1)).astype(int)
    assert np.abs(pixels[..., :3] - expected).mean() < 1
    assert found.caption.endswith("250 to 305")


@pytest.mark.parametrize("type_", [1, 4])
def test_a_text_of_another_type_is_no_broken_file(describe, type_):
    data = geotiff(RAMP, nodata=0)
    entry = struct.pack("<HH", 42113, 2)
    assert data.count(entry) == 1
    band = describe(data.replace(entry, struct.pack("<HH", 42113, type_)), "a.tif").schema[0]
    assert band.get("noData") == ("0" if type_ == 1 else None)


def test_nodata_is_transparent(preview):
    values = temperatures(80, 160)
    values[:40] = -9999
    _, pixels = preview(geotiff(values, nodata=-9999), "a.tif")
    assert (pixels[:39, :, 3] == 0).all()
    assert (pixels[41:, :, 3] == 255).all()
    values[:40] = np.nan
    _, pixels = preview(geotiff(values), "a.tif")
    assert (pixels[:39, :, 3] == 0).all()


def test_colours_stay_as_they_are(preview):
    data = np.zeros((120, 160, 3), "u1")
    data[:60] = (200, 40, 10)
    found, pixels = preview(geotiff(data, photometric="rgb"), "a.tif")
    assert found.media_type == "image/webp"
    assert np.abs(pixels[10:50, 10:150, :3] - (200, 40, 10)).mean() < 6
    assert pixels[70:, :, :3].mean() < 6
    assert (pixels[..., 3] == 255).all()


def test_bands_of_their_own_planes_are_put_together(preview):
    data = np.zeros((3, 120, 160), "u1")
    data[1] = 180
    _, pixels = preview(geotiff(data, photometric="rgb", planarconfig="separate"), "a.tif")
    assert np.abs(pixels[..., :3] - (0, 180, 0)).mean() < 4


def test_wide_colours_are_stretched(preview):
    data = np.repeat((np.linspace(300, 3000, 160)[None, :, None] * np.ones((120, 1, 1))).astype("u2"), 3, axis=-1)
    _, pixels = preview(geotiff(data, photometric="rgb"), "a.tif")
    assert pixels[60, 2, 0] < 10
    assert pixels[60, -3, 0] > 245


def test_alpha_and_palette(preview):
    data = np.full((100, 100, 4), 90, "u1")
    data[:50, :, 3], data[50:, :, 3] = 0, 255
    _, pixels = preview(geotiff(data, photometric="rgb", extrasamples=["unassalpha"]), "a.tif", size=100)
    assert pixels[:45, :, 3].max() < 10
    assert pixels[55:, :, 3].min() > 245
    colours = np.zeros((3, 256), "u2")
    colours[:, 7] = (65535, 0, 32768)
    _, pixels = preview(geotiff(np.full((100, 100), 7, "u1"), photometric="palette", colormap=colours), "a.tif")
    assert (pixels[0, 0] == (255, 0, 128, 255)).all()


def test_compressed_tiles(preview):
    whole, packed = (
        preview(geotiff(RAMP, **options), "a.tif")[1]
        for options in ({}, {"compression": "zlib", "predictor": True, "tile": (64, 64)})
    )
    assert (whole == packed).all()


def test_without_overviews_a_huge_image_is_refused(preview):
    data = bytearray(cog(RAMP, overviews=0))
    for index in range(struct.unpack_from("<H", data, 8)[0]):
        at = 10 + 12 * index
        if struct.unpack_from("<H", data, at)[0] in (256, 257):
            struct.pack_into("<H", data, at + 8, 60_000)
    with pytest.raises(UnreadableFormat, match="60000 x 60000") as error:
        preview(bytes(data), "a.tif")
    assert "overviews" in error.value.hint


@pytest.mark.parametrize("data", [geotiff(RAMP), cog(RAMP)], ids=["strips", "cog"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
def test_a_file_cut_short_is_told(describe, data, share):
    with pytest.raises(UnreadableFormat, match=r"a\.tif") as error:
        describe(data[: int(len(data) * share)], "a.tif")
    assert error.value.hint


def test_tiles_in_jpeg(preview):
    data = np.zeros((120, 160, 3), "u1")
    data[:, :80] = (200, 40, 10)
    packed = geotiff(data, photometric="rgb", compression="jpeg", tile=(64, 64))
    _, pixels = preview(packed, "a.tif")
    assert np.abs(pixels[:, 5:70, :3] - (200, 40, 10)).mean() < 8
    # A tile that claims to be 65,000 pixels wide and high.
    frame = packed.index(b"\xff\xc0") + 5
    with pytest.raises(UnreadableFormat, match=r"a\.tif"):
        preview(packed[:frame] + struct.pack(">HH", 65_000, 65_000) + packed[frame + 4 :], "a.tif")


def test_one_bit_an_image(preview):
    data = np.zeros((64, 64), bool)
    data[:32] = True
    _, pixels = preview(geotiff(data, photometric="minisblack"), "a.tif", size=64)
    assert pixels[5:25, :, 0].min() > 240
    assert pixels[40:60, :, 0].max() < 15


def test_directories_in_a_circle(describe, preview):
    data = bytearray(cog(RAMP, overviews=1))
    (count,) = struct.unpack_from("<H", data, 8)
    (second,) = struct.unpack_from("<I", data, 8 + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", data, second)
    struct.pack_into("<I", data, second + 2 + 12 * count, 8)
    for ask in (describe, preview):
        with pytest.raises(UnreadableFormat, match=r"a\.tif"):
            ask(bytes(data), "a.tif")


def test_band_names_are_found(describe, tmp_path):
    item = '<Item name="DESCRIPTION" sample="0" role="description">wet &amp; dry</Item>'
    text = f'<GDALMetadata>\n  <Item name="DESCRIPTION" sample="1" {item}\n</GDALMetadata>'  # the first is not closed
    tags = [*geo_tags((0.0, 0.0), 1.0, EPSG_2193), (42112, "s", 0, text, True)]
    tifffile.imwrite(tmp_path / "a.tif", RAMP, metadata=None, extratags=tags)
    assert describe((tmp_path / "a.tif").read_bytes(), "a.tif").schema[0]["description"] == "wet & dry"
