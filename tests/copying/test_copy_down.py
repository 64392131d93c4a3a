"""From S3 to disk: what is brought, what is kept, what is removed, and what is checked first."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import threading

import pytest

from s3magic.copying import download
from s3magic.errors import (
    AccessDenied,
    CopyError,
    CopyFailed,
    NoSuchKey,
    ObjectChanged,
    ServerError,
    Unreachable,
)

LONG_AGO = 1_600_000_000


@pytest.fixture
def bucket(memory):
    for key in ("p/a.nc", "p/b.nc", "p/sub/c.nc", "p/sub/d.txt", "q/e.nc"):
        memory.put(key, key.encode() * 10)
    return memory


def times(folder):
    return {path.name: int(path.stat().st_mtime) for path in folder.rglob("*.*") if path.is_file()}


@pytest.mark.usefixtures("bucket")
def test_a_folder_arrives_with_its_times_and_is_kept_the_next_time(down, there, tree, memory):
    first = down("p/")
    assert tree(there) == {key[2:]: key.encode() * 10 for key in ("p/a.nc", "p/b.nc", "p/sub/c.nc", "p/sub/d.txt")}
    assert first.size == sum(map(len, tree(there).values()))
    assert times(there) == {info.name: int(info.last_modified.timestamp()) for info in memory.list_page("p/").objects}
    again = down("p/")
    assert (again.copied, set(again.kept)) == ((), set(first.copied))
    assert not (there / ".s3copy").exists()


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("p/*.nc", {"a.nc", "b.nc"}),
        ("p/**/*.nc", {"a.nc", "b.nc", "sub/c.nc"}),
        ("*/{a,e}.nc", {"p/a.nc", "q/e.nc"}),
        ("p/sub/c.nc", {"c.nc"}),
    ],
)
def test_patterns_keep_the_path_below_their_beginning(down, there, tree, key, names):
    down(key, only="c.nc" if key == "p/sub/c.nc" else None)
    assert set(tree(there)) == names


@pytest.mark.usefixtures("bucket")
def test_what_changed_at_either_end_is_brought_anew_even_within_a_second(down, there, memory):
    down("p/")
    memory.put("p/a.nc", b"P/A.NC" * 10)  # as long, and as new
    (there / "b.nc").write_bytes(b"P/B.NC" * 10)
    os.utime(there / "b.nc", (LONG_AGO, LONG_AGO))
    (there / "sub/c.nc").write_bytes(b"short")
    report = down("p/")
    assert set(report.copied) == {"a.nc", "b.nc", "sub/c.nc"}
    assert ((there / "a.nc").read_bytes(), (there / "b.nc").read_bytes()) == (b"P/A.NC" * 10, b"p/b.nc" * 10)


@pytest.mark.usefixtures("bucket")
def test_a_file_that_was_only_touched_is_known_by_its_content(down, there):
    down("p/")
    before = times(there)
    os.utime(there / "a.nc", (LONG_AGO, LONG_AGO))
    assert down("p/").copied == ()
    assert times(there) == before


@pytest.mark.usefixtures("bucket")
def test_deleting_reaches_only_what_the_source_would_name(down, there, tree):
    down("p/")
    for name in ("old.nc", "mine.txt", "gone/x.nc"):
        (there / name).parent.mkdir(exist_ok=True)
        (there / name).write_bytes(b"x")
    planned = down("p/**/*.nc", delete=True, dry_run=True)
    assert set(planned.deleted) == {"old.nc", "gone/x.nc"}
    assert (there / "old.nc").exists()
    assert set(down("p/**/*.nc", delete=True).deleted) == {"old.nc", "gone/x.nc"}
    assert set(tree(there)) == {"a.nc", "b.nc", "mine.txt", "sub/c.nc", "sub/d.txt"}
    assert not (there / "gone").exists()


def test_nothing_is_deleted_for_the_sake_of_an_empty_or_failed_source(down, there, bucket, odd):
    down("p/")
    (there / "old.nc").write_bytes(b"x")
    with pytest.raises(CopyError, match="nothing at"):
        down("pp/", delete=True)

    def refuse(*_arguments, **_words):
        raise Unreachable("No answer", "Try again.")

    with pytest.raises(Unreachable):
        down("p/", delete=True, store=odd(bucket, list_page=refuse))
    bucket.put("p/new.nc", b"new")

    def fail(true, key, **words):
        if key == "p/new.nc":
            refuse()
        return true(key, **words)

    with pytest.raises(CopyFailed) as failed:
        down("p/", delete=True, store=odd(bucket, whole=fail))
    assert failed.value.report.deleted == ()
    assert failed.value.report.failures == failed.value.failures == (("new.nc", "No answer"),)
    assert (there / "old.nc").exists()


def test_what_is_not_there_is_told(down, there):
    with pytest.raises(NoSuchKey, match="nothing at"):
        down("p/")
    assert not there.exists()


@pytest.mark.usefixtures("bucket")
def test_a_dry_run_changes_nothing(down, there):
    report = down("p/", dry_run=True)
    assert set(report.copied) == {"a.nc", "b.nc", "sub/c.nc", "sub/d.txt"}
    assert report.dry_run
    assert not there.exists()


def test_wrong_bytes_are_never_shown(down, there, bucket, odd):
    (there).mkdir()
    (there / "a.nc").write_bytes(b"before")

    def lie(true, key, **words):
        info, data = true(key, **words)
        return info, data[::-1] if key == "p/a.nc" else data

    with pytest.raises(CopyFailed, match="SHA256") as failed:
        down("p/", store=odd(bucket, whole=lie))
    assert [name for name, _ in failed.value.failures] == ["a.nc"]
    assert (there / "a.nc").read_bytes() == b"before"
    assert not list((there).rglob("*.part"))


def test_an_object_replaced_since_it_was_listed_is_named(down, bucket, odd):
    def replace(true, key, **words):
        if key == "p/a.nc":
            bucket.put(key, b"another")
        return true(key, **words)

    with pytest.raises(CopyFailed, match=r"a\.nc: The object changed"):
        down("p/", store=odd(bucket, whole=replace))
    assert down("p/").copied == ("a.nc",)


@pytest.fixture
def parts(monkeypatch):
    """Let objects of a few bytes be large ones."""
    monkeypatch.setattr(download, "SMALL", 10)
    monkeypatch.setattr(download, "LARGE", 100)
    monkeypatch.setattr(download, "PIECE", 40)
    monkeypatch.setattr(download, "WORKERS", 1)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("size", [0, 10, 11, 99, 100, 120, 121, 400])
def test_every_size_arrives(down, there, memory, size):
    data = os.urandom(size)
    memory.put("p/x", data)
    down("p/")
    assert (there / "x").read_bytes() == data
    assert not (there / ".s3copy").exists()


@pytest.mark.usefixtures("parts")
def test_a_large_object_goes_on_with_the_pieces_it_has(down, there, memory, odd):
    data = os.urandom(400)
    memory.put("p/x", data)
    asked = []

    def break_off(true, key, *, start=0, **words):
        asked.append(start)
        if len(asked) == 4:
            raise AccessDenied("Not allowed", "Ask for it.")
        return true(key, start=start, **words)

    with pytest.raises(AccessDenied):
        down("p/", store=odd(memory, stream=break_off))
    assert not (there / "x").exists()
    asked.clear()
    down("p/", store=odd(memory, stream=lambda true, key, **words: asked.append(words["start"]) or true(key, **words)))
    assert asked == [120, 160, 200, 240, 280, 320, 360]
    assert (there / "x").read_bytes() == data


def broken_off(down, memory, odd, key="p/x"):
    """Break off a copy of a large object; return its content."""
    data = os.urandom(400)
    memory.put(key, data)

    def break_off(true, key, *, start=0, **words):
        if start == 200:
            raise AccessDenied("Not allowed", "Ask for it.")
        return true(key, start=start, **words)

    with pytest.raises(AccessDenied):
        down(key, only="x", store=odd(memory, stream=break_off))
    return data


@pytest.mark.usefixtures("parts")
def test_another_copy_into_the_folder_leaves_the_pieces_of_the_first(down, there, memory, odd):
    data = broken_off(down, memory, odd)
    memory.put("q/small", b"small")
    down("q/")
    memory.put("p/x", data)  # as it was
    asked = []
    store = odd(memory, stream=lambda true, key, **words: asked.append(words["start"]) or true(key, **words))
    down("p/x", only="x", store=store)
    assert asked == [200, 240, 280, 320, 360]
    assert (there / "x").read_bytes() == data
    assert not (there / ".s3copy").exists()


@pytest.mark.usefixtures("parts")
def test_pieces_that_nobody_went_on_with_for_a_week_go(down, there, memory, odd):
    broken_off(down, memory, odd)
    for path in (there / ".s3copy").iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))
    (there / ".s3copy" / "0-0.part").write_bytes(b"of a small one")
    memory.put("q/small", b"small")
    down("q/")
    assert not (there / ".s3copy").exists()


@pytest.mark.usefixtures("parts")
def test_pieces_of_another_object_are_not_gone_on_with(down, there, memory, odd):
    memory.put("p/x", os.urandom(400))

    def break_off(true, key, *, start=0, **words):
        if start == 200:
            memory.put("p/x", new)
        return true(key, start=start, **words)

    new = os.urandom(400)
    with pytest.raises(ObjectChanged):
        down("p/", store=odd(memory, stream=break_off))
    down("p/")
    assert (there / "x").read_bytes() == new
    assert not (there / ".s3copy").exists()


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("size", [50, 400])
def test_wrong_bytes_of_larger_ones_are_found_too(down, there, memory, odd, size):
    info = memory.put("p/x", b"a" * size)
    with pytest.raises(ServerError, match="SHA256"):
        down("p/", store=odd(memory, stream=lambda true, key, **words: liar(true, info.etag, words)))
    assert not (there / "x").exists()
    assert not list(there.rglob("*.part"))


def liar(true, etag, words):
    from contextlib import contextmanager

    @contextmanager
    def stream():
        assert words["etag"] == etag
        with true("p/x", **words) as chunks:
            yield (bytes(len(chunk)) for chunk in chunks)

    return stream()


def test_there_must_be_room_for_all_of_it(down, there, memory, monkeypatch):
    memory.put("p/x", bytes(5000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10_000, 6_000, 4_000))
    with pytest.raises(CopyError, match=r"5\.0 kB to copy, 4\.0 kB free"):
        down("p/")
    assert not there.exists()


def test_a_full_disk_ends_it_in_two_lines(down, memory, odd):
    for number in range(200):
        memory.put(f"p/{number}", b"x")
    asked = []

    def full(_true, key, **_words):
        asked.append(key)
        raise OSError(28, "No space left on device")

    with pytest.raises(CopyError, match="No room left") as failed:
        down("p/", store=odd(memory, whole=full))
    assert len(failed.value.lines()) == 2
    assert len(asked) < 100


def test_an_interrupt_keeps_what_is_done(down, there, tree, memory, odd):
    for number in range(300):
        memory.put(f"p/{number:03}", str(number).encode())
    some, lock = [], threading.Lock()

    def interrupt(true, key, **words):
        with lock:
            some.append(key)
            if len(some) == 100:
                os.kill(os.getpid(), signal.SIGINT)
        return true(key, **words)

    with pytest.raises(KeyboardInterrupt):
        down("p/", store=odd(memory, whole=interrupt))
    done = tree(there)
    assert 0 < len(done) < 300
    report = down("p/")
    assert set(report.kept) == set(done)
    assert tree(there) == {f"{number:03}": str(number).encode() for number in range(300)}


def test_two_copies_do_not_mix(down, memory, odd):
    memory.put("p/x", b"x")

    def meanwhile(true, key, **words):
        with pytest.raises(CopyError, match="under way"):
            down("p/")
        return true(key, **words)

    assert down("p/", store=odd(memory, whole=meanwhile)).copied == ("x",)


def test_where_only_files_that_are_written_can_be_locked_two_copies_do_not_mix_either(down, memory, odd, monkeypatch):
    flock = fcntl.flock

    def as_over_nfs(handle, operation):
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", as_over_nfs)
    test_two_copies_do_not_mix(down, memory, odd)


def test_a_disk_without_locks_is_copied_to(down, there, memory, monkeypatch):
    def refuse(_handle, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    memory.put("p/x", b"x")
    assert down("p/").copied == ("x",)
    assert [path.name for path in there.iterdir()] == ["x"]


def test_what_is_written_here_meanwhile_stays(down, there, memory, odd):
    for key in ("p/a", "p/b", "p/gone"):
        memory.put(key, b"first")
    down("p/")
    memory.put("p/a", b"second")
    memory.put("p/b", b"second")
    memory.delete("p/gone")

    def meanwhile(true, key, **words):
        (there / "a").write_bytes(b"my own work")
        return true(key, **words)

    with pytest.raises(CopyFailed, match="a: Changed here meanwhile"):
        down("p/", store=odd(memory, whole=meanwhile), delete=True)
    assert ((there / "a").read_bytes(), (there / "b").read_bytes()) == (b"my own work", b"second")

    def later(true, key, **words):
        (there / "gone").write_bytes(b"my own work")
        return true(key, **words)

    with pytest.raises(CopyFailed, match="gone: Changed here meanwhile"):
        down("p/", store=odd(memory, whole=later), delete=True)
    assert ((there / "a").read_bytes(), (there / "gone").read_bytes()) == (b"second", b"my own work")
    assert down("p/", delete=True).deleted == ("gone",)


def test_a_file_that_came_meanwhile_stays(down, there, memory, odd):
    memory.put("p/a", b"theirs")

    def meanwhile(true, key, **words):
        (there / "a").write_bytes(b"my own work")
        return true(key, **words)

    with pytest.raises(CopyError, match="came here meanwhile"):
        down("p/", store=odd(memory, whole=meanwhile))
    assert (there / "a").read_bytes() == b"my own work"


@pytest.fixture
def folding(there, monkeypatch):
    """A folder below the target that lies on a disk which finds a file by its name in any case."""
    top, listdir = str(there / "usb"), os.listdir
    (there / "usb").mkdir(parents=True)

    def true(path):
        if not str(path).startswith(f"{top}/"):
            return path
        found = top
        for part in str(path)[len(top) + 1 :].split("/"):
            names = listdir(found) if os.path.isdir(found) else ()  # noqa: PTH112 - whose paths are these
            found += "/" + next((name for name in names if name.casefold() == part.casefold()), part)
        return found

    def fold(name):
        real = getattr(os, name)
        ends = 2 if name == "replace" else 1
        monkeypatch.setattr(os, name, lambda *a, **w: real(*map(true, a[:ends]), *a[ends:], **w))

    for name in ("lstat", "mkdir", "open", "replace", "rmdir", "unlink"):
        fold(name)
    stat, is_busy = os.stat, threading.local()

    def folding_stat(path, **words):
        if getattr(is_busy, "now", False):
            return stat(path, **words)
        is_busy.now = True
        try:
            return stat(true(path), **words)
        finally:
            is_busy.now = False

    monkeypatch.setattr(os, "stat", folding_stat)
    return there / "usb"


@pytest.mark.parametrize("has_one", [False, True])
def test_where_a_disk_folds_case_the_first_comes_and_the_other_is_named(down, tree, memory, folding, has_one):
    for key in ("Own", "own", "usb/Data", "usb/data", "usb/New/X", "usb/new/x", "usb/Straße", "usb/strasse"):
        memory.put(f"p/{key}", key.encode())
    if has_one:
        (folding / "data").write_bytes(b"former")
    wanted = {"Own", "own", "usb/Data", "usb/New/X", "usb/Straße"}
    planned = down("p/", dry_run=True)
    assert [path.name for path in folding.iterdir()] == ["data"] * has_one
    for report in (planned, down("p/"), down("p/", delete=True)):
        assert {*report.copied, *report.kept} == wanted
        assert dict(report.left_out)["usb/data"] == "this disk cannot tell it from usb/Data"
        assert report.deleted == ()
    assert report.copied == ()
    came = tree(folding.parent)
    assert set(came.values()) == {name.encode() for name in wanted}
    assert len(came) == len(wanted)


def test_a_disk_that_folds_case_keeps_what_it_calls_otherwise(down, folding, memory):
    memory.put("p/usb/Data.nc", b"same")
    (folding / "data.nc").write_bytes(b"same")
    (folding / "old.nc").write_bytes(b"old")
    report = down("p/", delete=True)
    assert (report.kept, report.deleted) == (("usb/Data.nc",), ("usb/old.nc",))
    assert (folding / "data.nc").read_bytes() == b"same"


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_two_names_of_one_file_are_two_where_the_disk_can_tell_them(down, there, memory, link):
    for key in ("A", "a"):
        memory.put(f"p/{key}", key.encode())
    there.mkdir()
    (there / "A").write_bytes(b"former")
    link(there / "A", there / "a")
    report = down("p/", dry_run=True)
    assert (set(report.copied), report.left_out) == ({"A", "a"}, ())
