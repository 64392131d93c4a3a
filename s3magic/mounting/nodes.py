"""The inodes the kernel holds, packed: one for each key and ETag, forgotten when the kernel forgets.

About a hundred bytes each, for the kernel may hold a million; one that is looked at is a `Node`.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from s3magic.mounting.inodes import Entry
from s3magic.naming import file_name, is_plain
from s3magic.url import utf8

ROOT = 1

_SHEET = 1024
_PARTS = 64
_FEWEST_SLOTS = 16
_RECORD = Struct("<HHHBQd")
_FOLDER, _ARCHIVED = 1, 2
_FORGOTTEN = 0xFFFFFFFF
_REMOVED = (1 << 64) - 1
_ID_BITS = 36
_IDS = (1 << _ID_BITS) - 1
_TAGS = (1 << 64 - _ID_BITS) - 1
_ROW_BYTES = 8
_OVERHEAD = 800
_PREFIX_BYTES = 100


class Node(NamedTuple):
    """An inode the kernel knows of, and its entry."""

    id: int
    entry: Entry


class _Sheet:
    """Inodes that came one after another: what is known of each, and how often the kernel was told of it."""

    __slots__ = ("at", "data", "forgotten", "live", "lookups", "prefixes", "size", "told")

    def __init__(self) -> None:
        self.prefixes: list[str] = []
        self.data = bytearray()
        self.at = array("I")
        self.lookups = array("I")
        self.size = _OVERHEAD
        """Bytes it takes, about."""
        self.live = 0
        self.forgotten = 0
        """Those that have not given their room back."""
        self.told = 0.0
        """Until when the kernel may believe what it was last told of any of them."""

    def begin_folder(self, prefix: str) -> int:
        """Take a folder in and return its number here."""
        self.prefixes.append(prefix)
        self.size += len(prefix) + _PREFIX_BYTES
        return len(self.prefixes) - 1

    def add(self, entry: Entry, prefix: int, tail: bytes, etag: bytes) -> None:
        """Write one more down."""
        flags = _FOLDER * entry.is_folder | _ARCHIVED * entry.is_archived
        self.at.append(len(self.data))
        self.lookups.append(0)
        self.data += _RECORD.pack(prefix, len(tail), len(etag), flags, entry.size, entry.modified) + tail + etag
        self.size += _ROW_BYTES + _RECORD.size + len(tail) + len(etag)
        self.live += 1

    def is_at(self, row: int, prefix: str, tail: bytes, etag: bytes) -> bool:
        """Whether this is the inode of a key, given in two parts, with an ETag."""
        begin = self.at[row]
        number, length, etag_length, *_ = _RECORD.unpack_from(self.data, begin)
        begin += _RECORD.size
        return (
            length == len(tail)
            and etag_length == len(etag)
            and self.data[begin : begin + length + etag_length] == tail + etag
            and self.prefixes[number] == prefix
        )

    def entry(self, row: int) -> Entry:
        """Return one entry; raise `KeyError` where it was forgotten."""
        begin = self.at[row]
        if begin == _FORGOTTEN:
            raise KeyError(row)
        number, length, etag_length, flags, size, modified = _RECORD.unpack_from(self.data, begin)
        begin += _RECORD.size
        tail = bytes(self.data[begin : begin + length])
        etag = self.data[begin + length : begin + length + etag_length].decode("utf-8", "surrogatepass")
        text = tail.decode()
        segment = text[:-1] if flags & _FOLDER else text
        name = segment if is_plain(tail) else file_name(segment) or segment
        return Entry(
            name, self.prefixes[number] + text, bool(flags & _FOLDER), size, etag, modified, bool(flags & _ARCHIVED)
        )

    def forget(self, row: int) -> None:
        """Forget one; give room back once more are forgotten than not."""
        self.at[row] = _FORGOTTEN
        self.live -= 1
        self.forgotten += 1
        if self.forgotten > self.live:
            self._pack()

    def _pack(self) -> None:
        data = bytearray()
        for row, begin in enumerate(self.at):
            if begin != _FORGOTTEN:
                _, length, etag_length, *_ = _RECORD.unpack_from(self.data, begin)
                self.at[row] = len(data)
                data += self.data[begin : begin + _RECORD.size + length + etag_length]
        self.size -= len(self.data) - len(data)
        self.data = data
        self.forgotten = 0


class NodeTable:
    """The inodes the kernel holds. Safe to use from several threads.

    Parameters
    ----------
    root
        The entry of the first one, which is never forgotten.

    Examples
    --------
    >>> table, entry = NodeTable(Entry("", "", is_folder=True)), Entry("a", "a", size=7, etag="1")
    >>> table.remember(entry).id == table.remember(entry).id
    True
    """

    def __init__(self, root: Entry) -> None:
        self._root = root
        self._sheets: dict[int, _Sheet] = {}
        self._folders: dict[str, int] = {}  # those of the last sheet
        self._slots = [array("Q", bytes(8 * _FEWEST_SLOTS)) for _ in range(_PARTS)]  # tag and id, or 0
        self._taken = [0] * _PARTS  # those that are not 0
        self._live = [0] * _PARTS  # those that are an id
        self._next = _SHEET  # the first sheet is never begun: the root has it for itself
        self._bytes = 8 * _FEWEST_SLOTS * _PARTS
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return 1 + sum(self._live)

    @property
    def size(self) -> int:
        """Bytes they take, about."""
        return self._bytes

    def __getitem__(self, node_id: int) -> Node:
        with self._lock:
            return Node(node_id, self._entry(node_id))

    def remember(self, entry: Entry, until: float = 0.0) -> Node:
        """Return the inode of an entry, made if it is new, with one more lookup counted.

        ``until`` is when the kernel no longer believes what it is told of it.
        """
        prefix, tail = _parted(entry.key)
        etag = utf8(entry.etag)
        spot = hash((entry.key, entry.etag))
        with self._lock:
            if entry.is_folder and entry.key == self._root.key:
                return Node(ROOT, self._root)
            node_id = self._find(spot, prefix, tail, etag)
            if not node_id:
                node_id = self._add(entry, prefix, tail, etag)
                self._place(spot, node_id)
            sheet = self._sheets[node_id // _SHEET]
            sheet.lookups[node_id % _SHEET] += 1
            sheet.told = max(sheet.told, until)
            return Node(node_id, entry)

    def forget(self, node_id: int, lookups: int) -> None:
        """Take lookups back; drop the inode when none is left."""
        number, row = divmod(node_id, _SHEET)
        with self._lock:
            sheet = self._sheets.get(number)
            if sheet is None or row >= len(sheet.at) or sheet.at[row] == _FORGOTTEN:
                return
            sheet.lookups[row] -= min(lookups, sheet.lookups[row])
            if sheet.lookups[row]:
                return
            entry = sheet.entry(row)
            self._bytes -= sheet.size
            sheet.forget(row)
            self._remove(hash((entry.key, entry.etag)), node_id)
            if not sheet.live and len(sheet.at) == _SHEET:
                del self._sheets[number]  # no other begins in it
            else:
                self._bytes += sheet.size

    def told(self, now: float) -> Iterator[tuple[int, bytes]]:
        """Yield the folder and the name of each inode whose name the kernel may still believe."""
        for number in list(self._sheets):
            with self._lock:
                sheet = self._sheets.get(number)
                rows = range(len(sheet.at)) if sheet is not None and sheet.told > now else range(0)
                entries = [sheet.entry(row) for row in rows if sheet.at[row] != _FORGOTTEN] if sheet is not None else []
                parents = [self._folder(_parted(entry.key)[0]) for entry in entries]
            yield from ((parent, utf8(entry.name)) for parent, entry in zip(parents, entries, strict=True) if parent)

    # The rest runs under the lock.

    def _entry(self, node_id: int) -> Entry:
        if node_id == ROOT:
            return self._root
        return self._sheets[node_id // _SHEET].entry(node_id % _SHEET)

    def _folder(self, key: str) -> int:
        """Return the inode of a folder; 0 where the kernel has none."""
        return ROOT if key == self._root.key else self._find(hash((key, "")), *_parted(key), b"")

    def _find(self, spot: int, prefix: str, tail: bytes, etag: bytes) -> int:
        slots, tag = self._slots[spot % _PARTS], spot // _PARTS & _TAGS
        mask = len(slots) - 1
        at = tag & mask
        while slot := slots[at]:
            if slot >> _ID_BITS == tag and slot != _REMOVED:
                number, row = divmod(slot & _IDS, _SHEET)
                if self._sheets[number].is_at(row, prefix, tail, etag):
                    return slot & _IDS
            at = (at + 1) & mask
        return 0

    def _add(self, entry: Entry, prefix: str, tail: bytes, etag: bytes) -> int:
        node_id = self._next
        self._next += 1
        sheet = self._sheets.get(node_id // _SHEET)
        if sheet is None:
            sheet = self._sheets[node_id // _SHEET] = _Sheet()
            self._folders.clear()
            self._bytes += sheet.size
        before = sheet.size
        number = self._folders.get(prefix)
        if number is None:
            number = self._folders[prefix] = sheet.begin_folder(prefix)
        sheet.add(entry, number, tail, etag)
        self._bytes += sheet.size - before
        return node_id

    def _place(self, spot: int, node_id: int) -> None:
        part = spot % _PARTS
        if self._taken[part] * 3 >= len(self._slots[part]) * 2:
            self._rebuild(part)
        self._put(part, (spot // _PARTS & _TAGS) << _ID_BITS | node_id)
        self._live[part] += 1

    def _put(self, part: int, slot: int) -> None:
        slots = self._slots[part]
        mask = len(slots) - 1
        at = slot >> _ID_BITS & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = slot
        self._taken[part] += 1

    def _remove(self, spot: int, node_id: int) -> None:
        slots = self._slots[spot % _PARTS]
        mask = len(slots) - 1
        at = spot // _PARTS & mask
        while slots[at] & _IDS != node_id:
            at = (at + 1) & mask
        slots[at] = _REMOVED
        part = spot % _PARTS
        self._live[part] -= 1
        if len(slots) > max(_FEWEST_SLOTS, 8 * self._live[part]):
            self._rebuild(part)

    def _rebuild(self, part: int) -> None:
        """Give a part of the slots the room that its inodes need."""
        former = self._slots[part]
        room = max(_FEWEST_SLOTS, 1 << (3 * self._live[part]).bit_length())
        self._slots[part] = array("Q", bytes(8 * room))
        self._taken[part] = 0
        self._bytes += 8 * (room - len(former))
        for slot in former:
            if slot not in {0, _REMOVED}:
                self._put(part, slot)


def _parted(key: str) -> tuple[str, bytes]:
    """Return the folder that a key is in, and the rest of the key."""
    begin = key.rfind("/", 0, -1) + 1
    return key[:begin], utf8(key[begin:])
