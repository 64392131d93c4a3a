"""A git repository as linking needs it: where it is, what it keeps, what it is set to; knows nothing of tiles."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from s3magic import process
from s3magic.errors import LinkError, MissingProgram

# What git sets for the programs it starts. Somebody who names a folder means the repository around it.
_LEADING = frozenset(
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_IMPLICIT_WORK_TREE "  # noqa: SIM905
    "GIT_INDEX_FILE GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_QUARANTINE_PATH GIT_SHALLOW_FILE "
    "GIT_WORK_TREE".split()
)
_CHANGE = re.compile(rb":\d+ \d+ [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0([^\0]+)\0")
_AT_ONCE = 100  # blobs in memory


def literal(path: str) -> str:
    """Return the pattern that a path from the top, and all below it, fits; everything for the top itself."""
    return f":(top,literal){path}"


def anywhere(pattern: str) -> str:
    """Return the pattern that paths of a form fit in any folder."""
    return f":(top,glob)**/{pattern}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone with a work tree.

    Parameters
    ----------
    root
        The top of the work tree.
    common
        The folder of git that all work trees of the clone share.
    led
        Whether git's own variables count, as they must in a hook.
    """

    root: Path
    common: Path
    led: bool = False

    @classmethod
    def around(cls, folder: Path) -> Repository | None:
        """Return the clone a folder lies in; None where there is none, or no git."""
        try:
            return cls._find(folder.resolve(), led=False)
        except MissingProgram:
            return None

    @classmethod
    def here(cls) -> Repository | None:
        """Return the clone that git started this process in."""
        return cls._find(Path.cwd(), led=True)

    @classmethod
    def _find(cls, folder: Path, *, led: bool) -> Repository | None:
        while not folder.is_dir() and folder.parent != folder:
            folder = folder.parent
        told = cls(folder, folder, led).ask("rev-parse", "--show-toplevel", "--git-common-dir")
        if told is None or len(lines := os.fsdecode(told).splitlines()) != 2:
            return None
        root, common = lines
        return cls(Path(root), (folder / common).resolve(), led)

    def is_distrusted(self) -> bool:
        """Tell whether git leaves the clone alone because it belongs to somebody else."""
        _, _, complaint = self._run(["rev-parse"], b"")
        return b"dubious ownership" in complaint

    def ask(self, *argv: str, data: bytes = b"") -> bytes | None:
        """Run git and return what it said; None where it failed."""
        status, said, _ = self._run(argv, data)
        return None if status else said

    def read(self, *argv: str, data: bytes = b"") -> bytes:
        """Run git and return what it said; raise `LinkError` with its words where it failed."""
        status, said, complaint = self._run(argv, data)
        if status:
            words = " ".join(complaint.decode(errors="replace").split())
            raise LinkError(f"git {argv[0]} failed: {words or f'exit status {status}'}", "Look at the repository.")
        return said

    def _run(self, argv: Iterable[str], data: bytes) -> tuple[int, bytes, bytes]:
        env = {name: value for name, value in os.environ.items() if self.led or name not in _LEADING}
        return process.pipe(["git", *argv], data, cwd=self.root, env={**env, "LC_ALL": "C.UTF-8"})

    def settings(self, pattern: str, *, local: bool = False) -> dict[str, str]:
        """Return the settings whose names fit a regular expression, the last of each; those of the clone alone."""
        scope = ["--local"] if local else []
        told = self.ask("config", *scope, "-z", "--get-regexp", pattern) or b""
        entries = (os.fsdecode(entry).partition("\n") for entry in told.split(b"\0") if entry)
        return {name: value for name, _, value in entries}

    def versions(self, *patterns: str) -> set[tuple[str, str]]:
        """Return ``(path, blob)`` of every content that files of these patterns ever had, in any commit in reach."""
        fetched = ["FETCH_HEAD"] if self.ask("rev-parse", "--verify", "--quiet", "FETCH_HEAD") else []
        told = self.ask(
            *("log", "--all", "--reflog", *fetched, "--full-history", "-m", "--root", "--no-renames", "--no-relative"),
            *("--no-show-signature", "--diff-filter=AM", "--format=", "--raw", "--no-abbrev", "-z", "--"),
            *patterns,
        )
        return {(os.fsdecode(path), blob.decode()) for blob, path in _CHANGE.findall(told or b"")}

    def blobs(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the content of blobs, by id; ids of nothing are left out."""
        wanted = list(ids)
        for at in range(0, len(wanted), _AT_ONCE):
            some = wanted[at : at + _AT_ONCE]
            told = self.read("cat-file", "--batch", data="".join(f"{one}\n" for one in some).encode())
            start = 0
            for one in some:
                head, _, _ = told[start : start + 200].partition(b"\n")
                start += len(head) + 1
                kind = head.split()
                if len(kind) == 3:  # "<id> missing" else
                    size = int(kind[2])
                    yield one, told[start : start + size]
                    start += size + 1

    def staged(self, *patterns: str) -> dict[str, str]:
        """Return the blobs of the index by path, as far as the paths fit `literal` or `anywhere`."""
        told = self.read("ls-files", "--stage", "-z", "--", *patterns)
        entries = (entry.partition(b"\t") for entry in told.split(b"\0") if entry)
        return {os.fsdecode(path): head.split()[1].decode() for head, _, path in entries}

    def blob_id(self, data: bytes, *, like: str) -> str:
        """Return the id that content gets, by the hash that another id is of."""
        digest = hashlib.sha256 if len(like) == 64 else hashlib.sha1
        return digest(b"blob %d\0" % len(data) + data).hexdigest()

    def inside(self, folder: Path) -> str:
        """Return a folder of the work tree as git writes it: from the top, empty for the top itself."""
        path = folder.resolve().relative_to(self.root.resolve()).as_posix()
        return "" if path == "." else path

    @property
    def lfs_storage(self) -> Path:
        """Where git-lfs keeps contents."""
        set_to = self.settings(r"^lfs\.storage$").get("lfs.storage")
        return self.common / (set_to or "lfs")

    def lfs_object(self, oid: str) -> Path:
        """Return where git-lfs keeps the content of a hash in hexadecimal."""
        return self.lfs_storage / "objects" / oid[:2] / oid[2:4] / oid
