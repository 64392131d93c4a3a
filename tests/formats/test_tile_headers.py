"""What a tile's description costs: one request for most layouts, three at most, and a few kilobytes."""

from __future__ import annotations

import struct
import warnings
from dataclasses import replace

import h5py
import netCDF4
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


def with_wkt_behind_the_points(*, compress=False):
    """A LAS 1.4 whose CRS stands in an extended record at its end."""
    made = las(version="1.4", point_format=6, keys=None, wkt=WKT, compress=compress)
    data = bytearray(made.replace(b"LASF_Projection", b"LASF_Elsewhere_"))
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
    "laz-1.4 with a WKT at its end": (lambda: with_wkt_behind_the_points(compress=True), "laz-1.4", 2),
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
    "a strip a row": ({"height": 9000, "width": 100, "blockysize": 1}, None, 2),
    "very many tiles": ({"tiled": True, "blockxsize": 16, "blockysize": 16, "width": 1600, "height": 1600}, None, 2),
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
    assert file.bytes_read <= FIRST + (requests - 1) * (224 << 10)


def test_a_directory_at_the_end_costs_little_more_than_itself(reader, tmp_path):
    file = reader(raster(tmp_path / "a.tif", **RASTERS["overviews behind"][0]), "a.tif")
    registry.describe(file, "a.tif")
    assert file.bytes_read <= FIRST + (64 << 10)


def test_one_schema_whatever_the_layout(describe, tmp_path):
    schemas = [
        describe(raster(tmp_path / f"{kind}.tif", **RASTERS[kind][0]), "a.tif").schema
        for kind in ("stripped", "cog", "bigtiff", "compressed")
    ]
    assert all(schema == schemas[0] for schema in schemas)


def plain_grid(folder):
    return netcdf4(folder / "a.nc")


def classic_grid(_):
    return netcdf3()


def no_netcdf(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file["group/numbers"] = np.zeros((50, 60))
    return (folder / "a.h5").read_bytes()


def with_long_header(folder):
    """As climate models write it: 250 variables, all told of before the first number."""
    with netCDF4.Dataset(folder / "a.nc", "w") as file:
        axes(file, ("lat", "lon"))
        for number in range(250):
            file.createVariable(f"v{number}", "f4", ("lat", "lon")).units = "K"
        for variable in file.variables.values():
            variable[:] = 7
    return (folder / "a.nc").read_bytes()


def with_late_variables(folder):
    """Variables that were told of when the numbers of others were there already."""
    with netCDF4.Dataset(folder / "a.nc", "w") as file:
        axes(file, ("lat", "lon"))
        for name in ("first", "second", "third"):
            numbers(file, name)
    return (folder / "a.nc").read_bytes()


def with_scattered_coordinates(folder, rows=180, columns=200):
    """The latitudes and longitudes of all cells, with numbers between them and behind."""
    with netCDF4.Dataset(folder / "a.nc", "w") as file:
        axes(file, ("y", "x"), rows, columns)
        north, east = np.mgrid[0:rows, 0:columns] / 10
        chunks = (rows // 2, columns // 2)
        for name, units, values in (("lat", "degrees_north", 40 + north), ("lon", "degrees_east", 5 + east)):
            coordinate = file.createVariable(name, "f8", ("y", "x"), chunksizes=chunks)
            coordinate.units, coordinate[:] = units, values
            numbers(file, f"behind {name}")
    return (folder / "a.nc").read_bytes()


def axes(file, names, rows=50, columns=80):
    """The dimensions of a grid, a variable on it, and their coordinates where they are degrees."""
    for name, length in zip(names, (rows, columns), strict=True):
        file.createDimension(name, length)
    file.createDimension("n", 120_000)
    for name, units, first in (("lat", "degrees_north", 40), ("lon", "degrees_east", 5)):
        if name in names:
            coordinate = file.createVariable(name, "f8", (name,))
            coordinate.units, coordinate[:] = units, first + np.arange(len(file.dimensions[name])) / 10
    file.createVariable("t", "f4", names).units = "K"


def numbers(file, name):
    """A variable of 480 KB, on its way to the disk before the next one is told of."""
    variable = file.createVariable(name, "f4", ("n",))
    variable.comment, variable[:] = "in many words " * 200, 7
    file.sync()


GRIDS = {
    "a.nc": (plain_grid, 1, 64),
    "c.nc": (classic_grid, 1, 64),
    "a.h5": (no_netcdf, 1, 64),
    "long.nc": (with_long_header, 2, 320),
    "cells.nc": (with_scattered_coordinates, 3, 1400),
    "late.nc": (with_late_variables, 3, 576),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_costs_three_requests_at_most(reader, tmp_path, name):
    make, requests, kilobytes = GRIDS[name]
    file = reader(make(tmp_path), name)
    assert registry.describe(file, name).kind == "grid"
    assert file.requests <= requests
    assert file.bytes_read <= kilobytes << 10


def test_coordinates_that_are_too_dear_are_left_out(reader, tmp_path):
    data = with_scattered_coordinates(tmp_path, 400, 300)
    found = [registry.describe(reader(data, "a.nc", limit=limit), "a.nc") for limit in (None, 1_500_000)]
    assert found[0].crs84_extent == (5.0, 40.0, 34.9, 79.9)
    assert found[1] == replace(found[0], crs84_extent=None)


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
