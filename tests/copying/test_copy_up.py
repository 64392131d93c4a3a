"""From disk to S3 and from S3 to S3: what is sent, what is never overwritten, what is refused at once."""

from __future__ import annotations

import contextlib
import os
import threading

import pytest

from s3magic.copying import across, sync
from s3magic.copying import up as sending
from s3magic.copying.across import Across
from s3magic.errors import AccessDenied, CopyError, CopyFailed, InvalidInput, ObjectChanged, ServerError
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url

LONG_AGO = 1_600_000_000


@pytest.fixture
def files(here):
    """Three files to send."""
    (here / "sub").mkdir()
    for name in ("a.nc", "b.html", "sub/c.csv.gz"):
        (here / name).write_bytes(name.encode() * 10)
    return here


@pytest.mark.usefixtures("files")
def test_a_folder_arrives_and_is_kept_the_next_time(up, memory, listed):
    first = up()
    assert listed(memory) == {f"p/{name}": name.encode() * 10 for name in ("a.nc", "b.html", "sub/c.csv.gz")}
    kinds = [memory.head(f"p/{name}").content_type for name in ("a.nc", "b.html", "sub/c.csv.gz")]
    assert kinds[1:] == ["text/html", "binary/octet-stream"]
    again = up()
    assert (again.copied, set(again.kept), again.notes) == ((), set(first.copied), ())


def test_what_changed_is_sent_even_within_a_second_and_with_an_old_time(up, files, memory):
    up()
    (files / "a.nc").write_bytes(b"A.NC" * 10)
    os.utime(files / "a.nc", (LONG_AGO, LONG_AGO))  # as a restored copy has it
    os.utime(files / "b.html")
    assert up().copied == ("a.nc",)
    assert memory.get("p/a.nc") == b"A.NC" * 10


@pytest.mark.usefixtures("files")
def test_what_somebody_wrote_meanwhile_is_not_overwritten(up, memory, odd):
    def meanwhile(true, key, data, **words):
        if key == "p/a.nc" and words["if_none_match"]:
            memory.put(key, b"theirs")
        return true(key, data, **words)

    with pytest.raises(CopyFailed, match=r"a\.nc: The object changed"):
        up(store=odd(memory, put=meanwhile))
    assert memory.get("p/a.nc") == b"theirs"
    assert up().copied == ("a.nc",)


@pytest.mark.usefixtures("files")
def test_a_store_that_ignores_conditions_is_named(up, memory, odd):
    def ignore(true, key, data, *, if_match=None, if_none_match=False, **words):
        return true(key, data, **words)

    report = up(store=odd(memory, put=ignore))
    assert len(report.copied) == 3
    assert "ignores conditions" in report.notes[0]
    assert "ignores conditions" in repr(report)


def unknown(true, key, data, *, if_match=None, if_none_match=False, **words):
    """Put as a store does that knows no conditions."""
    if if_match or if_none_match:
        error = ServerError("S3 answered 501", "Try again.")
        error.status = 501
        raise error
    return true(key, data, **words)


@pytest.mark.usefixtures("files")
def test_a_store_that_knows_no_conditions_is_asked_first(up, memory, odd):
    store = odd(memory, put=unknown)
    report = up(store=store)
    assert len(report.copied) == 3
    assert "knows no conditions" in report.notes[0]

    def late(true, *arguments, **words):
        page = true(*arguments, **words)
        memory.put("p/a.nc", b"theirs")
        return page

    memory.put("p/a.nc", b"other")
    with pytest.raises(CopyFailed, match=r"a\.nc: The object changed"):
        up(store=odd(store, list_page=late))
    assert memory.get("p/a.nc") == b"theirs"


def test_who_may_not_write_hears_of_it_once(up, here, memory, odd):
    for number in range(500):
        (here / str(number)).write_bytes(b"x")
    asked, lock = [], threading.Lock()

    def refuse(_true, key, _data, **_words):
        with lock:
            asked.append(key)
        raise AccessDenied(f"Not allowed: s3:PutObject on {key}", "Ask for that permission.")

    with pytest.raises(AccessDenied) as denied:
        up(store=odd(memory, put=refuse))
    assert len(denied.value.lines()) == 2
    assert len(asked) < 100


@pytest.mark.usefixtures("files")
def test_deleting_stays_below_the_prefix(up, memory, listed):
    for key in ("p/old", "p/sub/old", "pp/other", "p"):
        memory.put(key, b"x")
    report = up("p/", delete=True)
    assert set(report.deleted) == {"old", "sub/old"}
    assert set(listed(memory)) == {"p", "pp/other", "p/a.nc", "p/b.html", "p/sub/c.csv.gz"}


def knows_no_condition(true, key, **words):
    """Delete as a store does that knows no conditions of it."""
    if words.get("if_match"):
        error = ServerError("S3 answered 501", "Try again.")
        error.status = 501
        raise error
    return true(key, **words)


DELETIONS = {
    "heeds": lambda true, key, **words: true(key, **words),
    "ignores": lambda true, key, **_words: true(key),
    "refuses": knows_no_condition,
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("kind", DELETIONS)
def test_what_somebody_wrote_since_the_listing_is_not_deleted(up, memory, odd, kind):
    gone = {f"old/{number:02}" for number in range(60)}
    for name in (*gone, "theirs", "vanished"):
        memory.put(f"p/{name}", b"old")

    def late(true, *arguments, **words):
        page = true(*arguments, **words)
        memory.put("p/theirs", b"their work")
        memory.delete("p/vanished")
        return page

    store = odd(memory, list_page=late, delete=DELETIONS[kind])
    with pytest.raises(CopyFailed, match=r"1 of 65 objects could not be deleted: theirs: The object changed") as failed:
        up(store=store, delete=True)
    assert memory.get("p/theirs") == b"their work"
    assert set(failed.value.report.deleted) == {*gone, "vanished"}
    left = {info.key for info in memory.list_page("p/").objects}
    assert left == {"p/theirs", "p/a.nc", "p/b.html", "p/sub/c.csv.gz"}
    notes = failed.value.report.notes
    told = f"s3://{memory.bucket}/ deletes without conditions: each object was looked at just before"
    assert notes == (() if kind == "heeds" else (told,))


@pytest.mark.usefixtures("files")
def test_where_conditions_are_heeded_one_object_alone_is_looked_at_before_it_goes(up, memory, odd):
    for number in range(60):
        memory.put(f"p/{number}", b"old")
    looked = []
    store = odd(memory, head=lambda true, key, **words: looked.append(key) or true(key, **words))
    assert len(up(store=store, delete=True).deleted) == 60
    assert len(looked) == 1


@pytest.mark.usefixtures("files")
def test_a_listing_of_more_than_was_asked_for_deletes_nothing_elsewhere(up, memory, odd, listed):
    for key in ("a", "other/x", "p/old", "pp/x"):
        memory.put(key, b"x")
    report = up(store=odd(memory, list_page=lambda true, _prefix="", **words: true("", **words)), delete=True)
    assert report.deleted == ("old",)
    assert set(listed(memory)) == {"a", "other/x", "pp/x", "p/a.nc", "p/b.html", "p/sub/c.csv.gz"}


def test_a_folder_that_cannot_be_read_deletes_nothing(up, files, memory, monkeypatch):
    memory.put("p/old", b"x")
    true = os.scandir

    def scan(folder):
        if str(folder).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(folder))
        return true(folder)

    monkeypatch.setattr(sending.find_files.__globals__["os"], "scandir", scan)
    with pytest.raises(CopyFailed, match=r"sub: .*Permission"):
        up(delete=True)
    assert memory.get("p/old") == b"x"


def test_a_file_that_goes_while_the_folder_is_looked_at_is_named(up, files, memory, monkeypatch):
    true = os.scandir

    def scan(folder):
        found = list(true(folder))
        (files / "a.nc").unlink(missing_ok=True)
        return contextlib.nullcontext(found)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(CopyFailed, match=r"a\.nc: No such file"):
        up()
    assert memory.get("p/b.html") == b"b.html" * 10


def test_what_is_left_out_deletes_nothing_below_it(up, here, files, memory, tmp_path):
    up()
    (tmp_path / "elsewhere").mkdir()
    (files / "sub").rename(tmp_path / "elsewhere" / "sub")
    (here / "sub").symlink_to(tmp_path / "elsewhere" / "sub")
    (here / "a.nc").unlink()
    report = up(delete=True)
    assert (report.deleted, [name for name, _ in report.left_out]) == (("a.nc",), ["sub"])
    assert memory.get("p/sub/c.csv.gz") == b"sub/c.csv.gz" * 10


def test_an_empty_folder_deletes_nothing(up, here, memory):
    memory.put("p/old", b"x")
    with pytest.raises(CopyError, match="nothing at"):
        up(delete=True)
    assert (up().copied, list(here.iterdir())) == ((), [])


@pytest.fixture
def carry(memory):
    """Copy from one store in memory to another: ``carry("p/", "q/")``."""
    other = MemoryStore("other")

    def run(key, to, **words):
        return sync.copy(Across(memory, S3Url("teaching", key), other, S3Url("other", to), is_one=True), **words)

    run.store = other
    return run


@pytest.mark.parametrize("size", [0, 5, 40, 41, 200])
def test_objects_are_carried_with_what_is_said_of_them(carry, memory, monkeypatch, size):
    monkeypatch.setattr(across, "PART", 40)
    data = os.urandom(size)
    memory.put("p/a//../x", data, content_type="text/x", metadata={"who": "me"})
    assert carry("p/", "q/").copied == ("a//../x",)
    there = carry.store.head("q/a//../x")
    assert (carry.store.get("q/a//../x"), there.content_type, there.metadata["who"]) == (data, "text/x", "me")
    assert carry("p/", "q/").kept == ("a//../x",)
    memory.put("p/a//../x", bytes(size))
    assert carry("p/", "q/").copied == (("a//../x",) if size else ())


def test_markers_of_folders_are_objects_like_others(carry, memory, listed):
    for key in ("p/", "p/sub/", "p/sub/x"):
        memory.put(key, b"")
    assert set(carry("p/", "q/").copied) == {"sub/", "sub/x"}
    assert (carry("p/", "q/").copied, set(carry("p/", "q/", delete=True).kept)) == ((), {"sub/", "sub/x"})
    memory.delete("p/sub/")
    assert carry("p/", "q/", delete=True).deleted == ("sub/",)
    assert set(listed(carry.store)) == {"q/sub/x"}


def test_what_changes_on_the_way_is_named(carry, memory, odd):
    memory.put("p/x", b"one")
    store = odd(memory, head=lambda true, key, **words: memory.put(key, b"two") and true(key, **words))
    way = Across(store, S3Url("teaching", "p/"), carry.store, S3Url("other", "q/"), is_one=False)
    with pytest.raises(ObjectChanged):
        sync.copy(way)
    carry.store.put("q/x", b"theirs")
    assert carry.store.get("q/x") == b"theirs"


def test_a_store_that_ignores_conditions_is_named_of_a_copy_between_two(carry, memory, odd):
    memory.put("p/x", b"one")

    def ignore(true, key, data, *, if_match=None, if_none_match=False, **words):
        return true(key, data, **words)

    way = Across(memory, S3Url("teaching", "p/"), odd(carry.store, put=ignore), S3Url("other", "q/"), is_one=False)
    assert "ignores conditions" in sync.copy(way).notes[0]
    assert carry("p/", "r/").notes == ()


def test_a_store_that_knows_no_conditions_gets_copies_from_another_nevertheless(carry, memory, odd):
    memory.put("p/x", b"one")
    store = odd(carry.store, put=unknown)
    way = Across(memory, S3Url("teaching", "p/"), store, S3Url("other", "q/"), is_one=False)
    assert "knows no conditions" in sync.copy(way).notes[0]
    assert carry.store.get("q/x") == b"one"


@pytest.mark.parametrize(
    ("source", "target", "delete", "said"),
    [
        ("p/", "p/", False, "the same"),
        ("p/x", "p/x", False, "the same"),
        ("p/", "p/copy/", False, "inside"),
        ("p/**/*.nc", "p/copy/", False, "inside"),
        ("p/sub/", "p/", True, "inside"),
        ("p/sub/*.nc", "p/", True, "inside"),
    ],
)
def test_a_place_that_holds_the_other_is_refused(source, target, delete, said):
    with pytest.raises(InvalidInput, match=said):
        sync.check_ends(S3Url("b", source), S3Url("b", target), delete=delete)


@pytest.mark.parametrize(("source", "target"), [("p/*.nc", "p/copy/"), ("p/sub/", "p/"), ("p/", "pp/"), ("p", "p/x")])
def test_neighbours_are_fine(source, target):
    sync.check_ends(S3Url("b", source), S3Url("b", target), delete=False)
