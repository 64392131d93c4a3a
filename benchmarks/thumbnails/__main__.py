"""Measure pages of thumbnails beside other ways to them: ``python -m benchmarks.thumbnails --help``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.mount.server import Far, Server, serve
from benchmarks.surroundings import DELAY_MS, MEGABYTES_PER_SECOND, ROOT, working_folder
from benchmarks.thumbnails import data

ROOM = 3_000_000_000
STOPPED = 130
BEGIN, END = "<!-- written by make bench-thumbs -->", "<!-- up to here -->"
US = ("s3magic", "again", "paging")
TITLES = {
    "s3magic": "s3magic",
    "again": "s3magic, second look",
    "paging": "s3magic, page by page",
    "plain": "download + Pillow, 16 threads",
    "studio": "LightlyStudio's thumbnails, 16 threads",
    "studio-raw": "LightlyStudio as it comes: whole objects, the browser makes them small",
    "rasterio": "rasterio (GDAL), 16 threads",
    "laspy": "laspy + s3fs, 16 threads",
    "h5py": "h5py + s3fs",
}


@dataclass(frozen=True)
class Row:
    """A data set and the ways to look at it."""

    title: str
    ways: tuple[str, ...]


ROWS = {
    "photographs": Row(
        "{count:,} photographs with an EXIF thumbnail", ("s3magic", "again", "plain", "studio", "studio-raw")
    ),
    "bare": Row("{count:,} photographs without one", ("s3magic", "plain", "studio", "studio-raw")),
    "progressive": Row("{count:,} progressive photographs without one", ("s3magic", "plain", "studio-raw")),
    "cogs": Row("{count} COGs of 100 MB", ("s3magic", "rasterio")),
    "copc": Row("{count} COPC files of 50 MB", ("s3magic", "laspy")),
    "maps": Row("a NetCDF-4 of 300 MB, chunked in space (whole maps)", ("s3magic", "h5py")),
    "series": Row("a NetCDF-4 of 300 MB, chunked in time (whole series)", ("s3magic", "h5py")),
    "contiguous": Row("a NetCDF-4 of 300 MB, contiguous", ("s3magic", "h5py")),
    "pages": Row("{count:,} small photographs, page by page", ("paging",)),
}


@dataclass
class Sample:
    """One way, once."""

    row: str
    way: str
    run: int
    found: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    fetched: float = 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thumbnails", description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--ways", default="", help=f"of {', '.join(TITLES)}; default: all of each row")
    parser.add_argument("--runs", type=int, default=3, help="samples of each; the median counts (3)")
    delay, rate = DELAY_MS, MEGABYTES_PER_SECOND
    parser.add_argument("--delay", type=float, default=delay, help=f"milliseconds added to a request ({delay})")
    parser.add_argument("--rate", type=float, default=rate, help=f"MB/s left to a connection ({rate})")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a way is given up (900)")
    parser.add_argument("--scale", type=float, default=1, help="numbers of objects; 1 is what the table is about")
    parser.add_argument("--data", type=Path, help="keep the data here, for the next time")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="folder of the results (bench-out)")
    parser.add_argument("--page", type=Path, help="a page of the documentation to write the table into, too")
    parsed = parser.parse_args()
    if unknown := [row for row in parsed.rows.split(",") if row not in ROWS]:
        parser.error(f"there is no {unknown[0]!r}; there is {', '.join(ROWS)}")
    return parsed


def take(sample: Sample, server: Server, bucket: str, work: Path, limit: float) -> None:
    """Run one way in a process of its own."""
    (work / bucket).mkdir()
    words = [sample.way, server.endpoints["far"], bucket, sample.row, str(work / bucket)]
    argv = [sys.executable, "-m", "benchmarks.thumbnails.ways", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, **pipes, text=True, cwd=ROOT, start_new_session=True) as process:
        try:
            process.stdout.readline()
            server.traffic.of(bucket)
            before = server.traffic.of(bucket)
            out, _ = process.communicate("go\n", timeout=limit)
            sample.found = json.loads(out)
        except subprocess.TimeoutExpired:
            process.kill()
            sample.found = {"said": f"> {limit:g} s"}
        except ValueError:
            sample.found = {"said": "failed"}
        finally:
            process.kill()
        after = server.traffic.of(bucket)
    sample.requests, sample.fetched = after[0] - before[0], (after[1] - before[1]) / 1e6
    shutil.rmtree(work / bucket)


def line(sample: Sample) -> str:
    """Return one sample as it comes."""
    found = sample.found
    if "all" not in found:
        return f"{sample.row:12}{sample.way:10}{found['said']}"
    return (
        f"{sample.row:12}{sample.way:10} first {found['first']:6.2f} s, all {found['all']:7.2f} s, "
        f"{found['pictures']} pictures, {sample.requests} requests, {sample.fetched:.1f} MB, "
        f"CPU {found['cpu']:.1f} s, {found['memory']:.0f} MB held; {found['said']}"
    )


def table(samples: list[Sample], options: argparse.Namespace) -> str:
    """Return medians with their ranges, and how many times faster s3magic is."""
    head = [
        "",
        "way",
        "first, s",
        "all, s",
        "times faster",
        "pictures",
        "requests",
        "MB fetched",
        "% of bytes",
        "CPU s",
    ]
    lines = [head, ["---"] * len(head)]
    for row in options.rows.split(","):
        count, stored = data.size(options.data, row)
        title = ROWS[row].title.format(count=count)
        ours = _middle(samples, row, "s3magic", "all")
        for way in dict.fromkeys(sample.way for sample in samples if sample.row == row):
            group = [sample for sample in samples if (sample.row, sample.way) == (row, way)]
            theirs = _middle(samples, row, way, "all")
            faster = f"{theirs / ours:.1f}" if ours and theirs and way not in US else ""
            fetched = median([sample.fetched for sample in group])
            pictures = " ".join(dict.fromkeys(str(s.found.get("pictures", s.found["said"])) for s in group))
            lines.append(
                [title, TITLES[way], _range(group, "first"), _range(group, "all"), faster, pictures,
                 f"{median([sample.requests for sample in group]):.0f}", f"{fetched:.1f}",
                 f"{100 * fetched * 1e6 / stored:.2f}", _range(group, "cpu")]
            )  # fmt: skip
            title = ""
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    told = [sample for sample in samples if sample.way in US and sample.run == 0]
    words = [f"`{sample.row}`, {TITLES[sample.way]}: {sample.found['said']}" for sample in told]
    about = (
        f"Medians of {options.runs} (least–most), {datetime.now(UTC):%Y-%m-%d}, {options.delay:g} ms a request and "
        f"{options.rate:g} MB/s a connection, {os.cpu_count()} cores shared by everything, {platform.platform()}."
    )
    if options.scale != 1:
        about += f" **{options.scale:g} of the objects of the full table.**"
    return "\n\n".join([about, rows, "\n".join(f"- {one}" for one in words)]) + "\n"


def publish(page: Path, text: str) -> None:
    """Put the table between the two marks of a page."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no place for the table: {BEGIN} … {END}")
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


def _middle(samples: list[Sample], row: str, way: str, name: str) -> float | None:
    values = [s.found[name] for s in samples if (s.row, s.way) == (row, way) and name in s.found]
    return median(values) if values else None


def _range(group: list[Sample], name: str) -> str:
    values = [sample.found[name] for sample in group if name in sample.found]
    if not values:
        return "–"
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def main() -> int:
    """Measure all rows, the ways in turn, and write the table; 1 when a way failed."""
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(STOPPED))  # so that nothing is left running
    samples: list[Sample] = []
    with ExitStack() as stack:
        work = stack.enter_context(working_folder("bench-thumbs-", room=ROOM))
        options.data = (options.data or work / "data").resolve()
        data.prepare(options.data, set(options.rows.split(",")), scale=options.scale)
        (work / "server").mkdir()
        server = stack.enter_context(serve(options.data, work / "server", Far(options.delay, options.rate)))
        for run in range(options.runs):
            for row in options.rows.split(","):
                ways = [way for way in ROWS[row].ways if not options.ways or way in options.ways.split(",")]
                for way in ways[run % len(ways) :] + ways[: run % len(ways)] if ways else []:
                    sample = Sample(row, way, run)
                    take(sample, server, f"sample-{len(samples)}", work, options.limit)
                    samples.append(sample)
                    print(line(sample), flush=True)
        text = table(samples, options)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "thumbnails.md").write_text(text)
    print(f"\n{text}\nIn {options.out}/thumbnails.md")
    if options.page is not None:
        publish(options.page, text)
    return int(any("all" not in sample.found for sample in samples))


if __name__ == "__main__":
    sys.exit(main())
