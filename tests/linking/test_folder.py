"""The files of a dataset: lines for git, and one writer."""

from __future__ import annotations

import pytest

from s3magic.errors import LinkError
from s3magic.linking.records import attributes, manifest
from s3magic.linking.records import folder as folders
from s3magic.linking.records.attributes import Names
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import LinkedTile


def test_each_name_has_its_line():
    assert Names(["b c.laz", "a*.tif"]).lines == [
        r"/a\*.tif filter=lfs diff=lfs merge=lfs -text",
        "/b[[:space:]]c.laz filter=lfs diff=lfs merge=lfs -text",
    ]


def test_very_many_names_are_told_by_their_endings(monkeypatch):
    monkeypatch.setattr(attributes, "BY_NAME", 3)
    lines = Names([f"{number}.laz" for number in range(3)] + ["x.copc.laz", "README"]).lines
    assert [line.split()[0] for line in lines] == ["/*.laz", "/README"]
    lines = Names(["a/b.c/d.laz", "e.laz", "f/README", "g.tif"]).lines
    assert [line.split()[0] for line in lines] == ["/**/*.laz", "/**/*.tif", "/f/README"]


def test_lines_of_what_is_gone_go_and_others_stay():
    lfs = "filter=lfs diff=lfs merge=lfs -text"
    before = attributes.updated("*.md text", Names(["a.laz", "b.laz"]))
    assert before == f"*.md text\n/a.laz {lfs}\n/b.laz {lfs}\n"
    assert (
        attributes.updated(before, Names(["b.laz", "c.laz"]), ["a.laz"]) == f"*.md text\n/b.laz {lfs}\n/c.laz {lfs}\n"
    )
    assert attributes.updated("", Names()) == ""


def test_tiles_of_one_file_are_kept_beside_each_other(tmp_path):
    names = [name for name in map(str, range(1000)) if manifest.shard(name) == "00.jsonl"][:2]
    tiles = [LinkedTile(name, f"s3://bucket/{name}", "e", 1) for name in names]
    folder = Folder(tmp_path)
    with folder.writing():
        folder.save_tiles(tiles[:1])
        folder.save_tiles(tiles[1:])
    assert len(names) == 2
    assert sorted(folder.tiles(), key=lambda tile: names.index(tile.name)) == tiles


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    with folder.writing():
        folder.write(tmp_path / "a", b"old")

        def full(handle):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(folders.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            folder.write(tmp_path / "a", b"new")
        assert list(folder.scratch.glob("*.new")) == []
    assert (tmp_path / "a").read_bytes() == b"old"


def test_what_a_killed_writer_left_is_swept_up(tmp_path):
    folder = Folder(tmp_path)
    folder.scratch.mkdir(parents=True)
    (folder.scratch / "1234.new").write_bytes(b"half")
    with folder.writing():
        assert not (folder.scratch / "1234.new").exists()
    assert not folder.scratch.exists()


def test_what_cannot_be_written_is_told(tmp_path):
    (tmp_path / ".s3link").write_text("a file in the way")
    with pytest.raises(LinkError, match="Cannot write to"), Folder(tmp_path).writing():
        pass


def test_records_elsewhere_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / ".s3link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LinkError, match="symbolic link"), Folder(tmp_path / "ds").writing():
        pass
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", [".s3link/tiles", ".s3link/partial", ".s3link/partial/next/tiles", ".gitattributes"])
def test_a_part_of_the_records_that_leads_elsewhere_is_refused(tmp_path, name):
    place = tmp_path / "ds" / name
    place.parent.mkdir(parents=True)
    (tmp_path / "secret").write_text("my own")
    place.symlink_to(tmp_path / "secret")
    with pytest.raises(LinkError, match="symbolic link"), Folder(tmp_path / "ds").writing():
        pass
    assert (tmp_path / "secret").read_text() == "my own"
