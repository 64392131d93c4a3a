"""The teaching notebooks, run from the first cell to the last in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def outputs(notebook, kind):
    """Return all outputs of one media type, joined."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return "\n".join(str(o["data"][kind]) for cell in cells for o in cell.outputs if kind in o.get("data", {}))


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
def test_every_notebook_runs(run, path):
    notebook = run(path)
    assert not [cell for cell in notebook.cells if "ERROR" in str(cell.get("outputs"))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_what_the_first_one_shows(run):
    notebook = run(EXAMPLES / "exploring-a-bucket.ipynb")
    text, page = outputs(notebook, "text/plain"), outputs(notebook, "text/html")
    assert "air_temperature" in text
    assert "iris/" in text
    assert "data:image/" in page
    assert "bytes fetched" in str(notebook)
    assert "oid sha256:" in str(notebook)
    assert "X-Amz-Signature" not in str(notebook)
    assert "Traceback" not in str(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)
    nbformat.validate(notebook)
