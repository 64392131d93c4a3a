"""Making a folder a FUSE mount and an ordinary folder again: mount(2) as root, fusermount3 as anybody else.

Also reads the kernel's table of mounts. Speaks no FUSE protocol and starts no daemon.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from s3magic import process
from s3magic.errors import FuseUnavailable, MissingProgram, MountError
from s3magic.mounting.layouts import READ_BYTES

DEVICE = Path("/dev/fuse")
TYPE = "fuse.s3magic"

_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_ACCESS_TIMES = 1, 2, 4, 1024
_DETACH = 2
_ESCAPE = re.compile(r"\\([0-7]{3})")
_MOUNTINFO = Path("/proc/self/mountinfo")
_CONNECTIONS = Path("/sys/fs/fuse/connections")

_COPY = "or have the files copied: --copy."
_CONTAINER = f"In a container, start it with --device /dev/fuse --cap-add SYS_ADMIN, {_COPY}"
_OTHERS = "Ask the administrator to write user_allow_other into /etc/fuse.conf, or mount for yourself alone."
_INSTALL = f"Install the package fuse3 (Debian, Ubuntu: sudo apt install fuse3), {_COPY}"


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount of ours in the kernel's table.

    Parameters
    ----------
    path
        The folder.
    source
        What it shows: an ``s3://`` URL.
    device
        ``major:minor``; the minor number names the FUSE connection.
    """

    path: Path
    source: str
    device: str


def check_available() -> None:
    """Raise `FuseUnavailable`, with what to do about it, where no mount can be made."""
    if not DEVICE.exists():
        raise FuseUnavailable(
            f"There is no FUSE here: {DEVICE} is missing",
            f"Load it (sudo modprobe fuse; a container wants --device /dev/fuse --cap-add SYS_ADMIN), {_COPY}",
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise FuseUnavailable(
            f"No right to use {DEVICE}", f"Ask the administrator for it (sudo chmod 0666 {DEVICE}), {_COPY}"
        )
    if os.geteuid() != 0 and process.find_program("fusermount3") is None:
        raise FuseUnavailable("The program fusermount3 is not installed; only root can mount without it", _INSTALL)


def attach(path: Path, *, source: str, allow_other: bool = False) -> int:
    """Mount on a folder and return the open ``/dev/fuse`` to answer at; with ``allow_other``, for all users.

    Raises `FuseUnavailable` when the system refuses.
    """
    options = f"default_permissions,max_read={READ_BYTES}{',allow_other' if allow_other else ''}"
    return _attach_as_root(path, source, options) if os.geteuid() == 0 else _attach_as_user(path, source, options)


def detach(path: Path, *, lazy: bool = False) -> bool:
    """Unmount a folder; False when somebody uses it.

    With ``lazy`` it leaves the tree of folders at once, and ends with its last user.
    Raises `MountError` for any other refusal.
    """
    return _detach_as_root(path, lazy=lazy) if os.geteuid() == 0 else _detach_as_user(path, lazy=lazy)


@contextmanager
def abortable(mount_point: MountPoint) -> Iterator[Callable[[], None]]:
    """Take hold of the kernel's side of a connection while it is mounted; what is given aborts it, mounted or not.

    Whoever waits for it gets an error then. Its number alone would not do once it is unmounted:
    the next mount on this machine may have it. Where the kernel's folder of connections is not
    mounted, nothing is aborted; ending the daemon does the same.
    """
    try:
        held = (_CONNECTIONS / mount_point.device.partition(":")[2] / "abort").open("wb", buffering=0)
    except OSError:
        yield lambda: None
        return

    def abort() -> None:
        with suppress(OSError):
            held.write(b"1")

    with held:
        yield abort


def mount_points() -> list[MountPoint]:
    """Return the mounts of s3magic that this process can see, those of other users too."""
    found = []
    for line in _MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, source, *_) = before.split(" "), after.split(" ")
        if kind == TYPE:
            found.append(MountPoint(Path(_unescape(fields[4])), _unescape(source), fields[2]))
    return found


def mount_point_at(path: Path) -> MountPoint | None:
    """Return the mount on exactly this folder; the one on top where there are several."""
    return next((point for point in reversed(mount_points()) if point.path == path), None)


def is_stale(path: Path) -> bool:
    """Tell whether the daemon behind a mount is gone; ask only where nobody can be waited for."""
    try:
        os.statvfs(path)  # which the kernel never answers from memory, as it may a stat
    except OSError as error:
        return error.errno in {errno.ENOTCONN, errno.ECONNABORTED}
    return False


def _unescape(text: str) -> str:
    """Read the kernel's octal escapes, which stand for bytes."""
    raw = _ESCAPE.sub(
        lambda found: chr(int(found.group(1), 8)), text.encode("utf-8", "surrogateescape").decode("latin-1")
    )
    return raw.encode("latin-1").decode("utf-8", "surrogateescape")


def _attach_as_root(path: Path, source: str, options: str) -> int:
    try:
        device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise FuseUnavailable(f"{DEVICE} cannot be opened: {error.strerror}", _CONTAINER) from error
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,{options}"
    flags = _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_ACCESS_TIMES
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(path), TYPE.encode(), ctypes.c_ulong(flags), options.encode()):
        number = ctypes.get_errno()
        os.close(device)
        raise FuseUnavailable(f"Mounting on {path} was refused: {os.strerror(number)}", _CONTAINER)
    return device


def _attach_as_user(path: Path, source: str, options: str) -> int:
    name = source.replace("\\", "\\\\").replace(",", "\\,")
    options = f"ro,nosuid,nodev,noatime,{options},subtype=s3magic,fsname={name}"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            done = process.run(
                ["fusermount3", "-o", options, "--", path],
                env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                timeout=20,
            )
        except MissingProgram as error:
            raise FuseUnavailable(error.message, _INSTALL) from error
        if done.returncode:
            hint = _OTHERS if "user_allow_other" in done.stderr else _INSTALL
            raise FuseUnavailable(f"Mounting on {path} was refused: {done.stderr.strip()}", hint)
        theirs.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        if not descriptors:
            raise FuseUnavailable(f"fusermount3 gave no connection for {path}", _INSTALL)
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


def _detach_as_root(path: Path, *, lazy: bool) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), _DETACH if lazy else 0) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.EBUSY:
        return False
    if number == errno.EINVAL:  # not a mount any more: somebody was quicker
        return True
    raise MountError(f"Unmounting {path} was refused: {os.strerror(number)}", "Try again with force.")


def _detach_as_user(path: Path, *, lazy: bool) -> bool:
    done = process.run(["fusermount3", "-u", *(["-z"] if lazy else []), "--", path], timeout=20)
    if done.returncode == 0 or mount_point_at(path) is None:
        return True
    if "busy" in done.stderr:
        return False
    raise MountError(f"Unmounting {path} was refused: {done.stderr.strip()}", "Try again with force.")
