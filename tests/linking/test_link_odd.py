"""Objects that change while they are linked, files that lie about themselves, and an add that is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import s3magic
from s3magic.errors import LinkError, ObjectChanged, TilesFailed
from s3magic.linking.adding.ledger import Ledger
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records.folder import Folder
from s3magic.store.memory import MemoryStore


class Replaced(MemoryStore):
    """Lets somebody replace an object after it was listed, or each time that it was asked about."""

    def __init__(self, after, *, always=False):
        super().__init__("teaching")
        self.after, self.always, self.new = after, always, []

    def _now(self, word, key):
        if word == self.after and self.new and (key is None or key == "x/a.laz"):
            self.put("x/a.laz", self.new[0] + bytes(len(self.new)) * self.always)
            self.new = [self.new[0], *self.new] if self.always else []

    def list_page(self, *arguments, **options):
        page = super().list_page(*arguments, **options)
        self._now("list", None)
        return page

    def head(self, key, **options):
        info = super().head(key, **options)
        self._now("head", key)
        return info


@pytest.mark.parametrize("after", ["list", "head"])
@pytest.mark.parametrize("points", [20, 60_000])  # read whole, and read by its header
def test_a_tile_that_is_replaced_meanwhile_is_linked_as_it_is_now(laz, link, after, points):
    store = Replaced(after)
    store.put("x/a.laz", laz(points=points))
    store.new = [new := laz(1760000.0, points=points + 1)]
    dataset = link("x/*", store=store, hash="read", checkout=True)
    (tile,) = dataset.tiles
    assert (tile.point_count, tile.size) == (points + 1, len(new))
    assert (dataset.path / "a.laz").read_bytes() == new


def test_a_tile_that_is_replaced_again_and_again_is_named(laz, link):
    store = Replaced("head", always=True)
    store.put("x/a.laz", laz(points=60_000))
    store.put("x/b.laz", laz(1761000.0))
    store.new = [laz(points=60_001)]
    with pytest.raises(TilesFailed, match=r"a\.laz: The object changed"):
        link("x/*", store=store)
    assert [tile.name for tile in LinkedDataset(link.path).tiles] == ["b.laz"]


def test_a_tile_that_is_replaced_between_header_and_hash_is_named(link):
    class Late(MemoryStore):
        def stream(self, key, **options):
            self.put(key, b"another content")
            return super().stream(key, **{**options, "version_id": None})

    store = Late("teaching")
    store.put("x/a.txt", b"content")
    with pytest.raises(ObjectChanged, match=r"a\.txt changed since it was linked"):
        link("x/*", store=store, hash="read")
    assert not link.path.exists()


def test_directories_in_a_circle_are_named(memory, tif, link):
    data = tif()
    at = int.from_bytes(data[4:8], "little")
    end = at + 2 + 12 * int.from_bytes(data[at : at + 2], "little")
    memory.put("x/circle.tif", data[:end] + at.to_bytes(4, "little") + data[end + 4 :])
    memory.put("x/good.tif", tif())
    with pytest.raises(TilesFailed, match=r"circle\.tif: Not readable as TIFF"):
        link("x/*")
    assert [tile.name for tile in LinkedDataset(link.path).tiles] == ["good.tif"]


KILLED = """
import os, pathlib, signal, sys
from s3magic.linking.add import add
from s3magic.linking.adding.order import Order
from s3magic.linking.adding.drafts import Drafts
from s3magic.linking.adding.state import State
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url

class Silent(MemoryStore):
    def head(self, key, **options):
        from dataclasses import replace
        return replace(super().head(key, **options), checksums={}, checksum_type=None)

count = 0

def deadly(real):
    def write_and_die(self, fact):
        global count
        real(self, fact)
        count += 1
        if count == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
    return write_and_die

add_draft = Drafts.add
add_one = deadly(lambda drafts, one: add_draft(drafts, [one]))
Drafts.add, State.learn = lambda drafts, some: [add_one(drafts, one) for one in some], deadly(State.learn)
store = Silent("teaching")
for name in "abcd":
    store.put(f"x/{name}.txt", name.encode() * 50)
add(Order(patterns=(S3Url.parse("s3://teaching/x/*"),)), pathlib.Path(sys.argv[1]), opener=lambda url: store)
"""


@pytest.mark.parametrize("facts", [2, 6])  # while describing, while hashing
def test_what_was_learnt_before_a_kill_is_not_asked_for_again(link, facts):
    class Silent(MemoryStore):
        def head(self, key, **options):
            from dataclasses import replace

            asked.append(key)
            return replace(super().head(key, **options), checksums={}, checksum_type=None)

        def stream(self, key, **options):
            read.append(key)
            return super().stream(key, **options)

    store, asked, read = Silent("teaching"), [], []
    for name in "abcd":
        store.put(f"x/{name}.txt", name.encode() * 50)
    env = {**os.environ, "PYTHONPATH": str(Path(s3magic.__file__).parent.parent)}
    child = subprocess.run([sys.executable, "-c", KILLED, str(link.path), str(facts)], env=env, check=False, timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert not Folder(link.path).is_dataset
    with pytest.raises(LinkError, match="No linked tiles"):
        LinkedDataset(link.path)
    dataset = link("x/*", store=store)
    assert len(dataset.tiles) == 4
    assert (len(asked), len(read)) == (max(4 - facts, 0), 4 - max(facts - 4, 0))
    assert dataset.status().local == {"pointer": 4}
    assert not (link.path / ".s3link" / "partial").exists()


def test_what_was_refused_leaves_no_trace(memory, laz, tif, link):
    memory.put("x/a.laz", laz())
    memory.put("x/b.tif", tif())
    with pytest.raises(LinkError, match="do not fit"):
        link("x/*", path=link.path / "deep" / "er")
    assert not link.path.exists()


def _of_another_version(path):
    with closing(sqlite3.connect(path)) as database:
        database.executescript("create table described (name)")


def _damaged(path):
    with Ledger(path) as ledger:
        for number in range(500):
            ledger.write("insert into described (name, line) values (?, ?)", f"n{number}.txt", "x" * 2000)
    data = bytearray(path.read_bytes())
    data[8192:40_000] = bytes(len(data[8192:40_000]))
    path.write_bytes(data)


def _planted(path):
    """A ledger that came with a clone: a tile that leads out of the folder under the name of one that does not."""
    with Ledger(path) as ledger:
        line = '{"name": "../n1.txt", "url": "s3://teaching/texts/n1.txt", "etag": "e", "size": 1}'
        ledger.write("insert into kind values (0, 'file', null, 'no JSON'), (1, 'file', null, 'null')")
        for number in range(4):
            of = (f"n{number}.txt", f"auto {s3magic.__version__}", number % 3, f"s3://teaching/texts/n{number}.txt")
            ledger.write("insert into described values (?, ?, ?, ?, 'e', 1, null, '', '', '[]', null, 0, ?)", *of, line)


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b"no ledger"), Path.touch, _of_another_version, _damaged, _planted]
)
def test_drafts_that_make_no_sense_are_passed_over(texts, link, spoil):
    folder = Folder(link.path)
    folder.scratch.mkdir(parents=True)
    spoil(folder.drafts)
    dataset = link("texts/*")
    assert [tile.name for tile in dataset.tiles] == list(texts)
    assert dataset.status().remote == {"ok": len(texts)}
    assert not folder.scratch.exists()


def test_a_journal_that_came_with_a_clone_deletes_no_file(texts, link, tmp_path):
    precious, folder = tmp_path / "precious", Folder(link.path)
    precious.write_text("mine")
    folder.scratch.mkdir(parents=True)
    _of_another_version(folder.drafts)
    name, magic = str(precious).encode(), bytes.fromhex("d9d505f920a163d7")
    begin = (magic + struct.pack(">5I", 0, 1, 2, 512, 4096)).ljust(512, b"\0")
    # After a rollback SQLite deletes the file that a journal names as the one over several databases.
    end = struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">2I", len(name), sum(name)) + magic
    folder.drafts.with_name(f"{folder.drafts.name}-journal").write_bytes(begin + end)
    assert [tile.name for tile in link("texts/*").tiles] == list(texts)
    assert precious.read_text() == "mine"
    assert not folder.scratch.exists()
