from __future__ import annotations

import pytest
from pyproj import CRS, Transformer

from s3magic.formats.crs import crs84_extent, crs_name, degrees_extent, geo_keys, wkt_of_keys


def test_keys_are_looked_up():
    keys = geo_keys(
        [1, 1, 0, 4, 1024, 0, 1, 1, 1026, 34737, 5, 0, 2057, 34736, 1, 1, 3072, 0, 1, 2193], (1.0, 6.5), "NZTM|"
    )
    assert keys == {1024: 1, 1026: "NZTM", 2057: 6.5, 3072: 2193}


@pytest.mark.parametrize(
    "directory", [(), (1, 1, 0), (1, 1, 0, 9, 1024), (1, 1, 0, 1, 1024, 34736, 9, 9), (1, 1, 0, 60000)]
)
def test_broken_directories_give_no_keys(directory):
    assert geo_keys(directory) == {}
    assert wkt_of_keys({}) is None


@pytest.mark.parametrize("code", [2193, 32618, 3031, 3857])
def test_a_code_gives_its_crs(code):
    wkt = wkt_of_keys({1024: 1, 3072: code})
    middle = CRS.from_epsg(code).area_of_use
    lon, lat = (middle.west + middle.east) / 2, (middle.south + middle.north) / 2
    ours, theirs = (Transformer.from_crs(4326, one, always_xy=True).transform(lon, lat) for one in (wkt, code))
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert crs_name(wkt).endswith(f"(EPSG:{code})")


def test_heights_have_a_crs_too():
    wkt = wkt_of_keys({1024: 1, 3072: 2193, 4096: 4440})
    assert wkt.startswith("COMPD_CS")
    assert crs_name(wkt).endswith("(EPSG:2193 + EPSG:4440)")
    assert wkt_of_keys({1024: 1, 3072: 2193, 4096: 5103}) == wkt_of_keys({1024: 1, 3072: 2193})


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (
            {2048: 4269, 3075: 8, 3078: 43.0, 3079: 45.5, 3084: -120.5, 3085: 41.75, 3086: 400000 / 0.3048, 3076: 9002},
            2992,
        ),
        ({2048: 4326, 3075: 1, 3080: -75.0, 3081: 0.0, 3082: 500000.0, 3083: 0.0, 3092: 0.9996, 3076: 9001}, 32618),
        ({2048: 4326, 3075: 15, 3081: -71.0, 3095: 0.0}, 3031),
        (
            {2057: 6378137.0, 2059: 298.257222101, 3075: 10, 3088: 10.0, 3089: 52.0, 3082: 4321000.0, 3083: 3210000.0},
            3035,
        ),
    ],
    ids=["conic in feet", "transverse Mercator", "polar", "equal area on a bare ellipsoid"],
)
def test_parameters_give_the_same_places_as_the_code(keys, code):
    crs = CRS.from_wkt(wkt_of_keys({1024: 1, 3072: 32767, **keys}))
    area = CRS.from_epsg(code).area_of_use
    middle = ((area.west + area.east) / 2, (area.south + area.north) / 2)
    ours, theirs = (Transformer.from_crs(4326, one, always_xy=True).transform(*middle) for one in (crs, code))
    assert ours == pytest.approx(theirs, abs=2)


@pytest.mark.parametrize("keys", [{1024: 1, 3072: 32767}, {3072: 1}, {1024: 1, 3075: 99, 2048: 4326}, {2048: "x"}])
def test_what_is_not_understood_is_none(keys):
    assert wkt_of_keys(keys) is None


def test_extents_in_degrees():
    utm = wkt_of_keys({3072: 32618})
    assert crs84_extent(utm, (101985.0, 2611485.0, 339315.0, 2826915.0)) == pytest.approx(
        (-78.9586, 23.565, -76.5749, 25.5509), abs=1e-4
    )
    assert crs84_extent(None, (0, 0, 1, 1)) is None
    assert crs84_extent("nonsense", (0, 0, 1, 1)) is None
    assert crs84_extent(utm, (0, 0, float("nan"), 1)) is None
    assert crs84_extent(utm, (1e30, 0, 1e35, 1)) is None


def test_extents_across_the_antimeridian_and_around_a_pole():
    west, _, east, _ = crs84_extent(wkt_of_keys({3072: 3832}), (1e6, -1e6, 6e6, 1e6))
    assert west > east
    assert crs84_extent(wkt_of_keys({3072: 3031}), (-1e6, -1e6, 1e6, 1e6))[:3] == (-180.0, -90.0, 180.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0, -90, 360, 90), (-180.0, -90.0, 180.0, 90.0)),
        ((170, -10, 190, 10), (170.0, -10.0, -170.0, 10.0)),
        ((190, -10, 200, 10), (-170.0, -10.0, -160.0, 10.0)),
        ((-190, -95, -170, 95), (170.0, -90.0, -170.0, 90.0)),
        ((1.23456789, 2, 3, 4), (1.2345679, 2.0, 3.0, 4.0)),
        ((0, 0, float("inf"), 1), None),
    ],
)
def test_longitudes_come_into_range(given, expected):
    assert degrees_extent(*given) == expected
