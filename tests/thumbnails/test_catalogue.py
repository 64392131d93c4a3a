from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import InvalidInput
from s3magic.store.memory import MemoryStore
from s3magic.thumbnails import SORTS, catalogue
from s3magic.thumbnails.catalogue import Catalogue
from s3magic.url import S3Url


class SmallPages(MemoryStore):
    """Lists a few keys at a time, as S3 does with a thousand."""

    most = 3

    def list_page(self, prefix="", **options):
        return super().list_page(prefix, **{**options, "max_keys": min(self.most, options.get("max_keys", 1000))})


def filled(keys, most=3):
    store = SmallPages("bucket")
    store.most = most
    for number, key in enumerate(keys):
        store.put(key, bytes(number * 7 % 5))
    return store


def keys_of(infos):
    return [info.key for info in infos]


@settings(max_examples=150, deadline=None)
@given(
    names=st.sets(st.text("ab/é\U0001f600+ ", min_size=1, max_size=4), max_size=25),
    limit=st.integers(1, 7),
    most=st.integers(1, 5),
    turns=st.lists(st.integers(1, 9), max_size=12),
)
def test_any_page_at_any_time_is_what_a_whole_listing_says(names, limit, most, turns):
    # a URL that ends in a slash is a folder, and what ends in one is no object
    keys = sorted({f"p/{name}" for name in names}, key=str.encode)
    expected = [key for key in keys if not key.endswith("/")]
    seen = Catalogue(filled(keys, most), S3Url.parse("s3://bucket/p/"), limit=limit)
    pages = [expected[at : at + limit] for at in range(0, len(expected), limit)] or [[]]
    for number in turns:
        assert keys_of(seen.page(number)) == (pages[number - 1] if number <= len(pages) else [])
        assert seen.has(number) is (number <= len(pages))
    assert seen.found <= len(expected)
    if seen.complete:
        assert seen.found == len(expected)


def test_a_page_turned_back_to_costs_one_listing(store):
    for number in range(2500):
        store.put(f"huge/{number:05}.dat", b"")
    seen = Catalogue(store, S3Url.parse("s3://teaching/huge/"), limit=60)
    store.lists = 0
    assert keys_of(seen.page(40))[0] == "huge/02340.dat"
    assert store.lists == 3
    assert keys_of(seen.page(2)) == [f"huge/{number:05}.dat" for number in range(60, 120)]
    assert store.lists == 4
    assert keys_of(seen.page(3))[0] == "huge/00120.dat"
    assert store.lists == 4


def test_a_rare_pattern_does_not_stall(store, monkeypatch):
    monkeypatch.setattr(catalogue, "_LISTINGS_AT_ONCE", 2)
    keys = [f"p/{number:03}.dat" for number in range(30)] + ["p/z.tif"]
    seen = Catalogue(filled(keys), S3Url.parse("s3://bucket/p/*.tif"), limit=5)
    met = []
    for number in range(1, 12):
        if not seen.has(number):
            break
        met += keys_of(seen.page(number))
    assert met == ["p/z.tif"]
    assert seen.complete


@pytest.mark.parametrize("sort", SORTS)
def test_every_order(sort):
    store = filled([f"p/{number}.{'tif' if number % 2 else 'nc'}" for number in range(10)])
    times = {info.key: info.last_modified or datetime.now(UTC) for info in store.list_page("p/", max_keys=3).objects}
    assert times
    seen = Catalogue(store, S3Url.parse("s3://bucket/p/"), limit=4, sort=sort)
    infos = [*seen.page(1), *seen.page(2), *seen.page(3)]
    by = {
        "name": lambda info: info.key,
        "size": lambda info: info.size,
        "modified": lambda info: info.last_modified,
        "type": lambda info: info.key.rpartition(".")[2],
    }[sort.removeprefix("-")]
    values = [by(info) for info in infos]
    assert len(set(keys_of(infos))) == 10
    assert values == sorted(values, reverse=sort.startswith("-"))
    assert seen.page(4) == []
    assert not seen.has(4)


def test_too_many_to_sort_is_told(monkeypatch):
    monkeypatch.setattr(catalogue, "SORT_LIMIT", 20)
    seen = Catalogue(
        filled([f"p/{number}" for number in range(21)]), S3Url.parse("s3://bucket/p/"), limit=4, sort="size"
    )
    with pytest.raises(InvalidInput, match="too many to sort"):
        seen.page(1)
