"""Files in which several agents gather contents at once: one writer each, and the next takes up what one left."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: there nothing is taken up again
    fcntl = None  # type: ignore[assignment]


@contextmanager
def claim(folder: Path, oid: str) -> Iterator[Path]:
    """Yield a file for the content of a hash: one that nobody writes to any more, else a new one."""
    fresh = folder / f"{oid}-{secrets.token_hex(4)}.part"
    for path in (*folder.glob(f"{oid}-*.part"), fresh):
        with path.open("ab") as file:
            if _is_ours(file, path) or path == fresh:
                yield path
                return


def idle(folder: Path) -> Iterator[Path]:
    """Yield the files that nobody writes to."""
    for path in folder.glob("*.part"):
        with path.open("ab") as file:
            if _is_ours(file, path):
                yield path


def _is_ours(file: IO[bytes], path: Path) -> bool:
    """Take the lock of a file, unless somebody has it, or moved the file away meanwhile."""
    if fcntl is None:  # pragma: no cover
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino
