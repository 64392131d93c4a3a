"""Tiles and dataset.json: the same things give the same text, and text gives them back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import LinkError
from s3magic.linking.records import manifest, names
from s3magic.linking.records.manifest import DatasetInfo, LinkedTile

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)


def is_safe(name):
    return not names.unsafe(name)


NAMES = TEXT.filter(is_safe)
DEGREES = st.floats(-180, 180).map(lambda number: round(number, 7))
NUMBER = st.floats(-1e7, 1e7).map(lambda number: round(number, 3))
TILES = st.builds(
    LinkedTile,
    name=NAMES,
    url=TEXT.filter(lambda key: "\0" not in key).map(lambda key: f"s3://bucket/{key}"),
    etag=TEXT,
    size=st.integers(0, 2**50),
    version_id=st.none() | TEXT,
    oid=st.none() | st.binary(min_size=32, max_size=32).map(lambda raw: f"sha256:{raw.hex()}"),
    oid_from=st.none() | st.sampled_from(["head", "part1", "stream", "download", "report"]),
    crc64nvme=st.none() | TEXT,
    last_modified=st.none() | st.just("2026-01-31T12:00:00Z"),
    format=st.sampled_from(["laz-1.2", "geotiff/cog", "file"]),
    crs84_extent=st.none() | st.tuples(DEGREES, DEGREES, DEGREES, DEGREES),
    native_extent=st.none() | st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).map(lambda box: ",".join(map(repr, box))),
    point_count=st.none() | st.integers(0, 2**40),
    dimensions=st.none() | st.just("762x790"),
    sidecars=st.lists(NAMES, max_size=2).map(tuple),
)


@settings(deadline=None)
@given(tile=TILES)
def test_a_tile_is_one_line_and_comes_back(tile):
    line = manifest.tile_line(tile)
    assert "\n" not in line
    assert manifest.parse_tiles(line) == [tile]


@settings(deadline=None)
@given(tiles=st.lists(TILES, unique_by=lambda tile: tile.name, max_size=12), random=st.randoms())
def test_the_same_tiles_in_any_order_give_the_same_bytes(tiles, random):
    def texts(some):
        return {name: manifest.tiles_text(group) for name, group in manifest.shards(some).items()}

    first = texts(tiles)
    random.shuffle(tiles)
    assert texts(tiles) == first
    back = [tile for name in first for tile in manifest.parse_tiles(first[name])]
    assert sorted(back, key=lambda tile: tile.name) == sorted(tiles, key=lambda tile: tile.name)


def test_the_line_has_the_agreed_fields():
    tile = LinkedTile("a.laz", "s3://b/x/a.laz", "e1", 7, point_count=3, crs84_extent=(1.0, 2.0, 3.0, 4.0))
    record = json.loads(manifest.tile_line(tile))
    assert list(record) == [
        "name", "url", "versionId", "etag", "size", "oid", "oidFrom", "crc64nvme", "lastModified", "format",
        "crs84Extent", "nativeExtent", "pointCount", "sidecars",
    ]  # fmt: skip
    assert record["oid"] is None
    assert record["crs84Extent"] == [1.0, 2.0, 3.0, 4.0]


def test_the_shard_is_told_by_the_hash_of_the_name():
    assert manifest.shard("abc") == "ba.jsonl"  # sha256("abc") begins with ba7816bf, FIPS 180-2


def test_bounds_are_in_the_order_of_a_box():
    tile = LinkedTile("a.laz", "s3://b/a.laz", "e", 1, native_extent="1.0,2.0,30.0,40.0,5.0,6.0")
    assert tile.bounds == (1.0, 30.0, 2.0, 40.0)
    assert LinkedTile("a", "s3://b/a", "e", 1).bounds is None


def test_a_version_is_never_read_out_of_a_key():
    tile = LinkedTile("a?versionId=9", "s3://b/x/a?versionId=9", "e", 1)
    assert tile.source.key == "x/a?versionId=9"
    assert tile.source.version_id is None


def test_dataset_json_comes_back_and_is_deterministic():
    one = DatasetInfo("raster", ("s3://b/*.tif",), "geotiff", {"b": 1, "a": [1, 2]}, "WKT", {}, {"region": "r"})
    other = DatasetInfo("raster", ("s3://b/*.tif",), "geotiff", {"a": [1, 2], "b": 1}, "WKT", {}, {"region": "r"})
    text = manifest.dataset_text(one)
    assert text == manifest.dataset_text(other)
    assert manifest.parse_dataset(text) == one
    assert json.loads(text)["s3link"] == 1
    assert list(json.loads(text)) == ["s3link", "type", "sources", "format", "schema", "crs", "redirects", "access"]


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/../b", "a//b", "/a", "a/", "a/.git/config", "a\0b", "x" * 256, "\ud800"),
        *(".s3link", ".S3LINK", ".s3link-x", ".git", ".gitattributes"),
    ],
)
def test_names_that_can_be_no_file_are_told(name):
    assert names.unsafe(name)


@pytest.mark.parametrize("name", ["a b.laz", "ä.tif", "a+%20", "-rf", "#x", "...", "a\nb", "x" * 255, "a/b", "a/%2F/b"])
def test_odd_names_are_names(name):
    assert names.unsafe(name) is None


def test_one_crs_may_be_written_in_two_ways():
    old, new = 'PROJCS["NZTM",UNIT["m",1],AUTHORITY["EPSG","2193"]]', 'PROJCRS["NZTM",ID["EPSG",2193]]'
    assert manifest.crs_key(old) == manifest.crs_key(new) == "EPSG:2193"
    assert manifest.crs_key('PROJCS["NZTM",UNIT["m",1,AUTHORITY["EPSG","9001"]]]') == (
        'PROJCS["NZTM",UNIT["m",1,AUTHORITY["EPSG","9001"]]]'
    )
    assert manifest.crs_key(None) is None
    assert manifest.crs_name(old) == "NZTM"
    assert manifest.crs_name('GEOGCRS["undefined",ID["EPSG",1]]') == "an unnamed CRS"


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<< HEAD",
        "[]",
        "{}",
        "3",
        '{"name": "../x", "url": "s3://bucket/x", "etag": "e", "size": 1}',
        '{"name": "x", "url": "s3://elsewhere.org#/x", "etag": "e", "size": 1}',
        '{"name": "x", "url": "s3://bucket/x", "etag": "e", "size": 1, "crs84Extent": ["<b>", 1, 2, 3]}',
        '{"name": "x", "url": "s3://bucket/x", "etag": "e", "size": 1, "crs84Extent": [NaN, 1, 2, 3]}',
    ],
)
def test_a_broken_line_is_named(line):
    good = manifest.tile_line(LinkedTile("a", "s3://bucket/a", "e", 1))
    with pytest.raises(LinkError, match="Line 2 of tiles/ab"):
        manifest.parse_tiles(f"{good}\n{line}\n", "tiles/ab")


def test_a_newer_dataset_asks_for_a_newer_program():
    with pytest.raises(LinkError, match="version 2"):
        manifest.parse_dataset('{"s3link": 2}')
    with pytest.raises(LinkError, match="no description"):
        manifest.parse_dataset("{}")
