"""Ordinary copies instead of links: files like any other, with git-lfs and without."""

from __future__ import annotations

import hashlib
import json

import pytest

from s3magic.errors import LinkError
from s3magic.linking.dataset import LinkedDataset
from s3magic.store.memory import MemoryStore


def test_copies_are_whole_files(clouds, link, tmp_path):
    dataset = link("tiles/*.laz", import_=True)
    assert {name: (tmp_path / "ds" / name).read_bytes() for name in clouds} == clouds
    assert dataset.info.imported
    assert json.loads((tmp_path / "ds" / ".s3link" / "dataset.json").read_text())["imported"] is True
    assert "Ordinary copies" in dataset._repr_html_()


def test_a_copy_may_be_edited_and_the_same_line_run_again(clouds, link, tmp_path):
    dataset = link("tiles/*.laz", import_=True)
    (tmp_path / "ds" / "t1.laz").write_bytes(b"my own edit")
    assert link("tiles/*.laz", import_=True).tiles == dataset.tiles
    assert (tmp_path / "ds" / "t1.laz").read_bytes() == b"my own edit"


def test_an_import_that_was_cut_short_goes_on(link, tmp_path):
    class Failing(MemoryStore):
        trouble = True

        def stream(self, key, **options):
            if self.trouble and key == "x/b.txt":
                raise LinkError("The line is down", "Wait.")
            streams.append(key)
            return super().stream(key, **options)

    store, streams = Failing("teaching"), []
    for name in "abc":
        store.put(f"x/{name}.txt", name.encode() * 10)
    with pytest.raises(LinkError, match="line is down"):
        link("x/*", store=store, import_=True)
    assert not (tmp_path / "ds" / "b.txt").exists()  # a pointer would be one to nothing
    store.trouble = False
    link("x/*", store=store, import_=True)
    assert sorted(streams) == ["x/a.txt", "x/b.txt", "x/c.txt"]


@pytest.mark.usefixtures("clouds")
def test_links_and_copies_do_not_mix(link):
    link("tiles/*.laz")
    with pytest.raises(LinkError, match="holds links"):
        link("tiles/*.laz", import_=True)
    with pytest.raises(LinkError, match="holds links"):
        link("tiles/*.laz", import_=True, replace=True)


def test_a_new_version_of_copies(memory, clouds, laz, link):
    link("tiles/*.laz", import_=True)
    memory.put("tiles/t1.laz", new := laz(1760000.0))
    memory.delete("tiles/t2.laz")
    dataset = link("tiles/*.laz", import_=True, replace=True)
    assert (dataset.path / "t1.laz").read_bytes() == new
    assert not (dataset.path / "t2.laz").exists()


def test_git_lfs_pushes_and_pulls_them_as_its_own(clouds, link, git, tmp_path):
    git("init", "--bare", str(tmp_path / "remote.git"), cwd=tmp_path)
    git("remote", "add", "origin", (tmp_path / "remote.git").as_uri())
    link("tiles/*.laz", path=git.path / "ds", import_=True)
    git("add", "-A")
    git("commit", "-m", "Import")
    oids = {hashlib.sha256(data).hexdigest() for data in clouds.values()}
    assert {line.split(" ", 2)[0] for line in git("lfs", "ls-files", "--long").splitlines()} == oids
    git("push", "origin", "main")
    stored = {path.name for path in (tmp_path / "remote.git" / "lfs" / "objects").rglob("*") if path.is_file()}
    assert stored == oids
    git("clone", (tmp_path / "remote.git").as_uri(), str(tmp_path / "clone"), cwd=tmp_path)
    clone = LinkedDataset(tmp_path / "clone" / "ds")
    assert {name: (clone.path / name).read_bytes() for name in clouds} == clouds
