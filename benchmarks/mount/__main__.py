"""Measure mounts beside each other: ``python -m benchmarks.mount --help``."""

from __future__ import annotations

import argparse
import compileall
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.mount import data, report
from benchmarks.mount.peers import KNOWN, Peer, Place, other
from benchmarks.mount.rows import OPTIONAL, ROWS
from benchmarks.mount.samples import Sample, take
from benchmarks.mount.server import Far, Server, serve
from benchmarks.surroundings import DELAY_MS, MEGABYTES_PER_SECOND, ROOT, working_folder

LOCAL = "local"
STOPPED = 130
ROOM = 6_000_000_000
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mount", description=__doc__)
    default = ",".join(name for name in ROWS if name not in OPTIONAL)
    parser.add_argument("--rows", default=default, help=f"of {', '.join(ROWS)}; default: {default}")
    names = ",".join([*KNOWN, LOCAL])
    parser.add_argument("--engines", default=names, help=f"of {names} (the files themselves); default: all")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="COMMAND",
        help="another program, as '[NAME=]COMMAND {url} {dir}'; {bucket}, {endpoint} and {cache} are filled in, too",
    )
    parser.add_argument("--runs", type=int, default=3, help="samples of each; the median counts (3)")
    parser.add_argument("--where", default="far,near", help="with the delay, without it, or both (far,near)")
    delay, rate = DELAY_MS, MEGABYTES_PER_SECOND
    parser.add_argument("--delay", type=float, default=delay, help=f"milliseconds that far adds to a request ({delay})")
    parser.add_argument("--rate", type=float, default=rate, help=f"MB/s that far leaves a connection ({rate})")
    parser.add_argument("--limit", type=float, default=90, help="seconds after which a row is given up (90)")
    parser.add_argument("--scale", type=float, default=1, help="size of the data; 1 is what the table is about")
    parser.add_argument("--data", type=Path, help="keep the data here, for the next time")
    parser.add_argument("--work", type=Path, help="parent of mounts and caches (/dev/shm where there is room)")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="folder of the results (bench-out)")
    parser.add_argument("--page", type=Path, help="page of the documentation that gets the table and the plot, too")
    parsed = parser.parse_args()
    for words, known in ((parsed.rows, ROWS), (parsed.engines, [*KNOWN, LOCAL]), (parsed.where, ["far", "near"])):
        unknown = [word for word in words.split(",") if word and word not in known]
        if unknown:
            parser.error(f"there is no {unknown[0]!r}; there is {', '.join(known)}")
    if parsed.page and not report.has_place(parsed.page):
        parser.error(f"{parsed.page} has no place for the table: {report.BEGIN} … {report.END}")
    return parsed


def chosen(names: str, others: list[str]) -> dict[str, Peer | None]:
    """Return the programs to measure by name; those that are not installed are passed over with a word."""
    found: dict[str, Peer | None] = {name: KNOWN.get(name) for name in names.split(",") if name}
    found |= {peer.name: peer for peer in map(other, others)}
    for name, peer in list(found.items()):
        if peer is not None and not peer.is_installed:
            print(f"{peer.title}: not installed, passed over")
            del found[name]
    return found


def measure(
    samples: list[Sample], options: argparse.Namespace, peers: dict[str, Peer | None], server: Server, work: Path
) -> None:
    """Take all samples, the programs in turn."""
    hopeless: set[tuple[str, str, str]] = set()
    names = list(peers)
    for run in range(options.runs):
        for where in options.where.split(","):
            for row in options.rows.split(","):
                for name in names[run % len(names) :] + names[: run % len(names)]:
                    has_nothing = name == LOCAL and (where == "far" or not ROWS[row].has_files)
                    if (name, where, row) in hopeless or has_nothing:
                        continue
                    bucket = f"sample-{len(samples)}"
                    sample = Sample(row, name, where, run, bucket)
                    place = Place(server.endpoints[where], bucket, work / bucket / "mount", work / bucket / "cache")
                    take(sample, peers[name], place, options.data, limit=options.limit)
                    count([sample], server)
                    samples.append(sample)
                    print(report.line(sample), flush=True)
                    if sample.trouble.startswith(">"):
                        hopeless.add((name, where, row))


def count(samples: list[Sample], server: Server) -> None:
    """Write down what was fetched for samples, as far as the server has noted it."""
    for sample in samples:
        sample.requests, sent = server.traffic.of(sample.bucket)
        sample.fetched = sent / 1e6


def stop(_number: int, _frame: object) -> None:
    """Stop once: the cleaning up is not to be interrupted in its turn."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Measure, write (what there is, when stopped), clean up; 1 when any answer was wrong."""
    options = arguments()
    for number in STOPPING:
        signal.signal(number, stop)
    peers = chosen(options.engines, options.peer)
    versions = {Path(peer.command[0]).name: peer.version() for peer in peers.values() if peer and not peer.serves}
    samples: list[Sample] = []
    is_stopped = False
    compileall.compile_dir(ROOT / "s3magic", quiet=1)  # as pip does, whatever PYTHONDONTWRITEBYTECODE says
    about = report.conditions(options) | {"versions": versions}
    with ExitStack() as stack:
        room = ROOM * min(1, options.scale)
        work = stack.enter_context(working_folder("bench-mount-", room=room, parent=options.work))
        options.data = (options.data or work / "data").resolve()
        data.prepare(options.data, {ROWS[row].data for row in options.rows.split(",")}, scale=options.scale)
        server = stack.enter_context(serve(options.data, work, Far(options.delay, options.rate)))
        try:
            measure(samples, options, peers, server, work)
        except KeyboardInterrupt:
            is_stopped = True
        finally:  # what was measured is kept whatever happens
            count(samples, server)  # once more: something may have been under way at first
            titles = {name: peer.title if peer else "the files themselves" for name, peer in peers.items()}
            keep(samples, titles, about, options.out)
    is_wrong = any(sample.trouble.startswith("WRONG") for sample in samples)
    if is_stopped:
        return STOPPED
    if options.page and not is_wrong:
        report.publish(options.page, options.out)
        print(f"And in {options.page}, with the plot beside it.")
    return int(is_wrong)


def keep(samples: list[Sample], titles: dict[str, str], about: dict[str, Any], out: Path) -> None:
    """Write down what was measured."""
    if not samples:
        print("Nothing was measured.")
        return
    out.mkdir(parents=True, exist_ok=True)
    report.write(out, samples, titles, about)
    print(f"\n{(out / 'table.md').read_text()}\nIn {out}/: table.md, samples.json, plot.svg")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(STOPPED)
