"""A linked dataset in a real git repository: git-lfs takes its pointers for its own."""

from __future__ import annotations

import pytest

ODD = [
    "plain.bin",
    "with space.bin",
    "wide\u2003and\u00a0hard.bin",
    "[1]*?.bin",
    "ümlaut+%20.bin",
    "#hash.bin",
    "!bang.bin",
    'quo"te.bin',
    "no-ending",
]


def listed(git):
    return {line.split(" ", 2)[0] for line in git("lfs", "ls-files", "--long").splitlines()}


def test_pointers_are_git_lfs_pointers(memory, link, git):
    for number, name in enumerate(ODD):
        memory.put(f"x/{name}", b"content of tile %d" % number * 100)
    dataset = link("x/*", path=git.path / "data" / "ds")
    (git.path / "data" / "ds" / "other.bin").write_bytes(b"no tile of ours")
    git("add", "-A")
    git("commit", "-m", "Link")
    assert listed(git) == {tile.oid.removeprefix("sha256:") for tile in dataset.tiles}
    git("lfs", "fsck", "--pointers")
    committed = git("show", "HEAD:data/ds/with space.bin")
    assert committed == (dataset.path / "with space.bin").read_text()
    assert git("show", "HEAD:data/ds/other.bin") == "no tile of ours"


@pytest.mark.usefixtures("clouds")
def test_fetched_files_are_no_change_to_git(link, git):
    dataset = link("tiles/*.laz", path=git.path / "ds")
    git("add", "-A")
    git("commit", "-m", "Link")
    dataset.fetch()
    git("add", "-A")
    assert git("status", "--porcelain") == ""
    git("lfs", "fsck", "--pointers")


@pytest.mark.usefixtures("clouds")
def test_unhashed_tiles_become_pointers_once_they_are_fetched(link, git):
    dataset = link("tiles/*.laz", path=git.path / "ds", hash="never")
    git("add", "-A")
    git("commit", "-m", "Link")
    assert listed(git) == set()
    dataset.fetch()
    git("add", "-A")
    git("commit", "-m", "Fetch")
    assert listed(git) == {tile.oid.removeprefix("sha256:") for tile in dataset.tiles}
    git("lfs", "fsck", "--pointers")


def test_half_fetched_files_are_not_committed(memory, link, git):
    memory.put("x/a.bin", b"content")
    dataset = link("x/*", path=git.path / "ds")
    with dataset._folder.writing():
        dataset._folder.part(dataset.tiles[0]).write_bytes(b"cont")
    git("add", "-A")
    assert "partial" not in git("ls-files")


@pytest.mark.usefixtures("clouds")
def test_a_clone_is_a_dataset(link, git, tmp_path, memory):
    from s3magic.linking.dataset import LinkedDataset

    dataset = link("tiles/*.laz", path=git.path / "ds")
    git("add", "-A")
    git("commit", "-m", "Link")
    git("clone", "--config", "lfs.fetchexclude=*", str(git.path), str(tmp_path / "clone"), cwd=tmp_path)
    clone = LinkedDataset(tmp_path / "clone" / "ds", opener=lambda url: memory)
    assert clone.tiles == dataset.tiles
    assert len(clone.fetch().fetched) == 5
    assert clone.status().local == {"file": 5}


def test_an_old_version_is_readable_by_its_commit(memory, link, git):
    from s3magic.linking.dataset import LinkedDataset

    for name in "abc":
        memory.put(f"x/{name}.bin", b"first " + name.encode() * 100)
    dataset = link("x/*", path=git.path / "ds")
    git("config", "lfs.fetchexclude", "*")
    git("add", "-A")
    git("commit", "-m", "First version")
    memory.put("x/a.bin", b"second " + b"a" * 100)
    memory.delete("x/b.bin")
    changes = link("x/*", path=git.path / "ds", replace=True).changes
    assert (changes.changed, changes.removed) == (("a.bin",), ("b.bin",))
    git("add", "-A")
    git("commit", "-m", "Second version")
    told = git("diff", "--stat", "HEAD~1")
    assert all(name in told for name in ("ds/a.bin", "ds/b.bin", ".gitattributes"))
    assert "ds/c.bin" not in told
    git("checkout", "HEAD~1")
    old = LinkedDataset(dataset.path, opener=lambda url: memory)
    old.fetch()
    assert (old.path / "a.bin").read_bytes() == b"first " + b"a" * 100
    assert (old.path / "b.bin").read_bytes() == b"first " + b"b" * 100
    assert old.status().remote == {"ok": 1, "superseded": 2}
