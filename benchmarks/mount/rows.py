"""The rows of the table: what is read through a mount, how long it took, and whether it was right.

Run as a process of its own (``python -m benchmarks.mount.rows ROW DATA FOLDER``), since some
libraries hold Python's lock while they wait for a file: it gets ready, says so, begins when a line
comes on standard input, and prints one JSON line. Checking comes after the clock has stopped.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.mount.data import MIB, MILLION, TREE, Expected, expected

BLOCK = 64 << 10
READS = 200
THREADS = 16
POLL = 0.001


class Row:
    """One row; `data` names what it reads.

    Attributes
    ----------
    unit : str
        ``"MB/s"``, where more is better, or ``"s"``, where less is.
    from_start : bool
        Whether the clock starts with the mounting, not when the mount is there.
    has_files : bool
        Whether there is something to compare with, without any mount.
    """

    title = ""
    data = ""
    unit = "s"
    from_start = False
    has_files = True

    def get_ready(self, known: Expected) -> None:
        """Do what should not be measured."""

    def act(self, folder: Path, known: Expected) -> Any:
        """Do what is measured; return what `fault` judges."""
        raise NotImplementedError

    def fault(self, got: Any, known: Expected) -> str:
        """Return what is wrong with what came; empty when nothing is."""
        raise NotImplementedError

    def megabytes(self, known: Expected) -> float:
        """Return what a speed is counted by."""
        return known["size"] / 1e6


class Sequential(Row):
    """One large object from its beginning to its end."""

    title, data, unit = "sequential read", "big", "MB/s"

    def get_ready(self, known: Expected) -> None:
        """Take the memory that the bytes go to, every page of it."""
        self.memory = mmap.mmap(-1, known["size"], flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)

    def act(self, folder: Path, known: Expected) -> int:
        """Read by 1 MiB."""
        view, at = memoryview(self.memory), 0
        with (folder / "big.bin").open("rb", buffering=0) as file:
            while got := file.readinto(view[at : at + MIB]):
                at += got
        return at

    def fault(self, got: int, known: Expected) -> str:
        """Compare the hash of all bytes."""
        same = got == known["size"] and hashlib.sha256(self.memory).hexdigest() == known["sha256"]
        return "" if same else f"other bytes than stored ({got} of {known['size']})"


class Copies(Row):
    """Four large objects copied away by four `cp` at once."""

    title, data, unit = "4 parallel cp", "copies", "MB/s"

    def get_ready(self, known: Expected) -> None:
        """Make room."""
        self.target = tempfile.TemporaryDirectory()

    def act(self, folder: Path, known: Expected) -> list[int]:
        """Start all, wait for all."""
        started = [subprocess.Popen(["cp", str(folder / name), self.target.name]) for name in known["sha256"]]
        return [process.wait() for process in started]

    def fault(self, got: list[int], known: Expected) -> str:
        """Compare the hash of each copy."""
        with self.target:
            for name, digest in known["sha256"].items():
                with (Path(self.target.name) / name).open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                        return f"{name} was copied wrong"
        return "cp failed" if any(got) else ""

    def megabytes(self, known: Expected) -> float:
        """Count all copies."""
        return len(known["sha256"]) * known["size"] / 1e6


class Random(Row):
    """Small blocks of a large object, here and there, one after another."""

    title, data = f"{READS} random reads of 64 KiB", "big"

    def get_ready(self, known: Expected) -> None:
        """Choose the places, the same each time."""
        places = random.Random(4)
        self.starts = [places.randrange(known["size"] - BLOCK) for _ in range(READS)]

    def act(self, folder: Path, known: Expected) -> list[bytes]:
        """Read each block."""
        file = os.open(folder / "big.bin", os.O_RDONLY)
        try:
            return [os.pread(file, BLOCK, start) for start in self.starts]
        finally:
            os.close(file)

    def fault(self, got: list[bytes], known: Expected) -> str:
        """Compare each block with the same block of the source."""
        with Path(known["objects"], "big.bin").open("rb") as source:
            for start, block in zip(self.starts, got, strict=True):
                source.seek(start)
                if source.read(BLOCK) != block:
                    return f"other bytes than stored at {start}"
        return ""


class Iris(Row):
    """A netCDF-4 file loaded by Iris, and one slice of it read."""

    title, data = "iris.load + one slice of a 312 MB netCDF-4", "iris"

    def get_ready(self, known: Expected) -> None:
        """Load the libraries, and let them do once what they do only the first time."""
        import iris
        import netCDF4

        self.load = iris.load
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "warm.nc")
            with netCDF4.Dataset(path, "w") as file:
                file.createDimension("time", 2)
                file.createVariable("time", "f8", ("time",))[:] = [0, 1]
                file.createVariable("warm", "f4", ("time",), chunksizes=(1,))[:] = [0, 1]
            _ = iris.load(str(path))[0][0].data

    def act(self, folder: Path, known: Expected) -> tuple[Any, Any]:
        """Load all, and take one field at one time."""
        (cube,) = self.load(str(folder / "model.nc")).extract("eastward_wind")
        return cube.shape, cube[known["at"]].data

    def fault(self, got: tuple[Any, Any], known: Expected) -> str:
        """Compare shape and values."""
        import numpy as np

        shape, field = got
        digest = hashlib.sha256(np.ascontiguousarray(np.asarray(field)).tobytes()).hexdigest()
        return "" if list(shape) == known["shape"] and digest == known["sha256"] else "another field than stored"


class Long(Row):
    """`ls -l` of a long folder."""

    title, data = "ls -l of 10,000 objects", "long"

    def act(self, folder: Path, known: Expected) -> str:
        """List."""
        argv = ["ls", "-l", str(folder)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, env={"LC_ALL": "C"}).stdout

    def fault(self, got: str, known: Expected) -> str:
        """Compare names and sizes."""
        lines = [line.split() for line in got.splitlines()[1:]]
        seen = {words[-1]: int(words[4]) for words in lines}
        return "" if seen == known["sizes"] else f"{len(seen)} names, or sizes, other than stored"


class Small(Row):
    """Many small objects of one folder, one after another, in the order of their names."""

    title, data = "500 objects of 20 KB, one after another", "small"

    def act(self, folder: Path, known: Expected) -> dict[str, bytes]:
        """List, then read."""
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def fault(self, got: Mapping[str, bytes], known: Expected) -> str:
        """Compare the hash of each."""
        digests = {name: hashlib.sha256(body).hexdigest() for name, body in got.items()}
        return "" if digests == known["sha256"] else "other names or bytes than stored"


class SmallByThreads(Small):
    """The same by many threads."""

    title = f"… by {THREADS} threads"

    def get_ready(self, known: Expected) -> None:
        """Start the threads."""
        self.pool = ThreadPoolExecutor(THREADS)
        list(self.pool.map(time.sleep, [0.01] * THREADS))

    def act(self, folder: Path, known: Expected) -> dict[str, bytes]:
        """List, then read."""
        paths = sorted(folder.iterdir())
        return dict(zip([path.name for path in paths], self.pool.map(Path.read_bytes, paths), strict=True))


class First(Row):
    """From the command to mount until the first byte of a file is there."""

    title, data = "from mounting to the first byte", "small"
    from_start, has_files = True, False

    def act(self, folder: Path, known: Expected) -> bytes:
        """Try until it is there."""
        path = folder / min(known["sha256"])
        while True:
            try:
                with path.open("rb") as file:
                    byte = file.read(1)
                    file.seek(0)
                    self.ended = time.monotonic()
                    return byte + file.read()[1:]
            except (FileNotFoundError, NotADirectoryError):
                time.sleep(POLL)

    def fault(self, got: bytes, known: Expected) -> str:
        """Compare the hash."""
        digest = known["sha256"][min(known["sha256"])]
        return "" if hashlib.sha256(got).hexdigest() == digest else "other bytes than stored"


class Million(Row):
    """All names of a folder of a million keys."""

    title, data, has_files = "a million keys listed", MILLION, False

    def act(self, folder: Path, known: Expected) -> list[str]:
        """Take the names, without their attributes."""
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]

    def fault(self, got: list[str], known: Expected) -> str:
        """Compare the names."""
        wanted = [f"{number:07}.nc" for number in range(known["count"])]
        return "" if sorted(got) == wanted else f"{len(got)} names, or others than stored"


class Tree(Row):
    """All folders of a tree of 100,000, each with a file."""

    title, data, has_files = "a tree of 100,000 folders walked", TREE, False

    def act(self, folder: Path, known: Expected) -> list[int]:
        """Count what `os.walk` finds."""
        found = [0, 0]
        for _, folders, files in os.walk(folder):
            found[0] += len(folders)
            found[1] += len(files)
        return found

    def fault(self, got: list[int], known: Expected) -> str:
        """Compare the counts."""
        wanted = [known["count"] + known["count"] // 1000, known["count"]]
        return "" if got == wanted else f"{got} folders and files, not {wanted}"


ROWS: Mapping[str, Row] = {
    "sequential": Sequential(),
    "copies": Copies(),
    "random": Random(),
    "iris": Iris(),
    "ls": Long(),
    "small": Small(),
    "threads": SmallByThreads(),
    "first": First(),
    "million": Million(),
    "tree": Tree(),
}
OPTIONAL = frozenset({"million", "tree"})


def main() -> None:
    """Be the process that reads."""
    name, data, folder = sys.argv[1:]
    row = ROWS[name]
    known = expected(Path(data), row.data) | {"objects": str(Path(data, "objects", row.data))}
    row.get_ready(known)
    print("ready", flush=True)
    words = sys.stdin.readline().split()
    if not words:
        return
    began = float(words[0]) if row.from_start else time.monotonic()
    got = row.act(Path(folder, row.data), known)
    took = getattr(row, "ended", time.monotonic()) - began
    value = row.megabytes(known) / took if row.unit == "MB/s" else took
    print(json.dumps({"seconds": took, "value": value}), flush=True)
    sys.stdin.readline()  # the mount's usage is taken meanwhile
    print(json.dumps({"fault": row.fault(got, known)}), flush=True)


if __name__ == "__main__":
    main()
