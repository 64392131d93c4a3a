from __future__ import annotations

import struct

import numpy as np
import pytest
from format_samples import copc, hills, las
from pyproj import CRS, Transformer

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.drawing import viridis
from s3magic.store.reader import ByteLimitReached

NATIVE = "1754987.85,1755082.85,5920219.76,5920314.76,-1.66,28.34"


@pytest.mark.parametrize(
    ("options", "name", "format_"),
    [
        ({}, "a.las", "las-1.2"),
        ({"compress": True}, "a.laz", "laz-1.2"),
        ({"version": "1.1", "point_format": 1}, "a.las", "las-1.1"),
        ({"version": "1.3", "point_format": 3}, "a.las", "las-1.3"),
        ({"version": "1.4", "point_format": 7, "compress": True}, "a.LAZ", "laz-1.4"),
    ],
)
def test_describes_from_the_header(describe, options, name, format_):
    info = describe(las(**options), name)
    assert (info.kind, info.format, info.point_count) == ("point-cloud", format_, 96 * 96)
    assert info.native_extent == NATIVE
    assert info.bounds == (1754987.85, 5920219.76, 1755082.85, 5920314.76)
    to_degrees = Transformer.from_crs(2193, 4326, always_xy=True).transform
    lon, lat = to_degrees([1754987.85, 1755082.85] * 2, [5920219.76] * 2 + [5920314.76] * 2)
    assert info.crs84_extent == pytest.approx((min(lon), min(lat), max(lon), max(lat)), abs=2e-7)
    assert all(value == round(value, 7) for value in info.crs84_extent)
    assert 'AUTHORITY["EPSG","2193"]' in info.crs
    assert "EPSG:2193" in info.details["CRS"]


def test_describes_copc(describe):
    info = describe(copc(), "a.copc.laz")
    assert (info.format, info.point_count, info.native_extent) == ("laz-1.4/copc-1.0", 96 * 96, NATIVE)
    assert info.crs.startswith('GEOGCS["WGS 84"')
    assert info.details["created"] == "2024-02-29"


def test_a_wkt_record_is_kept_as_it_is(describe):
    wkt = CRS.from_epsg(2193).to_wkt("WKT1_GDAL")
    info = describe(las(version="1.4", point_format=6, keys=None, wkt=wkt), "a.las")
    assert info.crs == wkt
    assert info.crs84_extent[0] == pytest.approx(174.738, abs=1e-3)


def test_without_crs_there_is_no_place_on_earth(describe):
    info = describe(las(keys=None), "a.las")
    assert (info.crs, info.crs84_extent, info.native_extent) == (None, None, NATIVE)


def test_schema_names_every_field_and_its_bits(describe):
    schema = describe(las(point_format=3), "a.las").schema
    assert sum(field["size"] for field in schema) == 8 * 34
    assert schema[0] == {"name": "X", "dataType": "integer", "size": 32}
    assert {"name": "Return Number", "dataType": "integer", "size": 3, "unsigned": True} in schema
    assert schema[-1] == {"name": "Blue", "dataType": "integer", "size": 16, "unsigned": True}


@pytest.mark.parametrize("point_format", range(11))
def test_schema_is_as_long_as_the_record(describe, point_format):
    import laspy

    data = las(version="1.4", point_format=point_format, points=([0.0], [0.0], [0.0]))
    schema = describe(data, "a.las").schema
    assert sum(field["size"] for field in schema) == 8 * laspy.PointFormat(point_format).size


def test_schema_holds_extra_bytes(describe):
    info = describe(las(version="1.4", point_format=6, extra=[("height", "f4"), ("flag", "u1")]), "a.las")
    assert info.schema[-2:] == [
        {"name": "height", "dataType": "float", "size": 32},
        {"name": "flag", "dataType": "integer", "size": 8, "unsigned": True},
    ]


def test_tiles_of_one_kind_have_one_schema(describe):
    first, second = las(), las(points=([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]), compress=True)
    assert describe(first, "a.las").schema == describe(second, "b.laz").schema
    assert describe(first, "a.las").schema != describe(las(point_format=1), "c.las").schema


@pytest.mark.parametrize("data", [las(), las(compress=True)], ids=["las", "laz"])
def test_a_header_costs_one_request(reader, data):
    file = reader(data + bytes(1 << 20), "a.laz")
    registry.describe(file, "a.laz")
    assert (file.requests, file.bytes_read) == (1, 32 << 10)


def test_an_empty_cloud_has_no_extent(describe):
    info = describe(las(points=([], [], [])), "a.las")
    assert (info.point_count, info.native_extent, info.bounds, info.crs84_extent) == (0, None, None, None)


@pytest.mark.parametrize("size", [160, 320])
@pytest.mark.parametrize(
    ("data", "name"),
    [(las(), "a.las"), (las(compress=True), "a.laz"), (copc(), "a.copc.laz")],
    ids=["las", "laz", "copc"],
)
def test_previews_look_like_the_whole_cloud(preview, data, name, size):
    found, pixels = preview(data, name, size=size)
    assert (found.width, found.height, found.source) == (size, size, "points")
    assert found.caption.startswith("9,216 points, la")
    assert (pixels[..., 3] > 200).mean() > 0.97
    z = hills()[2]
    low, high = np.percentile(z, (2, 98))
    expected = viridis(np.clip((z - low) / (high - low), 0, 1)).reshape(96, 96, 3)[::-1].astype(int)
    at = ((np.arange(96) + 0.5) * size / 96).astype(int)
    # Shading makes a point lighter or darker, so hues are compared: the share of each colour.
    seen = pixels[at][:, at, :3]
    shares = [colours / np.maximum(1, colours.sum(axis=-1, keepdims=True)) for colours in (seen, expected)]
    assert np.abs(shares[0] - shares[1]).mean() < 0.05


def test_colours_of_the_points_are_used(preview):
    _, pixels = preview(las(colours=True, points=(*hills()[:2], np.zeros(96 * 96))), "a.las")
    red, green, blue = np.median(pixels[..., :3].reshape(-1, 3), axis=0)
    assert (red, green, blue) == (pytest.approx(200, abs=6), pytest.approx(100, abs=6), pytest.approx(0, abs=6))


def test_a_large_las_is_sampled(reader):
    side = 700  # 17 MB
    x, y = np.meshgrid(np.arange(side, dtype=float), np.arange(side, dtype=float))
    data = las(points=(x.ravel(), y.ravel(), (x + y).ravel() / 10))
    file = reader(data, "a.las", block=64 << 10)
    found = registry.find("a.las").preview(file)
    assert found.caption.startswith("490,000 points")
    assert file.bytes_read < 4 << 20


def test_a_large_laz_is_sampled_by_chunks(reader, preview):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 500, (2, 1_500_000))
    x.sort()  # so that each chunk covers but a strip
    data = las(points=(x, y, x / 10 + rng.normal(0, 2, len(x))), compress=True)
    file = reader(data, "a.laz", block=64 << 10)
    assert registry.find("a.laz").preview(file).source == "points"
    assert file.bytes_read < 3_000_000 < len(data)
    found, pixels = preview(data, "a.laz")
    assert "1,500,000 points, laz-1.2, " in found.caption
    assert " of them drawn, " in found.caption
    # What was not read is guessed, and pale.
    pale = pixels[..., 3] < 160
    assert 0.05 < pale.mean() < 0.95
    assert pixels[..., 3].min() > 60
    assert pixels[:, 5, 0].mean() < pixels[:, -5, 0].mean()


def test_a_cap_comes_through_unchanged(reader):
    with pytest.raises(ByteLimitReached):
        registry.find("a.las").preview(reader(las(), "a.las", limit=40_000))


def test_copc_reads_only_the_top_of_the_tree(reader, monkeypatch):
    from s3magic.formats import las_points

    data = copc(levels=6)
    monkeypatch.setattr(las_points, "_BUDGET", 4 << 10)
    file = reader(data, "a.copc.laz", first_block=1 << 10, block=1 << 10, around=0)
    registry.find("a.copc.laz").preview(file)
    assert file.bytes_read < len(data) - 2048


@pytest.mark.parametrize(
    ("data", "name"),
    [(las(), "a.las"), (las(compress=True), "a.laz"), (copc(), "a.copc.laz")],
    ids=["las", "laz", "copc"],
)
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_cut_short_is_told(describe, preview, data, name, share):
    for ask in (describe, preview):
        with pytest.raises(UnreadableFormat, match=name) as error:
            ask(data[: int(len(data) * share)], name)
        assert error.value.hint


def test_an_empty_cloud_has_no_picture(preview):
    with pytest.raises(UnreadableFormat, match="No points"):
        preview(las(points=([], [], [])), "a.las")


def test_a_chunk_table_that_lies_is_told(preview):
    data = bytearray(las(compress=True))
    (start,) = struct.unpack_from("<I", data, 96)
    (table,) = struct.unpack_from("<q", data, start)
    struct.pack_into("<I", data, table + 4, 0x7FFFFFFF)
    with pytest.raises(UnreadableFormat, match=r"a\.laz"):
        preview(bytes(data), "a.laz")


def test_a_chunk_that_claims_too_much_is_refused(preview):
    data = bytearray(copc())
    (start,) = struct.unpack_from("<I", data, 96)
    struct.pack_into("<I", data, start + 8 + 30 + 4, 0xFFFFFFF0)  # bytes of the first chunk's first layer
    with pytest.raises(UnreadableFormat, match=r"a\.copc\.laz"):
        preview(bytes(data), "a.copc.laz")


def test_compression_that_does_not_fit_the_points_is_refused(preview):
    data = bytearray(las(compress=True))
    at = data.index(b"laszip encoded") - 2 + 54 + 32
    data[at : at + 2] = b"\0\0"
    with pytest.raises(UnreadableFormat, match=r"a\.laz"):
        preview(bytes(data), "a.laz")


def test_chunks_that_together_claim_too_many_points_are_refused_unread(preview):
    levels = 12
    data = bytearray(copc(levels=levels))
    for level in range(levels):
        struct.pack_into("<i", data, len(data) - 32 * level - 4, 900_000)
    with pytest.raises(UnreadableFormat) as caught:
        preview(bytes(data), "a.copc.laz")
    assert "too many to draw" in caught.value.hint
