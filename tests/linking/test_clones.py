"""Linked tiles in clones, with the real git and git-lfs: filled, on branches and old commits, and never lost."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
from unittest.mock import Mock

import pytest

import s3magic
from s3magic import __main__, process
from s3magic.errors import LinkError
from s3magic.linking.git.claims import claim
from s3magic.linking.records import local
from s3magic.url import S3Url

pytestmark = pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("git-lfs")), reason="git and git-lfs are not installed"
)


class Git:
    """Runs git with the sandbox's keys, knowing nothing of this machine's configuration."""

    def __init__(self, folder, env):
        self.folder, self.env = folder, env

    def __call__(self, *argv, fails=False):
        done = process.run(["git", *argv], cwd=self.folder, env=self.env)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def at(self, folder):
        return Git(folder, self.env)

    def commit(self, message="Link"):
        self("add", "-A")
        return self("commit", "-m", message)

    def clone(self, source, name):
        made = self.folder.parent / name
        self.at(self.folder.parent)("clone", str(source), str(made))
        return self.at(made)


@pytest.fixture
def git(tmp_path, sandbox, monkeypatch):
    """A repository with a bare one behind it as ``origin``."""
    home = tmp_path / "home"
    home.mkdir()
    teacher = sandbox.users["teacher"]
    own = {
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "AWS_ACCESS_KEY_ID": teacher.access_key_id,
        "AWS_SECRET_ACCESS_KEY": teacher.secret_access_key,
        "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z",  # all within a second, as a script commits
    }
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, own[name])
    (tmp_path / "work").mkdir()
    run = Git(tmp_path / "work", {**os.environ, **own})
    for name, value in {
        "user.name": "A",
        "user.email": "a@example.org",
        "init.defaultBranch": "main",
        "protocol.file.allow": "always",
        "lfs.concurrenttransfers": "1",
    }.items():
        run("config", "--global", name, value)
    run("lfs", "install")
    run("init", "--bare", str(tmp_path / "origin.git"))
    run("init")
    run("remote", "add", "origin", str(tmp_path / "origin.git"))
    run.origin = tmp_path / "origin.git"
    return run


@pytest.fixture
def store(connection):
    return connection.store("scratch")


@pytest.fixture
def texts(store):
    """Three files under a prefix of this test's own, in a bucket that keeps versions."""
    prefix = f"clones-{secrets.token_hex(4)}/"
    for name in "abc":
        store.put(f"{prefix}{name}.txt", b"first " + name.encode() * 500)
    return prefix


def link(git, prefix, name="ds", **words):
    return s3magic.link(f"s3://scratch/{prefix}*.txt", git.folder / name, **words)


def content(git, name):
    return (git.folder / "ds" / f"{name}.txt").read_bytes()


def is_pointer(data):
    return data.startswith(b"version https://git-lfs.github.com/spec/v1\n")


def shared(git, prefix):
    """Link, install, commit and push; return a fresh clone."""
    link(git, prefix).install()
    git.commit()
    git("push", "origin", "main")
    return git.clone(git.origin, "clone")


def test_a_clone_is_filled_by_git_lfs_pull(git, texts):
    clone = shared(git, texts)
    dataset = s3magic.LinkedDataset(clone.folder / "ds")
    assert is_pointer(content(clone, "a"))
    assert "%s3link install" in dataset.sharing.hint
    assert "%s3link install" in repr(dataset)
    assert "%s3link install" in dataset._repr_html_()
    assert clone("lfs", "pull") == ""
    assert is_pointer(content(clone, "a"))
    assert clone("status", "--porcelain") == ""
    assert dataset.install().installed
    assert dataset.sharing.hint == ""
    clone("-c", "lfs.concurrenttransfers=8", "lfs", "pull")
    assert [content(clone, name) for name in "abc"] == [b"first " + name.encode() * 500 for name in "abc"]
    assert clone("status", "--porcelain") == ""
    clone("lfs", "fsck")


def test_what_is_freed_comes_again(git, texts):
    dataset = link(git, texts)
    dataset.install()
    git.commit()
    git("lfs", "pull")
    (left := git.folder / ".git" / "lfs" / "tmp" / "s3link" / "0123-4567.part").write_bytes(b"half")
    assert ("0123-4567.part", 4) in dataset.gc(dry_run=True).freed
    with claim(left.parent, "0123") as path:
        assert path == left
        assert left.name not in dict(dataset.gc(dry_run=True).freed)
    left.unlink()
    report = dataset.gc()
    assert [name for name, _ in report.freed] == [f"git-lfs's copy of {name}.txt" for name in "abc"]
    assert not [path for path in (git.folder / ".git" / "lfs" / "objects").rglob("*") if path.is_file()]
    assert [name for name, _ in dataset.gc(files=True, match="[ab]*").freed] == ["a.txt", "b.txt"]
    assert [is_pointer(content(git, name)) for name in "abc"] == [True, True, False]
    assert git("status", "--porcelain") == ""
    git("lfs", "pull")
    assert content(git, "a") == b"first " + b"a" * 500
    assert git("status", "--porcelain") == ""


def test_a_clone_without_the_agent_goes_on_as_a_repository(git, texts):
    clone = shared(git, texts)
    (clone.folder / "notes.md").write_text("Words of somebody without s3magic.\n")
    clone.commit("Write")
    clone("push", "origin", "main")
    git("pull", "origin", "main")
    assert (git.folder / "notes.md").exists()
    assert clone("status", "--porcelain") == ""


def test_old_commits_and_branches_give_the_bytes_they_linked(git, texts, store):
    clone = shared(git, texts)
    old = git("rev-parse", "HEAD").strip()
    git("checkout", "-b", "newer")
    store.put(f"{texts}a.txt", b"second a")
    dataset = s3magic.LinkedDataset(git.folder / "ds")
    assert dataset.update().changed == ("a.txt",)
    assert dataset.diff("HEAD").names("changed") == ("a.txt",)
    git.commit("Update")
    assert list(dataset.diff("HEAD")) == []
    assert dataset.diff(old, "newer").names("changed") == ("a.txt",)
    with pytest.raises(LinkError, match="no commit 'nowhere'"):
        dataset.diff("nowhere")
    git("push", "origin", "newer")
    clone("fetch", "origin")
    s3magic.LinkedDataset(clone.folder / "ds").install()
    clone("lfs", "fetch", "--all")
    assert len([path for path in (clone.folder / ".git/lfs/objects").rglob("*") if path.is_file()]) == 4
    shutil.rmtree(clone.folder / ".git" / "lfs" / "objects")
    clone("checkout", "newer")
    assert content(clone, "a") == b"second a"
    clone("checkout", "main")
    assert content(clone, "a") == b"first " + b"a" * 500
    clone("branch", "-q", "-D", "newer")
    clone("checkout", "origin/newer")
    shutil.rmtree(clone.folder / ".git" / "lfs" / "objects")
    clone("checkout", old)
    assert content(clone, "a") == b"first " + b"a" * 500


def test_old_commits_are_led_to_where_the_objects_were_moved(git, texts, store):
    clone = shared(git, texts)
    for name in "abc":
        old = store.head(f"{texts}{name}.txt")
        store.put(f"moved-{texts}{name}.txt", store.get(old.key))
        store.delete(old.key, version_id=old.version_id)
    s3magic.LinkedDataset(git.folder / "ds").redirect(f"s3://scratch/{texts}", f"s3://scratch/moved-{texts}")
    git.commit("Redirect")
    git("push", "origin", "main")
    clone("fetch", "origin")
    dataset = s3magic.LinkedDataset(clone.folder / "ds")
    dataset.install()
    clone("lfs", "pull")
    assert not dataset.info.redirects
    assert content(clone, "b") == b"first " + b"b" * 500


def test_public_data_needs_no_keys(git, sandbox, connection):
    s3magic.connect("anonymous", endpoint_url=sandbox.endpoint_url, region="us-east-1")
    dataset = s3magic.link("s3://public/README.txt", git.folder / "ds")
    dataset.install()
    git.commit()
    nobody = {name: value for name, value in git.env.items() if not name.startswith("AWS_") or "DISABLED" in name}
    Git(git.folder, nobody)("lfs", "pull")
    assert dataset.status().local == {"file": len(dataset.tiles)}


def test_without_keys_the_agent_says_that_it_found_none(git, texts):
    link(git, texts).install()
    git.commit()
    nobody = {name: value for name, value in git.env.items() if not name.startswith("AWS_") or "DISABLED" in name}
    said = Git(git.folder, nobody)("lfs", "pull", "-I", "ds/a.txt", fails=True)
    assert "[403]" in said
    assert "No credentials were found" in said
    assert is_pointer(content(git, "a"))


def test_what_was_linked_in_a_commit_that_no_branch_has_is_found(git, texts):
    link(git, texts).install()
    git.commit()
    lost = git("rev-parse", "HEAD").strip()
    git("checkout", "--orphan", "other")
    git("rm", "-q", "-r", "-f", ".")
    (git.folder / "notes.md").write_text("x")
    git.commit("Other")
    git("branch", "-D", "main")
    git("checkout", lost)
    assert content(git, "b") == b"first " + b"b" * 500


def test_what_an_interrupted_pull_left_is_taken_up(git, texts):
    clone = shared(git, texts)
    dataset = s3magic.LinkedDataset(clone.folder / "ds")
    dataset.install()
    left = clone.folder / ".git" / "lfs" / "tmp" / "s3link"
    left.mkdir(parents=True)
    for tile, start in zip(dataset.tiles, (b"first aaa", b"WRONG", b"far too long" * 100), strict=True):
        (left / f"{tile.pointer_oid}-1.part").write_bytes(start)
    clone("lfs", "pull")
    assert [content(clone, name) for name in "abc"] == [b"first " + name.encode() * 500 for name in "abc"]
    assert list(left.iterdir()) == []


def test_ordinary_copies_are_plain_lfs_content(git, texts):
    copies = s3magic.link(f"s3://scratch/{texts}*.txt", git.folder / "ds", import_=True)
    assert not (git.folder / ".lfsconfig").exists()
    assert copies.sharing.hint == ""
    with pytest.raises(LinkError, match="content of its own"):
        copies.install()
    git.commit()
    git("push", "origin", "main")
    assert content(git.clone(git.origin, "clone"), "a") == content(git, "a")
    (git.folder / ".lfsconfig").write_text("[lfs]\n\turl = https://s3link.invalid/v1\n")
    assert "nowhere to go" in repr(copies)


def test_a_push_that_would_lose_data_fails(git, texts):
    shared(git, texts)
    (git.folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (git.folder / "own.bin").write_bytes(b"nowhere else")
    git.commit("Add what is no linked tile")
    said = git("push", "origin", "main", fails=True)
    assert "no linked tile and would be lost" in said
    assert git("rev-parse", "origin/main") != git("rev-parse", "HEAD")


def test_a_changed_original_is_an_error_that_names_the_tile(git, texts, store):
    clone = shared(git, texts)
    version = store.head(f"{texts}b.txt").version_id
    store.put(f"{texts}b.txt", b"other bytes")
    store.delete(f"{texts}b.txt", version_id=version)
    s3magic.LinkedDataset(clone.folder / "ds").install()
    said = clone("lfs", "pull", fails=True)
    assert "b.txt changed since it was linked" in said
    assert is_pointer(content(clone, "b"))
    assert not is_pointer(content(clone, "a"))


def test_fetched_files_are_no_change_to_git(git, texts):
    dataset = link(git, texts)
    git.commit()
    dataset.fetch(match="a*")
    assert git("status", "--porcelain") == ""
    assert git("diff", "--stat") == ""
    dataset.fetch()
    assert git("status", "--porcelain") == ""
    git("lfs", "fsck")
    git("checkout", "-b", "other")
    (git.folder / "ds" / "b.txt").write_bytes(b"first bbb, but edited")
    assert git("status", "--porcelain") == " M ds/b.txt\n"


def test_what_is_not_staged_stays_unstaged(git, texts):
    dataset = link(git, texts)
    git("add", "ds/.s3link", "ds/.gitattributes", "ds/a.txt")
    git("commit", "-m", "Some of it")
    dataset.fetch()
    assert git("status", "--porcelain", "-uall").splitlines() == ["?? .lfsconfig", "?? ds/b.txt", "?? ds/c.txt"]


def test_a_repository_that_uses_lfs_already_keeps_working(git, texts):
    (git.folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (git.folder / "own.bin").write_bytes(b"as before")
    git.commit("Before")
    before = (git.folder / ".git" / "config").read_text()
    dataset = link(git, texts)
    assert not (git.folder / ".lfsconfig").exists()
    assert "left alone" in dataset.sharing.hint
    with pytest.raises(LinkError, match="content of its own"):
        dataset.install()
    assert (git.folder / ".git" / "config").read_text() == before
    git.commit()
    git("push", "origin", "main", fails=True)  # the server lacks the tiles, and nobody pretends otherwise
    dataset.fetch()
    oid = hashlib.sha256(content(git, "a")).hexdigest()
    assert (git.folder / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid).is_file()
    assert git("status", "--porcelain") == ""
    git("push", "origin", "main")
    clone = git.clone(git.origin, "clone")
    assert content(clone, "a") == content(git, "a")
    assert (clone.folder / "own.bin").read_bytes() == b"as before"


def edit(git):
    (git.folder / "ds" / "a.txt").write_bytes(b"mine now")


def delete(git):
    (git.folder / "ds" / "a.txt").unlink()


def record(git):
    shard = next(path for path in (git.folder / "ds/.s3link/tiles").iterdir() if '"a.txt"' in path.read_text())
    text = shard.read_text()
    oid = text.split('"sha256:')[1][:64]
    shard.write_text(text.replace(oid, oid[::-1]))


@pytest.mark.parametrize("change", [edit, delete, record])
def test_edits_are_refused_at_commit(git, texts, change):
    link(git, texts).install()
    git.commit()
    change(git)
    git("add", "-A")
    said = git("commit", "-m", "Edit", fails=True)
    assert "ds/a.txt" in said
    assert "%s3link update" in said
    assert "Traceback" not in said
    git("restore", "--staged", "--worktree", ".")
    (git.folder / "notes.md").write_text("x")
    git.commit("Write beside it")


def test_a_version_that_is_half_in_place_is_not_committed(git, texts, store, monkeypatch):
    link(git, texts).install()
    git.commit()
    store.delete(f"{texts}c.txt")
    store.put(f"{texts}d.txt", b"new")
    with monkeypatch.context() as patch:
        patch.setattr(local, "give_way", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            link(git, texts, replace=True)
    (git.folder / "notes.md").write_text("x")
    git("add", "notes.md")
    git("commit", "-m", "Write beside it")
    git("add", "-A")
    said = git("commit", "-m", "Half", fails=True)
    assert said.splitlines()[0].endswith("goes on still: ds")
    assert "git add DIR" in said
    link(git, texts, replace=True)
    git.commit()
    assert "ds/d.txt" in git("ls-files")
    assert "ds/c.txt" not in git("ls-files")


def test_a_dataset_may_go_whole(git, texts):
    link(git, texts).install()
    git.commit()
    git("rm", "-q", "-r", "ds")
    git("commit", "-m", "Remove")
    git("commit", "--amend", "-m", "Remove it")


def test_install_and_uninstall_leave_the_clone_as_it_was(git, texts):
    dataset = link(git, texts)
    hook = git.folder / ".git" / "hooks" / "pre-commit"
    hook.write_text('#!/bin/sh\necho "the former hook ran"\n')
    hook.chmod(0o755)
    config = git.folder / ".git" / "config"
    git("config", "lfs.repositoryformatversion", "0")  # which git-lfs sets by itself sooner or later
    before = config.read_text(), hook.read_text(), git("config", "--global", "--list")
    assert dataset.install().guarded
    assert repr(dataset.install()) == f"<{git.folder}: git lfs pull brings linked tiles; edits are refused at commit>"
    assert "the former hook ran" in git.commit()
    assert not dataset.uninstall().installed
    assert (config.read_text(), hook.read_text(), git("config", "--global", "--list")) == before
    assert not list((git.folder / ".git").rglob("*s3magic*"))
    dataset.uninstall()
    assert config.read_text() == before[0]


def test_no_checkout_chosen_in_a_clone_stays_its_own(git, texts):
    clone = shared(git, texts)
    clone("config", "lfs.fetchexclude", "ds/b*")
    dataset = s3magic.LinkedDataset(clone.folder / "ds")
    dataset.install()
    clone("lfs", "pull")
    assert [is_pointer(content(clone, name)) for name in "abc"] == [False, True, False]
    dataset.uninstall()
    assert clone("config", "lfs.fetchexclude").strip() == "ds/b*"


def test_hooks_of_many_clones_are_left_alone(git, texts, tmp_path):
    (tmp_path / "hooks").mkdir()
    git("config", "core.hooksPath", str(tmp_path / "hooks"))
    clone = link(git, texts).install()
    assert (clone.installed, clone.guarded) == (True, False)
    assert f"{sys.executable} -m s3magic.linking.git.guard" in clone.note
    assert not (tmp_path / "hooks" / "pre-commit").exists()


def test_without_a_repository_nothing_is_asked_of_git(connection, texts, tmp_path):
    dataset = s3magic.link(str(S3Url("scratch", f"{texts}*.txt")), tmp_path / "alone")
    assert dataset.sharing.to_json() == {"way": "none", "installed": False, "hint": ""}
    with pytest.raises(LinkError, match="no git repository"):
        dataset.install()
    assert len(dataset.fetch().fetched) == 3


def test_a_repository_of_somebody_else_is_told_apart_from_none(git, texts, monkeypatch):
    dataset = link(git, texts)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(LinkError, match="belongs to somebody else") as caught:
        dataset.install()
    assert "safe.directory" in caught.value.hint


def test_a_dataset_at_the_top_with_folders_below(git, texts, store):
    store.put(f"{texts}sub/d.txt", b"first d" * 99)
    dataset = s3magic.link(f"s3://scratch/{texts}", git.folder, keep_prefix=True)
    dataset.install()
    git.commit()
    dataset.fetch()
    assert git("status", "--porcelain") == ""
    (git.folder / "sub" / "d.txt").write_bytes(b"mine")
    assert "sub/d.txt: it is not the content" in git("commit", "-a", "-m", "Edit", fails=True)


def test_an_agent_outside_a_clone_says_so(tmp_path):
    asked = [{"event": "init", "operation": "download"}, {"event": "download", "oid": "0" * 64, "size": 3}]
    done = process.run(
        [sys.executable, "-m", "s3magic", "lfs-agent"], cwd=tmp_path, input="\n".join(map(json.dumps, asked))
    )
    first, second = done.stdout.splitlines()
    assert first == "{}"
    assert "no git repository" in second


@pytest.mark.parametrize("line", ["hello", "[]", "{}", "1"])
def test_an_agent_that_is_told_nonsense_says_so(line, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", [line])
    assert __main__.main(["lfs-agent"]) == 1
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 2)
