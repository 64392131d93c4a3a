"""A folder on disk that a copy goes to: its files, and beside them what is not whole yet; asks no store."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from s3magic.copying.entry import RECORDS, Entry, relative
from s3magic.errors import CopyError
from s3magic.html import bytes_text
from s3magic.store.base import ObjectInfo

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock; there nobody keeps a second copy out
    fcntl = None  # type: ignore[assignment]

_ROOM = 1.01  # of what is to come must be free
_PATIENCE = 7 * 86400
_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class Place:
    """A folder that gets files.

    Parameters
    ----------
    root
        The folder; made when something comes into it.
    only
        The path below it of the one file that comes, whatever its key; None for names of their keys.
    mode
        Who may do what with the files; as everywhere on this machine when None.
    """

    def __init__(self, root: Path, *, only: str | None = None, mode: int | None = None) -> None:
        self.root = Path(os.path.realpath(root))
        self.records = self.root / RECORDS
        self._locked = self.records / "lock"
        self._only = only
        self._mode = mode
        self._safe: set[Path] = set()

    def __str__(self) -> str:
        return str(self.root / (self._only or ""))

    def path(self, name: str) -> Path:
        """Return where the file of a key lies."""
        return self.root / (self._only or relative(name))

    def find(self, name: str) -> Entry | None:
        """Return the file of a key; None where there is none, or something else."""
        path = self.path(name)
        try:
            return Entry.of_file(name, path) if path.is_file() and not path.is_symlink() else None
        except OSError:
            return None

    def part(self, info: ObjectInfo) -> Path:
        """Return where an object is gathered: a place that an object with another ETag does not have."""
        state = _brief(f"{info.etag}\0{info.version_id}")
        return self.records / f"{_brief(info.url)}-{state}.part"

    def put(self, part: Path, name: str, modified: float, *, over: Entry | None = None) -> None:
        """Show a whole part as the file of a key, with its time, ``over`` what was found there if it is still so."""
        target = self.path(name)
        self._make_folder(target.parent, name)
        if target.is_dir() and not target.is_symlink():
            raise CopyError(f"A folder is in the way: {target}", "Move it away, then copy again.")
        if over is not None:
            over.check_file()
        elif target.is_file() and not target.is_symlink():
            raise CopyError(f"It came here meanwhile: {target}", "Copy again: what is there by then counts.")
        if modified:
            os.utime(part, (modified, modified))
        if self._mode is not None:
            part.chmod(self._mode)
        part.replace(target)

    def remove(self, there: Entry) -> None:
        """Remove a file if it is as it was found, and the folders that are empty then."""
        if there.path is None:
            return
        there.check_file()
        there.path.unlink(missing_ok=True)
        for folder in there.path.parents:
            if folder == self.root or not folder.is_relative_to(self.root):
                return
            try:
                folder.rmdir()
            except OSError:
                return

    def _make_folder(self, folder: Path, name: str) -> None:
        if folder in self._safe:
            return
        if not Path(os.path.realpath(folder)).is_relative_to(self.root):
            raise CopyError(f"A link leads out of {self.root}: {name}", "Replace it by a folder, then copy again.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise CopyError(f"A file is in the way of a folder: {folder}", "Move it away, then copy again.") from error
        self._safe.add(folder)

    @contextmanager
    def writing(self, wanted: Iterable[Path]) -> Iterator[None]:
        """Hold the place for one copy, and remove in the end what is empty.

        Parts of former states of what is ``wanted`` are removed at first, and those of other copies
        that nobody can go on with, or did in a week.

        Raises `CopyError` where it cannot be written to, or another copy is under way.
        """
        is_new = not self.root.exists()
        try:
            if self.records.is_symlink():
                raise CopyError(f"{self.records} is a symbolic link", "Remove it, then copy again.")
            self.records.mkdir(parents=True, exist_ok=True)
            handle = self._lock()
        except OSError as error:
            if isinstance(error, CopyError):
                raise
            raise CopyError(f"Cannot write to {self.root}: {error.strerror}", "Choose a folder of yours.") from error
        try:
            self._tidy({path.stem for path in wanted})
            yield
        finally:
            with suppress(OSError):
                self._locked.unlink()  # while it is held
                self.records.rmdir()
                if is_new:
                    self.root.rmdir()
            os.close(handle)

    def _tidy(self, wanted: Collection[str]) -> None:
        urls = {stem.partition("-")[0] for stem in wanted}
        old = time.time() - _PATIENCE
        alive = {  # as their notes tell
            notes.stem
            for notes in self.records.glob("*.done")
            if notes.stem.partition("-")[0] not in urls and notes.lstat().st_mtime > old
        }
        for leftover in self.records.iterdir():
            is_part = leftover.suffix in {".part", ".done"}
            is_kept = leftover.stem in wanted or leftover.stem in alive
            if leftover.is_symlink() or (is_part and not is_kept):  # a link may lead anywhere
                leftover.unlink()

    def _lock(self) -> int:
        """Keep other copies out by a file that is locked, where the disk knows locks; return its descriptor."""
        handle = os.open(self._locked, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return handle
            os.close(handle)
            if isinstance(error, BlockingIOError):
                raise self._taken() from None
            raise
        if not os.fstat(handle).st_nlink:  # whoever held it has just taken it away
            os.close(handle)
            raise self._taken()
        return handle

    def _taken(self) -> CopyError:
        return CopyError(f"Another copy to {self.root} is under way", "Wait until it is done.")

    def check_room(self, coming: Iterable[tuple[Entry, Entry | None]]) -> None:
        """Raise `CopyError` where nothing can be written, or there is no room for what comes in place of the former."""
        needed, most = 0, 0
        for entry, former in coming:
            there = 0
            if entry.info is not None:
                with suppress(OSError):
                    there = self.part(entry.info).stat().st_blocks * 512
            needed += max(0, entry.size - there) - (former.size if former else 0)
            most = max(most, entry.size)
        folder = next(path for path in (self.root, *self.root.parents) if path.exists())
        if not os.access(folder, os.W_OK):  # a mount, for one, has no room either
            raise CopyError(f"Cannot write to {folder}", "Choose a folder of yours.")
        free = shutil.disk_usage(folder).free
        if max(needed, most) * _ROOM > free:
            raise CopyError(
                f"No room in {self.root}: {bytes_text(max(needed, most))} to copy, {bytes_text(free)} free",
                "Copy less, a pattern such as *.nc chooses; or make room.",
            )

    def is_one(self, name: str, other: str) -> bool:
        """Tell whether this disk takes two names for one, as some fold case; its folders may be of other disks."""
        folder = self.root
        for part, twin in zip(relative(name).split("/"), relative(other).split("/"), strict=True):
            if part != twin and not _finds(folder, part, twin):
                return False
            folder /= part
        return True


def _brief(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _finds(folder: Path, name: str, twin: str) -> bool:
    """Tell whether what has a name in a folder is found by another one; tried where neither is there."""
    near = next(path for path in (folder, *folder.parents) if path.exists())  # which a new folder takes after
    one, other = folder / name, folder / twin
    try:
        if os.path.lexists(one) or os.path.lexists(other):
            return one.samefile(other) and not {one, other} <= set(folder.iterdir())
        with TemporaryDirectory(prefix=RECORDS, dir=near) as trial:
            Path(trial, name).touch()
            return Path(trial, twin).exists()
    except OSError:
        return False
