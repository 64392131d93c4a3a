"""The verbs that keep a dataset true: update, verify, diff, redirect, gc; on a store in memory."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3magic.errors import AccessDenied, InvalidInput, LinkError
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records.redirects import place, with_redirect
from s3magic.store.memory import MemoryStore


class Counted(MemoryStore):
    """Remembers what it is asked, denies and pretends what it is told to, and keeps no versions when told so."""

    def __init__(self, bucket="teaching"):
        super().__init__(bucket)
        self.asked, self.denied, self.versioned = [], set(), True
        self.pretend, self.spoilt = {}, set()

    def _hear(self, what, key):
        self.asked.append((what, key))
        if what in self.denied:
            raise AccessDenied(f"You may not {what} here", "Ask who keeps the bucket.")

    def list_page(self, prefix="", **words):
        self._hear("list", prefix)
        return super().list_page(prefix, **words)

    def head(self, key, *, version_id=None, part_number=None):
        self._hear("head", key)
        if version_id is not None and not self.versioned:
            version_id = "none-is-kept"
        info = super().head(key, version_id=version_id)
        return dataclasses.replace(info, **self.pretend.get(key, {}))

    def get(self, key, *, etag=None, **words):
        self._hear("get", key)
        if etag == self.pretend.get(key, {}).get("etag"):
            etag = None
        data = super().get(key, etag=etag, **words)
        return data.replace(b"first", b"worst") if key in self.spoilt else data


@pytest.fixture
def store():
    made = Counted()
    for name in "abc":
        made.put(f"x/{name}.txt", f"first {name} ".encode() * 50)
    return made


@pytest.fixture
def dataset(link, store):
    made = link("x/*.txt", store=store)
    store.asked.clear()
    return made


def content(dataset, name):
    return (dataset.path / f"{name}.txt").read_bytes()


def shown(report):
    assert dataclasses.is_dataclass(report) or len(report) >= 0
    assert report.to_json() is not None
    assert report._repr_html_()
    return repr(report)


class TestUpdate:
    def test_only_what_changed_is_read(self, dataset, store):
        dataset.fetch(match="a*")
        store.put("x/a.txt", b"second a " * 60)
        store.put("x/d.txt", b"new d " * 60)
        store.delete("x/c.txt")
        store.asked.clear()
        changes = dataset.update()
        assert (changes.added, changes.changed, changes.removed) == (("d.txt",), ("a.txt",), ("c.txt",))
        assert {key for what, key in store.asked if what != "list"} == {"x/a.txt", "x/d.txt"}
        assert content(dataset, "a") == b"second a " * 60
        assert content(dataset, "d").startswith(b"version https://git-lfs")
        assert not (dataset.path / "c.txt").exists()
        assert dataset.status().remote == {"ok": 3}
        assert "1 added, 1 changed, 1 removed" in shown(changes)

    def test_nothing_new_costs_a_listing(self, dataset, store, tree):
        before = tree(dataset.path)
        assert dataset.update().kept == ("a.txt", "b.txt", "c.txt")
        assert {what for what, _ in store.asked} == {"list"}
        assert tree(dataset.path) == before

    def test_an_edit_here_is_not_overwritten(self, dataset, store, tree):
        (dataset.path / "a.txt").write_bytes(b"mine")
        store.put("x/a.txt", b"second a")
        before = tree(dataset.path)
        with pytest.raises(LinkError, match=r"a\.txt"):
            dataset.update()
        assert tree(dataset.path) == before

    def test_the_last_copy_stays(self, dataset, store, tree):
        dataset.fetch()
        store.versioned = False
        store.delete("x/b.txt")
        before = tree(dataset.path)
        with pytest.raises(LinkError, match=r"last of them: b\.txt"):
            dataset.update()
        assert tree(dataset.path) == before

    def test_a_part_of_a_split_is_not_updated_alone(self, dataset):
        about = dataset.path / ".s3link" / "dataset.json"
        about.write_text(about.read_text().replace('"s3link": 1,', '"s3link": 1, "selection": {"split": true},'))
        with pytest.raises(LinkError, match="was split"):
            dataset.update()


class TestVerify:
    def test_all_is_well(self, dataset):
        dataset.fetch(match="a*")
        report = dataset.verify()
        assert report.ok
        assert report.local == {"file": 1, "pointer": 2}
        assert "all well" in shown(report)

    def test_what_is_wrong_is_named(self, dataset, store):
        dataset.fetch()
        (dataset.path / "a.txt").write_bytes(content(dataset, "a").replace(b"first", b"worst"))
        store.versioned = False
        store.put("x/b.txt", b"other")
        store.delete("x/c.txt")
        report = dataset.verify()
        assert [(tile.name, tile.remote, tile.local) for tile in report.failures] == [
            ("a.txt", "ok", "modified"),
            ("b.txt", "changed", "file"),
            ("c.txt", "missing", "file"),
        ]
        assert "3 wrong" in shown(report)

    def test_what_s3_does_not_tell_is_not_called_wrong(self, dataset, store):
        store.denied = {"head"}
        (dataset.path / "a.txt").write_bytes(b"edited here")
        report = dataset.verify()
        assert not report.ok
        assert str(report).endswith("1 wrong, 2 could not be checked")

    def test_a_version_that_is_kept_is_good_enough(self, dataset, store):
        store.put("x/b.txt", b"other")
        report = dataset.verify()
        assert report.ok
        assert report.remote == {"ok": 2, "superseded": 1}

    def test_a_checksum_that_differs_under_the_pinned_etag_is_wrong(self, dataset, store):
        store.pretend["x/a.txt"] = {"checksums": {"CRC64NVME": "AAAAAAAAAAA="}}
        shard = next(one for one in (dataset.path / ".s3link/tiles").iterdir() if '"a.txt"' in one.read_text())
        shard.write_text(shard.read_text().replace('"crc64nvme": null', '"crc64nvme": "BBBBBBBBBBA="'))
        (failure,) = dataset.verify().failures
        assert (failure.name, failure.remote, failure.detail) == ("a.txt", "wrong", "another CRC64NVME")

    def test_deep_reads_the_bodies(self, dataset, store):
        store.spoilt.add("x/a.txt")
        assert dataset.verify().ok
        (failure,) = dataset.verify(deep=True).failures
        assert (failure.name, failure.remote) == ("a.txt", "wrong")
        assert "the body has the hash sha256:" in failure.detail

    def test_a_tile_that_s3_does_not_tell_of_is_not_called_good(self, dataset, store):
        store.denied.add("head")
        report = dataset.verify()
        assert report.remote == {"unknown": 3}
        assert not report.ok
        assert report[0].detail == "You may not head here"


class TestDiff:
    def test_from_s3_now(self, dataset, store):
        store.put("x/a.txt", b"second a")
        store.put("x/d.txt", b"new d")
        store.delete("x/c.txt")
        report = dataset.diff()
        assert [(tile.name, tile.change) for tile in report] == [
            ("a.txt", "changed"), ("c.txt", "removed"), ("d.txt", "added")
        ]  # fmt: skip
        assert {what for what, _ in store.asked} == {"list"}
        assert "dataset → S3 now: 1 added, 1 changed, 1 removed" in shown(report)

    def test_without_a_listing_tiles_are_asked_for(self, dataset, store):
        store.denied.add("list")
        store.put("x/a.txt", b"second a")
        store.delete("x/c.txt")
        report = dataset.diff()
        assert [(tile.name, tile.change) for tile in report] == [("a.txt", "changed"), ("c.txt", "removed")]
        assert "not for new ones" in report.note

    def test_without_any_answer_nothing_is_guessed(self, dataset, store):
        store.denied |= {"list", "head"}
        with pytest.raises(LinkError, match="3 of 3 tiles could not be compared"):
            dataset.diff()

    def test_a_bucket_that_is_empty_by_now(self, dataset, store):
        for name in "abc":
            store.delete(f"x/{name}.txt")
        assert dataset.diff().names("removed") == ("a.txt", "b.txt", "c.txt")

    def test_commits_want_a_repository(self, dataset):
        with pytest.raises(LinkError, match="no git repository"):
            dataset.diff("HEAD")


@pytest.fixture
def moved(store):
    """The same objects in another bucket, under another folder."""
    other = Counted("archive")
    for name in "abc":
        other.put(f"2020/{name}.txt", f"first {name} ".encode() * 50)
    return other


@pytest.fixture
def anywhere(dataset, store, moved):
    """The dataset, with a way to both buckets."""
    return LinkedDataset(dataset.path, opener=lambda url: {"teaching": store, "archive": moved}[url.bucket])


class TestRedirect:
    def test_tiles_are_asked_for_at_the_new_place(self, anywhere, store):
        done = anywhere.redirect("s3://teaching/x", "s3://archive/2020/")
        assert done.moved == ("a.txt", "b.txt", "c.txt")
        assert "s3://archive/2020/" in shown(done)
        assert anywhere.info.redirects == {"s3://teaching/x/": "s3://archive/2020/"}
        for name in "abc":
            store.delete(f"x/{name}.txt")
        store.asked.clear()
        assert anywhere.status().remote == {"ok": 3}
        assert anywhere.verify().ok
        assert len(anywhere.fetch().fetched) == 3
        assert anywhere.diff().names("changed") == ()
        assert store.asked == []
        assert [tile.url for tile in anywhere.tiles] == [f"s3://teaching/x/{name}.txt" for name in "abc"]

    def test_nothing_is_recorded_unless_every_tile_is_right(self, anywhere, moved, tree):
        moved.put("2020/b.txt", b"somewhat else")
        moved.delete("2020/c.txt")
        before = tree(anywhere.path)
        with pytest.raises(
            LinkError, match=r"2 of 3 tiles are not at s3://archive/2020/ .* b\.txt: 13 bytes"
        ) as caught:
            anywhere.redirect("s3://teaching/x/", "s3://archive/2020/")
        assert "c.txt: nothing is named s3://archive/2020/c.txt" in str(caught.value)
        assert tree(anywhere.path) == before

    def test_another_etag_will_do_where_a_checksum_agrees(self, anywhere, moved):
        moved.pretend["2020/a.txt"] = {"etag": "0123456789abcdef-2"}
        anywhere.redirect("s3://teaching/x/", "s3://archive/2020/")
        assert anywhere.tiles[0].etag == "0123456789abcdef-2"
        assert len(anywhere.fetch().fetched) == 3

    def test_one_after_the_other(self, anywhere, moved):
        anywhere.redirect("s3://teaching/x/", "s3://archive/2020/")
        for name in "abc":
            moved.put(f"2021/{name}.txt", moved.get(f"2020/{name}.txt"))
            moved.delete(f"2020/{name}.txt")
        anywhere.redirect("s3://archive/2020/", "s3://archive/2021/")
        assert anywhere.status().remote == {"ok": 3}
        assert anywhere.info.redirects["s3://teaching/x/"] == "s3://archive/2021/"

    @pytest.mark.parametrize(
        ("old", "error"),
        [("s3://other/", LinkError), ("s3://teaching/*.txt", InvalidInput), ("teaching", InvalidInput)],
    )
    def test_a_place_without_tiles_is_refused(self, anywhere, old, error):
        with pytest.raises(error):
            anywhere.redirect(old, "s3://archive/2020/")
        assert not anywhere.info.redirects

    def test_the_same_place_is_refused(self, anywhere):
        with pytest.raises(InvalidInput, match="the same: s3://teaching/x/"):
            anywhere.redirect("s3://teaching/x", "s3://teaching/x/")


class TestGc:
    def test_files_become_pointers_that_can_be_fetched(self, dataset):
        dataset.fetch()
        report = dataset.gc(files=True, match="[ab]*", dry_run=True)
        assert [name for name, _ in report.freed] == ["a.txt", "b.txt"]
        assert report.size == 800
        assert "would be freed" in shown(report)
        assert dataset.status().local == {"file": 3}
        assert dataset.gc(files=True, match="[ab]*").freed == report.freed
        assert dataset.status().local == {"file": 1, "pointer": 2}
        assert len(dataset.fetch().fetched) == 2

    def test_a_choice_among_files_that_are_not_meant_is_refused(self, dataset):
        dataset.fetch()
        with pytest.raises(LinkError, match="choose among the tiles' own files"):
            dataset.gc(match="a*")

    def test_why_all_is_kept_is_told(self, dataset, store):
        dataset.fetch()
        store.denied = {"head"}
        assert repr(dataset.gc(files=True)) == "<0 B in 0 files freed, 3 kept: You may not head here>"

    def test_the_last_copy_stays(self, dataset, store):
        dataset.fetch()
        store.versioned = False
        store.delete("x/a.txt")
        store.put("x/b.txt", b"other")
        (dataset.path / "c.txt").write_bytes(b"edited here")
        report = dataset.gc(files=True)
        assert report.freed == ()
        assert [name for name, _ in report.kept] == ["a.txt", "b.txt"]
        assert content(dataset, "a") == b"first a " * 50
        assert content(dataset, "c") == b"edited here"

    def test_an_edit_while_s3_is_asked_stays(self, dataset, store, tmp_path, monkeypatch):
        dataset.fetch()
        edited, head = b"my own a" * 50, store.head

        def editing(key, **words):
            if key == "x/a.txt":
                (tmp_path / "edited").write_bytes(edited)
                (tmp_path / "edited").rename(dataset.path / "a.txt")
            return head(key, **words)

        monkeypatch.setattr(store, "head", editing)
        report = dataset.gc(files=True)
        assert report.kept == (("a.txt", "somebody changed it meanwhile"),)
        assert content(dataset, "a") == edited
        assert dataset.status().local == {"modified": 1, "pointer": 2}

    def test_what_s3_does_not_answer_for_stays(self, dataset, store):
        dataset.fetch()
        store.denied.add("head")
        report = dataset.gc(files=True)
        assert report.freed == ()
        assert report.kept[0] == ("a.txt", "You may not head here")

    def test_an_archived_original_is_no_reason_to_free_its_file(self, dataset, store):
        dataset.fetch()
        store.pretend["x/a.txt"] = {"storage_class": "DEEP_ARCHIVE"}
        assert [name for name, _ in dataset.gc(files=True).kept] == ["a.txt"]

    def test_half_written_files_go(self, dataset):
        with dataset._folder.writing():
            dataset._folder.part(dataset.tiles[0]).write_bytes(b"first")
        assert dataset.gc(dry_run=True).size == 5
        assert dataset.gc().size == 5
        assert not (dataset.path / ".s3link" / "partial").exists()


PLACES = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(lambda parts: f"s3://{'/'.join(parts)}/")


@given(st.lists(st.tuples(PLACES, PLACES), max_size=5), PLACES, PLACES, PLACES)
def test_one_more_redirect_leads_on_what_is_at_its_old_place_and_nothing_else(before, old, new, folder):
    redirects = {}
    for start, end in before:
        redirects = with_redirect(redirects, start, end)
    url = f"{folder}tile.laz"
    now, then = place(url, redirects), place(url, with_redirect(redirects, old, new))
    if now.startswith(old):
        assert then == new + now.removeprefix(old)
    elif not url.startswith(old):
        assert then == now
