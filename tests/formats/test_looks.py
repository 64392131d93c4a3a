"""What a look asks for is what is shown, or it is told what there is instead."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from format_samples import geotiff, netcdf3, netcdf4, pp, temperatures

from s3magic.errors import InvalidInput
from s3magic.formats import registry
from s3magic.formats.base import Look


@pytest.fixture
def field_of(reader):
    """``field_of(data, name, **look)``: the least and the greatest value of the picture, and its caption."""

    def ask(data, name, **look):
        found = registry.find(name).preview(reader(data, name), look=Look(**look))
        return round(found.field.minimum, 1), round(found.field.maximum, 1), found.caption

    return ask


@pytest.fixture
def layered(tmp_path):
    """Two variables over times and levels; each slice holds ten times its time and its level."""
    path = tmp_path / "layers.nc"
    with h5py.File(path, "w") as file:
        for name, values, units in (
            ("time", np.arange(4.0), "days since 2000-01-01"), ("plev", np.array([1000.0, 500, 100]), "hPa"),
            ("lat", np.linspace(-80, 80, 9), "degrees_north"), ("lon", np.arange(0.0, 360, 20), "degrees_east"),
        ):  # fmt: skip
            file.create_dataset(name, data=values).make_scale(name)
            file[name].attrs["units"] = units
        file["plev"].attrs["positive"] = "down"
        ramp = np.linspace(0, 1, 9 * 18).reshape(9, 18)
        times, levels = np.mgrid[0:4, 0:3]
        for name, factor in (("ta", 1), ("ua", 100)):
            data = factor * (ramp + (10 * times + levels)[..., None, None])
            one = file.create_dataset(name, data=data)
            for axis, scale in enumerate(("time", "plev", "lat", "lon")):
                one.dims[axis].attach_scale(file[scale])
        file["ua"].attrs["standard_name"] = "eastward_wind"
    return path.read_bytes()


def test_variable_time_and_level_are_those_that_are_named(field_of, layered):
    assert field_of(layered, "a.nc")[:2] == (0, 1)
    assert field_of(layered, "a.nc", time=2, level=1)[:2] == (21, 22)
    assert field_of(layered, "a.nc", time=-1, level=-1)[:2] == (32, 33)
    low, high, caption = field_of(layered, "a.nc", var="ua", time=1)
    assert (low, high) == (1000, 1100)
    assert caption.startswith("eastward_wind, 4 x 3 x 9 x 18, time 1, plev 0")
    assert field_of(layered, "a.nc", var="eastward_wind")[:2] == (0, 100)


@pytest.mark.parametrize(
    ("look", "said"),
    [
        ({"var": "tas"}, "No variable tas in a.nc: it has ta, ua"),
        ({"var": "time"}, "No variable time in a.nc: it has ta, ua"),
        ({"time": 4}, "No time 4 in ta: it has 4 of them, 0 to 3"),
        ({"time": -5}, "No time -5 in ta: it has 4 of them, 0 to 3"),
        ({"level": 3, "var": "ua"}, "No level 3 in ua: it has 3 of them, 0 to 2"),
    ],
)
def test_what_is_not_there_is_told_with_what_there_is(field_of, layered, look, said):
    with pytest.raises(InvalidInput) as caught:
        field_of(layered, "a.nc", **look)
    assert caught.value.message == said


def test_an_axis_without_a_telling_name_is_the_one_that_is_meant(field_of, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["stack"] = np.linspace(0, 1, 12).reshape(3, 4) + np.arange(5)[:, None, None] * 10
    data = (tmp_path / "a.h5").read_bytes()
    assert field_of(data, "a.h5", time=3)[:2] == (30, 31)
    assert field_of(data, "a.h5", level=4)[:2] == (40, 41)


@pytest.mark.parametrize("make", [netcdf4, lambda _: netcdf3()])
def test_classic_and_new_files_answer_alike(field_of, tmp_path, make):
    data = make(tmp_path / "a.nc")
    with pytest.raises(InvalidInput, match="No time 3"):
        field_of(data, "a.nc", time=3)
    with pytest.raises(InvalidInput, match=r"No level 1 .* but one"):
        field_of(data, "a.nc", level=1)
    assert field_of(data, "a.nc", level=0)[2] == field_of(data, "a.nc")[2]


def stamped(values, *, stash, year, level):
    """A PP field of a year and a level."""
    data = bytearray(pp(values, stash=stash))
    data[4:16] = b"".join(number.to_bytes(4, "big") for number in (year, 3, 4))
    data[4 + 4 * 32 : 8 + 4 * 32] = level.to_bytes(4, "big")
    return bytes(data)


def test_the_pp_field_that_is_named_is_found(field_of):
    fields = [(stash, year, level) for stash in (3236, 16222) for year in (1990, 1991) for level in (1, 2, 3)]
    data = b"".join(
        stamped(temperatures() + 1000 * at, stash=stash, year=year, level=level)
        for at, (stash, year, level) in enumerate(fields)
    )
    assert field_of(data, "a.pp")[0] == 250
    low, _, caption = field_of(data, "a.pp", time=1, level=2)
    assert low == 5250
    assert "1991-03-04, level 3 at 0, 5250 to 5305" in caption
    assert field_of(data, "a.pp", var="air_pressure_at_sea_level", level=-1)[0] == 8250
    assert field_of(data, "a.pp", var="m01s16i222", time=-1)[0] == 9250
    with pytest.raises(InvalidInput, match="it has air_temperature, air_pressure_at_sea_level"):
        field_of(data, "a.pp", var="rain")
    with pytest.raises(InvalidInput, match=r"No level 3 in .* of a.pp: it has 3 of them, 0 to 2"):
        field_of(data, "a.pp", level=3)


def test_bands_are_shown_in_the_order_that_is_wanted(preview, reader):
    import io

    from PIL import Image

    data = np.zeros((40, 60, 4), "u1")
    data[...] = (10, 80, 160, 240)
    file = geotiff(data, photometric="minisblack", planarconfig="contig")
    ask = registry.find("a.tif").preview
    for bands, colour in (((4, 3, 2), (240, 160, 80)), ((1, 1, 4), (10, 10, 240)), ((2,), (80, 80, 80))):
        found = ask(reader(file, "a.tif"), look=Look(bands=bands))
        pixels = np.asarray(Image.open(io.BytesIO(found.image)).convert("RGB")).astype(int)
        assert np.abs(pixels - colour).max() < 8
        assert found.caption.endswith(f"of which {', '.join(map(str, bands))}")
    with pytest.raises(InvalidInput, match=r"No band 5 in a\.tif: it has bands 1 to 4"):
        ask(reader(file, "a.tif"), look=Look(bands=(5, 1, 1)))


def test_one_band_of_measured_numbers_is_a_field(reader):
    data = np.stack([temperatures(), temperatures() + 100], axis=-1)
    found = registry.find("a.tif").preview(reader(geotiff(data, planarconfig="contig"), "a.tif"), look=Look(bands=(2,)))
    assert round(found.field.minimum) == 350
    assert found.field.title == "band 2, float, 32 bits"


@pytest.mark.parametrize("bands", [(), (1, 2), (0, 1, 2), (1, 2, 3, 4)])
def test_bands_that_no_file_could_have_are_refused(bands):
    with pytest.raises(InvalidInput) as caught:
        Look(bands=bands)
    assert "4,3,2" in caught.value.hint


def test_a_look_that_means_nothing_to_a_format_changes_nothing(reader):
    from format_samples import encoded, photo

    data = encoded(photo())
    ask = registry.find("a.jpg").preview
    assert (
        ask(reader(data, "a.jpg"), look=Look(var="t", time=3, bands=(4, 3, 2))).image
        == ask(reader(data, "a.jpg")).image
    )
