"""The teaching notebooks, run from the first cell to the last in a kernel of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


SHOWN = {
    "climate-cubes": ("air_temperature", "K warmer than E1", "MB in ", "realization", "image/png", "nav_lat"),
    "exploring-a-bucket": (
        "Credential panel",
        "air_temperature",
        "unchanged",
        "data:image/",
        "bytes fetched",
        "oid sha256:",
        "paid by",
    ),
    "pictures-of-a-bucket": ("bytes read", "Not readable as TIFF", "northward_sea_ice_velocity", "_thumb.jpg"),
    "tiles-and-git": (
        "Plan: nothing is done yet",
        "oid sha256:",
        "changed since it was linked",
        "1 changed",
        "no more",
    ),
    "who-may-do-what": ("s3:PutObject on", "s3:ListBucket", "s3:prefix", "expired", "teaching/iris"),
}
"""Words that each notebook shows when it has done what it speaks of."""


@pytest.fixture
def run(tmp_path, monkeypatch, own_cache):
    """Run a notebook in a folder of its own; return it with its outputs."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
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


_EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
source, folder, target = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, target)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide a device")
def test_without_fuse_a_copy_does_as_well(tmp_path, own_cache):
    profile, dev, work, done = (tmp_path / name for name in ("ipython/profile_default", "dev", "work", "done.ipynb"))
    for folder in (profile, dev, work):
        folder.mkdir(parents=True)
    (profile / "ipython_config.py").write_text("c = get_config()\nc.S3Magics.mount_copy = True\n")
    kept = "null zero full random urandom tty"
    steps = [
        f"mount -t tmpfs none {dev}",
        f"for name in {kept}; do touch {dev}/$name && mount --bind /dev/$name {dev}/$name || exit 1; done",
        f"mkdir {dev}/shm {dev}/pts && mount --bind /dev/shm {dev}/shm && mount --bind /dev/pts {dev}/pts",
        f"ln -s /proc/self/fd {dev}/fd && ln -s pts/ptmx {dev}/ptmx",
        f"mount --move {dev} /dev",
        "test ! -e /dev/fuse",
        'exec "$@"',
    ]
    argv = ["unshare", "-m", "sh", "-c", " && ".join(steps), "sh", sys.executable, "-c", _EXECUTE]
    environ = os.environ | {"IPYTHONDIR": str(profile.parent)}
    ran = subprocess.run(
        [*argv, str(EXAMPLES / "exploring-a-bucket.ipynb"), str(work), str(done)],
        check=False,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout
    shown = str([cell.get("outputs") for cell in nbformat.read(done, as_version=4).cells])
    assert not [words for words in SHOWN["exploring-a-bucket"] if words not in shown]
    assert "files, " in shown
    assert (work / "bucket" / "E1_north_america.nc").stat().st_size


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)
    nbformat.validate(notebook)
