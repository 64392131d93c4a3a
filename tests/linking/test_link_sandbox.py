"""Linking over HTTP, from the first URL to the files, with the sandbox's teaching data."""

from __future__ import annotations

import hashlib
import json
import secrets

import pytest

import s3magic
from s3magic.errors import AccessDenied, ArchivedObject, LinkError, TilesFailed
from s3magic.linking.adding.order import Order
from s3magic.linking.linked import link
from s3magic.store.client import Client
from s3magic.store.credentials import Location
from s3magic.store.s3 import S3Store
from s3magic.url import S3Url


@pytest.fixture
def scratch(connection):
    """Return the versioned scratch bucket, and a prefix of this test's own in it."""
    return connection.store("scratch"), f"link-{secrets.token_hex(4)}/"


@pytest.mark.usefixtures("connection")
def test_grids_whose_crs_nobody_named_are_told_as_such(tmp_path):
    odd = [f"s3://teaching/iris/{name}.nc" for name in ("E1_north_america", "hybrid_height")]
    with pytest.raises(LinkError, match="in another unnamed CRS"):
        s3magic.link(odd, tmp_path / "ds")
    datasets = s3magic.link(odd, tmp_path / "ds", split=True)
    assert {one.path.name[:16] for one in datasets} == {"grid-unnamed-crs"}


@pytest.mark.usefixtures("connection")
def test_from_a_pattern_to_files(tmp_path):
    dataset = s3magic.link("s3://teaching/tiles/hill_?_?.laz", tmp_path / "ds")
    assert len(dataset.tiles) == 9
    assert dataset.info.type == "point-cloud"
    assert all(174 < tile.crs84_extent[0] < 175 for tile in dataset.tiles)
    assert dataset.status().remote == {"ok": 9}
    west, south, east, north = dataset.tiles[0].crs84_extent
    middle = ((west + east) / 2, (south + north) / 2) * 2
    assert dataset.fetch(bbox=middle).fetched == (dataset.tiles[0].name,)
    assert len(dataset.fetch().fetched) == 8
    for tile in dataset.tiles:
        data = (dataset.path / tile.name).read_bytes()
        assert tile.oid == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert dataset.status().local == {"file": 9}
    assert s3magic.link("s3://teaching/tiles/hill_?_?.laz", tmp_path / "ds").tiles == dataset.tiles


@pytest.mark.usefixtures("connection")
def test_no_key_of_the_connection_is_written(tmp_path, sandbox, tree):
    s3magic.link("s3://teaching/cogs/*.tif", tmp_path / "ds")
    about = json.loads((tmp_path / "ds" / ".s3link" / "dataset.json").read_text())
    assert about["access"] == {
        "region": "us-east-1", "requestPayer": None, "anonymous": False, "endpoint": sandbox.endpoint_url
    }  # fmt: skip
    everything = b"".join(tree(tmp_path / "ds").values()).decode()
    for user in sandbox.users.values():
        assert user.secret_access_key not in everything
        assert user.access_key_id not in everything


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("key", "source"), [("tiles/hill_0_0.laz", "head"), ("tiles/hill.copc.laz", "part1"), ("cogs/plain.tif", "stream")]
)
def test_the_hash_is_true_wherever_it_comes_from(connection, tmp_path, key, source):
    tile = s3magic.link(f"s3://teaching/{key}", tmp_path / "ds").tiles[0]
    data = connection.store("teaching").get(key)
    assert (tile.oid, tile.oid_from) == (f"sha256:{hashlib.sha256(data).hexdigest()}", source)
    assert tile.size == len(data)


@pytest.mark.usefixtures("connection")
def test_an_archived_object_says_so(tmp_path):
    with pytest.raises(ArchivedObject, match="stations-1998"):
        s3magic.link("s3://teaching/archive/*.csv", tmp_path / "ds")


@pytest.mark.usefixtures("connection")
def test_odd_keys_arrive_under_their_names(tmp_path):
    dataset = s3magic.link("s3://teaching/odd/", tmp_path / "ds", checkout=True)
    assert {path.name for path in dataset.path.iterdir()} == {
        *(tile.name for tile in dataset.tiles), ".s3link", ".gitattributes"
    }  # fmt: skip
    assert dataset.status().local == {"file": len(dataset.tiles)}


@pytest.mark.usefixtures("connection")
def test_broken_files_are_named(tmp_path):
    with pytest.raises(TilesFailed) as caught:
        s3magic.link("s3://teaching/broken/*", tmp_path / "ds")
    assert {name for name, _ in caught.value.failures} == {"not-a-tiff.tif", "truncated.laz", "truncated.nc"}
    assert [tile.name for tile in s3magic.LinkedDataset(tmp_path / "ds").tiles] == ["empty.jpg"]


def test_a_replaced_original_is_told_and_its_version_fetched(scratch, tmp_path):
    store, prefix = scratch
    for name in "abc":
        store.put(f"{prefix}{name}.txt", b"first " + name.encode())
    dataset = s3magic.link(f"s3://scratch/{prefix}*.txt", tmp_path / "ds")
    assert all(tile.version_id for tile in dataset.tiles)
    store.put(f"{prefix}a.txt", b"second a")
    store.delete(f"{prefix}b.txt")
    assert {tile.name: tile.remote for tile in dataset.status()} == {
        "a.txt": "superseded", "b.txt": "superseded", "c.txt": "ok"
    }  # fmt: skip
    dataset.fetch()
    assert (dataset.path / "a.txt").read_bytes() == b"first a"
    assert (dataset.path / "b.txt").read_bytes() == b"first b"


def guest_opener(sandbox):
    client = Client(Location(endpoint_url=sandbox.endpoint_url), lambda: sandbox.users["guest"])
    return lambda url: S3Store(url.bucket, client)


def test_who_may_read_but_not_list_links_single_objects(sandbox, tmp_path):
    opener = guest_opener(sandbox)
    with pytest.raises(AccessDenied):
        link(Order(patterns=(S3Url.parse("s3://teaching/photos/*.jpg"),)), tmp_path / "ds", opener=opener)
    with pytest.raises(AccessDenied):
        link(Order(patterns=(S3Url.parse("s3://teaching/tiles/hill.las"),)), tmp_path / "ds", opener=opener)
    assert not (tmp_path / "ds").exists()
    names = ("alps-at-noon", "first-snow", "autumn-valley", "northern-fjord", "evening-ridges")
    urls = tuple(S3Url.parse(f"s3://teaching/photos/{name}.jpg") for name in names)
    dataset = link(Order(patterns=urls), tmp_path / "ds", opener=opener)
    assert dataset.status().remote == {"ok": 5}
    assert len(dataset.fetch().fetched) == 5


@pytest.mark.usefixtures("connection")
def test_odd_keys_keep_their_folders_and_stay_inside(connection, tmp_path):
    store = connection.store("teaching")
    keys = [info.key for info in store.list_page("odd/").objects if not info.key.endswith("/")]
    dataset = s3magic.link("s3://teaching/odd", tmp_path / "ds", keep_prefix=True, checkout=True)
    assert len(dataset.tiles) == len(keys)
    assert any("/" in tile.name for tile in dataset.tiles)
    for tile in dataset.tiles:
        assert (dataset.path / tile.name).resolve().is_relative_to(dataset.path.resolve())
        assert (dataset.path / tile.name).read_bytes() == store.get(tile.source.key)
    assert {path.name for path in tmp_path.iterdir()} == {"ds"}


def test_a_new_version_over_http(scratch, tmp_path):
    store, prefix = scratch
    for name in "abc":
        store.put(f"{prefix}{name}.txt", b"first " + name.encode())
    s3magic.link(f"s3://scratch/{prefix}", tmp_path / "ds", checkout=True)
    store.put(f"{prefix}a.txt", b"second a")
    store.delete(f"{prefix}b.txt")
    plan = s3magic.link(f"s3://scratch/{prefix}", tmp_path / "ds", replace=True, dry_run=True)
    assert (plan.tiles, plan.kept, plan.heads) == (2, 1, 1)
    dataset = s3magic.link(f"s3://scratch/{prefix}", tmp_path / "ds", replace=True, checkout=True)
    assert (dataset.changes.changed, dataset.changes.removed, dataset.changes.kept) == (
        ("a.txt",),
        ("b.txt",),
        ("c.txt",),
    )
    assert (tmp_path / "ds" / "a.txt").read_bytes() == b"second a"
    assert dataset.status().remote == {"ok": 2}
