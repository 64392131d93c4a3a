"""The plan: what it foretells is what happens, and telling it does nothing."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from s3magic.store.memory import MemoryStore
from s3magic.store.reader import FIRST_BLOCK


class Server(MemoryStore):
    """Answers as S3 does: listings tell which checksums there are, HEAD tells them; counts requests."""

    def __init__(self, *, sha256=()):
        super().__init__("teaching")
        self.sha256 = sha256
        self.lists = self.heads = self.gets = self.read = 0

    def _told(self, info, *, full):
        kept = {"SHA256": info.checksums["SHA256"]} if any(word in info.key for word in self.sha256) else {}
        kept["CRC64NVME"] = "AAAAAAAAAAA="
        if "one-part" in info.key:
            info = replace(info, etag=f"{info.etag}-1", checksum_type="COMPOSITE")
        return replace(info, checksums=kept if full else {}, algorithms=() if full else tuple(kept))

    def list_page(self, *arguments, **options):
        self.lists += 1
        page = super().list_page(*arguments, **options)
        return replace(page, objects=tuple(self._told(info, full=False) for info in page.objects))

    def head(self, key, *, version_id=None, part_number=None):
        self.heads += 1
        info = self._told(super().head(key, version_id=version_id), full=True)
        if part_number is None and "one-part" in key:
            return replace(info, checksums={"SHA256": "bm90IHRoZSBoYXNoIG9mIHRoZSBjb250ZW50IQ==-1"})
        return info

    def get(self, key, *, etag=None, **options):
        self.gets += 1
        data = super().get(key, **options)
        self.read += len(data)
        return data

    def whole(self, key, *, most, version_id=None):
        self.gets += 1
        info = self._told(MemoryStore.head(self, key), full=True)
        return info, MemoryStore.get(self, key)


@pytest.fixture
def server(laz):
    store = Server(sha256=("known", "one-part"))
    for number in range(4):
        store.put(f"t/known{number}.laz", laz(1754000.0 + 100 * number, points=30_000))
    store.put("t/one-part.laz", laz(1755000.0, points=30_000))
    store.put("t/small.laz", laz(1756000.0))
    store.put("t/mystery.laz", laz(1757000.0, points=30_000))
    return store


def test_nothing_is_done(server, link):
    plan = link("t/*", store=server, dry_run=True)
    assert not link.path.exists()
    assert (server.lists, server.heads, server.gets) == (1, 0, 0)
    assert plan.ways == {"head": 4, "part1": 1, "read": 2}
    assert (plan.tiles, plan.kept) == (7, 0)


def test_the_plan_comes_true(server, link):
    sizes = {info.name: info.size for info in MemoryStore.list_page(server).objects}
    assert sizes["mystery.laz"] > FIRST_BLOCK > sizes["small.laz"]
    plan = link("t/*", store=server, dry_run=True)
    server.lists = 0
    dataset = link("t/*", store=server)
    assert dataset.plan == plan
    assert (server.lists, server.heads, server.gets) == (plan.lists, plan.heads, plan.gets)
    ways = [tile.oid_from for tile in dataset.tiles]
    assert {way: ways.count(way) for way in set(ways)} == {"head": 4, "part1": 1, "stream": 2}
    assert plan.read_bytes == sizes["mystery.laz"] + sizes["small.laz"]
    assert plan.header_bytes == sum(min(size, FIRST_BLOCK) for size in sizes.values())


def test_the_plan_counts_a_longer_first_read_of_grids(link, tmp_path):
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        file["rain"] = np.zeros((100, 500))
    store = Server()
    store.put("t/grid.h5", (tmp_path / "grid.h5").read_bytes())
    plan = link("t/*.h5", store=store, hash="never", dry_run=True)
    link("t/*.h5", store=store, hash="never")
    assert store.read == plan.header_bytes == 64 << 10


def test_the_plan_of_single_objects_comes_true(server, link, tif):
    server.put("t/raster.tif", tif())
    urls = ("t/raster.tif",)
    plan = link(*urls, store=server, dry_run=True)
    assert (plan.lists, plan.heads, plan.gets, plan.ways) == (0, 2, 2, {"read": 1})  # one HEAD looks for a sidecar
    server.heads = server.gets = 0
    link(*urls, store=server)
    assert (server.lists, server.heads, server.gets) == (plan.lists, plan.heads, plan.gets)


def test_a_second_run_has_nothing_to_plan(server, link):
    link("t/*", store=server)
    plan = link("t/*", store=server, dry_run=True)
    assert (plan.kept, plan.heads, plan.gets, plan.ways) == (7, 0, 0, {})


@pytest.mark.parametrize(
    ("words", "ways"),
    [
        ({"hash": "never"}, {"unhashed": 7}),
        ({"hash": "read"}, {"read": 7}),
        ({"read_limit": 0}, {"head": 4, "part1": 1, "unhashed": 2}),
        ({"checkout": True}, {"head": 4, "part1": 1, "download": 2}),
        ({"import_": True, "hash": "never"}, {"download": 7}),
    ],
)
def test_each_word_changes_the_plan(server, link, words, ways):
    plan = link("t/*", store=server, dry_run=True, **words)
    assert plan.ways == ways
    size = sum(info.size for info in MemoryStore.list_page(server).objects)
    assert plan.download_bytes == (size if "download" in ways else 0)


def test_a_plan_shows_itself(server, link):
    plan = link("t/*", store=server, dry_run=True)
    assert "7 objects" in repr(plan)
    assert "4 known to S3, 1 known to S3 as one part, 2 to be read" in repr(plan)
    assert "nothing is done yet" in plan._repr_html_()
    assert plan.to_json()["ways"] == plan.ways
    assert 0 < plan.cost < 0.01


def test_what_is_planned_is_shown_before_it_begins(server, link, monkeypatch):
    from tqdm.auto import tqdm

    shown, real = [], tqdm.__init__

    def begin(bar, *arguments, **words):
        shown.append(words["desc"])
        real(bar, *arguments, **words)

    monkeypatch.setattr(tqdm, "__init__", begin)
    link("t/*", store=server)
    assert next(text for text in shown if "headers" in text).startswith("7 objects, ")
    assert "to hash: reading headers" in " ".join(shown)
