"""The extension leads Iris to S3, says in two lines what went wrong, and takes all of it back."""

from __future__ import annotations

import sys

import pytest

import s3magic
from s3magic.errors import NoSuchKey

pytest.importorskip("iris")
pytestmark = pytest.mark.filterwarnings("ignore")
URL = "s3://teaching/iris/E1_north_america.nc"


def test_iris_loads_once_the_extension_is_loaded_and_no_more_afterwards(run, loaded, connection):
    run("import iris")
    assert run(f"iris.load_cube('{URL}', 'air_temperature').shape") == (240, 37, 49)
    assert [mount.url for mount in run("%s3mount")] == ["s3://teaching/"]
    loaded.extension_manager.unload_extension("s3magic")
    assert s3magic.mounts() == []
    with pytest.raises(ValueError, match="scheme: s3"):
        run(f"iris.load('{URL}')")


def test_a_mistake_shows_as_two_lines(run, loaded, connection):
    run("import iris")
    with pytest.raises(NoSuchKey) as caught:
        run("iris.load('s3://teaching/none.nc')")
    assert len(caught.value._render_traceback_()) == 2
    run("%config S3Magics.verbose_errors = True")
    with pytest.raises(NoSuchKey) as caught:
        run("iris.load('s3://teaching/none.nc')")
    assert not hasattr(caught.value, "_render_traceback_")


def test_loading_again_waits_once_and_unloading_not_at_all(shell, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "iris"]:
        monkeypatch.delitem(sys.modules, name)
    before = list(sys.meta_path)
    shell.extension_manager.load_extension("s3magic")
    shell.extension_manager.reload_extension("s3magic")
    assert len(sys.meta_path) == len(before) + 1
    assert "iris" not in sys.modules
    shell.extension_manager.unload_extension("s3magic")
    assert sys.meta_path == before
