"""Tiles held packed: a snapshot that behaves as any sequence does."""

from __future__ import annotations

import random

import pytest

from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.tiles import Packed, Tiles
from s3magic.url import S3Url

COUNT = 1000
"""More than are packed together."""


def made(count=COUNT):
    return [
        LinkedTile(f"{number:04}ü\n.laz", f"s3://b/{number}", f"e{number}", number, crs84_extent=(1.5, 2, 3, 4))
        for number in range(count)
    ]


def test_they_are_sorted_and_come_back_as_they_were():
    tiles, mixed = made(), made()
    random.Random(1).shuffle(mixed)  # noqa: S311
    packed = Tiles(iter(mixed), {})
    assert len(packed) == COUNT
    assert list(packed) == tiles
    assert list(packed) == tiles, "a second time, too"
    assert packed[0] == tiles[0]
    assert packed[-1] == tiles[-1]
    assert packed[300] == tiles[300]
    assert packed[250:260] == tuple(tiles[250:260])
    assert packed[::-400] == tuple(tiles[::-400])
    assert tiles[7] in packed
    assert packed.index(tiles[999]) == 999
    for beyond in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError):
            packed[beyond]


def test_they_equal_whatever_sequence_has_the_same():
    packed = Tiles(made(), {})
    assert packed == Tiles(reversed(made()), {})
    assert packed == tuple(made())
    assert made() == packed
    assert packed != made()[1:]
    assert packed != made()[:-1] + made(1)
    assert Packed([], str) == ()
    assert Packed(["a"], str) != "a"
    assert repr(Packed("abcd", str)) == "<4: 'a', 'b', 'c', …>"


def test_each_is_asked_for_where_it_lies_now():
    tiles = Tiles(made(3), {"s3://b/": "s3://c/deep/"})
    assert [tile.source for tile in tiles] == [S3Url("c", f"deep/{number}") for number in range(3)]
    assert tiles == made(3), "what was linked is the same"


def test_what_is_recorded_later_does_not_show(memory, link):
    memory.put("x/a.txt", b"a")
    dataset = link("x/*")
    before = dataset.tiles
    memory.put("x/a.txt", b"other")
    memory.put("x/b.txt", b"b")
    link("x/*", replace=True)
    assert [tile.size for tile in before] == [1]
    assert [tile.size for tile in dataset.tiles] == [5, 1]
