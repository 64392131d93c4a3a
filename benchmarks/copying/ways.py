"""One copy made in one way, in a process of its own: ``ways.py WAY URL FOLDER``; prints what it took as JSON.

The clock begins when libraries are loaded and a connection is chosen, as they are in a notebook; programs
are timed from their start. Keys and endpoint come in the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.surroundings import cpu, peak

Work = Callable[[], object]
S5CMD, AWS = "BENCH_S5CMD", "BENCH_AWS"
"""The variables that name the programs."""


def ours(url: str, folder: Path) -> Work:
    """Copy with s3magic."""
    import tqdm.auto  # noqa: F401 - what the progress bars load

    import s3magic
    import s3magic.api.copies
    import s3magic.copying.down
    import s3magic.copying.sync
    import s3magic.store.s3

    s3magic.connect("environment")
    return lambda: s3magic.copy(url, folder)


def s5cmd(url: str, folder: Path) -> Work:
    """Copy with ``s5cmd sync``, as it is."""
    words = ["sync", f"{url}*", f"{folder}/"]
    return lambda: subprocess.run([os.environ[S5CMD], *words], check=True, capture_output=True)


def aws(url: str, folder: Path) -> Work:
    """Copy with ``aws s3 sync``, as it is."""
    words = ["s3", "sync", "--no-progress", url, str(folder)]
    return lambda: subprocess.run([os.environ[AWS], *words], check=True, capture_output=True)


WAYS: dict[str, Callable[[str, Path], Work]] = {"s3magic.copy": ours, "s5cmd sync": s5cmd, "aws s3 sync": aws}
PROGRAMS = {"s5cmd sync": S5CMD, "aws s3 sync": AWS}
"""The variable that a way needs."""


def main() -> None:
    """Do it, and tell."""
    way, url, folder = sys.argv[1:]
    work = WAYS[way](url, Path(folder))
    began, spent = time.perf_counter(), cpu()
    work()
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": cpu() - spent, "memory": peak()}))


if __name__ == "__main__":
    main()
