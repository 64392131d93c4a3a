"""The benchmark of the mount measures, notices wrong bytes, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent
ROWS = "sequential,random,ls,threads,first,million"


@pytest.fixture
def work(tmp_path):
    """A folder that must be empty and unused again at the end."""
    folder = tmp_path / "work"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    assert [words for words in running() if str(folder) in " ".join(words)] == []


def running():
    for process in psutil.process_iter():
        try:
            yield process.cmdline()
        except psutil.Error:
            continue


def bench(work, *options):
    words = ["--work", str(work), "--data", str(work.parent / "data"), "--out", str(work.parent / "out")]
    tiny = ["--scale", "0.004", "--runs", "1", "--where", "far", "--delay", "1"]
    argv = [sys.executable, "-m", "benchmarks.mount", "--engines", "builtin", *words, *tiny, *options]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def finish(process):
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    return said


def samples(work):
    return json.loads((work.parent / "out" / "samples.json").read_text())["samples"]


def test_every_row_is_measured_and_right(work):
    process = bench(work, "--rows", ROWS, "--peer", "no-such-program {url} {dir}")
    said = finish(process)
    assert process.returncode == 0, said
    assert "no-such-program: not installed" in said
    taken = {sample["row"]: sample for sample in samples(work)}
    assert list(taken) == ROWS.split(",")
    for sample in taken.values():
        assert not sample["trouble"]
        assert sample["value"] > 0
        assert sample["requests"] > 0
        assert sample["memory"] > 0
    assert taken["sequential"]["fetched"] >= 2
    assert "| sequential read, MB/s |" in (work.parent / "out" / "table.md").read_text()
    assert (work.parent / "out" / "plot.svg").read_text().startswith("<?xml")


def test_wrong_bytes_are_no_result(work):
    assert finish(bench(work, "--rows", "sequential"))
    stored = work.parent / "data" / "objects" / "big" / "big.bin"
    body = bytearray(stored.read_bytes())
    body[-1] ^= 1
    stored.write_bytes(body)
    process = bench(work, "--rows", "sequential")
    finish(process)
    assert process.returncode == 1
    (sample,) = samples(work)
    assert sample["value"] is None
    assert sample["trouble"].startswith("WRONG")


def test_a_peer_that_does_not_mount_is_told_of(work):
    assert finish(
        bench(work, "--rows", "ls", "--engines", "", "--peer", "broken=sh -c 'echo sorry; exit 3' {url} {dir}")
    )
    (sample,) = samples(work)
    assert sample["value"] is None
    assert sample["trouble"].endswith("sorry")


def test_interrupted_it_takes_everything_away(work):
    process = bench(work, "--rows", "first,ls,first,ls", "--runs", "50")
    assert process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    finish(process)
    assert process.returncode == 130
    assert samples(work)
