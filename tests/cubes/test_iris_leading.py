"""Iris is led to S3 before or after its import, by the extension or a script, and given back as it was."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import s3magic
from s3magic import api
from s3magic.errors import InvalidInput, MissingLibrary
from s3magic.mounting import records

pytestmark = pytest.mark.filterwarnings("ignore:invalid:SyntaxWarning")
NAMES = ("decode_uri", "expand_filespecs", "save")


def functions(iris):
    ways = [getattr(iris.io, name) for name in NAMES]
    return [*ways, iris.save, iris.load, iris.load_cube]


def test_it_is_given_back_as_it_was(room):
    import iris

    before = functions(iris)
    api.enable_iris()
    during = functions(iris)
    api.enable_iris()
    assert functions(iris) == during
    assert [one is other for one, other in zip(before, during, strict=True)] == [False] * 4 + [True] * 2
    assert iris.save is iris.io.save
    assert [one.__doc__ for one in during] == [one.__doc__ for one in before]
    api.disable_iris()
    api.disable_iris()
    assert functions(iris) == before
    with pytest.raises(ValueError, match="scheme: s3"):
        iris.load("s3://scratch/a.nc")
    with pytest.raises(ValueError, match="no saver"):
        during[3](None, "s3://scratch/a")


def test_what_was_taken_from_iris_before_still_loads_and_says_that_it_cannot_save(room, connection):
    import iris
    from iris import load_cube, save

    api.enable_iris()
    try:
        assert load_cube("s3://teaching/iris/E1_north_america.nc", "air_temperature").shape == (240, 37, 49)
        with pytest.raises(InvalidInput, match="older") as caught:
            save(iris.cube.CubeList(), "s3://scratch/a.nc")
        assert "Import it again" in caught.value.hint
    finally:
        api.disable_iris()


def script(code, **words):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False, **words
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_needs_no_ipython_and_leaves_no_mount(room, sandbox):
    keys = sandbox.users["teacher"]
    told = script(
        f"""
import sys, s3magic
s3magic.enable_iris()
assert "iris" not in sys.modules
import iris
assert "exec_module" not in vars(iris.__spec__.loader) and len([f for f in sys.meta_path if "s3magic" in f"{{f}}"]) == 0
s3magic.connect("keys", access_key_id={keys.access_key_id!r}, secret_access_key={keys.secret_access_key!r},
                endpoint_url={sandbox.endpoint_url!r}, region="us-east-1")
iris.save(iris.load_cube("s3://teaching/iris/E1_north_america.nc")[0], "s3://scratch/from-a-script.nc")
print(iris.load_cube("s3://scratch/from-a-script.nc").shape, "IPython" in sys.modules, len(s3magic.mounts()))
"""
    )
    assert told == "(37, 49) False 2\n"
    assert s3magic.mounts() == []
    assert not any(path.is_dir() for path in records.private_folder().glob("*"))


def test_the_hook_waits_without_importing_and_can_be_taken_back(room):
    told = script(
        """
import sys, s3magic
before = list(sys.meta_path)
s3magic.enable_iris(); s3magic.enable_iris()
import json
print(len(sys.meta_path) - len(before), "iris" in sys.modules)
s3magic.disable_iris()
print(sys.meta_path == before)
import iris
print(iris.io.decode_uri("s3://b/k"))
"""
    )
    assert told == "1 False\nTrue\n('s3', '//b/k')\n"


def test_an_import_that_fails_leaves_the_hook_for_the_next(room, tmp_path, monkeypatch):
    package = tmp_path / "iris"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('broken')")
    told = script(
        f"""
import sys, s3magic, shutil
s3magic.enable_iris()
sys.path.insert(0, {str(tmp_path)!r})
try: import iris
except RuntimeError as error: print(error)
sys.path.pop(0)
import iris
print(iris.io.decode_uri("s3://b/k"))
"""
    )
    assert told == "broken\n('file', 's3://b/k')\n"


def test_another_iris_is_left_alone_and_told_of(monkeypatch):
    fake, io = ModuleType("iris"), ModuleType("iris.io")
    fake.__version__ = "9.0"
    io.decode_uri = lambda where: where
    io.expand_filespecs = io.save = lambda: None
    before = dict(vars(io))
    monkeypatch.setitem(sys.modules, "iris", fake)
    monkeypatch.setitem(sys.modules, "iris.io", io)
    with pytest.raises(MissingLibrary, match=r"Iris 9\.0") as caught:
        api.enable_iris()
    assert "%s3mount" in caught.value.hint
    with pytest.warns(UserWarning, match=r"Iris 9\.0"):
        api.cubes.await_iris(lambda: None)
    assert vars(io) == before
    api.disable_iris()


def test_without_iris_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "iris", None)
    monkeypatch.delitem(sys.modules, "iris")
    monkeypatch.setattr("s3magic.api.cubes.find_spec", lambda _: None)
    with pytest.raises(MissingLibrary, match="not installed"):
        api.enable_iris()
