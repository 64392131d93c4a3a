"""Measure linked tiles beside other ways to the same: ``python -m benchmarks.linking --help``."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.linking import data
from benchmarks.linking.ways import CONCURRENCY
from benchmarks.mount.server import Far, Server, serve
from benchmarks.surroundings import DELAY_MS, MEGABYTES_PER_SECOND, environment, working_folder

ROOM = 8_000_000_000
BUCKET = "bench"
ROWS = {"small": "small", "large": "large", "fetch": "fetch", "many": "tiny"}
"""The rows and the tiles they need."""


@dataclass(slots=True)
class Sample:
    """What one way took once: seconds, CPU seconds, MB of memory, and what the server was asked for it."""

    row: str
    way: str
    seconds: float
    cpu: float
    memory: float
    tiles: int
    requests: int
    megabytes: float

    @property
    def line(self) -> str:
        """What is told of it at once."""
        return (
            f"{self.row:10} {self.way:9} {self.tiles:7} tiles {self.seconds:8.2f} s {self.cpu:7.2f} s CPU "
            f"{self.memory:5.0f} MB {self.requests:7} requests {self.megabytes:9.1f} MB sent"
        )

    @property
    def bound(self) -> float:
        """Seconds that the delay alone costs this many requests."""
        return self.requests * DELAY_MS / 1e3 / CONCURRENCY


class Bench:
    """Takes samples in one place, one after another."""

    def __init__(self, server: Server, work: Path, tiles: Path, runs: int) -> None:
        self.samples: list[Sample] = []
        self.runs = runs
        self._server, self._work, self._tiles = server, work, tiles
        self._folders = count()

    def take(self, row: str, way: str, pattern: str, folder: Path, *, where: str = "far") -> None:
        """Do a piece of work in a process of its own and note what it took."""
        requests, sent = self._server.traffic.of(BUCKET)
        told = self.run(way, pattern, folder, where=where)
        after, received = self._server.traffic.of(BUCKET)
        figures = (told["seconds"], told["cpu"], told["memory"], int(told["tiles"]))
        taken = Sample(row, way, *figures, after - requests, (received - sent) / 1e6)
        self.samples.append(taken)
        print(taken.line, flush=True)

    def run(self, way: str, pattern: str, folder: Path, *, where: str = "near") -> dict[str, float]:
        """Do a piece of work and return what it tells of itself."""
        argv = [sys.executable, "-m", "benchmarks.linking.ways", way, f"s3://{BUCKET}/{pattern}", str(folder)]
        told = environment(self._server.endpoints[where])
        done = subprocess.run(argv, env=told, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield the name of a folder that is not there yet; it is removed in the end."""
        made = self._work / f"folder-{next(self._folders)}"
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def check(self, folder: Path, name: str) -> None:
        """Compare the hashes that were recorded with those of what was stored; end all where one is wrong."""
        right = data.oids(self._tiles, name)
        for shard in (folder / ".s3link" / "tiles").iterdir():
            for record in map(json.loads, shard.read_text().splitlines()):
                if record["oid"] != f"sha256:{right[record['name']]}":
                    raise SystemExit(f"WRONG: {record['name']} was linked with another hash than it has")


def compare(bench: Bench, name: str) -> None:
    """Link tiles with s3magic and as Kart does, in turn."""
    for _ in range(bench.runs):
        for way in ("link", "kart"):
            with bench.folder() as folder:
                bench.take(name, way, f"{name}/*.laz", folder)
                if way == "link":
                    bench.check(folder, name)


def fetch(bench: Bench) -> None:
    """Fetch tiles with s3magic, every hash checked, and copy them with s5cmd, which checks none."""
    with bench.folder() as linked:
        bench.run("link", "fetch/*.laz", linked)
        bench.check(linked, "fetch")
        for _ in range(bench.runs):
            for where in ("far", "near"):
                for way in ("fetch", "s5cmd cp"):
                    with bench.folder() as folder:
                        if way == "fetch":
                            shutil.copytree(linked, folder)
                        bench.take(f"fetch {where}", way, "fetch/*", folder, where=where)


def many(bench: Bench, most: int) -> None:
    """Link more and more tiles of 3 KB, once, for the memory; ask how they stand, and let s5cmd list the same."""
    for tiles in (1_000, 10_000, 100_000):
        if tiles > most:
            return
        with bench.folder() as folder:
            pattern = f"tiny/tile_{'0' * (6 - len(str(tiles - 1)))}*"
            bench.take("many", "link", pattern, folder, where="near")
            for _ in range(bench.runs if tiles == min(most, 100_000) else 1):
                for way in ("status", "s5cmd ls"):
                    bench.take("status", way, pattern, folder)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linking", description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--runs", type=int, default=3, help="samples of each; the median counts (3)")
    parser.add_argument("--scale", type=float, default=1, help="how many tiles; 1 is what the table is about")
    rate = MEGABYTES_PER_SECOND
    parser.add_argument("--rate", type=float, default=rate, help=f"MB/s that far leaves a connection ({rate})")
    parser.add_argument("--data", type=Path, help="keep the tiles here, for the next time")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="folder of the results (bench-out)")
    parsed = parser.parse_args()
    for word in parsed.rows.split(","):
        if word not in ROWS:
            parser.error(f"there is no {word!r}; there is {', '.join(ROWS)}")
    return parsed


def main() -> None:
    """Measure, write, clean up."""
    options = arguments()
    rows = options.rows.split(",")
    counts = {ROWS[row]: max(20, int(data.COUNTS[ROWS[row]] * options.scale)) for row in rows}
    with working_folder("bench-link-", room=ROOM) as work:
        tiles = (options.data or work / "data").resolve()
        data.prepare(tiles, counts)
        with serve(tiles, work, Far(DELAY_MS, options.rate)) as server:
            bench = Bench(server, work, tiles, options.runs)
            for row in rows:
                if row == "fetch":
                    fetch(bench)
                elif row == "many":
                    many(bench, counts["tiny"])
                else:
                    compare(bench, row)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "linking.json").write_text(json.dumps([asdict(sample) for sample in bench.samples], indent=1))
    text = table(bench.samples)
    (options.out / "linking.md").write_text(text)
    print(f"\n{text}\nIn {options.out}/: linking.md, linking.json")


def table(samples: list[Sample]) -> str:
    """Return the medians of each row and way, and how many times faster the first way is."""
    runs = max(Counter((one.row, one.way, one.tiles) for one in samples).values())
    about = (
        f"Medians of {runs} (least–most), {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, "
        f"{os.cpu_count()} cores shared by all, Linux {platform.release()}, Python {platform.python_version()}."
    )
    lines = [
        about,
        "",
        "| | | tiles | s | CPU s | MB of memory | requests | MB sent | delay alone, s | times faster |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    groups: dict[tuple[str, str, int], list[Sample]] = {}
    for one in samples:
        groups.setdefault((one.row, one.way, one.tiles), []).append(one)
    ours: dict[tuple[str, int], float] = {}
    for (row, way, tiles), group in groups.items():
        taken = sorted(one.seconds for one in group)
        middle = median(taken)
        first = ours.setdefault((row, tiles), middle)
        cells = [
            row,
            way,
            f"{tiles:,}",
            f"{middle:.2f} ({taken[0]:.2f}–{taken[-1]:.2f})",
            f"{median(one.cpu for one in group):.2f}",
            f"{median(one.memory for one in group):.0f}" if not way.startswith("s5cmd") else "",
            f"{median(one.requests for one in group):,.0f}",
            f"{median(one.megabytes for one in group):,.0f}",
            f"{median(one.bound for one in group):.2f}" if way == "link" and row != "many" else "",
            f"{middle / first:.1f}" if way not in {"link", "status", "fetch"} else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
