"""A Zarr is one entry of a gallery: however many objects it has, wherever a page of the listing ends."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey
from s3magic.sandboxes import weather
from s3magic.store.memory import MemoryStore
from s3magic.thumbnails.catalogue import Catalogue
from s3magic.thumbnails.folding import FolderInfo, Folding
from s3magic.thumbnails.preview import look
from s3magic.thumbnails.workers import Workers
from s3magic.url import S3Url

NAMES = ["a", "b", "b.zarr", "c.ome.zarr", "d.ZARR", "e", "x.zarr"]
KEYS = st.one_of(
    st.sampled_from(
        ["a/1", "a.txt", "b.zarr-notes", "b.zarr.txt", "e.zarr.zip", "zz", "f/g.zarr/0", "f/g.zarr/sub.zarr/1"]
    ),
    st.builds("{}/{}".format, st.sampled_from(NAMES), st.sampled_from(["0", "0.1", "zarr.json", "c/0/1", "é", "~"])),
)


def bucket(keys):
    store = MemoryStore("teaching")
    for key in keys:
        store.put(key, f"data of {key}".encode())
    return store


def expected(keys, prefix=""):
    """What a gallery should show: each key, or the Zarr that it lies in, seen from a prefix."""
    shown = set()
    for key in keys:
        below = key[len(prefix) :]
        end = below.lower().find(".zarr/")
        shown.add(key if end < 0 else prefix + below[: end + 5])
    return shown


@settings(deadline=None, max_examples=150)
@given(st.sets(KEYS, min_size=1), st.integers(1, 7))
def test_a_listing_in_pages_of_any_size_shows_each_zarr_once(keys, most):
    store = Folding(bucket(keys))
    token, found = None, []
    for _ in range(200):
        page = store.list_page(token=token, max_keys=most)
        found += page.objects
        token = page.next_token
        if token is None:
            break
    assert sorted(info.key for info in found) == sorted(expected(keys))
    for info in found:
        inside = [key for key in keys if key.startswith(f"{info.key}/")]
        assert isinstance(info, FolderInfo) == bool(inside)
        if inside:
            assert (info.count, info.is_complete) == (len(inside), True)
            assert info.size == sum(len(f"data of {key}".encode()) for key in inside)
            assert info.url == f"s3://teaching/{info.key}/"


@settings(deadline=None, max_examples=100)
@given(st.sets(KEYS, min_size=1), st.integers(1, 4))
def test_pages_of_a_gallery_hold_each_zarr_once(keys, limit):
    catalogue = Catalogue(bucket(keys), S3Url.parse("s3://teaching/"), limit=limit)
    found, number = [], 1
    while catalogue.has(number):
        found += [info.key for info in catalogue.page(number)]
        number += 1
    assert sorted(found) == sorted(expected(keys))
    assert [info.key for info in catalogue.page(1)] == found[:limit]


def test_one_entry_is_the_same_whichever_page_it_ends_on():
    keys = [f"a.zarr/{number}" for number in range(30)]
    store = bucket([*keys, "b", "c"])
    first = Folding(store).list_page().objects[0]
    assert all(Folding(store).list_page(max_keys=most).objects[0] == first for most in (1, 7, 30, 31, 32))
    store.put("a.zarr/3", b"other")
    assert Folding(store).list_page().objects[0].etag != first.etag


def test_a_large_zarr_costs_two_listings_and_says_what_it_has_at_least(make_gallery, store):
    for number in range(2500):
        store.put(f"big/many.zarr/c/{number}", b"xy")
    store.put("big/other.dat", b"1")
    gallery = make_gallery("s3://teaching/big/").wait()
    assert [item.name for item in gallery.items] == ["many.zarr", "other.dat"]
    folder = gallery.items[0]
    assert (folder.size, folder.size_text, folder.info.is_complete) == (2000, "over 2.0 kB", False)
    assert store.lists <= 4
    assert "over 2.0 kB" in gallery._repr_html_()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://teaching/w/climate.zarr", ["s3://teaching/w/climate.zarr/"]),
        ("s3://teaching/w/climate.zarr/", ["s3://teaching/w/climate.zarr/"]),
        ("s3://teaching/w/cli*", ["s3://teaching/w/climate.zarr/"]),
        ("s3://teaching/w/*.zarr", ["s3://teaching/w/climate.zarr/"]),
        ("s3://teaching/w/climate.zarr/time/", ["s3://teaching/w/climate.zarr/time/c/0",
                                                "s3://teaching/w/climate.zarr/time/zarr.json"]),
    ],
)  # fmt: skip
def test_it_is_found_by_any_url(make_gallery, store, url, shown):
    for path, data in weather.zarr().items():
        store.put(f"w/climate.zarr/{path}", data)
    assert [item.url for item in make_gallery(url).items] == shown


def test_what_is_not_there_is_told():
    with pytest.raises(NoSuchKey):
        Folding(bucket(["a"])).head("b.zarr")

    class Closed(MemoryStore):
        def head(self, key, **_):
            raise AccessDenied("not yours", "ask")

    with pytest.raises(AccessDenied):
        Folding(Closed("teaching")).head("b.zarr")


def test_a_zarr_is_drawn_by_a_worker_from_few_chunks(store):
    files = weather.zarr()
    for path, data in files.items():
        store.put(f"w/climate.zarr/{path}", data)
    (info,) = [one for one in Folding(store).list_page("w/").objects if one.name == "climate.zarr"]
    here = look(store, info)
    with Workers(count=1) as workers:
        seen = look(store, info, decoder=workers)
        capped = look(store, info, decoder=workers, read_limit=3000)
    assert seen == here
    assert seen.error is None
    assert seen.caption.startswith("Air temperature near the surface (K)")
    assert 0 < seen.bytes_read < sum(map(len, files.values())) / 5
    assert ("objects", str(len(files))) in seen.facts
    assert np.asarray(Image.open(io.BytesIO(seen.image)).convert("RGBA")).std() > 30
    assert capped.error == "Wants more than 3.0 kB"
    assert capped.bytes_read <= 6000


def test_it_has_no_link_but_does_not_keep_the_others_from_theirs(make_gallery, store):
    store.put("z/a.zarr/zarr.json", b"{}")
    store.put("z/b.dat", b"1")
    gallery = make_gallery("s3://teaching/z/")
    assert [link.url.partition("?")[0].rpartition("/")[2] for link in gallery.urls()] == ["b.dat"]
    with pytest.raises(InvalidInput, match=r"a\.zarr is a folder of many objects"):
        gallery.link(gallery.items[0])
