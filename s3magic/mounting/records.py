"""What is written down of live mounts, so that other kernels and the command line find them.

One small file a mount, in a folder that only its user may enter. No secrets.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3magic.errors import MountError
from s3magic.mounting import attach
from s3magic.mounting.attach import MountPoint

TURN_SECONDS = 20
"""How long another process may take its turn: it does nothing that waits, so one that takes longer was stopped."""

_PAUSE = 0.01
_NAME_CHARACTERS = 20
_PRIVATE = 0o700


def _space() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


@dataclass(frozen=True, slots=True)
class Record:
    """One mount.

    Parameters
    ----------
    url, path
        What is mounted and where.
    location
        The store it comes from, as ``Location.to_json`` gives it.
    pid, started
        The daemon, and when it began in the kernel's ticks, so that a number used anew is noticed.
    created
        Folders made for the mount, the outermost first.
    version_at
        The time that it shows, in ISO 8601; empty for what is there now.
    wishes
        What else was asked of it, by name.
    space
        The space of process numbers that the daemon's is from: a container that shares the folder
        of records has another, where the daemon seems not to run.
    """

    url: str
    path: Path
    location: dict[str, Any]
    pid: int
    started: int
    created: tuple[Path, ...] = ()
    version_at: str = ""
    wishes: dict[str, Any] = field(default_factory=dict)
    space: int = field(default_factory=_space)

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {
            "url": self.url,
            "path": str(self.path),
            "location": self.location,
            "pid": self.pid,
            "started": self.started,
            "created": [str(path) for path in self.created],
            "version_at": self.version_at,
            "wishes": self.wishes,
            "space": self.space,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Record:
        """Read what `to_json` gave."""
        created = tuple(Path(path) for path in fields["created"])
        path = Path(fields["path"])
        later = {name: fields[name] for name in ("version_at", "wishes", "space") if name in fields}
        return cls(fields["url"], path, fields["location"], fields["pid"], fields["started"], created, **later)

    @property
    def socket(self) -> Path:
        """Where the daemon answers questions."""
        return _file(self.path, ".sock")

    @property
    def is_alive(self) -> bool:
        """Whether the daemon runs."""
        return started(self.pid) == self.started

    @property
    def is_private(self) -> bool:
        """Whether it is a means to something else: nobody chose its folder, and nobody looks for it there."""
        return self.path.is_relative_to(private_folder())

    @property
    def mount_point(self) -> MountPoint | None:
        """The kernel's entry of this mount; None when it is not mounted (here) any more."""
        written = at(self.path)
        if written is not None and written.pid != self.pid:
            return None
        return attach.mount_point_at(self.path)

    def write(self) -> None:
        """Write it down."""
        target = _file(self.path, ".json")
        draft = target.with_suffix(f".{self.pid}")
        draft.write_text(json.dumps(self.to_json()))
        draft.replace(target)

    def remove(self) -> None:
        """Strike it out, unless another daemon wrote there since."""
        written = at(self.path)
        if written is None or written.pid == self.pid:
            _file(self.path, ".json").unlink(missing_ok=True)
            self.socket.unlink(missing_ok=True)

    def remove_folders(self) -> None:
        """Remove the folders made for the mount, as far as they are empty."""
        for path in reversed(self.created):
            with contextlib.suppress(OSError):
                path.rmdir()


def folder() -> Path:
    """Return the folder of the records, made with access for its user alone.

    It is in ``$XDG_RUNTIME_DIR``, in ``/run/user/<uid>`` where that is not set, and else in the
    folder of temporary files. Raises `MountError` when somebody else owns it.
    """
    path = _runtime() / "mounts"
    for part in (path.parent, path):
        part.mkdir(mode=0o700, exist_ok=True)
        found = part.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            raise MountError(f"Not a folder of yours: {part}", "Set XDG_RUNTIME_DIR to a folder only you may enter.")
        if stat.S_IMODE(found.st_mode) != _PRIVATE:
            part.chmod(_PRIVATE)
    return path


def private_folder() -> Path:
    """Return where mounts are made that nobody asked for by a folder; it need not be there."""
    return Path(os.path.realpath(folder().parent)) / "private"


def _runtime() -> Path:
    given, usual = os.environ.get("XDG_RUNTIME_DIR"), Path(f"/run/user/{os.getuid()}")
    if given:
        return Path(given) / "s3magic"
    if os.access(usual, os.W_OK):
        return usual / "s3magic"
    return Path(tempfile.gettempdir()) / f"s3magic-{os.getuid()}"


def all_records() -> list[Record]:
    """Return every record, of live daemons and of dead ones; none of another container's."""
    found = [_read(path) for path in sorted(folder().glob("*.json"))]
    return [record for record in found if record is not None and record.space == _space()]


def live() -> Iterator[Record]:
    """Yield the records of mounts that are there, and whose daemons are."""
    for record in all_records():
        if record.is_alive and record.mount_point is not None:
            yield record


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Take a place, or clear one, while no other process does; nothing that waits for a store belongs in it.

    Raises `MountError`, which names who has it, when the turn does not come.
    """
    descriptor = os.open(folder(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would not do it where a forked child holds it too
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + TURN_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_PAUSE)
                continue
            pid = _locker(descriptor)
            who = f"Process {pid}" if pid else "Another process"
            raise MountError(
                f"{who} has been at the mounts for more than {TURN_SECONDS:g} s, and lets nobody else",
                f"If it was stopped, let it go on: kill -CONT {pid}" if pid else "Try again.",
            ) from None
        else:
            return


def _locker(descriptor: int) -> int:
    """Return the process that has locked an open file; 0 where the kernel does not tell."""
    found = os.fstat(descriptor)
    name = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, _, pid, file, *_ = line.split()  # of those who wait for it, the second word is an arrow
            if (kind, file) == ("FLOCK", name):
                return max(0, int(pid))
    return 0


def at(path: Path) -> Record | None:
    """Return the record of a folder."""
    return _read(_file(path, ".json"))


def started(pid: int) -> int | None:
    """Return when a process began, in the kernel's ticks; None when it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # the name before it may be no text
    except (FileNotFoundError, ProcessLookupError):  # and no other: a live mount must not pass for one left behind
        return None
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def _file(path: Path, suffix: str) -> Path:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:_NAME_CHARACTERS]
    return folder() / f"{name}{suffix}"


def _read(path: Path) -> Record | None:
    try:
        return Record.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError):
        return None
