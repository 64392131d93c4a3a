"""Status: what S3 and the disk say of each tile, and "unknown" where they do not say."""

from __future__ import annotations

import pytest

from s3magic.errors import AccessDenied, ExpiredCredentials, NoSuchKey, Unreachable
from s3magic.store.memory import MemoryStore


class Guarded(MemoryStore):
    """Counts requests, and refuses those in ``denied``: "list", "head", "version"."""

    def __init__(self):
        super().__init__("teaching")
        self.denied, self.lists, self.heads, self.error = set(), 0, 0, AccessDenied

    def list_page(self, *arguments, **options):
        self.lists += 1
        if "list" in self.denied:
            raise self.error("Not allowed: ListBucket", "Ask.")
        return super().list_page(*arguments, **options)

    def head(self, key, *, version_id=None, part_number=None):
        self.heads += 1
        if "head" in self.denied or (version_id and "version" in self.denied):
            raise self.error("Not allowed: GetObject", "Ask.")
        try:
            return super().head(key, version_id=version_id, part_number=part_number)
        except NoSuchKey:
            if "list" in self.denied:  # S3 hides from those who may not list whether a key exists
                raise AccessDenied("Not allowed: GetObject", "Ask.") from None
            raise


@pytest.fixture
def store():
    return Guarded()


@pytest.fixture
def dataset(store, link):
    for number in range(6):
        store.put(f"x/{number}.txt", b"content %d" % number)
    made = link("x/*", store=store)
    store.lists = store.heads = 0
    return made


def remote(dataset):
    return {tile.name[0]: tile.remote for tile in dataset.status()}


def test_one_listing_answers_for_all(dataset, store):
    report = dataset.status()
    assert report.remote == {"ok": 6}
    assert report.local == {"pointer": 6}
    assert (store.lists, store.heads) == (1, 0)


def test_each_state_is_told(dataset, store):
    store.put("x/1.txt", b"newer")
    store.delete("x/2.txt")
    store.put("x/3.txt", b"newer")
    store.delete("x/4.txt")
    for tile in dataset.tiles[3:5]:
        store.delete(tile.source.key, version_id=tile.version_id)
    assert remote(dataset) == {
        "0": "ok", "1": "superseded", "2": "superseded", "3": "changed", "4": "missing", "5": "ok"
    }  # fmt: skip


def test_without_the_right_to_list_heads_answer(dataset, store):
    store.denied = {"list"}
    store.put("x/1.txt", b"newer")
    store.delete("x/2.txt")
    told = {tile.name[0]: tile for tile in dataset.status()}
    assert {name: tile.remote for name, tile in told.items()} == {
        "0": "ok", "1": "superseded", "2": "unknown", "3": "ok", "4": "ok", "5": "ok"
    }  # fmt: skip
    assert "Not allowed" in told["2"].detail


def test_a_version_that_may_not_be_asked_for_is_changed(dataset, store):
    store.denied = {"version"}
    store.put("x/1.txt", b"newer")
    assert remote(dataset)["1"] == "changed"


def test_what_cannot_be_asked_is_unknown(dataset, store):
    store.denied = {"list", "head"}
    assert dataset.status().remote == {"unknown": 6}
    assert repr(dataset.status()) == "<6 tiles; on S3: 6 unknown (Not allowed: GetObject); here: 6 pointers>"
    store.error = Unreachable
    heads = store.heads
    assert dataset.status().remote == {"unknown": 6}
    assert store.heads == heads  # nobody would answer them either


def test_a_network_lost_on_the_way_leaves_the_rest_unknown(store, link, monkeypatch):
    for number in range(300):
        store.put(f"x/{number:03}/a.txt", b"content")
    dataset = link("x/**", store=store, keep_prefix=True)
    store.denied, store.error = {"head"}, Unreachable
    store.heads = 0
    assert repr(dataset.status()) == "<300 tiles; on S3: 300 unknown (Not allowed: GetObject); here: 300 pointers>"
    assert store.heads < 250


def test_expired_credentials_are_no_state(dataset, store):
    store.denied, store.error = {"list", "head"}, ExpiredCredentials
    with pytest.raises(ExpiredCredentials):
        dataset.status()


def test_unhashed_is_a_state(store, link):
    store.put("x/a.txt", b"content")
    assert link("x/*", store=store, hash="never").status()[0].remote == "unhashed"


def test_a_listing_among_many_strangers_is_given_up(store, link):
    for number in range(8000):
        store.put(f"x/{number:04}.txt", b"content")
    dataset = link("x/{000[0-3],7999}.txt", store=store)
    store.lists = store.heads = 0
    assert dataset.status().remote == {"ok": 5}
    assert (store.lists, store.heads) == (5, 1)


def test_few_tiles_are_asked_for_one_by_one(store, link):
    store.put("x/a.txt", b"content")
    dataset = link("x/a.txt", store=store)
    store.lists = store.heads = 0
    assert dataset.status().remote == {"ok": 1}
    assert (store.lists, store.heads) == (0, 1)


def test_what_is_on_disk_is_told(dataset):
    dataset.fetch(match="[0-3]*")
    (dataset.path / "1.txt").write_bytes(b"CONTENT 1")
    (dataset.path / "2.txt").write_bytes(b"longer than before")
    (dataset.path / "3.txt").unlink()
    (dataset.path / "4.txt").write_bytes((dataset.path / "5.txt").read_bytes())
    assert {tile.name[0]: tile.local for tile in dataset.status()} == {
        "0": "file", "1": "modified", "2": "modified", "3": "absent", "4": "modified", "5": "pointer"
    }  # fmt: skip


def test_a_file_whose_hash_nobody_knows_is_not_guessed(store, link):
    store.put("x/a.txt", b"content")
    dataset = link("x/*", store=store, hash="never")
    (dataset.path / "a.txt").write_bytes(b"CONTENT")
    assert dataset.status()[0].local == "unknown"


def test_a_report_shows_itself(dataset, store):
    store.put("x/1.txt", b"<b>")
    report = dataset.status()
    assert repr(report) == "<6 tiles; on S3: 5 ok, 1 superseded; here: 6 pointers>"
    (dataset.path / "2.txt").write_bytes(b"mine")
    shown = dataset.status()._repr_html_()
    assert shown.index("1.txt") < shown.index("2.txt") < shown.index("0.txt")
    assert report.to_json()[1] == {"name": "1.txt", "remote": "superseded", "local": "pointer", "detail": ""}
    assert [tile.name for tile in report[:2]] == ["0.txt", "1.txt"]
