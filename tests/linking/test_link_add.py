"""Linking: what is recorded, what is refused before anything is written, and what one bad tile costs."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from s3magic.errors import (
    AccessDenied,
    ExpiredCredentials,
    LinkError,
    NoSuchKey,
    ServerError,
    TilesFailed,
    UnreadableFormat,
)
from s3magic.linking.adding import describe as describing
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records import pointers
from s3magic.store.memory import MemoryStore


def sha(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Counting(MemoryStore):
    """Counts the bytes it gives away, and can keep its checksums to itself."""

    def __init__(self, bucket="teaching", *, checksums=True):
        super().__init__(bucket)
        self.given, self.heads, self.gets, self.checksums = 0, 0, 0, checksums

    def head(self, key, *, version_id=None, part_number=None):
        self.heads += 1
        info = super().head(key, version_id=version_id, part_number=part_number)
        return info if self.checksums else replace(info, checksums={}, checksum_type=None)

    def get(self, key, **options):
        self.gets += 1
        data = super().get(key, **options)
        self.given += len(data)
        return data


def test_pointers_stand_for_the_tiles_and_no_body_is_read(laz, link, tmp_path, tree):
    store = Counting()
    data = laz(points=100_000)
    store.put("tiles/a.laz", data)
    dataset = link("tiles/*.laz", store=store, access={"region": "eu-west-1", "endpoint": "https://me:secret@host/"})
    tile = dataset.tiles[0]
    assert (tile.name, tile.url, tile.size) == ("a.laz", "s3://teaching/tiles/a.laz", len(data))
    assert (tile.oid, tile.oid_from, tile.version_id) == (
        sha(data),
        "head",
        MemoryStore.head(store, "tiles/a.laz").version_id,
    )
    assert (tile.format, tile.point_count, tile.dimensions) == ("laz-1.2", 100_000, None)
    assert tile.bounds == pytest.approx((1754000, 5920000, 1754100, 5920100), abs=0.02)
    assert 174 < tile.crs84_extent[0] < tile.crs84_extent[2] < 175
    assert store.given < len(data) / 2
    assert (store.heads, store.gets) == (1, 1)
    found = tree(tmp_path / "ds")
    assert sorted(found)[:3] == [".gitattributes", ".s3link/dataset.json", found_shard(found)]
    assert pointers.parse(found["a.laz"]).oid == tile.oid.removeprefix("sha256:")
    about = json.loads(found[".s3link/dataset.json"])
    assert about["type"] == "point-cloud"
    assert about["sources"] == ["s3://teaching/tiles/*.laz"]
    assert about["access"] == {
        "region": "eu-west-1", "requestPayer": None, "anonymous": False, "endpoint": "https://host/"
    }  # fmt: skip
    assert b"secret" not in b"".join(found.values())


def found_shard(found):
    return next(name for name in found if name.startswith(".s3link/tiles/"))


def test_a_small_tile_is_read_once_for_everything(laz, link):
    class Small(Counting):
        wholes = 0

        def whole(self, key, **options):
            self.wholes += 1
            return super().whole(key, **options)

    store = Small(checksums=False)
    data = laz()
    store.put("tiles/a.laz", data)
    tile = link("tiles/*.laz", store=store).tiles[0]
    assert (tile.oid, tile.oid_from) == (sha(data), "stream")
    assert (store.wholes, store.given) == (1, len(data))


def test_what_was_read_for_the_header_counts_as_read(laz, link):
    store = Counting(checksums=False)
    store.put("tiles/a.laz", laz())
    assert link("tiles/*.laz", store=store, read_limit=10).tiles[0].oid is None


def test_a_wrong_checksum_of_the_server_is_not_taken_for_the_hash(laz, link):
    class Lies(Counting):
        def head(self, key, **options):
            return replace(super().head(key, **options), checksums={"SHA256": base64.b64encode(bytes(32)).decode()})

    store = Lies()
    data = laz()
    store.put("tiles/a.laz", data)
    tile = link("tiles/*.laz", store=store).tiles[0]
    assert (tile.oid, tile.oid_from) == (sha(data), "stream")


def test_rasters_are_described(memory, tif, link):
    memory.put("cogs/a.tif", tif(5.0, 55.0))
    memory.put("cogs/b.tif", tif(6.0, 55.0))
    dataset = link("cogs/*.tif")
    assert dataset.info.type == "raster"
    assert dataset.tiles[1].crs84_extent == (6.0, 54.0, 7.0, 55.0)
    assert dataset.tiles[1].dimensions == "16x8"
    assert "4326" in dataset.info.crs or "WGS 84" in dataset.info.crs


def test_the_same_add_again_changes_nothing(clouds, link, tmp_path, tree):
    link("tiles/*.laz")
    before = tree(tmp_path / "ds")
    again = link("tiles/*.laz")
    assert len(again.tiles) == len(clouds)
    assert tree(tmp_path / "ds") == before


def test_two_folders_of_the_same_tiles_hold_the_same_bytes(clouds, link, tmp_path, tree):
    one = link("tiles/*.laz", path=tmp_path / "one")
    other = link("tiles/*.laz", path=tmp_path / "other")
    assert tree(one.path) == tree(other.path)


def test_a_dataset_of_other_sources_is_left_alone(clouds, link, tmp_path, tree):
    link("tiles/t1.laz")
    before = tree(tmp_path / "ds")
    with pytest.raises(LinkError, match=r"links other tiles already: s3://teaching/tiles/t1\.laz"):
        link("tiles/t2.laz")
    assert tree(tmp_path / "ds") == before


def test_checkout_brings_the_files(clouds, link, tmp_path):
    dataset = link("tiles/*.laz", checkout=True)
    assert {name: (tmp_path / "ds" / name).read_bytes() for name in clouds} == clouds
    assert {tile.oid_from for tile in dataset.tiles} == {"head"}


def test_checkout_hashes_while_it_downloads(laz, link):
    store = Counting(checksums=False)
    data = laz()
    store.put("tiles/a.laz", data)
    tile = link("tiles/a.laz", store=store, checkout=True).tiles[0]
    assert (tile.oid, tile.oid_from) == (sha(data), "download")
    assert store.gets == 2  # one header, one body


def test_auto_reads_bodies_up_to_the_limit_and_leaves_the_rest_unhashed(link, tmp_path):
    store = Counting(checksums=False)
    for name in "abc":
        store.put(f"x/{name}.bin", name.encode() * 100)
    dataset = link("x/*", store=store, read_limit=250)
    assert [(tile.oid, tile.oid_from) for tile in dataset.tiles] == [
        (sha(b"a" * 100), "stream"), (sha(b"b" * 100), "stream"), (None, None)
    ]  # fmt: skip
    assert (tmp_path / "ds" / "b.bin").exists()
    assert not (tmp_path / "ds" / "c.bin").exists()


def test_never_leaves_all_unhashed(clouds, link, tmp_path):
    dataset = link("tiles/*.laz", hash="never")
    assert {tile.oid for tile in dataset.tiles} == {None}
    assert not list((tmp_path / "ds").glob("*.laz"))


def test_read_reads_what_s3_knows_too(clouds, link):
    dataset = link("tiles/*.laz", hash="read", read_limit=0)
    assert {tile.oid: tile.oid_from for tile in dataset.tiles} == dict.fromkeys(map(sha, clouds.values()), "stream")


def test_read_hashes_what_was_left_unhashed(clouds, link, tmp_path):
    link("tiles/*.laz", hash="never")
    dataset = link("tiles/*.laz", hash="read")
    assert {tile.oid for tile in dataset.tiles} == set(map(sha, clouds.values()))
    assert len(list((tmp_path / "ds").glob("*.laz"))) == len(clouds)


def test_a_hash_of_hashes_is_never_written(link):
    class Composite(Counting):
        def head(self, key, **options):
            wrong = base64.b64encode(hashlib.sha256(b"of hashes").digest()).decode()
            return replace(super().head(key, **options), checksums={"SHA256": wrong}, checksum_type="COMPOSITE")

    store = Composite()
    store.put("a.bin", b"content")
    assert link("a.bin", store=store).tiles[0].oid == sha(b"content")


def test_an_unknown_hash_word_is_refused(clouds, link, tmp_path):
    with pytest.raises(LinkError, match="hash='maybe'"):
        link("tiles/*.laz", hash="maybe")
    assert not (tmp_path / "ds").exists()


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"epsg": 32760}, "in WGS 84 / UTM zone 60S, not NZGD2000"),
        ({"epsg": None}, "in an unknown CRS"),
        ({"point_format": 1}, "odd.laz: has GPS Time"),
        ({"point_format": 6}, "lacks Scan Angle Rank, differs in Return Number, Number of Returns, Classification"),
    ],
)
@pytest.mark.usefixtures("clouds")
def test_tiles_that_do_not_fit_are_named_and_nothing_is_written(memory, laz, link, odd, told):
    memory.put("tiles/odd.laz", laz(**odd))
    with pytest.raises(LinkError, match=r"odd\.laz") as caught:
        link("tiles/*.laz")
    assert told in caught.value.message
    assert "t1.laz" not in caught.value.message
    assert not link.path.exists()


def test_mixed_kinds_are_refused(memory, clouds, tif, link, tmp_path):
    memory.put("tiles/photo.txt", b"x")
    with pytest.raises(LinkError, match=r"photo\.txt: a file"):
        link("tiles/*")
    memory.put("tiles/a.tif", tif())
    with pytest.raises(LinkError, match=r"a\.tif: a raster"):
        link("tiles/*.{laz,tif}")
    assert not (tmp_path / "ds").exists()


def test_equal_names_under_different_prefixes_are_refused(memory, link, tmp_path):
    memory.put("one/a.txt", b"1")
    memory.put("two/a.txt", b"2")
    with pytest.raises(LinkError, match=r"s3://teaching/one/a\.txt and s3://teaching/two/a\.txt"):
        link("**/a.txt")
    assert not (tmp_path / "ds").exists()


def test_patterns_that_overlap_name_an_object_once(clouds, link):
    assert len(link("tiles/*.laz", "tiles/t1.laz", "tiles/").tiles) == len(clouds)


@pytest.mark.parametrize("key", ["x/..", "x/.s3link", "x/.gitattributes", "x/" + "n" * 256])
def test_a_key_that_gives_no_safe_file_name_is_refused(memory, link, tmp_path, key):
    memory.put(key, b"x")
    with pytest.raises(LinkError, match="cannot be a tile"):
        link("x/*")
    assert not (tmp_path / "ds").exists()


@pytest.mark.parametrize("name", ["a b.txt", "ä+%20.txt", "#x", "-rf", "new\nline", "q?versionId=3", "[a]*.txt"])
def test_odd_keys_become_files_of_their_names(memory, link, tmp_path, name):
    memory.put(f"odd/{name}", b"content")
    link("odd/", checkout=True)
    assert (tmp_path / "ds" / name).read_bytes() == b"content"


def test_an_empty_object_is_an_empty_file(memory, link, tmp_path):
    memory.put("e/empty.txt", b"")
    dataset = link("e/*")
    assert dataset.tiles[0].oid == sha(b"")
    assert (tmp_path / "ds" / "empty.txt").read_bytes() == b""
    assert dataset.fetch().present == ("empty.txt",)


def test_broken_tiles_are_named_and_the_others_are_done(memory, clouds, laz, link, tmp_path):
    memory.put("tiles/cut.laz", laz()[:200])
    memory.put("tiles/cut2.laz", b"")
    with pytest.raises(TilesFailed, match=r"2 of 7 tiles could not be linked: cut\.laz: ") as caught:
        link("tiles/*.laz")
    assert [name for name, _ in caught.value.failures] == ["cut.laz", "cut2.laz"]
    assert {path.name for path in (tmp_path / "ds").glob("*.laz")} == set(clouds)
    memory.put("tiles/cut.laz", laz())
    memory.delete("tiles/cut2.laz")
    assert len(link("tiles/*.laz").tiles) == 6


def test_only_the_rest_is_done_again(laz, link):
    store = Counting()
    store.put("tiles/a.laz", laz())
    store.put("tiles/b.laz", b"LASF no more")
    with pytest.raises(TilesFailed):
        link("tiles/*.laz", store=store)
    store.put("tiles/b.laz", laz())
    store.heads = store.gets = 0
    link("tiles/*.laz", store=store)
    assert (store.heads, store.gets) == (1, 1)


def test_a_tiff_that_is_none_is_named(memory, tif, link):
    memory.put("cogs/a.tif", tif())
    memory.put("cogs/none.tif", b"<html>not found</html>")
    with pytest.raises(TilesFailed, match=r"none\.tif: .*TIFF"):
        link("cogs/*.tif")


def test_a_header_that_never_ends_is_given_up(memory, tif, link, monkeypatch):
    memory.put("cogs/a.tif", tif())
    monkeypatch.setattr(describing, "HEADER_LIMIT", 100)
    with pytest.raises(UnreadableFormat, match=r"header of a\.tif wants more than 100 B"):
        link("cogs/a.tif")


def test_when_all_fail_nothing_is_written(memory, link, tmp_path):
    memory.put("tiles/a.laz", b"x")
    with pytest.raises(UnreadableFormat, match=r"a\.laz"):
        link("tiles/*.laz")
    memory.put("tiles/b.laz", b"x")
    with pytest.raises(TilesFailed, match="2 of 2"):
        link("tiles/*.laz")
    assert not (tmp_path / "ds").exists()


class Denied(MemoryStore):
    """Refuses some of what it is asked."""

    def __init__(self, *methods, error=AccessDenied):
        super().__init__("teaching")
        self.methods, self.error, self.asked = methods, error, 0

    def _refuse(self, method):
        self.asked += 1
        if method in self.methods:
            raise self.error(f"Not allowed: {method}", "Ask.")

    def list_page(self, *arguments, **options):
        self._refuse("list")
        return super().list_page(*arguments, **options)

    def head(self, *arguments, **options):
        self._refuse("head")
        return super().head(*arguments, **options)


@pytest.mark.parametrize("method", ["list", "head"])
def test_a_denied_bucket_is_told_as_such(laz, link, tmp_path, method):
    store = Denied(method)
    store.put("tiles/a.laz", laz())
    with pytest.raises(AccessDenied, match="Not allowed"):
        link("tiles/*.laz", store=store)
    assert not (tmp_path / "ds").exists()


def test_one_object_needs_no_right_to_list(laz, link):
    store = Denied("list")
    store.put("tiles/a.laz", laz())
    assert len(link("tiles/a.laz", store=store).tiles) == 1


def test_expired_credentials_stop_the_work_at_once(link, tmp_path):
    store = Denied("head", error=ExpiredCredentials)
    for number in range(2000):
        store.put(f"x/{number}.bin", b"x")
    with pytest.raises(ExpiredCredentials):
        link("x/*", store=store)
    assert store.asked < 1000
    assert not (tmp_path / "ds").exists()


def test_nothing_of_that_name(link, tmp_path):
    with pytest.raises(NoSuchKey, match=r"Nothing is named s3://teaching/none/\*\.laz"):
        link("none/*.laz")
    assert not (tmp_path / "ds").exists()


def test_nothing_to_link_is_told(link):
    with pytest.raises(LinkError, match="Nothing to link"):
        link()


def test_a_failed_checkout_is_told_beside_a_failed_header(laz, link):
    class Gone(MemoryStore):
        def stream(self, key, **options):
            raise ServerError(f"No {key} today", "Tomorrow.")

    store = Gone("teaching")
    store.put("tiles/good.laz", laz())
    store.put("tiles/none.laz", b"none")
    with pytest.raises(TilesFailed) as caught:
        link("tiles/*.laz", store=store, checkout=True)
    assert [name for name, _ in caught.value.failures] == ["good.laz", "none.laz"]


def test_match_and_bbox_choose(memory, tif, link, tmp_path):
    for number in range(4):
        memory.put(f"cogs/t{number}.tif", tif(float(number), 50.0))
    assert [tile.name for tile in link("cogs/*", match="t[12].tif", path=tmp_path / "m").tiles] == ["t1.tif", "t2.tif"]
    boxed = link("cogs/*", bbox=(2.5, 49.1, 3.5, 49.9), path=tmp_path / "b")
    assert [tile.name for tile in boxed.tiles] == ["t2.tif", "t3.tif"]
    with pytest.raises(LinkError, match="No tile's name fits"):
        link("cogs/*", match="u*", path=tmp_path / "n")
    with pytest.raises(LinkError, match="No tile lies in that box"):
        link("cogs/*", bbox=(100, 0, 101, 1), path=tmp_path / "n")
    assert not (tmp_path / "n").exists()


def test_a_box_does_not_guess_where_a_tile_lies(memory, tif, link, texts, tmp_path):
    with pytest.raises(TilesFailed, match="place on Earth is not known"):
        link("texts/*", bbox=(0, 0, 1, 1))
    assert not (tmp_path / "ds").exists()


def test_files_of_other_people_are_not_overwritten(clouds, link, tmp_path):
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "t1.laz").write_bytes(b"mine")
    with pytest.raises(LinkError, match=r"holds other files of these names: t1\.laz"):
        link("tiles/*.laz")
    assert sorted(path.name for path in (tmp_path / "ds").iterdir()) == ["t1.laz"]
    (tmp_path / "ds" / "t1.laz").write_bytes(clouds["t1.laz"])
    assert link("tiles/*.laz").status()[1].local == "file"


def test_a_link_in_the_place_of_a_tile_is_not_followed(clouds, link, tmp_path):
    (tmp_path / "precious").write_bytes(clouds["t1.laz"])
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "t1.laz").symlink_to(tmp_path / "precious")
    with pytest.raises(LinkError, match="other files"):
        link("tiles/*.laz")


def test_a_file_is_no_folder(clouds, link, tmp_path):
    (tmp_path / "ds").write_text("x")
    with pytest.raises(LinkError, match="is a file"):
        link("tiles/*.laz")


def test_lines_of_gitattributes_stay(clouds, link, tmp_path):
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / ".gitattributes").write_text("*.md text")
    link("tiles/*.laz")
    lines = (tmp_path / "ds" / ".gitattributes").read_text().splitlines()
    assert lines[0] == "*.md text"
    assert lines[1:] == [f"/{name} filter=lfs diff=lfs merge=lfs -text" for name in sorted(clouds)]


def test_a_pinned_version_is_the_one_that_is_linked(memory, link, tmp_path):
    first = memory.put("x/a.txt", b"first")
    memory.put("x/a.txt", b"second")
    dataset = link(f"x/a.txt?versionId={first.version_id}", checkout=True)
    assert (tmp_path / "ds" / "a.txt").read_bytes() == b"first"
    assert dataset.tiles[0].version_id == first.version_id
    with pytest.raises(LinkError, match="Two versions"):
        link("x/a.txt", f"x/a.txt?versionId={first.version_id}", path=tmp_path / "both")


def test_an_executor_of_the_users_is_used_and_left_open(clouds, link):
    with ThreadPoolExecutor(2) as executor:
        assert len(link("tiles/*.laz", executor=executor, checkout=True).tiles) == len(clouds)
        assert executor.submit(int).result() == 0


def test_what_was_interrupted_while_writing_is_taken_up(clouds, link, tmp_path):
    dataset = link("tiles/*.laz")
    whole = dataset.tiles
    for path in (tmp_path / "ds" / ".s3link" / "tiles").iterdir():
        path.unlink()
    (tmp_path / "ds" / "t3.laz").unlink()
    assert link("tiles/*.laz").tiles == whole
    assert (tmp_path / "ds" / "t3.laz").exists()
    (tmp_path / "ds" / "t3.laz").unlink()
    link("tiles/*.laz")
    assert (tmp_path / "ds" / "t3.laz").exists()


def test_a_long_listing_shows_how_far_it_is(clouds, link, monkeypatch):
    from tqdm.auto import tqdm

    shown = []
    monkeypatch.setattr(tqdm, "update", lambda bar, amount: shown.append((bar.desc, bar.total, amount)))
    link("tiles/*.laz")
    assert shown.count(("Listing", None, 1)) == len(clouds)


def test_an_interrupt_keeps_the_tiles_that_are_described(laz, link, tmp_path, monkeypatch):
    from tqdm.auto import tqdm

    class Interrupted(MemoryStore):
        def head(self, key, **options):
            if key == "tiles/c.laz" and counted is not None:
                deadline = time.monotonic() + 60
                while len(counted) < 2 and time.monotonic() < deadline:
                    time.sleep(0.01)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            return super().head(key, **options)

    counted = []
    monkeypatch.setattr(tqdm, "update", lambda bar, amount: "headers" in bar.desc and counted.append(amount))
    store = Interrupted("teaching")
    for name in "abc":
        store.put(f"tiles/{name}.laz", laz())
    with pytest.raises(KeyboardInterrupt):
        link("tiles/*.laz", store=store)
    kept = [tile.name for tile in LinkedDataset(tmp_path / "ds").tiles]
    assert kept[:2] == ["a.laz", "b.laz"]
    counted = None
    monkeypatch.undo()
    assert len(link("tiles/*.laz", store=store).tiles) == 3
