"""The benchmark of the thumbnails measures every way, and says what each cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROWS = "photographs,copc,pages"


def test_every_way_is_measured(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- written by make bench-thumbs -->\nold\n<!-- up to here -->\nAfter.\n")
    tiny = ["--scale", "0.001", "--runs", "1", "--delay", "1", "--data", str(tmp_path / "data")]
    argv = [sys.executable, "-m", "benchmarks.thumbnails", "--rows", ROWS, *tiny, "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*argv, "--page", str(page)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("|")][2:]
    ways = {(cells[2].strip()): cells for cells in rows}
    assert len(rows) == 5 + 2 + 1
    for cells in rows:
        assert int(cells[6]) >= 5
        assert int(cells[7]) >= 1
    ours, theirs = (float(ways[way][8]) for way in ("s3magic, second look", "download + Pillow, 16 threads"))
    assert ours < theirs / 10
    assert page.read_text().startswith("Before.\n")
    assert page.read_text().endswith("\nAfter.\n")
    assert "0.001 of the objects of the full table" in page.read_text()
