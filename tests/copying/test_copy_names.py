"""Odd keys and odd names: nothing leads out of the folder, nothing is lost silently, and each leads back."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3magic.copying.entry import Entry, Found, relative, unfit
from s3magic.copying.place import Place
from s3magic.copying.tree import find_files
from s3magic.errors import CopyFailed

KEYS = st.text(st.sampled_from("ab./%2FE\n é"), min_size=1, max_size=12)


@given(st.sets(KEYS, max_size=6))
def test_every_key_has_a_path_of_its_own_inside(keys):
    found = Found([Entry(key, 1, 0.0) for key in keys])
    found.sort_out(is_one=lambda _one, _other: False)
    paths = [relative(entry.name) for entry in found.entries]
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert os.path.normpath(f"/top/{path}") == f"/top/{path}"
        assert not any(other.startswith(f"{path}/") for other in paths)
    assert {entry.name for entry in found.entries} | {name for name, _ in found.left_out} == keys


def test_odd_keys_go_there_and_back(down, up, there, memory, listed):
    odd = ["../evil", "/lead", "a//b", "./x", "new\nline", "%2F/y", "sp ace+%41", "é/ü", "-rf", "c/../../d"]
    for key in odd:
        memory.put(f"p/{key}", key.encode())
    report = down("p/")
    assert set(report.copied) == set(odd)
    assert [path.name for path in there.parent.iterdir()] == ["there"]
    up("q/", path=there)
    assert listed(memory, "q/") == {f"q/{key}": key.encode() for key in odd}
    assert "    new\\nline\n" in repr(up("q2/", path=there, dry_run=True))


def test_what_a_disk_cannot_hold_is_named(down, there, tree, memory):
    for key in ("a", "a/b", "marker/", "full/", "x" * 300, ".s3copy/x", "in/.s3copy/x", "ok"):
        memory.put(f"p/{key}", b"" if key == "marker/" else b"data")
    report = down("p/")
    assert set(tree(there)) == {"a/b", "ok"}
    assert {name for name, _ in report.left_out} == {"a", "full/", "x" * 300, ".s3copy/x", "in/.s3copy/x"}
    assert "there is a folder of this name" in repr(report)
    assert report.failures == ()


def test_what_is_in_the_way_is_named_and_stays(down, there, tmp_path, memory):
    for key in ("file/x", "folder", "out/x", "out/new/x", "ok", "link"):
        memory.put(f"p/{key}", b"new")
    there.mkdir()
    (there / "file").write_bytes(b"mine")
    (there / "folder").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "target").write_bytes(b"theirs")
    (there / "out").symlink_to(outside)
    (there / "link").symlink_to(outside / "target")
    with pytest.raises(CopyFailed) as failed:
        down("p/")
    reasons = dict(failed.value.failures)
    assert "A file is in the way" in reasons["file/x"]
    assert "A folder is in the way" in reasons["folder"]
    assert "leads out of" in reasons["out/x"]
    assert set(reasons) == {"file/x", "folder", "out/x", "out/new/x"}
    assert (there / "file").read_bytes() == b"mine"
    assert {path.name for path in outside.iterdir()} == {"target"}
    assert (outside / "target").read_bytes() == b"theirs"
    assert (there / "link").read_bytes() == b"new"
    assert not (there / "link").is_symlink()


def test_links_in_a_folder_are_no_trap(here, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (here / "real").write_bytes(b"data")
    (here / "sub").mkdir()
    (here / "sub" / "x").write_bytes(b"x")
    (here / "sub" / ".s3copy").mkdir()
    (here / "sub" / ".s3copy" / "half.part").write_bytes(b"half")
    for name, target in {
        "inside": "real",
        "outside": tmp_path / "secret",
        "round": ".",
        "folder": "sub",
        "nowhere": "none",
        "circle": "circle",
    }.items():
        (here / name).symlink_to(target)
    os.mkfifo(here / "pipe")
    found = find_files(here, "p/")
    assert {entry.name for entry in found.entries} == {"real", "inside", "sub/x"}
    assert {name for name, _ in found.left_out} == {"outside", "round", "folder", "nowhere", "circle", "pipe"}
    assert dict(found.left_out)["outside"] == "a link that leads out of the folder"


def test_names_that_can_be_no_key_are_named(here):
    (here / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    (here / "ok").write_bytes(b"x")
    found = find_files(here, "p/" + "x" * 1021)
    assert [name for name, _ in found.left_out] == [os.fsdecode(b"caf\xe9"), "ok"]
    assert [why.split(";")[0] for _, why in found.left_out] == ["its name is no text", "its key would have 1025 bytes"]
    assert unfit("a/" + "é" * 128) is not None


def test_links_among_the_parts_lead_nowhere(down, there, tmp_path, memory):
    info = memory.put("p/x", b"new")
    (tmp_path / "outside").write_bytes(b"theirs")
    part = Place(there).part(replace(info, version_id=None))
    part.parent.mkdir(parents=True)
    part.symlink_to(tmp_path / "outside")
    down("p/")
    assert (tmp_path / "outside").read_bytes() == b"theirs"
    assert (there / "x").read_bytes() == b"new"
