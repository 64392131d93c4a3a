"""The build hook: when the panel is built anew, shipped, left out, and when that is an error."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("hatchling")

import s3magic

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", PROJECT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class App:
    """Stands for hatchling's, which shows warnings."""

    def __init__(self):
        self.warnings = []

    def display_warning(self, message):
        self.warnings.append(message)


@pytest.fixture
def project(tmp_path):
    """A project whose panel was built after its sources were written."""
    for path in ("labextension/src/index.ts", "labextension/package.json", "s3magic/labextension/package.json"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    _age(tmp_path / "labextension/src/index.ts")
    _age(tmp_path / "labextension/package.json")
    return tmp_path


@pytest.fixture
def no_node(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def _age(path):
    os.utime(path, (1_000_000_000, 1_000_000_000))


def _build(hook, project, *, target="wheel"):
    app = App()
    data = {"shared_data": {}}
    hook.LabExtensionHook(str(project), {}, None, None, str(project), target, app).initialize("standard", data)
    return data["shared_data"], app.warnings


def test_what_was_built_is_shipped_without_node(hook, project, no_node):
    shared, warnings = _build(hook, project)
    assert set(shared.values()) == {hook.SHARED, f"{hook.SHARED}/install.json"}
    assert warnings == []


def test_newer_sources_are_built_anew(hook, project, no_node):
    _age(project / "s3magic/labextension/package.json")
    (project / "labextension/src/index.ts").write_text("changed")
    shared, warnings = _build(hook, project)
    assert shared == {}
    assert "node is not installed" in warnings[0]


@pytest.mark.parametrize("trace", ["build_log.json", "static/lib.js.map"])
def test_a_development_build_is_not_shipped(hook, project, no_node, trace):
    left = project / "s3magic/labextension" / trace
    left.parent.mkdir(exist_ok=True)
    left.touch()
    assert _build(hook, project)[0] == {}


def test_a_panel_that_is_required_and_cannot_be_built_fails(hook, project, no_node, monkeypatch):
    monkeypatch.setenv("S3MAGIC_LABEXTENSION", "require")
    (project / "s3magic/labextension/package.json").unlink()
    with pytest.raises(hook.CannotBuildError, match="node"):
        _build(hook, project)


def test_the_panel_can_be_left_out(hook, project, monkeypatch):
    monkeypatch.setenv("S3MAGIC_LABEXTENSION", "skip")
    assert _build(hook, project) == ({}, [])


def test_an_unknown_word_is_refused(hook, project, monkeypatch):
    monkeypatch.setenv("S3MAGIC_LABEXTENSION", "perhaps")
    with pytest.raises(ValueError, match="auto, skip, require"):
        _build(hook, project)


def test_an_sdist_has_no_shared_data(hook, project):
    assert _build(hook, project, target="sdist")[0] == {}


def test_names_and_versions_agree(hook):
    package = json.loads((PROJECT / "labextension/package.json").read_text())
    assert package["name"] == hook.NAME
    assert package["version"] == s3magic.__version__


def test_the_lockfile_names_no_registry():
    assert "://" not in (PROJECT / "labextension/yarn.lock").read_text()
