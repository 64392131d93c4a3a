"""Runs of tiles: what listings settle, with how many requests, whatever else lies among the tiles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import AccessDenied, ExpiredCredentials, Unreachable
from s3magic.linking.adding.runs import runs, unsettled
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.memory import MemoryStore


class Counted(MemoryStore):
    """Counts the pages it was asked for."""

    lists, error = 0, None

    def list_page(self, *arguments, **options):
        self.lists += 1
        if self.error:
            raise self.error("No.", "Ask.")
        return super().list_page(*arguments, **options)


def tile(key, etag):
    return LinkedTile(name=key.replace("/", "-"), url=f"s3://teaching/{key}", etag=etag, size=1)


def ask(tiles, store):
    """Return what no listing settled, by the number of the tile."""
    told = [unsettled(run, opener=lambda url: store) for run in runs(tiles)]
    return {number: etag for rest in told for number, etag in rest.etags.items()}


@pytest.fixture(scope="module")
def many():
    """A store of 9,000 objects, and the tiles that link them."""
    store = Counted("teaching")
    tiles = [tile(key, store.put(key, b"x").etag) for key in (f"x/{number:05}.laz" for number in range(9000))]
    return store, tiles


@pytest.fixture
def store(many):
    many[0].lists, many[0].error = 0, None
    return many[0]


def test_a_thousand_tiles_cost_one_request(many, store):
    assert ask(many[1], store) == {}
    assert store.lists == 9


def test_strangers_between_runs_cost_nothing(many, store):
    tiles = [*many[1][:1000], *many[1][8000:]]
    assert ask(tiles[:1000], store) == ask(tiles[1000:], store) == {}
    assert store.lists == 2


def test_what_differs_is_left_over(many, store):
    tiles = list(many[1][:3000])
    tiles[7] = tile("x/00007.laz", "other")
    tiles[2500] = tile("x/02500.laz!", "gone")
    assert ask(tiles, store) == {7: store.head("x/00007.laz").etag, 2500: None}


def test_tiles_of_two_folders_are_listed_apart_in_whatever_order_they_come(store, many):
    for number in range(10):
        store.put(f"y/{number}", b"y")
    tiles = [tile(f"y/{number}", store.head(f"y/{number}").etag) for number in range(10)]
    mixed = [one for pair in zip(many[1][:10], tiles, strict=True) for one in pair]
    assert ask(mixed, store) == {}
    assert store.lists == 2
    assert ask([*tiles[5:], *tiles[:5]], store) == {}
    assert store.lists == 4


def test_who_may_not_list_leaves_all_to_be_asked_by_head(many, store):
    store.error = AccessDenied
    assert ask(many[1][:10], store) == dict.fromkeys(range(10))
    assert [unsettled(run, opener=lambda url: store).why for run in runs(many[1][:10])] == [""]


def test_a_lost_network_is_no_reason_to_ask_by_head(many, store):
    store.error = Unreachable
    assert [unsettled(run, opener=lambda url: store).why for run in runs(many[1][:10])] == ["No."]
    store.error = ExpiredCredentials
    with pytest.raises(ExpiredCredentials):
        ask(many[1][:10], store)


NAMES = st.text("ab/é\U0001f600~", min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    linked=st.dictionaries(NAMES, st.sampled_from(["same", "other", "gone"]), min_size=5, max_size=30),
    strangers=st.sets(NAMES, max_size=20),
    is_sorted=st.booleans(),
)
def test_listings_settle_what_is_as_it_was_and_nothing_else(linked, strangers, is_sorted):
    store = Counted("teaching")
    for key in strangers - linked.keys():
        store.put(key, b"stranger")
    tiles = []
    for key in sorted(linked) if is_sorted else linked:
        etag = store.put(key, key.encode()).etag if linked[key] != "gone" else "gone"
        tiles.append(tile(key, "other" if linked[key] == "other" else etag))
    rest = ask(tiles, store)
    differs = {number for number, one in enumerate(tiles) if linked[one.source.key] != "same"}
    assert differs <= rest.keys()
    assert all(rest[number] is None for number in rest.keys() - differs)  # of folders with few tiles: a HEAD tells
    assert all(rest[number] is None for number in differs if linked[tiles[number].source.key] == "gone")
