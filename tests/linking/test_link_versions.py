"""A new version of a dataset: only what changed is read, what changed is told, and a kill leaves one or the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from s3magic.errors import LinkError, NoSuchKey, TilesFailed
from s3magic.linking.add import add
from s3magic.linking.adding import drafts
from s3magic.linking.adding.drafts import Drafts
from s3magic.linking.adding.order import renewal
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records import journal, pointers
from s3magic.store.memory import MemoryStore


class Counting(MemoryStore):
    """Remembers which keys it was asked for."""

    def __init__(self):
        super().__init__("teaching")
        self.asked = []

    def head(self, key, **options):
        self.asked.append(key)
        return super().head(key, **options)

    def get(self, key, **options):
        self.asked.append(key)
        return super().get(key, **options)


@pytest.fixture
def store():
    made = Counting()
    for name in "abcd":
        made.put(f"x/{name}.txt", f"first {name}".encode())
    return made


def renew(store):
    store.put("x/b.txt", b"second b")
    store.delete("x/c.txt")
    store.put("x/e.txt", b"new e")
    store.asked.clear()


def test_only_what_changed_is_read_and_all_of_it_is_told(store, link, tmp_path):
    old = {tile.name: tile for tile in link("x/*", store=store).tiles}
    renew(store)
    dataset = link("x/*", store=store, replace=True)
    changes = dataset.changes
    assert (changes.added, changes.changed, changes.removed) == (("e.txt",), ("b.txt",), ("c.txt",))
    assert changes.kept == ("a.txt", "d.txt")
    assert "1 added, 1 changed, 1 removed, 2 kept" in repr(changes)
    assert "e.txt" in changes._repr_html_()
    assert set(store.asked) == {"x/b.txt", "x/e.txt"}
    new = {tile.name: tile for tile in dataset.tiles}
    assert set(new) == {"a.txt", "b.txt", "d.txt", "e.txt"}
    assert new["a.txt"] == old["a.txt"]
    assert pointers.parse((tmp_path / "ds" / "b.txt").read_bytes()).oid == new["b.txt"].pointer_oid
    assert not (tmp_path / "ds" / "c.txt").exists()
    assert "c.txt" not in (tmp_path / "ds" / ".gitattributes").read_text()
    assert dataset.status().remote == {"ok": 4}


def test_the_same_again_changes_nothing(store, link, tree):
    link("x/*", store=store)
    before = tree(link.path)
    store.asked.clear()
    dataset = link("x/*", store=store, replace=True)
    assert not dataset.changes
    assert len(dataset.changes.kept) == 4
    assert tree(link.path) == before
    assert store.asked == []


def test_the_old_version_stays_readable_by_its_manifest(store, link, tmp_path):
    import shutil

    dataset = link("x/*", store=store)
    shutil.copytree(dataset.path, tmp_path / "old")
    renew(store)
    link("x/*", store=store, replace=True)
    old = LinkedDataset(tmp_path / "old", opener=lambda url: store)
    old.fetch()
    assert (tmp_path / "old" / "b.txt").read_bytes() == b"first b"
    assert (tmp_path / "old" / "c.txt").read_bytes() == b"first c"


def test_files_that_were_fetched_give_way(store, link):
    dataset = link("x/*", store=store, checkout=True)
    renew(store)
    dataset = link("x/*", store=store, replace=True)
    assert dataset.status().local == {"file": 2, "pointer": 2}
    dataset = link("x/*", store=store, replace=True, checkout=True)
    assert (dataset.path / "b.txt").read_bytes() == b"second b"
    assert (dataset.path / "a.txt").read_bytes() == b"first a"


@pytest.mark.parametrize("name", ["b.txt", "c.txt"])
def test_a_file_that_somebody_edited_stops_it_all(store, link, tree, name):
    dataset = link("x/*", store=store, checkout=True)
    (dataset.path / name).write_text("my own work")
    renew(store)
    before = tree(dataset.path)
    with pytest.raises(LinkError, match=f"other files of these names: {name}"):
        link("x/*", store=store, replace=True)
    assert tree(dataset.path) == before


class Forgetful(MemoryStore):
    """Keeps no versions."""

    def head(self, key, **options):
        return replace(super().head(key, **options), version_id=None)


class Expiring(MemoryStore):
    """Keeps versions, and forgets those that are not the newest."""

    def head(self, key, *, version_id=None, part_number=None):
        return super().head(key, version_id=version_id and "none-is-kept", part_number=part_number)


@pytest.mark.parametrize("kind", [Forgetful, Expiring])
def test_the_last_copy_of_a_tile_is_not_thrown_away(link, tree, kind):
    store = kind("teaching")
    for name in "ab":
        store.put(f"x/{name}.txt", name.encode())
    dataset = link("x/*", store=store, checkout=True)
    store.delete("x/b.txt")
    before = tree(dataset.path)
    with pytest.raises(LinkError, match=r"the last of them: b\.txt"):
        link("x/*", store=store, replace=True)
    assert tree(dataset.path) == before
    (dataset.path / "b.txt").unlink()
    assert link("x/*", store=store, replace=True).changes.removed == ("b.txt",)


def test_a_file_that_s3_gives_again_is_no_last_copy(link):
    store = Forgetful("teaching")
    for name in "ab":
        store.put(f"x/{name}.txt", name.encode())
    link("x/*", store=store, checkout=True)
    assert link("x/*", store=store, replace=True, match="a*").changes.removed == ("b.txt",)


def test_other_sources_may_take_the_place_of_old_ones(store, link):
    link("x/a.txt", store=store)
    dataset = link("x/[bc].txt", store=store, replace=True)
    assert dataset.info.sources == ("s3://teaching/x/[bc].txt",)
    assert dataset.changes.removed == ("a.txt",)


def test_when_nothing_is_there_any_more_the_old_stays(store, link, tree):
    dataset = link("x/*", store=store)
    for name in "abcd":
        store.delete(f"x/{name}.txt")
    before = tree(dataset.path)
    with pytest.raises(NoSuchKey):
        link("x/*", store=store, replace=True)
    assert tree(dataset.path) == before


def test_a_tile_that_cannot_be_read_stays_as_it_was(laz, link):
    store = Counting()
    for name in "ab":
        store.put(f"x/{name}.laz", laz(1754000.0))
    before = link("x/*", store=store).tiles
    store.put("x/a.laz", b"no LAZ any more")
    store.put("x/b.laz", laz(1755000.0))
    with pytest.raises(TilesFailed, match=r"a\.laz"):
        link("x/*", store=store, replace=True)
    tiles = LinkedDataset(link.path).tiles
    assert tiles[0] == before[0]
    assert tiles[1].native_extent != before[1].native_extent


def test_a_new_crs_needs_all_tiles_to_change(memory, laz, link):
    for name in "ab":
        memory.put(f"x/{name}.laz", laz(epsg=2193))
    link("x/*")
    memory.put("x/a.laz", laz(epsg=32760))
    with pytest.raises(LinkError, match=r"a\.laz: in WGS 84 / UTM zone 60S"):
        link("x/*", replace=True)
    memory.put("x/b.laz", laz(epsg=32760))
    assert "UTM zone 60S" in link("x/*", replace=True).info.crs


def test_another_box_chooses_among_kept_tiles_too(memory, tif, link):
    for number in range(4):
        memory.put(f"cogs/t{number}.tif", tif(float(number), 50.0))
    link("cogs/*")
    dataset = link("cogs/*", replace=True, bbox=(2.5, 49.1, 3.5, 49.9))
    assert [tile.name for tile in dataset.tiles] == ["t2.tif", "t3.tif"]
    assert dataset.changes.removed == ("t0.tif", "t1.tif")
    assert dataset.info.selection == {"bbox": [2.5, 49.1, 3.5, 49.9]}


def test_tiles_outside_the_box_are_not_asked_for_again(tif, link):
    store = Counting()
    for number in range(4):
        store.put(f"cogs/t{number}.tif", tif(float(number), 50.0))
    store.put("cogs/t3.tif.aux.xml", b"<PAMDataset/>")
    dataset = link("cogs/*", store=store, bbox=(0.1, 49.1, 0.9, 49.9))
    for changed in ("t0", "t2"):
        store.put(f"cogs/{changed}.tif", tif(0.0, 50.0, bands=1))
        store.put(f"cogs/{changed}.tif", tif(0.0, 50.0, degrees=0.9))
        store.asked.clear()
        changes = dataset.update()
        assert set(store.asked) == {f"cogs/{changed}.tif"}
        assert [*changes.changed, *changes.added] == [f"{changed}.tif"]
    assert [tile.name for tile in dataset.tiles] == ["t0.tif", "t2.tif"]
    store.asked.clear()
    assert not dataset.update()
    assert store.asked == []


def test_another_version_of_s3magic_looks_itself_for_what_lies_outside_the_box(tif, link, monkeypatch):
    store = Counting()
    for number in range(3):
        store.put(f"cogs/t{number}.tif", tif(float(number), 50.0))
    dataset = link("cogs/*", store=store, bbox=(0.1, 49.1, 0.9, 49.9))
    store.put("cogs/new.tif", tif(5.0, 50.0))
    monkeypatch.setattr(drafts, "__version__", "the next one")
    store.asked.clear()
    dataset.update()
    assert set(store.asked) == {"cogs/new.tif", "cogs/t1.tif", "cogs/t2.tif"}


def test_a_renewal_asks_for_what_was_asked_for(store, link):
    dataset = link("x/*", store=store, match="[ab].txt")
    renew(store)
    (made,) = add(renewal(dataset.info), dataset.path, opener=lambda url: store)
    changes = made.changes
    assert (changes.added, changes.changed, changes.removed, changes.kept) == ((), ("b.txt",), (), ("a.txt",))


def test_empty_folders_go_with_their_tiles(memory, link):
    for key in ("x/one/deep/a.txt", "x/two/b.txt"):
        memory.put(key, b"x")
    link("x/", keep_prefix=True)
    memory.delete("x/one/deep/a.txt")
    link("x/", keep_prefix=True, replace=True)
    assert sorted(path.name for path in link.path.iterdir()) == [".gitattributes", ".s3link", "two"]


def states(dataset):
    return {tile.name: (tile.oid, tile.etag) for tile in dataset.tiles}


STEPS = [("stage", "before"), ("stage", "after"), ("settle", "after"), ("give_way", "after"), ("close", "before")]


@pytest.mark.parametrize(("step", "moment"), STEPS)
def test_a_kill_leaves_the_old_or_the_new_and_the_next_run_finishes(store, link, tmp_path, step, moment):
    """In a child of its own, killed at each step of putting the new version in place."""
    dataset = link("x/*", store=store, checkout=True)
    old = states(dataset)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(dataset.path), step, moment], env=environment(), check=False, timeout=60
    )
    assert child.returncode == -signal.SIGKILL
    renew(store)
    reference = link("x/*", store=store, path=tmp_path / "reference")
    new = states(reference)
    after = LinkedDataset(dataset.path, opener=lambda url: store)
    assert states(after) == (old if (step, moment) == STEPS[0] else new)
    again = link("x/*", store=store, replace=True)
    assert states(again) == new
    assert again.status().local == {"file": 2, "pointer": 2}
    assert not (dataset.path / "c.txt").exists()
    assert not (dataset.path / ".s3link" / "partial").exists()
    assert not journal.is_open(dataset.path / ".s3link" / "partial")


KILLED = """
import os, signal, sys, pathlib
from s3magic.linking.records import journal, local
from s3magic.linking.add import add
from s3magic.linking.adding.order import Order
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url

folder, step, moment = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = MemoryStore("teaching")
for name in "abcd":
    store.put(f"x/{name}.txt", f"first {name}".encode())
store.put("x/b.txt", b"second b")
store.delete("x/c.txt")
store.put("x/e.txt", b"new e")
room = local if step == "give_way" else journal
real = getattr(room, step)

def deadly(*arguments, **words):
    if moment == "after":
        real(*arguments, **words)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(room, step, deadly)
add(Order(patterns=(S3Url.parse("s3://teaching/x/*"),), replace=True), folder, opener=lambda url: store)
"""


def environment():
    import s3magic

    return {**os.environ, "PYTHONPATH": str(Path(s3magic.__file__).parent.parent)}


def test_an_interrupted_replace_leaves_the_old_and_goes_on_where_it_was(laz, link, monkeypatch):
    class Interrupting(Counting):
        trouble = False

        def head(self, key, **options):
            if self.trouble and key == "x/c.laz":
                done.wait(60)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            return super().head(key, **options)

    store, done = Interrupting(), threading.Event()
    for name in "abc":
        store.put(f"x/{name}.laz", laz(1754000.0))
    dataset = link("x/*", store=store)
    before = dataset.tiles
    for name in "abc":
        store.put(f"x/{name}.laz", laz(1755000.0, points=2500))
    store.trouble = True
    written, add_draft = [], Drafts.add

    def watched(drafts, some):
        add_draft(drafts, some)
        written.extend(one.name for one in some)
        if len(written) == 2:
            done.set()

    monkeypatch.setattr(Drafts, "add", watched)
    with pytest.raises(KeyboardInterrupt):
        link("x/*", store=store, replace=True)
    assert LinkedDataset(dataset.path).tiles == before
    store.trouble = False
    store.asked.clear()
    dataset = link("x/*", store=store, replace=True)
    assert len(dataset.changes.changed) == 3
    assert not {"x/a.laz", "x/b.laz"} & set(store.asked)
    assert not (dataset.path / ".s3link" / "partial").exists()
