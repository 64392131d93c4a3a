"""GRIB messages, compared with all of their numbers as ecCodes gives them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from more_samples import grib, wave
from PIL import Image

from s3magic.errors import InvalidInput, UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.base import Look
from s3magic.formats.grib_library import eccodes


def likeness(pixels, values):
    """How well the brightness of a picture follows rows and columns of numbers, 1 for perfectly."""
    height, width = pixels.shape[:2]
    shown = pixels[..., 3] > 0
    wanted = np.asarray(Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BOX))
    light = pixels[..., :3] @ (0.3, 0.6, 0.1)
    return np.corrcoef(light[shown], wanted[shown])[0, 1]


def expected(latitudes, longitudes):
    return wave(np.asarray(latitudes)[:, None], np.asarray(longitudes)[None, :])


NORTH_UP = np.linspace(60, 0, 31)
EAST = np.arange(0, 31, 2)
GLOBE = np.linspace(88, -88, 64), np.arange(128) * 360 / 128


@pytest.mark.parametrize(
    ("sample", "keys", "grid"),
    [
        ("regular_ll_sfc_grib2", {}, (NORTH_UP, EAST)),
        ("regular_ll_sfc_grib1", {}, (NORTH_UP, EAST)),
        ("regular_ll_sfc_grib2", {
            "jScansPositively": 1, "latitudeOfFirstGridPointInDegrees": 0, "latitudeOfLastGridPointInDegrees": 60,
        }, (NORTH_UP, EAST)),
        ("regular_ll_sfc_grib2", {"longitudeOfFirstGridPointInDegrees": 340, "longitudeOfLastGridPointInDegrees": 10},
         (NORTH_UP, EAST - 20)),
        ("regular_ll_sfc_grib2", {"jPointsAreConsecutive": 1}, (NORTH_UP, EAST)),
        ("regular_ll_sfc_grib2", {"alternativeRowScanning": 1}, (NORTH_UP, EAST)),
        ("regular_gg_pl_grib2", {}, GLOBE),
        ("regular_gg_sfc_grib1", {}, GLOBE),
        ("reduced_gg_pl_32_grib2", {}, GLOBE),
        ("reduced_gg_pl_32_grib1", {}, GLOBE),
    ],
)  # fmt: skip
def test_fields_stand_north_up(preview, sample, keys, grid):
    latitudes, longitudes = grid
    found, pixels = preview(grib(sample, **keys), "a.grib2")
    values = expected(latitudes, longitudes)
    if len(longitudes) == 128:  # a globe is drawn with Greenwich in the middle
        values = np.roll(values, 64, axis=1)
    assert likeness(pixels, values) > 0.97
    assert likeness(pixels, values[::-1]) < 0.97
    assert found.source == "slice"
    assert found.field.units == "K"


def test_what_a_message_says_is_read_from_its_header(reader):
    data = grib("regular_gg_pl_grib2")
    file = reader(data * 40, "a.grib2", block=256, first_block=256, around=0)
    info = registry.find("a.grib2").describe(file)
    assert (info.kind, info.format, info.dimensions) == ("grid", "grib-2", "128x64")
    assert file.bytes_read <= 1024 < len(data)
    assert info.details["valid at"] == "2007-03-23 12:00"
    assert info.details["file"] == "several messages, the first shown"
    assert info.crs84_extent[::2] == (-180.0, 180.0)
    assert [one["name"] for one in info.schema] == ["latitude", "longitude", "t"]
    one = registry.find("a.grb").describe(reader(grib("regular_ll_sfc_grib1"), "a.grb"))
    assert (one.format, one.details["file"]) == ("grib-1", "one message")
    assert one.crs84_extent == (-1.0, -1.0, 31.0, 61.0)


@pytest.mark.parametrize(
    "sample", ["polar_stereographic_sfc_grib2", "polar_stereographic_sfc_grib1", "rotated_ll_sfc_grib2"]
)
def test_other_grids_are_drawn(preview, describe, sample):
    data = grib(sample)
    found, _ = preview(data, "a.grb2")
    assert max(found.width, found.height) == 160
    assert describe(data, "a.grb2").dimensions == "16x31"


def test_a_message_behind_a_header_of_its_own_is_found(preview):
    data = grib()
    assert preview(b"\1\r\r\n123\r\r\nHTXX01 ECMF" + data, "a.grib")[0].image == preview(data, "a.grib")[0].image


def test_missing_numbers_are_transparent(preview):
    message = eccodes.codes_new_from_message(grib())
    values = np.asarray(eccodes.codes_get_values(message)).reshape(31, 16)
    values[:10] = 9999
    eccodes.codes_set(message, "missingValue", 9999)
    eccodes.codes_set(message, "bitmapPresent", 1)
    eccodes.codes_set_values(message, values.ravel())
    data = eccodes.codes_get_message(message)
    eccodes.codes_release(message)
    _, pixels = preview(data, "a.grib2")
    height = len(pixels)
    assert pixels[: height * 9 // 31, :, 3].max() == 0
    assert pixels[height * 11 // 31 :, :, 3].min() == 255


def test_a_variable_is_looked_for_by_name(reader):
    data = grib(shortName="t") + grib(shortName="2d") + grib(shortName="10u")
    ask = registry.find("a.grib2").preview
    assert ask(reader(data, "a.grib2"), look=Look(var="2d")).caption.startswith("2 metre dewpoint temperature (K)")
    assert ask(reader(data, "a.grib2"), look=Look(var="t")).caption == ask(reader(data, "a.grib2")).caption
    with pytest.raises(InvalidInput, match=r"No variable nonsense in a\.grib2: its first messages are of t, 2d, 10u"):
        ask(reader(data, "a.grib2"), look=Look(var="nonsense"))


def test_what_has_no_rows_is_told(preview, describe):
    message = eccodes.codes_grib_new_from_samples("sh_sfc_grib1")
    data = eccodes.codes_get_message(message)
    eccodes.codes_release(message)
    with pytest.raises(UnreadableFormat, match="lies on a grid of the type sh"):
        preview(data, "a.grib")
    assert describe(data, "a.grib").details["grid"] == "sh"


def test_a_message_cut_short_says_so():
    data = grib()
    with pytest.raises(UnreadableFormat, match="Cut short"):
        registry.find("a.grib2").preview(io.BytesIO(data[: len(data) // 2]))


@pytest.mark.parametrize("points", [2**31 - 1, 0])
def test_numbers_beyond_all_memory_are_refused(preview, describe, points):
    data = bytearray(grib())
    section = data.index((496).to_bytes(4, "big"))
    data[section : section + 4] = points.to_bytes(4, "big")
    for ask in (preview, describe):
        with pytest.raises(UnreadableFormat):
            ask(bytes(data), "a.grib2")


def test_a_message_that_says_it_holds_gigabytes_is_refused(preview):
    data = bytearray(grib())
    section = data.index(b"\0\0\0\x15\x05")
    data[section + 5 : section + 9] = (2**31).to_bytes(4, "big")
    with pytest.raises(UnreadableFormat) as error:
        preview(bytes(data), "a.grib2")
    assert "more numbers than can be true" in error.value.hint
