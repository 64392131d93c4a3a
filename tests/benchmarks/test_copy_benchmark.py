"""The benchmark of copies measures, compares bytes, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent.parent


def test_the_ways_are_measured_side_by_side(tmp_path):
    words = ["--rows", "small", "--runs", "1", "--scale", "0.01", "--out", str(tmp_path)]
    argv = [sys.executable, "-m", "benchmarks.copying", *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    samples = {(one["row"], one["way"]): one for one in json.loads((tmp_path / "copying.json").read_text())}
    peers = {way for way in ("s5cmd sync", "aws s3 sync") if f"{way} is left out" not in done.stdout}
    assert {way for _, way in samples} == {"s3magic.copy"} | peers
    assert samples["small", "s3magic.copy"]["requests"] == 51
    assert samples["small, again", "s3magic.copy"]["requests"] == 1
    assert "| small | s3magic.copy |" in (tmp_path / "copying.md").read_text()
    left = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [words for words in left if "bench-copy-" in " ".join(words)]
