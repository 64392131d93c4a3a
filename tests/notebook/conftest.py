"""A real IPython shell for each test, with folders of its own."""

from __future__ import annotations

import atexit

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@pytest.fixture
def shell(tmp_path, monkeypatch, own_mounts):
    """A shell in an empty folder, without history or profile of the person who runs the test."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    made = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path / "ipython"))
    yield made
    if "s3magic" in made.extension_manager.loaded:
        made.extension_manager.unload_extension("s3magic")
    made.restore_sys_module_state()
    InteractiveShell.clear_instance()
    atexit.unregister(made.atexit_operations)  # each of hundreds would collect garbage at the end of the run


@pytest.fixture
def loaded(shell):
    """The same, with the extension loaded."""
    assert shell.extension_manager.load_extension("s3magic") is None
    return shell


@pytest.fixture
def run(loaded):
    """Run a cell and return its result; an error is raised."""

    def run_cell(source):
        result = loaded.run_cell(source)
        result.raise_error()
        return result.result

    return run_cell
