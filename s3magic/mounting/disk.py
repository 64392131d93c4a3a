"""Bytes of objects on disk, found again by later mounts: bounded, shared, and never believed without their hash.

One file for 4 MiB of one object with one ETag. In front stands a hash of each 128 KiB, written after the bytes
themselves: what was cut short, torn, changed or moved does not fit its hash and is as if it were not there.
Names of files are hashes too. Asks no store; who reads from here has proved that the object is still the same.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Self

from s3magic.errors import InvalidInput, MountError
from s3magic.html import bytes_text
from s3magic.mounting.ahead import PART, UNIT
from s3magic.mounting.inodes import Entry

SIZE = 10_000_000_000
SMALLEST = 64 << 20
_FOLDER = "s3magic-blocks"
_DIGEST = 16
_HEADER = 4096
_NOTHING = bytes(_DIGEST)
_STEPS = 32
"""How many times a daemon adds its share before it looks at what all have added together."""
_ROOM = 0.875
"""What is left after room was made: with it, four mounts that share a folder keep its bound together."""
_REST_SECONDS = 30


class DiskCache:
    """A folder of blocks, used by any number of mounts at once. Safe to use from several threads.

    Parameters
    ----------
    folder
        Where the blocks are: a folder of this user alone, as `make` gives it.
    size
        Bytes they may take; the blocks that were not used for the longest time go first.
    place
        Which bucket of which store they are of.

    Attributes
    ----------
    limit : int
        The bound.
    served : int
        Bytes that came from here.
    trouble : str
        Why nothing more is kept, such as a full disk; empty when all is well.
    """

    def __init__(self, folder: Path, size: int, *, place: str) -> None:
        self.limit = size
        self.served = 0
        self.trouble = ""
        self._folder = folder
        self._place = place
        self._held = 0
        self._added = size  # so that the first block to come finds out what is here
        self._rests_until = 0.0
        self._lock = threading.Lock()

    @classmethod
    def make(cls, folder: Path, size: int, *, place: str) -> Self:
        """Make the folder of blocks inside a folder, and what is missing of that, and use it.

        Raises `MountError` when it cannot be made or is another user's, `InvalidInput` when it
        would be too small.
        """
        if size < SMALLEST:
            raise InvalidInput(
                f"{bytes_text(size)} are too few for a cache on disk", f"Give it at least {bytes_text(SMALLEST)}."
            )
        blocks = folder / _FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                blocks.mkdir(mode=0o700)
            found = blocks.lstat()
            is_ours = found.st_uid == os.getuid() and stat.S_ISDIR(found.st_mode)
            if is_ours:
                blocks.chmod(0o700)
                (blocks / "lock").touch(mode=0o600)
        except OSError as error:
            raise MountError(
                f"No cache can be kept in {folder}: {error.strerror}", "Choose another folder for the cache."
            ) from error
        if not is_ours:
            raise MountError(f"Not a folder of yours: {blocks}", "Choose another folder for the cache.")
        return cls(blocks, size, place=place)

    @property
    def held(self) -> int:
        """Bytes all blocks took when that was last looked at, and those added here since."""
        return self._held + (self._added if self._added < self.limit else 0)

    def read(self, entry: Entry, start: int, into: memoryview) -> int:
        """Put what is here of ``[start, start + len(into))`` into a buffer; return how many bytes, from the first on.

        The range begins at a unit and ends at one, or with the object.
        """
        at = 0
        while at < len(into):
            more = self._read_part(entry, start + at, into[at : at + PART - (start + at) % PART])
            at += more
            if not more or (start + at) % PART:
                break
        self.served += at
        return at

    def write(self, entry: Entry, start: int, data: memoryview) -> None:
        """Keep bytes; where that fails, go on without for a while, and say so in ``trouble``."""
        if time.monotonic() < self._rests_until:
            return
        try:
            if self._added >= self.limit // _STEPS:
                self.make_room()
            at = 0
            while at < len(data):
                size = min(len(data) - at, PART - (start + at) % PART)
                self._write_part(entry, start + at, data[at : at + size])
                at += size
                with self._lock:
                    self._added += size
            self.trouble = ""
        except OSError as error:
            self.trouble = f"{error.strerror}: {self._folder}"
            self._rests_until = time.monotonic() + _REST_SECONDS

    def make_room(self) -> None:
        """Look at all blocks and remove those not used lately, beyond the bound; one mount at a time does."""
        with self._turn() as is_ours:
            if not is_ours:
                return
            blocks = sorted(self._blocks())
            held = sum(size for _, size, _ in blocks)
            if held > self.limit * _ROOM:
                for _, size, path in blocks:
                    if held <= self.limit * _ROOM:
                        break
                    with suppress(FileNotFoundError):
                        path.unlink()
                    held -= size
            with self._lock:
                self._held, self._added = held, 0

    def _read_part(self, entry: Entry, start: int, into: memoryview) -> int:
        path = self._path(entry, start // PART)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return 0
        try:
            os.utime(file)  # used just now
            hashes = os.pread(file, PART // UNIT * _DIGEST, 0)
            at = 0
            while at < len(into):
                offset = (start + at) % PART
                view = into[at : at + UNIT]
                told = hashes[offset // UNIT * _DIGEST :][:_DIGEST]
                if told in {b"", _NOTHING}:
                    break
                got = os.preadv(file, [view], _HEADER + offset)
                if got != len(view) or self._hash(entry, start + at, view) != told:
                    path.unlink(missing_ok=True)
                    break
                at += got
        except OSError:
            return 0
        finally:
            os.close(file)
        return at

    def _write_part(self, entry: Entry, start: int, data: memoryview) -> None:
        path = self._path(entry, start // PART)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            file = os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file = os.open(path, flags, 0o600)
        try:
            offset = start % PART
            _write(file, data, _HEADER + offset)
            hashes = b"".join(self._hash(entry, start + at, data[at : at + UNIT]) for at in range(0, len(data), UNIT))
            _write(file, memoryview(hashes), offset // UNIT * _DIGEST)
        finally:
            os.close(file)

    def _hash(self, entry: Entry, start: int, data: memoryview) -> bytes:
        """Return the hash of bytes and of where they belong."""
        identity = self._identity(entry, start)
        return blake2b(data, digest_size=_DIGEST, key=blake2b(identity, digest_size=32).digest()).digest()

    def _path(self, entry: Entry, part: int) -> Path:
        name = blake2b(self._identity(entry, part * PART), digest_size=20).hexdigest()
        return self._folder / name[:2] / name[2:]

    def _identity(self, entry: Entry, start: int) -> bytes:
        words = self._place, entry.key, entry.etag, str(entry.size), str(start)
        return "\0".join(words).encode("utf-8", "surrogatepass")

    def _blocks(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each block was used, the room it takes, and its path."""
        with os.scandir(self._folder) as folders:
            for folder in [found.path for found in folders if found.is_dir(follow_symlinks=False)]:
                with os.scandir(folder) as blocks:
                    for block in blocks:
                        with suppress(FileNotFoundError):
                            told = block.stat(follow_symlinks=False)
                            yield told.st_mtime, told.st_blocks * 512, Path(block.path)

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)


def _write(file: int, data: memoryview, start: int) -> None:
    at = 0
    while at < len(data):
        at += os.pwrite(file, data[at:], start + at)
