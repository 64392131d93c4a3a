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

from benchmarks.mount import data, report
from benchmarks.mount.report import BEGIN, END
from benchmarks.mount.samples import Sample

ROOT = Path(__file__).parent.parent.parent
ROWS = "sequential,random,ls,threads,first,million,tree"


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
    page = work.parent / "page.md"
    page.write_text(f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n")
    process = bench(work, "--rows", ROWS, "--peer", "no-such-program {url} {dir}", "--page", str(page))
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
    assert page.with_suffix(".svg").read_text().startswith("<?xml")
    before, _, rest = page.read_text().partition(BEGIN)
    figures, _, after = rest.partition(END)
    assert (before, figures.strip(), after) == (
        "Before.\n",
        (work.parent / "out" / "table.md").read_text().strip(),
        "\nAfter.\n",
    )


def test_what_was_missed_and_what_failed_is_said():
    def sample(row, peer, run, value, **more):
        return Sample(row, peer, "far", run, "b", value=value, requests=1, **more)

    samples = [
        *(sample("iris", "builtin", run, 0.5, fetched=55, memory=300) for run in range(3)),
        *(sample("iris", "s3fs", run, value) for run, value in enumerate([0.6, 0.7, 0.8])),
        *(sample("ls", "builtin", run, 0.3, fetched=2, memory=40) for run in range(3)),
        sample("ls", "s3fs", 0, 30.0),
        sample("ls", "s3fs", 1, None, trouble="failed: a|b"),
    ]
    about = {"runs": 3, "date": "today", "cores": 2, "system": "Linux", "versions": {}, "commit": "", "scale": 1}
    titles = {"builtin": "s3magic", "s3fs": "s3fs-fuse"}
    text = report.table(samples, titles, about | {"delay_ms": 30, "megabytes_per_second": 90})
    missed = [line[2:] for line in text.splitlines() if line.startswith("- ")]
    assert [line.partition(": ")[2] for line in missed] == [
        "1.40 times s3fs-fuse, not 2.3",
        "55.0 MB fetched, not 20",
        "300 MB held, not 256",
    ]
    assert "| 30.0 (30.0–30.0), 1 of 2 failed |" in text


def test_wrong_bytes_are_no_result(work):
    data.prepare(work.parent / "data", {"big"}, scale=0.004)
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
