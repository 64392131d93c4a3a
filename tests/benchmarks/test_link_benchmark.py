"""The benchmark of linked tiles measures, compares hashes, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def bench(tmp_path):
    """Run the benchmark with few tiles; nothing that it started may be left."""

    def run(*options):
        words = ["--runs", "1", "--scale", "0.002", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
        argv = [sys.executable, "-m", "benchmarks.linking", *words, *options]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    yield run
    left = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [words for words in left if str(tmp_path) in " ".join(words)]


def test_both_ways_are_measured_side_by_side(bench, tmp_path):
    done = bench("--rows", "small")
    assert done.returncode == 0, done.stderr
    samples = {sample["way"]: sample for sample in json.loads((tmp_path / "out" / "linking.json").read_text())}
    assert list(samples) == ["link", "kart"]
    assert {sample["tiles"] for sample in samples.values()} == {20}
    assert (samples["link"]["requests"], samples["kart"]["requests"]) == (21, 41)
    assert "| small | link | 20 |" in (tmp_path / "out" / "linking.md").read_text()
