"""Measure copies from S3 beside s5cmd and aws: ``python -m benchmarks.copying --help``."""

from __future__ import annotations

import argparse
import datetime
import filecmp
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.copying.ways import AWS, PROGRAMS, S5CMD, WAYS
from benchmarks.mount.server import Far, Server, serve
from benchmarks.surroundings import DELAY_MS, MEGABYTES_PER_SECOND, environment, program, working_folder

BUCKET = "bench"
ROWS = {"large": (200, 2**31 // 200), "small": (5_000, 20_000)}
"""Files of each row, and their bytes."""
_DISTINCT = 10


@dataclass(slots=True)
class Sample:
    """What one way took once: seconds, CPU seconds, MB of its own memory, and what the server was asked for it."""

    row: str
    way: str
    seconds: float
    cpu: float
    memory: float
    requests: int
    megabytes: float


class Bench:
    """Takes samples in one place, one after another."""

    def __init__(self, server: Server, work: Path, objects: Path, programs: dict[str, str]) -> None:
        self.samples: list[Sample] = []
        self.ways = [way for way in WAYS if PROGRAMS.get(way, "") in {"", *programs}]
        self._server, self._work, self._objects, self._programs = server, work, objects, programs
        self._folders = count()

    def row(self, name: str) -> None:
        """Copy each way into a new folder, and again when all is there."""
        for way in self.ways:
            folder = self._work / f"folder-{next(self._folders)}"
            self._take(name, way, folder)
            names = [path.name for path in (self._objects / name).iterdir()]
            wrong = filecmp.cmpfiles(self._objects / name, folder, names, shallow=False)
            if any(wrong[1:]):
                raise SystemExit(f"WRONG: {way} copied other bytes than there are")
            self._take(f"{name}, again", way, folder)
            shutil.rmtree(folder)

    def _take(self, row: str, way: str, folder: Path) -> None:
        requests, sent = self._server.traffic.of(BUCKET)
        argv = [sys.executable, "-m", "benchmarks.copying.ways", way, f"s3://{BUCKET}/{row.partition(',')[0]}/"]
        told = environment(self._server.endpoints["far"], **self._programs)
        done = subprocess.run([*argv, str(folder)], env=told, stdout=subprocess.PIPE, check=True)
        after, received = self._server.traffic.of(BUCKET)
        taken = Sample(
            row, way, **json.loads(done.stdout), requests=after - requests, megabytes=(received - sent) / 1e6
        )
        self.samples.append(taken)
        print(
            f"{row:14} {way:13} {taken.seconds:7.2f} s {taken.cpu:7.2f} s CPU {taken.requests:6} requests", flush=True
        )


def prepare(objects: Path, name: str, files: int, size: int) -> None:
    """Make the files of a row: links to a few that differ, written long ago."""
    bodies = objects.parent / "bodies" / name
    bodies.mkdir(parents=True)
    (objects / name).mkdir(parents=True)
    for number in range(_DISTINCT):
        (bodies / str(number)).write_bytes(os.urandom(size))
        os.utime(bodies / str(number), (1.7e9, 1.7e9))
    for number in range(files):
        (objects / name / f"{number:06}.bin").symlink_to(bodies / str(number % _DISTINCT))


def table(samples: list[Sample]) -> str:
    """Return the medians of each row and way, and how many times longer than s3magic the others take."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for one in sorted(samples, key=lambda one: (list(ROWS).index(one.row.partition(",")[0]), one.row)):
        groups.setdefault((one.row, one.way), []).append(one)
    about = (
        f"Medians of {max(map(len, groups.values()))} (least–most), "
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores shared by all, "
        f"Linux {platform.release()}, Python {platform.python_version()}."
    )
    lines = [
        about,
        "",
        "| | | s | CPU s | memory, MB | requests | MB sent | times as long |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for (row, way), group in groups.items():
        taken = sorted(one.seconds for one in group)
        first = median(one.seconds for one in groups[row, next(iter(WAYS))])
        is_ours = way == next(iter(WAYS))
        cells = [
            row,
            way,
            f"{median(taken):.2f} ({taken[0]:.2f}–{taken[-1]:.2f})",
            f"{median(one.cpu for one in group):.1f}",
            f"{median(one.memory for one in group):.0f}" if is_ours else "",
            f"{median(one.requests for one in group):,.0f}",
            f"{median(one.megabytes for one in group):,.0f}",
            "" if is_ours else f"{median(taken) / first:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write, clean up."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copying", description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--runs", type=int, default=3, help="samples of each; the median counts (3)")
    parser.add_argument("--scale", type=float, default=1, help="how many files; 1 is what the table is about")
    parser.add_argument("--aws", help="the program aws, if it is to be measured too")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="folder of the results (bench-out)")
    options = parser.parse_args()
    rows = options.rows.split(",")
    programs = {S5CMD: program("s5cmd"), AWS: options.aws}
    for way, variable in PROGRAMS.items():
        if not programs[variable]:
            print(f"{way} is left out: it is not installed, or not named")
    room = sum(2 * files * size for files, size in ROWS.values()) * options.scale
    with working_folder("bench-copy-", room=room) as work:
        objects = work / "data" / "objects"
        for row in rows:
            prepare(objects, row, max(_DISTINCT, int(ROWS[row][0] * options.scale)), ROWS[row][1])
        with serve(work / "data", work, Far(DELAY_MS, MEGABYTES_PER_SECOND)) as server:
            bench = Bench(server, work, objects, {name: path for name, path in programs.items() if path})
            for row in rows * options.runs:
                bench.row(row)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "copying.json").write_text(json.dumps([asdict(sample) for sample in bench.samples], indent=1))
    (options.out / "copying.md").write_text(table(bench.samples))
    print(f"\n{table(bench.samples)}\nIn {options.out}/: copying.md, copying.json")


if __name__ == "__main__":
    main()
