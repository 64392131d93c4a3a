from __future__ import annotations

import struct

import h5py
import netCDF4
import numpy as np
import pytest
from format_samples import netcdf3, netcdf4, temperatures

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.drawing import viridis
from s3magic.store.reader import ByteLimitReached


@pytest.fixture(params=["netcdf-4", "netcdf-3", "netcdf-3 of 64 bits"])
def sample(request, tmp_path):
    """Name of the format, the file, the name of its variable."""
    if request.param == "netcdf-4":
        return "netcdf-4", netcdf4(tmp_path / "a.nc"), "air_temperature"
    return "netcdf-3", netcdf3(version=2 if "64" in request.param else 1), "tas"


def expected(size=160):
    """What a picture of the temperatures must look like: north up, 0° in the middle, a part of the south missing."""
    values = temperatures()
    values[0, :10] = np.nan
    values = np.roll(values, 36, axis=1)  # the file begins at 0°
    low, high = np.nanpercentile(values, (2, 98))
    colours = viridis(np.clip((values - low) / (high - low), 0, 1)).astype(int)[::-1]
    rows, columns = ((np.arange(length) + 0.5) / length for length in (size // 2, size))
    return colours[(rows * 36).astype(int)][:, (columns * 72).astype(int)]


def test_describes_variables_and_place(describe, sample):
    format_, data, name = sample
    info = describe(data, "a.nc")
    assert (info.kind, info.format, info.dimensions) == ("grid", format_, "72x36")
    assert info.crs84_extent == (-180.0, -90.0, 180.0, 90.0)
    assert info.bounds == pytest.approx((0.0, -90.0, 360.0, 90.0))
    assert info.details["variables"] == {name: "3 x 36 x 72 K"}
    field = next(field for field in info.schema if field["name"] == name)
    assert field["units"] == "K"
    assert field["dimensions"][0] == "time"


def test_an_empty_attribute_is_none(describe, tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("x", 3)
        file.createVariable("share", "f4", ("x",)).units = ""
    info = describe((tmp_path / "a.nc").read_bytes(), "a.nc")
    assert info.details == {"variables": {"share": "3"}}
    assert info.schema == [{"name": "share", "dataType": "float32", "dimensions": ["x"]}]


def test_files_of_other_times_have_the_same_schema(describe):
    assert describe(netcdf3(times=2), "a.nc").schema == describe(netcdf3(times=5), "b.nc").schema


@pytest.mark.parametrize("size", [160, 320])
def test_a_slice_is_drawn_north_up(preview, sample, size):
    found, pixels = preview(sample[1], "a.nc", size=size)
    assert (found.width, found.height, found.source) == (size, size // 2, "slice")
    assert found.caption.startswith(f"{sample[2]} (K), 3 x 36 x 72, time 0, 25")
    assert np.abs(pixels[..., :3] - expected(size))[: size // 2 - size // 36].mean() < 2
    assert (pixels[-1, size // 2 : size // 2 + size // 8, 3] == 0).all()
    assert (pixels[: size // 2 - size // 36, :, 3] == 255).all()


def test_only_one_slice_is_read(reader, tmp_path):
    rng = np.random.default_rng(1)
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("noise", data=rng.random((50, 100, 200)), chunks=(1, 100, 200))
    data = (tmp_path / "a.nc").read_bytes()
    file = reader(data, "a.nc", block=64 << 10)
    registry.find("a.nc").preview(file)
    assert file.bytes_read < len(data) / 10
    data = netcdf3(times=100, rows=90, columns=180)
    file = reader(data, "a.nc", block=64 << 10)
    registry.find("a.nc").preview(file)
    assert file.bytes_read < len(data) / 10


@pytest.mark.parametrize(
    ("first", "extent"),
    [(2.5, (-180.0, 180.0)), (-177.5, (-180.0, 180.0)), (162.5, (160.0, -20.0)), (182.5, (-180.0, 0.0))],
)
def test_longitudes_of_any_range(describe, tmp_path, first, extent):
    columns = 72 if extent == (-180.0, 180.0) else 36
    path = tmp_path / "a.nc"
    netcdf4(path, columns=columns)
    with h5py.File(path, "r+") as file:
        file["longitude"][:] = first + 5.0 * np.arange(columns)
    info = describe(path.read_bytes(), "a.nc")
    assert info.crs84_extent == (extent[0], -90.0, extent[1], 90.0)


def test_a_rotated_grid_is_placed_by_its_mapping(describe, preview, tmp_path):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        for name, values in (("rlat", np.linspace(-1, 1, 21)), ("rlon", np.linspace(-1, 1, 21))):
            file.create_dataset(name, data=values).make_scale(name)
            file[name].attrs["standard_name"] = "grid_latitude" if name == "rlat" else "grid_longitude"
            file[name].attrs["units"] = "degrees"
        main = file.create_dataset("tas", data=temperatures(21, 21))
        for axis, name in enumerate(("rlat", "rlon")):
            main.dims[axis].attach_scale(file[name])
        main.attrs["grid_mapping"] = "pole"
        pole = file.create_dataset("pole", data=0)
        pole.attrs["grid_mapping_name"] = "rotated_latitude_longitude"
        pole.attrs["grid_north_pole_latitude"], pole.attrs["grid_north_pole_longitude"] = 37.5, 177.5
    info = describe(path.read_bytes(), "a.nc")
    west, south, east, north = info.crs84_extent
    # The middle of this grid is 52.5 N, 2.5 W, by the definition of its pole.
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((-2.5, 52.5), abs=0.05)
    assert info.crs is not None
    found, pixels = preview(path.read_bytes(), "a.nc")
    assert pixels[5, 80, :3].sum() > pixels[-5, 80, :3].sum()
    assert found.width == found.height


def test_a_curved_grid_is_placed_by_its_latitudes(describe, preview, tmp_path):
    path = tmp_path / "a.nc"
    y, x = np.mgrid[0:20, 0:30].astype("f8")
    with h5py.File(path, "w") as file:
        for name in ("j", "i"):
            file.create_dataset(name, data=np.arange(20 if name == "j" else 30)).make_scale(name)
        for name, values, units in (
            ("nav_lat", 70 - y, "degrees_north"),
            ("nav_lon", 170 + x + y / 10, "degrees_east"),
            ("tos", 70 - y, "degC"),
        ):
            one = file.create_dataset(name, data=values)
            one.attrs["units"] = units
            for axis, dimension in enumerate(("j", "i")):
                one.dims[axis].attach_scale(file[dimension])
        file["tos"].attrs["coordinates"] = "nav_lat nav_lon"
    info = describe(path.read_bytes(), "a.nc")
    assert info.crs84_extent == (170.0, 51.0, -159.1, 70.0)
    assert info.details["variables"] == {"tos": "20 x 30 degC"}
    assert preview(path.read_bytes(), "a.nc")[0].caption.startswith("tos (degC), 20 x 30, 51 to 70")


def test_a_projected_grid_of_a_classic_file(describe):
    import io

    from scipy.io import netcdf_file

    out = io.BytesIO()
    file = netcdf_file(out, "w")
    for name, standard, values in (
        ("y", b"projection_y_coordinate", np.arange(5155000.0, 5150000.0, -100)),
        ("x", b"projection_x_coordinate", np.arange(1570000.0, 1576000.0, 100)),
    ):
        file.createDimension(name, len(values))
        one = file.createVariable(name, "d", (name,))
        one.standard_name, one.units = standard, b"m"
        one[:] = values
    from pyproj import CRS

    wkt = CRS.from_epsg(2193).to_wkt("WKT1_GDAL")
    mapping = file.createVariable("nztm", "c", ())
    mapping.spatial_ref = wkt.encode()
    band = file.createVariable("Band1", "b", ("y", "x"))
    band[:] = np.arange(3000).reshape(50, 60) % 120
    band.grid_mapping = b"nztm"
    file.flush()
    info = describe(out.getvalue(), "a.nc")
    assert info.crs == wkt
    assert info.native_extent == "1569950.0,1575950.0,5150050.0,5155050.0"
    assert info.crs84_extent[0] == pytest.approx(172.6, abs=0.1)


def test_depth_runs_down(preview, tmp_path):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        for name, values in (("depth", np.arange(30.0)), ("lon", np.arange(40.0))):
            file.create_dataset(name, data=values).make_scale(name)
        file["depth"].attrs["positive"] = "down"
        main = file.create_dataset("salinity", data=np.arange(30.0)[:, None] * np.ones((1, 40)))
        for axis, name in enumerate(("depth", "lon")):
            main.dims[axis].attach_scale(file[name])
    _, pixels = preview(path.read_bytes(), "a.nc")
    assert pixels[2, 80, 0] < pixels[-2, 80, 0]  # yellow, the largest, is at the bottom


def test_longitudes_may_come_before_latitudes(preview, tmp_path):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        for name, values in (("lon", np.arange(40.0)), ("lat", np.arange(20.0))):
            file.create_dataset(name, data=values).make_scale(name)
        main = file.create_dataset("t", data=np.arange(20.0)[None, :] * np.ones((40, 1)))
        for axis, name in enumerate(("lon", "lat")):
            main.dims[axis].attach_scale(file[name])
    found, pixels = preview(path.read_bytes(), "a.nc")
    assert (found.width, found.height) == (160, 81)  # degrees of longitude are narrower at 9.5° north
    assert pixels[2, 80, 0] > pixels[-2, 80, 0]


def test_a_first_slice_without_news_gives_way(preview, tmp_path):
    path = tmp_path / "a.nc"
    netcdf4(path)
    with h5py.File(path, "r+") as file:
        file["air_temperature"][0] = 1e20
    found, pixels = preview(path.read_bytes(), "a.nc")
    assert ", time 1, " in found.caption
    assert pixels[10, 80, 3] == 255


def test_a_series_is_drawn_as_a_line(preview, tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["soi"] = np.r_[np.sin(np.linspace(0, 20, 500)), np.nan]
    found, pixels = preview((tmp_path / "a.nc").read_bytes(), "a.nc")
    assert (found.width, found.height, found.source) == (160, 80, "whole")
    assert found.caption == "soi, 501, from -1 to 1"
    assert 0.005 < (pixels[..., 3] > 0).mean() < 0.2


def test_one_great_number_everywhere_is_drawn(preview, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["same"] = np.full((4, 4), 1e20)
    drawn, _ = preview((tmp_path / "x.h5").read_bytes(), "a.h5")
    assert drawn.caption.endswith("1e+20 to 1e+20")
    assert drawn.field.low < 1e20 < drawn.field.high


def test_plain_hdf5_says_so(describe, preview, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("deep/er")["image"] = temperatures()
        file["name"] = "text"
    info = describe((tmp_path / "a.h5").read_bytes(), "a.h5")
    assert (info.format, info.crs84_extent) == ("hdf5", None)
    assert info.details["variables"] == {"deep/er/image": "36 x 72"}
    assert preview((tmp_path / "a.h5").read_bytes(), "a.h5")[0].caption.startswith("deep/er/image, 36 x 72, 25")


def test_data_in_other_files_are_not_followed(describe, preview, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(temperatures().astype("f4").tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["inside"] = temperatures()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["linked"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "inside")
        file.create_dataset("outside", (36, 72), "f4", external=[(str(secret), 0, 36 * 72 * 4)])
        file["again"] = h5py.SoftLink("/")
    data = (tmp_path / "a.h5").read_bytes()
    assert set(describe(data, "a.h5").details["variables"]) == {"outside"}
    with pytest.raises(UnreadableFormat, match=r"a\.h5") as error:
        preview(data, "a.h5")
    assert "another file" in error.value.hint


def test_links_in_a_circle_end(describe, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("one")
        group["values"] = temperatures()
        group["back"] = file["/"]
        group["self"] = group
    assert list(describe((tmp_path / "a.h5").read_bytes(), "a.h5").details["variables"]) == ["one/values"]


def test_nothing_to_draw_is_told(preview, tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["one"] = 1.0
    with pytest.raises(UnreadableFormat, match=r"Nothing to draw in a\.nc"):
        preview((tmp_path / "a.nc").read_bytes(), "a.nc")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_file_cut_short_is_told(describe, preview, sample, share):
    data = sample[1][: int(len(sample[1]) * share)]
    for ask in (describe, preview):
        with pytest.raises(UnreadableFormat, match=r"a\.nc") as error:
            ask(data, "a.nc")
        assert error.value.hint


def test_a_classic_file_still_being_written(describe):
    data = bytearray(netcdf3(times=4))
    struct.pack_into(">I", data, 4, 0xFFFFFFFF)
    assert describe(bytes(data), "a.nc").details["variables"] == {"tas": "4 x 36 x 72 K"}


def test_errors_of_the_store_come_through(reader, tmp_path):
    from s3magic.errors import ObjectChanged

    data = netcdf4(tmp_path / "a.nc")
    file = reader(data, "a.nc", first_block=512, block=512)
    file._store.put("a.nc", data + b" ")
    with pytest.raises(ObjectChanged):
        registry.describe(file, "a.nc")


def chunked(path, chunks, shape=(40, 100, 120), **options):
    """A field whose index of chunks is spread over the whole file."""
    with h5py.File(path, "w") as file:
        all_units = ("days since 2000-01-01", "degrees_north", "degrees_east")
        for name, length, units in zip(("time", "lat", "lon"), shape, all_units, strict=True):
            file[name] = np.arange(length, dtype=float)
            file[name].make_scale(name)
            file[name].attrs["units"] = units
        field = file.create_dataset("t", shape, "f4", chunks=chunks, **options)
        for axis, name in enumerate(("time", "lat", "lon")):
            field.dims[axis].attach_scale(file[name])
        field[...] = np.arange(np.prod(shape)).reshape(shape)
    return path.read_bytes()


def test_no_index_of_chunks_is_read_but_for_the_slice(reader, tmp_path):
    data = chunked(tmp_path / "a.nc", (1, 10, 12))
    file = reader(data, "a.nc", first_block=4096, block=4096, around=0)
    registry.find("a.nc").describe(file)
    described = file.bytes_read
    assert described < len(data) / 20
    assert registry.find("a.nc").preview(file).source == "slice"
    assert file.bytes_read - described < len(data) / 10


def test_a_slice_that_is_too_dear_is_not_begun(reader, tmp_path):
    data = chunked(tmp_path / "a.nc", (40, 4, 4))
    file = reader(data, "a.nc", first_block=4096, block=4096, limit=len(data) // 2)
    with pytest.raises(ByteLimitReached):
        registry.find("a.nc").preview(file)
    assert file.bytes_read < len(data) / 20
    denser = chunked(tmp_path / "b.nc", (40, 4, 4), compression="gzip", shuffle=True)
    assert registry.find("b.nc").preview(reader(denser, "b.nc", limit=len(data) // 2)).source == "slice"
