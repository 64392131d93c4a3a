"""Fields as maps: laid out as the earth is, coasts on them where they are on this disk, colours exchanged."""

from __future__ import annotations

import io
import socket

import h5py
import numpy as np
import pytest
from format_samples import geotiff, netcdf4, pp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s3magic.formats import coast, drawing, registry
from s3magic.formats.colours import colour, repaint


def drawn(values, low, high, *, signed=False):
    """The colours of numbers on a scale, from the numbers themselves."""
    shares = (np.asarray(values, float) - low) / (high - low)
    return np.array([colour(share, signed=signed) for share in shares.ravel()]).reshape(*np.shape(values), 3)


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGBA")).astype(int)


@settings(max_examples=25, deadline=None)
@given(
    low=st.floats(-1e6, 1e6),
    span=st.floats(1e-3, 1e6),
    below=st.floats(0, 2),
    above=st.floats(0, 2),
    odd=st.sampled_from([0.0, 50.0]),
    signed=st.booleans(),
)
def test_exchanged_colours_are_those_of_the_numbers(*, low, span, below, above, odd, signed):
    values = low + span * np.linspace(0, 1, 144).reshape(12, 12)
    values[0, 0] = low + span * (1 + odd)  # one odd value must not coarsen the others
    values[5, 5] = np.nan
    found = drawing.field(values, size=12, caption="", source="slice", quantity="q", signed=signed)
    ends = (low - below * span, low + span * (1 + above))
    seen = pixels(repaint(found.image, found.field, *ends))
    expected = drawn(np.nan_to_num(values, nan=low), *ends, signed=signed)
    known = np.isfinite(values)
    assert np.abs(seen[..., :3] - expected)[known].max() <= 12
    assert seen[5, 5, 3] == 0
    assert (seen[known][:, 3] == 255).all()


def test_a_stored_picture_of_numbers_still_knows_them(reader):
    values = np.linspace(-5, 20, 400).reshape(20, 20)
    first = drawing.field(
        values, size=40, caption="", source="slice", quantity="q K", title="q", units="K", signed=True
    )
    again = registry.find("a.png").preview(reader(first.image, "a.png"), size=40)
    assert again.field == first.field
    assert (pixels(again.image) == pixels(first.image)).all()
    other = repaint(first.image, first.field, -100, 100)
    assert registry.find("a.png").preview(reader(other, "a.png"), size=40).image == again.image


@pytest.mark.parametrize(
    "lie", ['"minimum": NaN', '"minimum": 1e999', '"low": 1e9', '"high": "much"', '"title": 3, "low": null', "["]
)
def test_a_picture_that_lies_of_its_numbers_is_a_picture(reader, lie):
    from PIL.PngImagePlugin import PngInfo

    field = '{"quantity": "q", "title": "q", "units": "", "minimum": 0, "low": 1, "high": 2, "maximum": 3, '
    told, out = PngInfo(), io.BytesIO()
    told.add_text("s3magic-field", field + lie + "}")
    Image.new("P", (20, 20)).save(out, "PNG", pnginfo=told)
    assert registry.find("a.png").preview(reader(out.getvalue(), "a.png")).field is None


def test_what_is_no_picture_of_numbers_stays_as_it_is():
    found = drawing.field(np.eye(3), size=16, caption="", source="slice")
    for data in (b"", b"GIF89a", found.image[:40], b"\x89PNG\r\n\x1a\n"):
        assert repaint(data, found.field, 0, 1) == data


def test_colours_of_deviations_part_at_nothing(preview):
    values = np.linspace(-1, 3, 36 * 72).reshape(36, 72)
    found, seen = preview(pp(values.astype("f4"), stash=2), "a.pp")  # x_wind
    assert found.field.signed
    blue, white, red = (seen[::-1][row, 80, :3] for row in (0, 20, -1))
    assert blue[2] > blue[0] + 20
    assert red[0] > red[2] + 60
    assert min(white) > 215
    # A third of the range lies below nothing, so blue is no more than pale.
    assert blue[0] > 80


def test_a_picture_is_that_of_the_whole_file_as_iris_reads_it(preview):
    iris = pytest.importorskip("iris")
    from pathlib import Path

    from iris_sample_data import path

    whole = Path(path) / "air_temp.pp"
    cube = iris.load_cube(whole).intersection(longitude=(-180, 180), ignore_bounds=True)
    latitude, longitude = (cube.coord(name).points for name in ("latitude", "longitude"))
    values = cube.data[np.argsort(-latitude)][:, np.argsort(longitude)]
    found, seen = preview(whole.read_bytes(), "air_temp.pp", size=192)
    rows = ((np.arange(found.height) + 0.5) / found.height * len(values)).astype(int)
    columns = ((np.arange(192) + 0.5) / 192 * values.shape[1]).astype(int)
    expected = drawn(values[rows][:, columns], *np.percentile(values, (2, 98)))
    assert np.abs(seen[..., :3] - expected).mean() < 3
    assert (found.field.title, found.field.units) == ("air_temperature", "K")
    assert (found.field.minimum, found.field.maximum) == pytest.approx((values.min(), values.max()), rel=1e-4)


def grid(path, latitudes, longitudes, values, units=("degrees_north", "degrees_east")):
    with h5py.File(path, "w") as file:
        for name, numbers, unit in (("lat", latitudes, units[0]), ("lon", longitudes, units[1])):
            file.create_dataset(name, data=np.asarray(numbers, float)).make_scale(name)
            file[name].attrs["units"] = unit
        main = file.create_dataset("t", data=values)
        for axis, name in enumerate(("lat", "lon")):
            main.dims[axis].attach_scale(file[name])
    return path.read_bytes()


@pytest.mark.parametrize("first", [0, -180, 90])
@pytest.mark.parametrize("turned", [False, True])
def test_the_same_earth_looks_the_same_wherever_its_file_begins(preview, tmp_path, first, turned):
    latitudes, longitudes = np.linspace(85, -85, 18), first + 5 + 10.0 * np.arange(36)
    if turned:
        latitudes, longitudes = latitudes[::-1], longitudes[::-1]
    at_east = (np.abs((longitudes + 180) % 360 - 180 - 95) < 20)[None, :] * (latitudes > 40)[:, None]
    _, seen = preview(grid(tmp_path / "a.nc", latitudes, longitudes, at_east.astype(float)), "a.nc")
    yellow = np.argwhere(seen[..., 0] > 200)
    assert yellow[:, 1].mean() == pytest.approx((95 + 180) / 360 * 160, abs=3)
    assert yellow[:, 0].max() < 40


def test_a_region_across_the_date_line_stays_whole(preview, tmp_path):
    longitudes = [170, 175, -180, -175, -170, -165]
    values = np.arange(6.0)[None, :] + np.zeros((4, 1))
    _, seen = preview(grid(tmp_path / "a.nc", [10, 5, 0, -5], longitudes, values), "a.nc")
    reds = seen[40, ::27, 0]
    assert (np.diff(seen[40, :, 1]) >= 0).all()
    assert len(set(reds)) > 3


@pytest.mark.parametrize(("south", "north", "shape"), [(-10, 10, (160, 80)), (50, 70, (80, 80)), (-90, 90, (160, 160))])
def test_a_picture_is_as_wide_as_it_is_on_earth(preview, tmp_path, south, north, shape):
    step = (north - south) / 20
    latitudes = np.linspace(south + step / 2, north - step / 2, 20)
    width = {20: 40, 180: 180}[north - south]
    longitudes = (np.arange(10) + 0.5) * width / 10
    found, _ = preview(
        grid(tmp_path / "a.nc", latitudes, longitudes, np.random.default_rng(1).random((20, 10))), "a.nc"
    )
    assert found.width / found.height == pytest.approx(shape[0] / shape[1], rel=0.02)


def test_rows_of_uneven_height_get_the_room_they_have(preview, tmp_path):
    latitudes = [0, 1, 2, 3, 4, 6, 8, 10, 14, 18]  # a variable grid: its upper half is of coarser rows
    values = np.arange(10.0)[:, None] + np.zeros((1, 10))
    _, seen = preview(grid(tmp_path / "a.nc", latitudes, np.arange(0, 20, 2), values), "a.nc")
    column = seen[:, 80, :3]
    assert (column[: round(len(column) * 0.14)] == column[2]).all()
    assert not (column[-round(len(column) * 0.14) :] == column[-2]).all()


@pytest.mark.parametrize(("attributes", "is_down"), [({"units": "hPa"}, True), ({"units": "m"}, False)])
def test_pressure_runs_down_and_height_up(preview, tmp_path, attributes, is_down):
    grid(tmp_path / "a.nc", np.arange(100.0, 1100, 100), np.arange(10.0), np.arange(10.0)[:, None] + np.zeros(10))
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file.move("lat", "z")
        file["z"].make_scale("z")
        for name, value in attributes.items():
            file["z"].attrs[name] = value
    _, seen = preview((tmp_path / "a.nc").read_bytes(), "a.nc")
    assert (seen[-2, 80, 0] > seen[2, 80, 0]) == is_down


@pytest.fixture
def coasts(tmp_path, monkeypatch):
    """Cartopy's data with one coast, the equator and the meridian of Greenwich; and no network at all."""
    import cartopy
    import shapefile

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    folder = tmp_path / "shapefiles" / "natural_earth" / "physical"
    monkeypatch.setitem(cartopy.config, "data_dir", tmp_path)
    monkeypatch.setitem(cartopy.config, "pre_existing_data_dir", tmp_path / "none")
    coast._coastlines.cache_clear()

    def write(*resolutions):
        folder.mkdir(parents=True)
        for resolution in resolutions:
            with shapefile.Writer(str(folder / f"ne_{resolution}_coastline"), shapeType=shapefile.POLYLINE) as out:
                out.field("id", "N")
                out.line([[(x, 0) for x in range(-180, 181, 5)], [(0, y) for y in range(-80, 81, 5)]])
                out.record(1)
        coast._coastlines.cache_clear()

    yield write
    coast._coastlines.cache_clear()


def white(seen):
    return (seen[..., :3].min(axis=-1) > 210) & (seen[..., 3] > 200)


def test_coasts_are_drawn_where_they_are_on_this_disk(preview, tmp_path, coasts):
    data = netcdf4(tmp_path / "a.nc", hole=False)
    assert not white(preview(data, "a.nc")[1]).any()
    coasts("110m")
    found, seen = preview(data, "a.nc")
    assert white(seen)[found.height // 2 - 1 : found.height // 2 + 1, 4:-4].any(axis=0).mean() > 0.95
    assert white(seen)[10:-10, 79:81].any(axis=1).mean() > 0.95
    assert white(seen).mean() < 0.06
    # Exchanged colours leave them as they are.
    again = pixels(repaint(found.image, found.field, 0, 1000))
    assert (white(again) == white(seen)).all()


def test_coasts_too_coarse_for_a_small_region_are_left_out(preview, tmp_path, coasts):
    data = grid(tmp_path / "a.nc", np.linspace(-2, 2, 9), np.linspace(-2, 2, 9), np.eye(9))
    coasts("110m")
    assert not white(preview(data, "a.nc")[1]).any()


def test_coasts_follow_a_rotated_pole(preview, coasts):
    # The pole at 0°, 180°: the new equator passes through both old poles, its meridian is the old equator there.
    coasts("50m")
    data = pp(np.ones((20, 20), "f4").cumsum(axis=0), lbcode=101, north=(-10.5, 1), east=(349.5, 1), pole=(37.5, 177.5))
    _, seen = preview(data, "a.pp")
    assert 0.004 < white(seen).mean() < 0.1


def test_broken_coasts_are_no_trouble(preview, tmp_path, coasts):
    coasts("110m")
    path = tmp_path / "shapefiles/natural_earth/physical/ne_110m_coastline.shp"
    path.write_bytes(path.read_bytes()[:150])
    coast._coastlines.cache_clear()
    assert preview(netcdf4(tmp_path / "a.nc"), "a.nc")[0].source == "slice"


def test_rasters_that_fit_together_are_of_one_quantity(reader):
    def quantity(**options):
        data = np.linspace(0, 9, 400).reshape(20, 20).astype("f4")
        return registry.find("a.tif").preview(reader(geotiff(data, **options), "a.tif")).field.quantity

    assert quantity() == quantity(tie=(0.0, 0.0))
    assert quantity() != quantity(pixel=30.0)
