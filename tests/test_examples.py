"""The teaching notebooks, run from the first cell to the last in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


SHOWN = {
    "climate-cubes": ("air_temperature", "K warmer than E1", "MB in ", "realization", "image/png", "nav_lat"),
    "exploring-a-bucket": ("air_temperature", "iris/", "data:image/", "bytes fetched", "oid sha256:"),
    "pictures-of-a-bucket": ("bytes read", "Not readable as TIFF", "northward_sea_ice_velocity", "_thumb.jpg"),
    "tiles-and-git": ("Plan: nothing is done yet", "oid sha256:", "changed since it was linked", "1 changed", "points"),
    "who-may-do-what": ("s3:PutObject on", "s3:ListBucket", "s3:prefix", "expired", "teaching/iris"),
}
"""Words that each notebook shows when it has done what it speaks of."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a notebook in a folder of its own; return it with its outputs."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    work = tmp_path / "work"
    work.mkdir()

    def run(path):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(work)}}
        ).execute()
        return notebook

    yield run
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if str(tmp_path) in line]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_every_notebook_runs_and_shows_what_it_speaks_of(run, path):
    notebook = run(path)
    shown = str([cell.get("outputs") for cell in notebook.cells])
    assert not [words for words in SHOWN[path.stem] if words not in shown]
    assert not [words for words in ("Traceback", "X-Amz-Signature") if words in shown]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)
    nbformat.validate(notebook)
