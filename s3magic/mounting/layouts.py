"""The layouts of linux/fuse.h, protocol 7.31 and newer: what goes over ``/dev/fuse`` as bytes; answers nothing."""

from __future__ import annotations

import stat
from struct import Struct
from typing import NamedTuple

from s3magic.mounting.inodes import Entry

READ_BYTES = 1 << 20
"""The most that one READ asks for."""

IN_HEADER = Struct("<IIQQIIIHH")
OUT_HEADER = Struct("<IiQ")
ATTRIBUTES = Struct("<6Q10I")
ENTRY = Struct("<QQQQII")
ATTR_OUT = Struct("<QII")
OPEN_OUT = Struct("<QIi")
READ_IN = Struct("<QQI")
HANDLE_IN = Struct("<Q")
FORGET_ONE = Struct("<QQ")
BATCH_FORGET = Struct("<II")
DIRENT = Struct("<QQII")
DIRENT_PLUS = Struct("<QQQQII6Q10IQQII")
INIT_IN = Struct("<IIIII")
INIT_OUT = Struct("<IIIIHHIIHHI28x")
STATFS = Struct("<5Q4I24x")
INVALIDATE = Struct("<QII")
STORE = Struct("<QQI4x")

NO_ENTRY = {False: b"", True: bytes(ENTRY.size + ATTRIBUTES.size)}
"""What goes before a name of a folder where there is no inode to tell of, in READDIR and in READDIRPLUS."""


class Looks(NamedTuple):
    """Whose files and folders are, and who may read them."""

    uid: int
    gid: int
    file_mode: int = 0o444
    folder_mode: int = 0o555


def kind(entry: Entry) -> int:
    """Return what a name stands for, as a folder tells it."""
    return (stat.S_IFDIR if entry.is_folder else stat.S_IFREG) >> 12


def attributes(entry: Entry, looks: Looks, number: int) -> tuple[int, ...]:
    """Return what ``ATTRIBUTES`` is filled with."""
    when = max(0.0, entry.modified)
    whole = int(when)
    part = int((when - whole) * 1e9)
    if entry.is_folder:
        mode, links, block = stat.S_IFDIR | looks.folder_mode, 2, 4096
    else:
        mode, links, block = stat.S_IFREG | looks.file_mode, 1, READ_BYTES
    times = whole, whole, whole, part, part, part
    return number, entry.size, -(-entry.size // 512), *times, mode, links, looks.uid, looks.gid, 0, block, 0


def spans(entry: float, attributes: float) -> tuple[int, int, int, int]:
    """Return two spans of time as the kernel takes them: both whole seconds, then both nanoseconds."""
    return int(entry), int(attributes), int(entry % 1 * 1e9), int(attributes % 1 * 1e9)
