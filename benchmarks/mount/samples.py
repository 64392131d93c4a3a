"""Taking one sample: a fresh mount, one row read through it, what that took, and whether it was right."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.mount.peers import MountFailed, Peer, Place, Usage, mounted
from benchmarks.mount.rows import ROWS
from benchmarks.surroundings import ROOT

READY_SECONDS, JUDGE_SECONDS = 60, 60
KILL_SECONDS = 5


@dataclass(slots=True)
class Sample:
    """One measurement.

    Attributes
    ----------
    value : float | None
        In the row's unit; None when there is none, and `trouble` says why.
    cpu, memory : float
        CPU seconds of the mount during the row, and the most memory it ever held, in MB.
    requests, fetched : float
        What the server was asked for, and MB it sent for that; of the whole life of the mount.
    """

    row: str
    peer: str
    where: str
    run: int
    bucket: str
    value: float | None = None
    seconds: float | None = None
    trouble: str = ""
    cpu: float = 0
    memory: float = 0
    requests: int = 0
    fetched: float = 0

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return asdict(self)


def take(sample: Sample, peer: Peer | None, place: Place, data: Path, *, limit: float) -> None:
    """Fill in a sample; whatever happens, nothing of the mount remains, and a failure is told of in the sample.

    Parameters
    ----------
    peer
        None for the files themselves, without any mount.
    limit
        Seconds after which the row is given up.
    """
    try:
        _take(sample, peer, place, data, limit=limit)
    except (MountFailed, ReaderFailed) as error:
        sample.value, sample.trouble = None, str(error)


class ReaderFailed(Exception):
    """The process that reads did not do its part."""


def _take(sample: Sample, peer: Peer | None, place: Place, data: Path, *, limit: float) -> None:
    scratch = place.folder.parent / "read"
    if peer is None:
        with _reader(sample.row, data, data / "objects", scratch) as reader:
            reader.measure(sample, began=0, limit=limit)
            reader.judge(sample, limit=limit)
        return
    row = ROWS[sample.row]
    with _reader(sample.row, data, place.folder, scratch) as reader:
        with mounted(peer, place) as mount:
            if not row.from_start:
                mount.wait()
            before = mount.usage() if not row.from_start else Usage(0, 0)
            reader.measure(sample, began=mount.began, limit=limit)
            after = mount.usage()
            sample.cpu, sample.memory = after.cpu - before.cpu, after.memory
        reader.judge(sample, limit=limit)


class _Reader:
    """The process that reads."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def hear(self, seconds: float) -> str:
        """Return its next line, empty when it ended; raise `queue.Empty` when it takes too long."""
        return self._lines.get(timeout=seconds)

    def get_ready(self) -> None:
        """Wait until it can begin."""
        with suppress(queue.Empty):
            if self.hear(READY_SECONDS):
                return
        self.end()
        raise ReaderFailed(f"the reader did not get ready: {self.last_words()}")

    def last_words(self) -> str:
        """Return the last it said of what went wrong, once it has ended."""
        return self._process.stderr.read().strip().rpartition("\n")[2][-200:] or "it said nothing"

    def say(self, word: str) -> None:
        """Tell it to go on; one that has ended is heard no more."""
        with suppress(OSError):
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def measure(self, sample: Sample, *, began: float, limit: float) -> None:
        """Let it act."""
        self.say(str(began))
        try:
            line = self.hear(limit)
        except queue.Empty:
            sample.trouble = f"> {limit:g} s"
            self.end()
            return
        except KeyboardInterrupt:
            self.end()
            raise
        if not line:
            raise ReaderFailed(f"failed: {self.last_words()}")
        measured = json.loads(line)
        sample.seconds, sample.value = measured["seconds"], measured["value"]

    def end(self) -> None:
        """Kill it, for what is being read cannot be unmounted; one that a mount holds back is left behind."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its children, too
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)

    def judge(self, sample: Sample, *, limit: float) -> None:
        """Let it check what it read; a wrong answer has no value."""
        if sample.trouble:
            return
        self.say("judge")
        line = ""
        with suppress(queue.Empty):
            line = self.hear(max(limit, JUDGE_SECONDS))
        fault = json.loads(line)["fault"] if line else "the check failed"
        if fault:
            sample.value, sample.trouble = None, f"WRONG: {fault}"


@contextmanager
def _reader(row: str, data: Path, folder: Path, scratch: Path) -> Iterator[_Reader]:
    scratch.mkdir(parents=True)
    argv = [sys.executable, "-m", "benchmarks.mount.rows", row, str(data), str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    told = os.environ | {"TMPDIR": str(scratch)}
    process = subprocess.Popen(argv, **pipes, text=True, start_new_session=True, cwd=ROOT, env=told)
    reader = _Reader(process)
    try:
        reader.get_ready()
        yield reader
    finally:
        reader.end()
        shutil.rmtree(scratch, ignore_errors=True)
