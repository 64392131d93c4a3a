"""Where what is measured runs: how far away, in which folder and environment; and what it takes of a machine."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
DELAY_MS, MEGABYTES_PER_SECOND = 30, 90
"""What far adds to a request, and what it leaves to a connection, unless said otherwise."""

_HIDDEN = ("AWS", "S3_", "TENSORSTORE_", "RCLONE")
_MEMORY = Path("/dev/shm")


def environment(endpoint: str, **more: str) -> dict[str, str]:
    """Return this process's environment without anybody's S3 settings, with those of a bench's server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    return kept | {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "benchbench",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "S3_ENDPOINT_URL": endpoint,
        "TQDM_DISABLE": "1",
        **more,
    }


@contextmanager
def working_folder(prefix: str, *, room: float, parent: Path | None = None) -> Iterator[Path]:
    """Yield a folder that is removed in the end, in memory where so many bytes have room there."""
    if parent is None and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > room:
        parent = _MEMORY
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        yield Path(name).resolve()


def program(name: str) -> str | None:
    """Return a program's path; those that came with this Python go first."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(name, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))


def cpu() -> float:
    """Return the seconds of a processor that this process and its ended children took."""
    return sum(os.times()[:4])


def peak(pid: int | str = "self") -> float:
    """Return the most memory a process ever held, in MB; nothing of one that has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0)
