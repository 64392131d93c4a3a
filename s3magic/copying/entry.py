"""What a copy knows of one file or one object, and what it found at an end; asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from s3magic.errors import CopyError
from s3magic.naming import NAME_BYTES, file_name
from s3magic.store.base import ObjectInfo

RECORDS = ".s3copy"
"""Folder at a destination on disk where a copy keeps what is not whole yet."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or one object.

    Parameters
    ----------
    name
        Its key below the folder that is copied; the same at both ends.
    size
        Bytes.
    modified
        Time of the last write, seconds since 1970.
    info
        What S3 says of an object.
    path
        Where a file is.
    touched
        When a file's content, name or mode was changed last, by the clock of this machine.
    """

    name: str
    size: int
    modified: float
    info: ObjectInfo | None = None
    path: Path | None = None
    touched: float = 0.0

    @classmethod
    def of_object(cls, name: str, info: ObjectInfo) -> Entry:
        """Return the entry of an object."""
        return cls(name, info.size, info.last_modified.timestamp() if info.last_modified else 0.0, info)

    @classmethod
    def of_file(cls, name: str, path: Path) -> Entry:
        """Return the entry of a file; raises `OSError` where there is none."""
        about = path.stat()
        return cls(name, about.st_size, about.st_mtime, None, path, max(about.st_mtime, about.st_ctime))

    def check_file(self) -> None:
        """Raise `CopyError` where the file is not as it was found; one that is gone is fine."""
        if self.path is not None and self.path.exists() and Entry.of_file(self.name, self.path) != self:
            raise CopyError(f"Changed here meanwhile: {self.path}", "Copy again: what is there by then counts.")


@dataclass(slots=True)
class Found:
    """What is at an end: entries in the order they were met, what cannot be copied and why, and what failed."""

    entries: list[Entry] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)

    def sort_out(self, *, is_one: Callable[[str, str], bool]) -> None:
        """Leave out what a disk cannot hold beside the rest; ``is_one`` tells whether it takes two names for one."""
        within = {folder for entry in self.entries for folder in folders(entry.name)}
        seen: dict[str, str] = {}
        kept: list[Entry] = []
        for entry in self.entries:
            why = unfit(entry.name)
            if why is None and entry.name in within:
                why = "there is a folder of this name, too"
            if why is None:
                first = seen.setdefault(alike(entry.name), entry.name)
                if first != entry.name and is_one(first, entry.name):
                    why = f"this disk cannot tell it from {first}"
            if why is None:
                kept.append(entry)
            elif not (entry.name.endswith("/") and not entry.size):  # a marker of a folder, which says nothing
                self.left_out.append((entry.name, why))
        self.entries = kept


def alike(name: str) -> str:
    """Return what is the same of all names that some disk may take for one, as ``A`` for ``a``."""
    return name.casefold() if name.isascii() else normalize("NFC", normalize("NFC", name).casefold())


def unfit(name: str) -> str | None:
    """Tell why no file can stand for a key; None when one can."""
    if name.endswith("/"):
        return "its key ends with a slash, as only folders do"
    parts = name.split("/")
    if any(part.casefold() == RECORDS for part in parts):
        return "that name is kept for what is being copied"
    if any(file_name(part) is None for part in parts):
        return f"no file can be called so: a name has at most {NAME_BYTES} bytes, and is text"
    return None


def relative(name: str) -> str:
    """Return the path of the file that stands for a key below a folder, which it never leads out of.

    Examples
    --------
    >>> relative("a//../b.nc")
    'a/%2F/%2E%2E/b.nc'
    """
    return "/".join(file_name(part) or "" for part in name.split("/"))


def total(entries: Iterable[Entry]) -> int:
    """Return the bytes of all."""
    return sum(entry.size for entry in entries)


def folders(name: str) -> Iterator[str]:
    """Yield the folders that a key is in, without their slashes."""
    return (name[:at] for at, letter in enumerate(name) if letter == "/" and at < len(name) - 1)
