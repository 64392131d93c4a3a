"""Thumbnails kept on disk: bounded, shared by processes, safe to lose; knows nothing of S3 or of formats."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE_LIMIT = 200_000_000
_SUFFIX = ".thumb"
_LEFTOVER_AFTER = 3600
"""Seconds after which a half-written file belongs to a process that is gone."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one object: some facts as JSON, and an image."""

    facts: Mapping[str, object]
    image: bytes


class DiskCache:
    """A folder of entries, each a file of its own, the least recently used of which go first.

    A disk that is full or may not be written to is no error: then nothing is remembered.

    Parameters
    ----------
    folder
        Made when the first entry is kept, for this user alone.
    limit
        The most bytes the folder holds.
    """

    def __init__(self, folder: str | os.PathLike[str], *, limit: int = CACHE_LIMIT) -> None:
        self.folder = Path(folder)
        self.limit = limit
        self._lock = threading.Lock()
        self._size: int | None = None

    def get(self, key: Sequence[object]) -> Entry | None:
        """Return what was kept under a key, or None; it counts as used now."""
        path = self._path(key)
        try:
            head, _, image = path.read_bytes().partition(b"\n")
            os.utime(path)
        except OSError:
            return None
        try:
            facts = json.loads(head)
        except ValueError:
            return None
        if not isinstance(facts, dict) or facts.pop("crc32", None) != _crc32(facts, image):
            return None
        return Entry(facts, image)

    def put(self, key: Sequence[object], entry: Entry) -> None:
        """Keep an entry; readers see all of it or nothing."""
        path = self._path(key)
        facts = {**entry.facts, "crc32": _crc32(entry.facts, entry.image)}
        data = json.dumps(facts).encode() + b"\n" + entry.image
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(path, data)
            self._prune(len(data))

    def _path(self, key: Sequence[object]) -> Path:
        digest = hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:]}{_SUFFIX}"

    def _prune(self, added: int) -> None:
        """Delete the oldest entries once the folder is over its limit, down to nine tenths of it."""
        with self._lock:
            self._size = None if self._size is None else self._size + added
            if self._size is not None and self._size <= self.limit:
                return
            ages = sorted((used, size) for used, size, _ in _files(self.folder))
            self._size = sum(size for _, size in ages)
            over = self._size - self.limit * 9 // 10 if self._size > self.limit else 0
            last = float("-inf")
            for used, size in ages:
                if over <= 0:
                    break
                over, last = over - size, used
            abandoned = time.time() - _LEFTOVER_AFTER
            for used, size, path in _files(self.folder):
                if used <= last or (path.suffix != _SUFFIX and used < abandoned):
                    path.unlink(missing_ok=True)
                    self._size -= size


def _crc32(facts: Mapping[str, object], image: bytes) -> int:
    """Return a checksum of an entry: a disk that lost power may keep its length and lose its bytes."""
    return zlib.crc32(image, zlib.crc32(json.dumps(facts, sort_keys=True).encode()))


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield time of last use, size and path of every file, a shelf at a time; another process may delete meanwhile."""
    for shelf in folder.glob("??"):
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(shelf)):
                with contextlib.suppress(OSError):
                    state = entry.stat()
                    yield state.st_mtime, state.st_size, Path(entry.path)


def _write(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)  # noqa: PTH105 - both are plain names here
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
