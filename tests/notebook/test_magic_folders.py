"""The magics that make folders: mounts, for a cell or until unmounted, linked tiles, and previews."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3magic import api
from s3magic.errors import LinkError, MountBusy
from s3magic.notebook import cells

ODD = "s3://teaching/odd/"


def test_a_mount_is_returned_listed_and_taken_away(run, connection):
    mount = run(f"m = %s3mount {ODD}\nm")
    assert mount.path == Path("s3/teaching/odd").resolve()
    assert (mount / "a space.txt").read_bytes()
    assert run(f"%s3mount {ODD}") == mount
    assert [one.path for one in run("%s3mount")] == [mount.path]
    assert list(run("%s3umount s3/teaching/odd")) == []
    assert mount.state == "unmounted"


def test_options_of_a_mount_reach_it(run, connection):
    mount = run(f"%s3mount --fresh 2 {ODD} --memory 128MB here")
    assert mount.path == Path("here").resolve()
    assert mount.stats()["memory_bytes"] < 128_000_000
    run("%s3umount --all")
    assert mount.state == "unmounted"


def test_a_cell_has_a_mount_of_its_own(run, connection):
    text = run(f"%%s3mount {ODD} here\nfrom pathlib import Path\nname = 'a space.txt'\nPath('here', name).read_bytes()")
    assert text == api.connection().store("teaching").get("odd/a space.txt")
    assert api.mounts() == []


def test_an_error_in_the_cell_is_raised_and_the_mount_is_gone(loaded, connection, capsys):
    result = loaded.run_cell(f"%%s3mount {ODD} here\nkept = open('here/a space.txt')\n1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        result.raise_error()
    assert "1 / 0" in capsys.readouterr().out
    assert api.mounts() == []
    loaded.user_ns["kept"].close()


def test_a_file_left_open_in_the_cell_is_warned_of(run, loaded, connection):
    with pytest.warns(UserWarning, match="Still open"):
        run(f"%%s3mount {ODD} here\nkept = open('here/a space.txt')\n")
    assert api.mounts() == []
    loaded.user_ns["kept"].close()


def test_a_mount_that_was_there_before_outlives_the_cell(run, connection):
    mount = run(f"%s3mount {ODD} here")
    assert run(f"%%s3mount {ODD} here\n%s3mount\n") == [mount]
    assert mount.state == "mounted"


def test_magics_and_names_work_inside_the_cell(run, loaded, connection):
    run(f"where = {ODD!r}\nfolder = 'here'")
    run("%%s3mount {where} $folder\nlisting = %s3ls {where}\ndef look():\n    return len(listing)\nlook();")
    assert loaded.user_ns["look"]() == len(api.ls(ODD))


def test_a_busy_mount_says_who_holds_it(run, connection, monkeypatch):
    monkeypatch.setattr("s3magic.notebook.magics._PATIENCE", 0.1)
    mount = run(f"%s3mount {ODD} here")
    with (mount / "a space.txt").open("rb"), pytest.raises(MountBusy, match="a space"):
        run("%s3umount here")
    assert run("%s3umount here --force") == []


def test_only_what_the_cell_left_unread_is_warned_of(monkeypatch):
    class Cube:
        def __init__(self, *, lazy):
            self.has_lazy_data = lambda: lazy

    module = type("module", (), {"Cube": Cube})
    monkeypatch.setitem(sys.modules, "iris.cube", module)
    names = {"old": Cube(lazy=True)}
    mount = SimpleNamespace(unmount=lambda **_: None)
    made = {"a": Cube(lazy=True), "b": Cube(lazy=False), "c": [Cube(lazy=True)] * 2, "_d": Cube(lazy=True), "e": 3}
    with pytest.warns(UserWarning, match="gone: a, c;"), cells.mounted(mount, names):
        names |= {**made, "again": names["old"]}


def test_unloading_takes_the_mounts_away(shell, run, connection):
    mount = run(f"%s3mount {ODD} here")
    shell.extension_manager.unload_extension("s3magic")
    assert mount.state == "unmounted"


def test_tiles_are_linked_looked_at_and_fetched(run, connection):
    dataset = run("%s3link add s3://teaching/odd/a*.txt tiles --hash never")
    assert {tile.name for tile in dataset.tiles} == {"a space.txt", "a+plus.txt"}
    assert not Path("tiles/a space.txt").exists() or b"git-lfs" in Path("tiles/a space.txt").read_bytes()
    assert run("%s3link add s3://teaching/odd/a*.txt tiles --hash never --no-checkout").tiles == dataset.tiles
    run("%s3link fetch tiles --match 'a+*'")
    assert Path("tiles/a+plus.txt").read_bytes() == api.connection().store("teaching").get("odd/a+plus.txt")
    assert len(list(run("%s3link status tiles"))) == 2
    assert run("%s3link verify tiles --deep").remote == {"ok": 1, "unhashed": 1}
    assert list(run("%s3link diff tiles")) == []
    assert len(run("%s3link update tiles").kept) == 2
    assert run("%s3link gc tiles --files --dry-run").dry_run


def test_words_of_adding_reach_it(run, connection):
    plan = run("%s3link add s3://teaching/tiles/*.[laz|tif] s3://teaching/cogs tiles --plan --read-limit 1MB")
    assert plan.tiles > 10
    assert not Path("tiles").exists()
    parts = run("%s3link add s3://teaching/tiles/hill_?_?.laz s3://teaching/cogs/p*.tif tiles --split --keep-prefix")
    assert {tile.name.partition("/")[0] for part in parts for tile in part.tiles} == {"tiles", "cogs"}
    copies = run("%s3link add s3://teaching/odd/a*.txt copies --import")
    assert (copies.path / "a+plus.txt").stat().st_size == copies.tiles[1].size
    renewed = run("%s3link add s3://teaching/odd/a*.txt copies --import --replace")
    assert renewed.changes.kept == ("a space.txt", "a+plus.txt")


def test_a_box_west_of_greenwich_is_no_option(loaded, connection):
    result = loaded.run_cell("%s3link fetch nowhere --bbox -3,50,1,52")
    assert isinstance(result.error_in_exec, LinkError)  # there are no tiles, but the box was understood


def test_previews_are_returned_and_written(run, loaded, connection, own_cache):
    run("%config S3Magics.thumb_limit = 3")
    gallery = run(f"%s3thumbs {ODD} --size 64 --html page.html")
    assert len(gallery.items) == 3
    assert "<html" in Path("page.html").read_text(encoding="utf-8").lower()
