"""What a tile's description costs: one request for most layouts, three at most, and a few kilobytes."""

from __future__ import annotations

import struct
import warnings

import numpy as np
import pytest
from format_samples import copc, geotiff, las, netcdf3, netcdf4
from pyproj import CRS

from s3magic.formats import registry

FIRST = 32 << 10
WKT = CRS.from_epsg(2193).to_wkt("WKT1_GDAL")


def raster(path, *, width=600, height=500, driver="GTiff", overviews=(), **options):
    """A raster as GDAL writes it."""
    import rasterio
    from rasterio.transform import from_origin

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = {"crs": "EPSG:2193", "transform": from_origin(1570000, 5190000, 2, 2)}
        with rasterio.open(path, "w", driver, width, height, 1, dtype="uint8", **place, **options) as file:
            file.write(np.random.default_rng(7).integers(0, 255, (1, height, width), "uint8"))
        if overviews:
            with rasterio.open(path, "r+") as file:
                file.build_overviews(overviews)
    return path.read_bytes()


def with_wkt_behind_the_points():
    """A LAS 1.4 whose CRS stands in an extended record at its end."""
    data = bytearray(
        las(version="1.4", point_format=6, keys=None, wkt=WKT).replace(b"LASF_Projection", b"LASF_Elsewhere_")
    )
    struct.pack_into("<QI", data, 235, len(data), 1)
    text = WKT.encode() + b"\0"
    return bytes(data) + struct.pack("<H16sHQ32s", 0, b"LASF_Projection", 2112, len(text), b"") + text


def first_version():
    """A LAS 1.0, which has the header of 1.1 but for its number."""
    data = bytearray(las(version="1.1", point_format=1))
    data[25] = 0
    return bytes(data)


CLOUDS = {
    "las-1.0": (first_version, "las-1.0", 1),
    "las-1.4 with a WKT at its end": (with_wkt_behind_the_points, "las-1.4", 2),
    "laz-1.4": (lambda: las(version="1.4", point_format=7, keys=None, wkt=WKT, compress=True), "laz-1.4", 1),
    "copc": (lambda: copc(levels=2), "laz-1.4/copc-1.0", 1),
}


@pytest.mark.parametrize("kind", CLOUDS)
def test_a_cloud_costs_a_request_and_one_more_for_records_at_its_end(reader, kind):
    make, format_, requests = CLOUDS[kind]
    file = reader(make(), "a.laz")
    info = registry.describe(file, "a.laz")
    assert (info.format, info.point_count, file.requests <= requests) == (format_, 96 * 96, True)
    assert info.crs
    assert info.crs84_extent


RASTERS = {
    "stripped": ({}, "geotiff/cog", 1),
    "tiled": ({"tiled": True, "blockxsize": 128, "blockysize": 128}, "geotiff/cog", 1),
    "compressed": ({"compress": "deflate", "predictor": 2}, None, 1),
    "cog": ({"driver": "COG", "blocksize": 128}, "geotiff/cog", 1),
    "bigtiff": ({"BIGTIFF": "YES", "width": 2000}, "geotiff", 1),
    "bigtiff cog": ({"driver": "COG", "BIGTIFF": "YES", "blocksize": 128}, "geotiff/cog", 1),
    "a strip a row": ({"height": 9000, "width": 100, "blockysize": 1}, None, 3),
    "very many tiles": ({"tiled": True, "blockxsize": 16, "blockysize": 16, "width": 1600, "height": 1600}, None, 3),
    "overviews behind": ({"tiled": True, "blockxsize": 128, "blockysize": 128, "overviews": (2, 4)}, "geotiff", 2),
}


@pytest.mark.parametrize("kind", RASTERS)
def test_a_raster_costs_a_request_and_a_few_more_when_it_is_scattered(reader, tmp_path, kind):
    options, format_, requests = RASTERS[kind]
    data = raster(tmp_path / "a.tif", **options)
    file = reader(data, "a.tif")
    info = registry.describe(file, "a.tif")
    width, height = options.get("width", 600), options.get("height", 500)
    assert info.dimensions == f"{width}x{height}"
    assert info.bounds == (1570000, 5190000 - 2 * height, 1570000 + 2 * width, 5190000)
    assert info.details["CRS"].endswith("(EPSG:2193)")
    assert format_ in {info.format, None}
    assert file.requests <= requests
    assert file.bytes_read <= FIRST or requests > 1


def test_one_schema_whatever_the_layout(describe, tmp_path):
    schemas = [
        describe(raster(tmp_path / f"{kind}.tif", **RASTERS[kind][0]), "a.tif").schema
        for kind in ("stripped", "cog", "bigtiff", "compressed")
    ]
    assert all(schema == schemas[0] for schema in schemas)


def test_grids_cost_little(reader, tmp_path):
    import h5py

    netcdf4(tmp_path / "a.nc")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/numbers"] = np.zeros((50, 60))
    samples = {"a.nc": (tmp_path / "a.nc").read_bytes(), "c.nc": netcdf3(), "a.h5": (tmp_path / "a.h5").read_bytes()}
    for name, data in samples.items():
        file = reader(data, name)
        registry.describe(file, name)
        assert file.requests <= 2, name


@pytest.mark.parametrize(
    ("west", "extent"),
    [(179.5, (179.5, 54.0, -179.5, 55.0)), (350.0, (-10.0, 54.0, -9.0, 55.0)), (-180.5, (179.5, 54.0, -179.5, 55.0))],
)
def test_longitudes_of_any_count_lie_on_one_earth(describe, west, extent):
    keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)
    data = geotiff(np.zeros((10, 10), "u1"), tie=(west, 55.0), pixel=0.1, keys=keys)
    assert describe(data, "a.tif").crs84_extent == extent


def test_extra_fields_of_every_type_are_told(describe):
    kinds = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
    info = describe(las(version="1.4", point_format=6, extra=[(f"of {kind}", kind) for kind in kinds]), "a.las")
    told = {field["name"]: (field["dataType"][0], field["size"], field.get("unsigned", False)) for field in info.schema}
    for kind in kinds:
        letter = "f" if kind[0] == "f" else "i"
        assert told[f"of {kind}"] == (letter, 8 * int(kind[1]), kind[0] == "u")


def test_the_crs_is_the_same_by_keys_and_by_wkt(describe):
    by_keys, by_text = (
        describe(las(), "a.las"),
        describe(las(version="1.4", point_format=6, keys=None, wkt=WKT), "b.las"),
    )
    assert CRS.from_wkt(by_keys.crs) == CRS.from_wkt(by_text.crs)
    assert by_keys.crs84_extent == by_text.crs84_extent
