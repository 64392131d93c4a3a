"""Fetching: whole files or none, resumed and checked, and never other bytes than were linked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3magic.errors import AccessDenied, LinkError, ObjectChanged, ServerError, TilesFailed, Unreachable
from s3magic.linking import fetch as fetching
from s3magic.linking.contents import whole
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records.folder import Folder
from s3magic.store.memory import MemoryStore


class Watched(MemoryStore):
    """Remembers where bodies were read from, and hands each stream to ``trouble`` first."""

    def __init__(self):
        super().__init__("teaching")
        self.starts, self.versions, self.trouble = [], [], None

    @contextmanager
    def stream(self, key, *, start=0, stop=None, etag=None, version_id=None):
        self.starts.append((key, start))
        self.versions.append(version_id)
        with super().stream(key, start=start, stop=stop, etag=etag, version_id=version_id) as chunks:
            yield self.trouble(key, start, chunks) if self.trouble else chunks


@pytest.fixture
def store():
    return Watched()


@pytest.fixture
def dataset(store, link):
    """Three plain files of 5 MiB in a watched store."""
    for name in "abc":
        store.put(f"x/{name}.bin", name.encode() * (5 << 20))
    return link("x/*", store=store)


def content(dataset, name):
    return (dataset.path / f"{name}.bin").read_bytes()


def leftovers(dataset):
    return list((dataset.path / ".s3link").rglob("*.part")) + list((dataset.path / ".s3link").rglob("*.new"))


def test_fetch_brings_the_rest_and_only_the_rest(dataset, store):
    report = dataset.fetch(match="a*")
    assert report.fetched == ("a.bin",)
    assert repr(report) == "<1 tile fetched (5.2 MB), 0 already here>"
    assert report.size == 5 << 20
    report = dataset.fetch()
    assert (report.fetched, report.present) == (("b.bin", "c.bin"), ("a.bin",))
    assert [content(dataset, name) for name in "abc"] == [name.encode() * (5 << 20) for name in "abc"]
    store.starts.clear()
    again = dataset.fetch()
    assert repr(again) == "<0 tiles fetched (0 B), 3 already here>"
    assert again.fetched == ()
    assert store.starts == []
    assert not (dataset.path / ".s3link" / "partial").exists()


def test_the_plain_key_is_read(dataset, store):
    dataset.fetch()
    assert store.versions == [None] * 3


def test_short_work_shows_no_bar(dataset, capsys):
    dataset.fetch()
    assert "".join(capsys.readouterr()) == ""


def test_bbox_chooses(memory, tif, link):
    for number in range(3):
        memory.put(f"cogs/t{number}.tif", tif(float(number), 50.0))
    dataset = link("cogs/*")
    assert dataset.fetch(bbox=(1.5, 49.5, 1.6, 49.6)).fetched == ("t1.tif",)
    with pytest.raises(LinkError, match="No tile is chosen by that box"):
        dataset.fetch(bbox=(50, 0, 51, 1))
    with pytest.raises(LinkError, match=r"No tile is chosen by the name \*\.laz and that box"):
        dataset.fetch(match="*.laz", bbox=(1.5, 49.5, 1.6, 49.6))


def test_the_first_fetch_fills_in_the_hash(clouds, link):
    dataset = link("tiles/*.laz", hash="never")
    dataset.fetch(match="t[12].laz")
    hashed = {tile.name: tile.oid_from for tile in dataset.tiles if tile.oid}
    assert hashed == {"t1.laz": "download", "t2.laz": "download"}
    before = [tile.oid for tile in dataset.tiles]
    dataset.fetch()
    assert [tile.oid for tile in dataset.tiles if tile.oid in before] == [oid for oid in before if oid]
    assert (dataset.path / "t1.laz").read_bytes() == clouds["t1.laz"]


def test_a_version_is_read_when_the_original_was_replaced_or_deleted(dataset, store):
    store.put("x/a.bin", b"new")
    store.delete("x/b.bin")
    dataset.fetch()
    assert content(dataset, "a") == b"a" * (5 << 20)
    assert content(dataset, "b") == b"b" * (5 << 20)
    assert set(filter(None, store.versions)) == {tile.version_id for tile in dataset.tiles if tile.name != "c.bin"}


def test_a_changed_original_is_never_taken_for_the_tile(dataset, store):
    store.put("x/a.bin", b"A" * (5 << 20))
    store.delete("x/b.bin")
    store._versions.clear()
    store._live.clear()
    store.put("x/a.bin", b"A" * (5 << 20))
    store.put("x/c.bin", b"c" * (5 << 20))
    with pytest.raises(TilesFailed) as caught:
        dataset.fetch()
    told = dict(caught.value.failures)
    assert set(told) == {"a.bin", "b.bin"}
    assert "changed since it was linked" in told["a.bin"]
    assert "not there any more" in told["b.bin"]
    assert content(dataset, "a").startswith(b"version https://git-lfs")
    assert content(dataset, "c") == b"c" * (5 << 20)
    assert leftovers(dataset) == []


def test_a_version_that_may_not_be_read_leaves_the_tile_changed(dataset, store):
    store.put("x/a.bin", b"new")

    def deny(key, start, chunks):
        if store.versions[-1] is not None:
            raise AccessDenied("Not allowed: GetObjectVersion", "Ask.")
        return chunks

    store.trouble = deny
    with pytest.raises(TilesFailed, match=r"a\.bin changed since it was linked"):
        dataset.fetch()
    with pytest.raises(ObjectChanged, match=r"a\.bin changed since it was linked"):
        dataset.fetch(match="a*")


def test_a_broken_connection_is_taken_up_where_it_broke(dataset, store):
    def breaks(key, start, chunks):
        yield next(chunks)
        if start < 3 << 20:
            raise Unreachable("gone", "Again.")
        yield from chunks

    store.trouble = breaks
    dataset.fetch(match="a*")
    assert content(dataset, "a") == b"a" * (5 << 20)
    assert [start >> 20 for _, start in store.starts] == [0, 1, 2, 3]


def test_a_connection_that_never_comes_back_is_told_and_goes_on_next_time(dataset, store):
    def breaks(key, start, chunks):
        if start:
            raise Unreachable("The endpoint does not answer", "Again.")
        yield next(chunks)

    store.trouble = breaks
    with pytest.raises(TilesFailed, match=r"3 of 3 .* fetched: a\.bin, b\.bin, c\.bin: The endpoint does not answer"):
        dataset.fetch()
    assert content(dataset, "a").startswith(b"version https://git-lfs")
    store.trouble = None
    store.starts.clear()
    dataset.fetch()
    assert {start for _, start in store.starts} == {1 << 20}
    assert content(dataset, "b") == b"b" * (5 << 20)
    assert not (dataset.path / ".s3link" / "partial").exists()


def test_a_network_that_is_gone_for_good_is_not_tried_for_each_tile(store, link):
    for number in range(150):
        store.put(f"y/{number:03}.bin", b"y" * 100)
    dataset = link("y/*", store=store)

    def gone(key, start, chunks):
        raise Unreachable("The endpoint does not answer", "Again.")

    store.trouble = gone
    with pytest.raises(Unreachable, match="does not answer"):
        dataset.fetch()
    assert len({key for key, _ in store.starts}) < 100
    store.trouble = None
    assert len(dataset.fetch().fetched) == 150


@pytest.fixture
def half(store, link, monkeypatch):
    """An unhashed tile of 5 MiB, of which a run brought three and saw two on the disk."""
    monkeypatch.setattr(whole, "_MARK_EVERY", 2 << 20)
    store.put("x/a.bin", b"a" * (5 << 20))
    dataset = link("x/*", store=store, hash="never")

    def breaks(key, start, chunks):
        if start:
            raise Unreachable("gone", "Again.")
        yield from islice(chunks, 3)

    store.trouble = breaks
    with pytest.raises(Unreachable):
        dataset.fetch()
    store.trouble = None
    store.starts.clear()
    return dataset


def test_an_unhashed_tile_goes_on_where_it_was_seen_on_the_disk(half, store):
    half.fetch()
    assert [start >> 20 for _, start in store.starts] == [2]
    assert content(half, "a") == b"a" * (5 << 20)
    assert not (half.path / ".s3link" / "partial").exists()


def test_an_unhashed_tile_does_not_go_on_with_what_came_with_a_clone(half, store):
    (part,) = half.path.rglob("*.part")
    another = half.path / "another"
    another.write_bytes(b"!" * (3 << 20))
    another.replace(part)
    half.fetch()
    assert [start for _, start in store.starts] == [0]
    assert content(half, "a") == b"a" * (5 << 20)


def test_a_body_that_ends_too_early_is_no_body(dataset, store):
    store.trouble = lambda key, start, chunks: iter(())
    with pytest.raises(Unreachable, match="cut short"):
        dataset.fetch(match="a*")
    assert len(store.starts) == 5
    assert leftovers(dataset) == []


def test_parts_of_what_is_no_tile_any_more_are_swept_up(dataset):
    with dataset._folder.writing():
        (dataset._folder.scratch / "stale.part").write_bytes(b"half")
    assert leftovers(dataset)
    dataset.fetch(match="a*")
    assert not (dataset.path / ".s3link" / "partial").exists()


def test_a_spoilt_part_is_thrown_away(dataset, store):
    def breaks(key, start, chunks):
        if start:
            raise Unreachable("gone", "Again.")
        yield next(chunks)

    store.trouble = breaks
    with pytest.raises(Unreachable):
        dataset.fetch(match="a*")
    (part,) = leftovers(dataset)
    part.write_bytes(b"\0" * part.stat().st_size)
    store.trouble = None
    dataset.fetch(match="a*")
    assert content(dataset, "a") == b"a" * (5 << 20)


def test_wrong_bytes_under_the_right_etag_are_refused(dataset, store):
    store.trouble = lambda key, start, chunks: (b"!" * len(chunk) for chunk in chunks)
    with pytest.raises(TilesFailed, match="has the hash sha256:") as caught:
        dataset.fetch()
    assert isinstance(caught.value.__cause__, ServerError)
    assert content(dataset, "a").startswith(b"version https://git-lfs")
    assert leftovers(dataset) == []


def test_a_file_that_was_edited_is_not_overwritten(dataset):
    dataset.fetch(match="a*")
    (dataset.path / "a.bin").write_bytes(b"my work")
    with pytest.raises(TilesFailed, match=r"1 of 3 .* a\.bin: a\.bin is not the linked file any more"):
        dataset.fetch()
    assert content(dataset, "a") == b"my work"
    assert content(dataset, "b") == b"b" * (5 << 20)


def test_an_unhashed_file_that_is_there_is_judged_by_its_download(link, store):
    store.put("x/a.bin", b"right")
    store.put("x/b.bin", b"right")
    dataset = link("x/*", store=store, hash="never")
    (dataset.path / "a.bin").write_bytes(b"right")
    (dataset.path / "b.bin").write_bytes(b"wrong")
    with pytest.raises(TilesFailed, match=r"1 of 2 .* b\.bin"):
        dataset.fetch()
    assert content(dataset, "b") == b"wrong"
    assert [tile.oid is None for tile in dataset.tiles] == [False, True]


def test_a_full_disk_is_told_before_anything_is_fetched(dataset, store, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: SimpleNamespace(free=10 << 20))
    with pytest.raises(LinkError, match=r"15\.7 MB to fetch, 10\.5 MB free"):
        dataset.fetch()
    assert store.starts == []
    dataset.fetch(match="a*")
    assert content(dataset, "a") == b"a" * (5 << 20)


def test_a_second_writer_is_kept_out(dataset, store):
    inside, go_on = threading.Event(), threading.Event()

    def waits(key, start, chunks):
        inside.set()
        go_on.wait(60)
        yield from chunks

    store.trouble = waits
    first = threading.Thread(target=dataset.fetch)
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(LinkError, match="Somebody else is writing"):
            dataset.fetch()
    finally:
        go_on.set()
        first.join(60)
    assert content(dataset, "c") == b"c" * (5 << 20)


def test_an_interrupt_keeps_what_is_done(dataset, store):
    def trouble(key, start, chunks):
        if key != "x/c.bin":
            yield from chunks
            return
        wait_for(lambda: all(not content(dataset, name).startswith(b"version") for name in "ab"))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        for chunk in chunks:  # byte by byte: more than enough for the interrupt to be noticed
            yield from (chunk[at : at + 1] for at in range(len(chunk)))

    store.trouble = trouble
    with pytest.raises(KeyboardInterrupt):
        dataset.fetch()
    assert content(dataset, "a") == b"a" * (5 << 20)
    assert content(dataset, "c").startswith(b"version https://git-lfs")
    store.trouble = None
    assert dataset.fetch().fetched == ("c.bin",)
    assert content(dataset, "c") == b"c" * (5 << 20)


def test_an_interrupt_keeps_the_folder_while_an_executor_of_the_users_still_works(dataset, store):
    given, returned, held = [], threading.Event(), []

    class Watched(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            given.append(super().submit(function, *arguments))
            return given[-1]

    def trouble(key, start, chunks):
        wait_for(lambda: len(given) == 3)  # an interrupt in the middle of a submission loses that one
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        wait_for(lambda: any(future.cancelled() for future in given))
        returned.wait(0.2)  # where the folder is let go too early, it is by now
        try:
            with Folder(dataset.path).writing():
                held.append(False)
        except LinkError:
            held.append(True)
        yield from chunks

    store.trouble = trouble
    with Watched(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            dataset.fetch(executor=executor)
        returned.set()
    assert held == [True]
    store.trouble = None
    assert len(dataset.fetch().fetched) == 2


KILLED = """
import sys, threading, pathlib
from contextlib import contextmanager
from s3magic.linking.dataset import LinkedDataset
from s3magic.store.memory import MemoryStore

class Stuck(MemoryStore):
    @contextmanager
    def stream(self, key, **options):
        with super().stream(key, **options) as chunks:
            yield self.half(key, chunks)

    def half(self, key, chunks):
        if key == "x/a.bin":
            yield from chunks
            return
        yield next(chunks)
        yield next(chunks)
        while not (folder / "a.bin").stat().st_size > 1024:
            pass
        if key == "x/c.bin":
            (folder / ".." / "ready").touch()
        threading.Event().wait()

folder = pathlib.Path(sys.argv[1])
store = Stuck("teaching")
for name in "abc":
    store.put(f"x/{name}.bin", name.encode() * (5 << 20))
LinkedDataset(folder, opener=lambda url: store).fetch()
"""


def test_killed_in_the_middle_no_half_file_has_a_tiles_name(dataset, store, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(dataset.path)], env=child_environment())
    try:
        wait_for((tmp_path / "ready").exists, child=child)
    finally:
        child.kill()
        child.wait(60)
    assert content(dataset, "a") == b"a" * (5 << 20)
    for name in "bc":
        assert content(dataset, name).startswith(b"version https://git-lfs")
    assert len(leftovers(dataset)) == 2
    dataset.fetch()
    assert [content(dataset, name) for name in "abc"] == [name.encode() * (5 << 20) for name in "abc"]
    assert sorted(key for key, _ in store.starts) == ["x/b.bin", "x/c.bin"]
    assert not (dataset.path / ".s3link" / "partial").exists()


def wait_for(condition, *, child=None, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert child is None or child.poll() is None, "the child ended early"
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def child_environment():
    import s3magic

    return {**os.environ, "PYTHONPATH": str(Path(s3magic.__file__).parent.parent)}


def test_a_manifest_cannot_lead_out_of_the_folder(dataset):
    shard = next((dataset.path / ".s3link" / "tiles").glob("*.jsonl"))
    shard.write_text(shard.read_text().replace('"name": "', '"name": "../'))
    with pytest.raises(LinkError, match="is no tile"):
        LinkedDataset(dataset.path, opener=lambda url: None).fetch()


def test_links_that_came_with_a_clone_are_not_written_through(dataset, tmp_path):
    folder, precious = Folder(dataset.path), tmp_path / "precious"
    precious.write_bytes(b"x" * 10_000)
    folder.scratch.mkdir()
    for path in (folder.scratch / ".gitignore", *map(folder.part, dataset.tiles)):
        path.symlink_to(precious)
    dataset.fetch()
    assert precious.read_bytes() == b"x" * 10_000
    assert leftovers(dataset) == []


def test_a_dataset_opened_by_its_folder_asks_the_connection_in_use(dataset, store, monkeypatch):
    monkeypatch.setattr("s3magic.access.current.open_store", lambda url: store)
    assert len(LinkedDataset(dataset.path).fetch().fetched) == len(dataset.tiles)
