"""Footprints: GeoJSON, boxes, and the drawing, the antimeridian among them."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest

from s3magic.errors import InvalidInput
from s3magic.linking.records import footprints
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.selection import select


def tile(extent, name="a.tif"):
    return LinkedTile(name, f"s3://b/{name}", "e", 1, crs84_extent=extent)


def test_a_box_is_a_polygon_that_turns_left():
    feature = footprints.collection([tile((1.0, 2.0, 3.0, 4.0))])["features"][0]
    ring = feature["geometry"]["coordinates"][0]
    assert ring == [[1.0, 2.0], [3.0, 2.0], [3.0, 4.0], [1.0, 4.0], [1.0, 2.0]]
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) > 0
    assert feature["properties"]["name"] == "a.tif"


def test_the_antimeridian_cuts_a_tile_in_two():
    geometry = footprints.collection([tile((179.0, -20.0, -179.0, -19.0))])["features"][0]["geometry"]
    assert geometry["type"] == "MultiPolygon"
    assert [(ring[0][0][0], ring[0][1][0]) for ring in geometry["coordinates"]] == [(179.0, 180.0), (-180.0, -179.0)]


def test_an_unknown_place_has_no_geometry():
    assert footprints.collection([tile(None)])["features"][0]["geometry"] is None


@pytest.mark.parametrize(
    ("extent", "pieces"),
    [
        ((0.0, -90.0, 360.0, 90.0), [(-180.0, -90.0, 180.0, 90.0)]),
        ((190.0, 0.0, 200.0, 1.0), [(-170.0, 0.0, -160.0, 1.0)]),
        ((170.0, 0.0, 190.0, 1.0), [(170.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -170.0, 1.0)]),
        ((-180.0, 0.0, 180.0, 1.0), [(-180.0, 0.0, 180.0, 1.0)]),
        ((170.0, 0.0, -180.0, 1.0), [(170.0, 0.0, 180.0, 1.0)]),
    ],
)
def test_longitudes_up_to_360_are_understood(extent, pieces):
    assert footprints.pieces(extent) == pieces


@pytest.mark.parametrize(
    ("extent", "box", "touch"),
    [
        ((1, 1, 2, 2), (2, 2, 3, 3), True),
        ((1, 1, 2, 2), (2.1, 1, 3, 3), False),
        ((1, 1, 2, 2), (0, 3, 3, 4), False),
        ((179, 0, -179, 1), (-179.5, 0, -178, 1), True),
        ((179, 0, -179, 1), (178, 0, 179.5, 1), True),
        ((179, 0, -179, 1), (0, 0, 10, 1), False),
        ((-179.9, 0, -179.8, 1), (175, 0, -175, 1), True),
        ((181, 0, 182, 1), (-179.5, 0, -178, 1), True),
        (None, (-180, -90, 180, 90), False),
    ],
)
def test_boxes_touch(extent, box, touch):
    assert footprints.overlaps(extent, box) is touch


@pytest.mark.parametrize("box", [(1, 2, 3), "5,47,15,55", (1, 3, 2, 2), (0, 0, float("nan"), 1), (0, -91, 1, 1), 7])
def test_what_is_no_box_is_refused(box):
    with pytest.raises(InvalidInput, match="Not a box"):
        footprints.check_box(box)


def test_the_drawing_keeps_neighbours_across_the_antimeridian_together():
    drawn = footprints.drawing([tile((179.0, 0.0, 180.0, 1.0)), tile((-180.0, 0.0, -179.0, 1.0), "b.tif")])
    root = ElementTree.fromstring(drawn)  # noqa: S314 - drawn here
    assert root.get("viewBox") == "0 0 240 160"
    widths = [float(width) for width in re.findall(r"h(\d[\d.]*)", drawn)]
    assert len(widths) == 2
    assert min(widths) > 100  # side by side they fill the picture; 359 degrees apart each is a hair


def test_of_very_many_tiles_the_ground_they_cover_is_drawn():
    def at(column, row):
        return tile((column / 100, row / 100, (column + 1) / 100, (row + 1) / 100), f"{column}-{row}.tif")

    block = [at(column, row) for column in range(60) for row in range(60)]
    drawn = footprints.drawing([*block, at(99, 99)])
    assert len(drawn) < 5000
    shapes = [tuple(map(float, shape)) for shape in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)", drawn)]
    covered = {(x + step, y) for x, y, width, _ in shapes for step in range(int(width))}
    west, north = min(x for x, _ in covered), min(y for _, y in covered)
    east, south = max(x for x, _ in covered), max(y for _, y in covered)
    share = len(covered) / ((east - west + 1) * (south - north + 1))
    assert 0.34 < share < 0.40, "60 x 60 of 100 x 100 places, and one in the far corner"
    assert (east, north) in covered
    assert (west, south) in covered
    assert (west, north) not in covered


def test_where_nothing_is_known_nothing_is_drawn():
    assert footprints.drawing([tile(None)]) == ""


def test_tiles_about_the_antimeridian_and_beyond_180_are_drawn_and_chosen(memory, tif, link):
    for name, west in {"west": 178.0, "across": 179.5, "east": -179.5, "far": 350.0}.items():
        memory.put(f"cogs/{name}.tif", tif(west, 50.0))
    dataset = link("cogs/*.tif")
    features = {feature["id"]: feature["geometry"] for feature in dataset.footprints()["features"]}
    assert features["across.tif"]["type"] == "MultiPolygon"
    assert features["far.tif"]["coordinates"][0][0] == [-10.0, 49.0]
    chosen = {tile.name for tile in select(dataset.tiles, bbox=(178.5, 48, -179.2, 51))}
    assert chosen == {"west.tif", "across.tif", "east.tif"}
    assert {tile.name for tile in select(dataset.tiles, bbox=(349, 48, 355, 51))} == {"far.tif"}
    assert dataset._repr_html_().count("<path") == 1
