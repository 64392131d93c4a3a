"""The extension in a kernel, as nbclient runs a notebook: failures stop it, and nothing secret is saved."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Run a notebook of cells and return it, with the error that stopped it."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))

    def run(*cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
        try:
            client.execute()
        except CellExecutionError as error:
            return notebook, error
        return notebook, None

    return run


def test_a_failing_magic_stops_the_notebook_in_two_lines(play):
    notebook, error = play("%load_ext s3magic", "%s3ls not-a-url", "reached = True")
    assert error is not None
    assert error.ename == "InvalidUrl"
    (shown,) = notebook.cells[1].outputs
    assert shown.output_type == "error"
    assert len(shown.traceback) == 2
    assert "Not an S3 URL" in shown.traceback[0]
    assert "s3://bucket" in shown.traceback[1]
    assert notebook.cells[2].execution_count is None


def test_a_bar_leaves_nothing_in_the_notebook(play):
    notebook, error = play(
        """import time
from s3magic.progress import meter
with meter("Counting", None) as count:
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        count(1)""",
    )
    assert error is None
    assert [output.data for output in notebook.cells[0].outputs] == [{"text/plain": ""}]


def test_help_results_and_unloading_in_a_kernel(play, connection):
    endpoint = connection.location.endpoint_url
    notebook, error = play(
        "%load_ext s3magic",
        "%s3ls --help",
        f"%s3creds anonymous --endpoint-url {endpoint}",
        "%s3ls s3://public/",
        "%unload_ext s3magic",
        "%s3ls s3://public/",
    )
    assert notebook.cells[1].outputs[0].name == "stdout"
    assert "anonymous" in notebook.cells[2].outputs[0].data["text/plain"]
    assert "s3://public/" in notebook.cells[3].outputs[0].data["text/html"]
    assert "`%s3ls` not found" in str(error)


def test_the_panel_is_saved_as_a_word_and_without_a_secret(play, sandbox, tmp_path):
    teacher = sandbox.users["teacher"]
    (tmp_path / "secret").write_text(teacher.secret_access_key)
    notebook, error = play(
        "%load_ext s3magic",
        f"""import s3magic
connection = s3magic.connect("keys", access_key_id={teacher.access_key_id!r}, region="us-east-1",
                             secret_access_key=open("secret").read(), endpoint_url={sandbox.endpoint_url!r})""",
        "%s3creds",
        "%s3creds keys --region eu-west-2",
    )
    assert error is None
    data = notebook.cells[2].outputs[0].data
    assert data["text/plain"].startswith("Credential panel")
    widget = "application/vnd.jupyter.widget-view+json"
    assert notebook.cells[3].outputs[0].data[widget] == data[widget]
    saved = nbformat.writes(notebook)
    assert "eu-west-2" in saved
    assert teacher.secret_access_key not in saved
