"""Copies where no mount can be made: the same object, the same files, and nothing of anybody else's touched."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3magic import api
from s3magic.copying import sync
from s3magic.errors import CopyFailed, FolderNotEmpty, FuseUnavailable, InvalidInput, MountError, NoSuchKey
from s3magic.mounting import attach, mirror
from s3magic.mounting.model import Mount


@pytest.fixture(autouse=True)
def _end(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    yield
    mirror.forget()


@pytest.fixture
def filled(bucket):
    for key in ("p/a.nc", "p/sub/b.nc", "p/c.txt"):
        bucket.put(key, key.encode())
    return bucket


def files(folder):
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(name) for name in names if name.parts[0] != ".s3copy"}


def asked(connection):
    return connection.store("scratch").client.traffic.requests


@pytest.mark.usefixtures("filled")
def test_it_is_a_mount_like_any_other(room, mount):
    with mount("s3://scratch/p/", copy=True) as m:
        assert isinstance(m, Mount)
        assert (m.url, m.path, m.backend, m.read_only, m.state) == (
            "s3://scratch/p/",
            room / "m",
            "copy",
            True,
            "mounted",
        )
        assert (m / "sub" / "b.nc").read_bytes() == b"p/sub/b.nc"
        assert os.fspath(m) == str(m) == str(room / "m")
        assert stat.S_IMODE((m / "a.nc").stat().st_mode) == 0o444
        assert (m.stats()["files"], m.stats()["bytes"]) == (3, sum(map(len, ("p/a.nc", "p/sub/b.nc", "p/c.txt"))))
        assert m.stats()["bytes_fetched"] >= m.stats()["bytes"]
        assert list(api.mounts()) == [m]
        assert "copy" in api.mounts()._repr_html_()
        assert "3 files" in m._repr_html_()
    assert m.state == "unmounted"
    assert list(api.mounts()) == []
    assert files(room / "m") == {"a.nc", "sub/b.nc", "c.txt"}, "the files stay"
    with pytest.raises(MountError, match="Not mounted any more"):
        m.refresh()


@pytest.mark.usefixtures("filled")
def test_the_same_again_is_the_same_and_costs_nothing(mount, connection):
    first = mount("s3://scratch/p/", copy=True)
    before = asked(connection)
    assert mount("s3://scratch/p", copy=True) == first
    assert mount("s3://scratch/p/sub/", "m/sub", copy=True).path == first.path / "sub"
    assert asked(connection) == before
    first.unmount()
    mount("s3://scratch/p/", copy=True)
    assert asked(connection) == before + 1, "one listing"


@pytest.mark.usefixtures("filled")
def test_without_a_folder_it_lies_where_a_mount_would(room, connection):
    m = api.mount("s3://scratch/p/", copy=True)
    assert m.path == room / "s3" / "scratch" / "p"
    assert (room / "s3" / ".gitignore").read_text() == "*\n"
    assert api.mount("s3://scratch/p/sub/", copy=True).path == m.path / "sub"


@pytest.mark.usefixtures("filled")
def test_one_is_unmounted_while_another_is_being_copied(mount, monkeypatch):
    first, copied, go_on = mount("s3://scratch/p/", copy=True), threading.Event(), threading.Event()
    copy = sync.copy

    def slow(*way, **words):
        copied.set()
        assert go_on.wait(20)
        return copy(*way, **words)

    monkeypatch.setattr(sync, "copy", slow)
    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(mount, "s3://scratch/p/sub/", "other", copy=True)
        try:
            assert copied.wait(20)
            pool.submit(first.unmount).result(20)
            assert first.state == "unmounted"
        finally:
            go_on.set()
        other = made.result(20)
    assert list(api.mounts()) == [other]


def test_refreshing_brings_what_changed_and_takes_what_is_gone(mount, filled):
    m = mount("s3://scratch/p/", copy=True)
    (m / "mine.txt").write_text("mine")
    filled.put("p/a.nc", b"A")
    filled.put("p/new.nc", b"new")
    filled.delete("p/sub/b.nc")
    m.refresh()
    assert files(m.path) == {"a.nc", "c.txt", "new.nc", "mine.txt"}
    assert (m / "a.nc").read_bytes() == b"A"
    assert m.stats()["files"] == 3


def test_a_copy_of_a_copied_file_is_nobody_elses(mount, filled):
    m = mount("s3://scratch/p/", copy=True)
    for name in ("mine.nc", "new.nc"):
        shutil.copy(m / "a.nc", m / name)  # as cp does: read-only, too
    filled.put("p/new.nc", b"new")
    with pytest.raises(CopyFailed, match="Changed here") as failed:
        m.refresh()
    assert [name for name, _ in failed.value.failures] == ["new.nc"]
    filled.delete("p/new.nc")
    m.refresh()
    assert (m / "mine.nc").read_bytes() == (m / "new.nc").read_bytes() == b"p/a.nc"


def test_what_was_changed_here_is_never_replaced_or_removed(mount, filled):
    m = mount("s3://scratch/p/", copy=True)
    for name in ("a.nc", "c.txt"):
        (m / name).chmod(0o644)
        (m / name).write_text("my own work")
    (m / "new.nc").write_text("my own work")
    filled.put("p/a.nc", b"A")
    filled.put("p/new.nc", b"new")
    filled.put("p/other.nc", b"other")
    filled.delete("p/c.txt")
    with pytest.raises(CopyFailed, match="Changed here") as failed:
        m.refresh()
    assert [name for name, _ in failed.value.failures] == ["a.nc", "new.nc"]
    assert {(m / name).read_text() for name in ("a.nc", "c.txt", "new.nc")} == {"my own work"}
    assert (m / "other.nc").read_bytes() == b"other"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("url", "match", "names"),
    [
        ("s3://scratch/p/**/*.nc", None, {"a.nc", "sub/b.nc"}),
        ("s3://scratch/p/", "*.nc", {"a.nc", "sub/b.nc"}),
        ("s3://scratch/p/", "sub/*", {"sub/b.nc"}),
    ],
)
def test_patterns_choose(mount, url, match, names):
    m = mount(url, copy=True, match=match)
    assert files(m.path) == names
    m.refresh()
    assert files(m.path) == names


def test_one_version_is_the_only_file(mount, filled):
    first = filled.put("p/x.nc", b"first")
    filled.put("p/x.nc", b"second")
    m = mount(f"{first.url}?versionId={first.version_id}", copy=True)
    assert (m / "x.nc").read_bytes() == b"first"


@pytest.mark.usefixtures("filled")
def test_nobody_elses_folder_is_filled(room, mount):
    (room / "m").mkdir()
    (room / "m" / "mine").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        mount("s3://scratch/p/", copy=True)
    mount("s3://scratch/p/", "other", copy=True).unmount()
    with pytest.raises(InvalidInput, match="holds a copy of s3://scratch/p/"):
        mount("s3://scratch/p/", "other", copy=True, match="*.nc")
    with pytest.raises(NoSuchKey):
        mount("s3://scratch/none/", "new", copy=True)
    assert not (room / "new").exists()
    assert list(api.mounts()) == []


def test_a_copy_that_broke_off_is_gone_on_with(room, mount, filled, monkeypatch):
    notes, note = [], mirror.Mirror.note

    def end(self, files, **words):
        notes.append(files)
        if len(notes) == 2:
            raise KeyboardInterrupt
        note(self, files, **words)

    with monkeypatch.context() as broken:
        broken.setattr(mirror.Mirror, "note", end)
        with pytest.raises(KeyboardInterrupt):
            mount("s3://scratch/p/", copy=True)
    assert files(room / "m"), "they came, and it was not noted"
    assert list(api.mounts()) == []
    filled.put("p/a.nc", b"changed meanwhile")
    filled.delete("p/c.txt")
    m = mount("s3://scratch/p/", copy=True)
    assert files(m.path) == {"a.nc", "sub/b.nc"}
    assert (m / "a.nc").read_bytes() == b"changed meanwhile"


@pytest.mark.usefixtures("connection")
def test_what_is_archived_is_said_and_the_rest_is_here(mount):
    with pytest.warns(UserWarning, match=r"archive class: archive/stations-1998\.csv"):
        m = mount("s3://teaching/{archive,drawings}/*", copy=True)
    assert files(m.path) == {"drawings/tide.svg"}
    assert m.stats()["hidden"] == 1


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"copy": True, "memory": 512_000_000}, "ordinary files, which know no memory Leave"),
        ({"copy": True, "uid": 0, "keep": True}, "ordinary files, which know no uid and keep Leave"),
        ({"match": "*.nc"}, "copy=True"),
        ({"write": True}, "s3copy"),
        ({"url": "s3://scratch/p/a.nc", "copy": True}, "one object"),
    ],
)
def test_what_makes_no_sense_is_refused_in_two_lines(room, mount, words, said):
    with pytest.raises(InvalidInput) as refused:
        mount(**{"url": "s3://scratch/p/", **words})
    assert said in " ".join(refused.value.lines())
    assert len(refused.value.lines()) == 2
    assert not (room / "m").exists()


@pytest.mark.usefixtures("filled")
def test_where_there_is_no_fuse_the_error_names_it(mount, room, monkeypatch):
    monkeypatch.setattr(attach, "DEVICE", room / "none")
    with pytest.raises(FuseUnavailable) as refused:
        mount("s3://scratch/p/")
    assert "--copy" in refused.value.hint
    assert mount("s3://scratch/p/", copy=True).state == "mounted"
