"""What the kernel asks of a file system, read as calls of `operations.FileSystem`, and the answers in its words.

Decides nothing about files.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from itertools import chain

from s3magic.mounting import codes, layouts
from s3magic.mounting.device import Device, Operation
from s3magic.mounting.inodes import Entry
from s3magic.mounting.nodes import Node
from s3magic.mounting.operations import FileSystem
from s3magic.naming import NAME_BYTES

_BACKGROUND = 64
_MOST_DENIED = 20_000

_EXPIRE_ONLY = 1

_WANTED = (
    1 << 0  # asynchronous reads
    | 1 << 13  # READDIRPLUS …
    | 1 << 14  # … where the kernel finds it useful
    | 1 << 18  # lookups and readdirs of one folder at the same time
    | 1 << 22  # more than 32 pages a request
    | 1 << 30  # flags in two words
)
_HAS_EXPIRE_ONLY = 1 << 3  # of the second word
_KEEP_CACHE = 1 << 1
_NO_FLUSH = 1 << 5


class Connection:
    """A file system answering the kernel.

    Parameters
    ----------
    descriptor
        Of ``/dev/fuse``, already mounted.
    files
        What is asked.
    started
        Called once the kernel and this side have agreed on the protocol.
    ended
        Called when the mount is gone, by each thread that hears of it.
    looks
        Owner and modes; this user's, and for all to read, when None.

    Attributes
    ----------
    device : Device
        What the kernel is talked to over.
    """

    def __init__(
        self,
        descriptor: int,
        files: FileSystem,
        *,
        started: Callable[[], None],
        ended: Callable[[], None],
        looks: layouts.Looks | None = None,
    ) -> None:
        self._files = files
        self._started = started
        self._looks = looks or layouts.Looks(os.getuid(), os.getgid())
        self._expires_only = False
        self._denied: dict[tuple[int, bytes], float] = {}  # until when it may be believed that there is none
        operations: dict[int, Operation] = {
            codes.FORGET: self._forget,
            codes.BATCH_FORGET: self._batch_forget,
            codes.LOOKUP: self._lookup_at_hand,
            codes.OPENDIR: self._opendir,
            codes.READDIR: self._list_at_hand,
            codes.READDIRPLUS: self._list_at_hand_plus,
            codes.GETATTR: self._getattr,
            codes.OPEN: self._open,
            codes.READ: self._read,
            codes.RELEASE: self._release,
            codes.RELEASEDIR: self._releasedir,
            codes.STATFS: self._statfs,
            codes.INIT: self._init,
            codes.ACCESS: self._nothing,
        }
        self.device = Device(descriptor, operations, urge=files.urge, ended=ended)

    def start(self) -> None:
        """Begin to answer, in threads of its own."""
        self.device.start()

    def refresh(self) -> None:
        """Make the kernel ask again for every name it was told; not to be called while answering."""
        denied, self._denied = self._denied, {}
        for parent, name in chain(denied, self._files.told()):
            flags = _EXPIRE_ONLY if self._expires_only else 0
            self.device.write(0, codes.NOTIFY_ENTRY, layouts.INVALIDATE.pack(parent, len(name), flags), name, b"\0")

    # The connection

    def _init(self, unique: int, _node_id: int, body: bytes) -> None:
        _, minor, read_ahead, flags, flags2 = layouts.INIT_IN.unpack_from(body)
        self._expires_only = bool(flags2 & _HAS_EXPIRE_ONLY)
        answer = layouts.INIT_OUT.pack(
            *(7, min(minor, 38), read_ahead, flags & _WANTED, _BACKGROUND, _BACKGROUND * 3 // 4),
            *(4096, 1, layouts.READ_BYTES // 4096, 0, flags2 & _HAS_EXPIRE_ONLY),
        )
        self.device.write(unique, 0, answer)
        self._started()

    def _nothing(self, unique: int, _node_id: int, _body: bytes) -> None:
        self.device.reply(unique)

    def _statfs(self, unique: int, _node_id: int, _body: bytes) -> None:
        self.device.reply(unique, 0, layouts.STATFS.pack(0, 0, 0, 0, 0, 4096, NAME_BYTES, 4096, 0))

    # Names

    def _lookup_at_hand(self, unique: int, node_id: int, body: bytes) -> None:
        try:
            found = self._files.lookup_at_hand(node_id, body[:-1].decode())
        except UnicodeDecodeError:
            found = None, 0  # no key is written like this
        if found is None:
            self.device.defer(self._lookup, unique, node_id, body)
        else:
            self._answer_lookup(unique, node_id, body[:-1], *found)

    def _lookup(self, unique: int, node_id: int, body: bytes) -> None:
        self._answer_lookup(unique, node_id, body[:-1], *self._files.lookup(node_id, body[:-1].decode()))

    def _answer_lookup(self, unique: int, node_id: int, name: bytes, node: Node | None, left: float) -> None:
        if node is None:
            if not left or not self._deny(node_id, name, left):
                self.device.reply(unique, errno.ENOENT)
            else:  # an entry without a node: the kernel may remember that there is none
                self.device.reply(
                    unique, 0, layouts.ENTRY.pack(0, 0, *layouts.spans(left, 0)), bytes(layouts.ATTRIBUTES.size)
                )
        elif not self.device.reply(unique, 0, self._entry(node, left)):
            self._files.forget(node.id, 1)

    def _deny(self, parent: int, name: bytes, left: float) -> bool:
        """Note that the kernel will believe for a while that there is no such name; False when it believes too many."""
        now = time.monotonic()
        if len(self._denied) >= _MOST_DENIED:
            self._denied = {key: end for key, end in self._denied.copy().items() if end > now}
        if len(self._denied) >= _MOST_DENIED:
            return False
        self._denied[parent, name] = now + left
        return True

    def _forget(self, _unique: int, node_id: int, body: bytes) -> None:
        self._files.forget(node_id, layouts.HANDLE_IN.unpack_from(body)[0])

    def _batch_forget(self, _unique: int, _node_id: int, body: bytes) -> None:
        count, _ = layouts.BATCH_FORGET.unpack_from(body)
        for index in range(count):
            self._files.forget(
                *layouts.FORGET_ONE.unpack_from(body, layouts.BATCH_FORGET.size + index * layouts.FORGET_ONE.size)
            )

    def _getattr(self, unique: int, node_id: int, _body: bytes) -> None:
        entry = self._files.node(node_id).entry
        whole, part = divmod(self._files.fresh, 1)
        self.device.reply(unique, 0, layouts.ATTR_OUT.pack(int(whole), int(part * 1e9), 0) + self._attributes(entry))

    def _entry(self, node: Node, left: float) -> bytes:
        return layouts.ENTRY.pack(node.id, 0, *layouts.spans(left, left)) + self._attributes(node.entry)

    def _attributes(self, entry: Entry) -> bytes:
        return layouts.ATTRIBUTES.pack(*layouts.attributes(entry, self._looks, entry.number))

    # Folders

    def _opendir(self, unique: int, node_id: int, _body: bytes) -> None:
        handle = self._files.open_folder(node_id)
        if not self.device.reply(unique, 0, layouts.OPEN_OUT.pack(handle, 0, 0)):
            self._files.close_folder(handle)

    def _list_at_hand(self, unique: int, node_id: int, body: bytes) -> None:
        self._list_or_defer(self._readdir, unique, node_id, body)

    def _list_at_hand_plus(self, unique: int, node_id: int, body: bytes) -> None:
        self._list_or_defer(self._readdirplus, unique, node_id, body)

    def _list_or_defer(self, operation: Operation, unique: int, node_id: int, body: bytes) -> None:
        handle, position, _ = layouts.READ_IN.unpack_from(body)
        if self._files.is_at_hand(handle, max(0, position - 2)):
            operation(unique, node_id, body)
        else:
            self.device.defer(operation, unique, node_id, body)

    def _readdir(self, unique: int, node_id: int, body: bytes) -> None:
        self._list(unique, node_id, body, is_plus=False)

    def _readdirplus(self, unique: int, node_id: int, body: bytes) -> None:
        self._list(unique, node_id, body, is_plus=True)

    def _list(self, unique: int, node_id: int, body: bytes, *, is_plus: bool) -> None:
        handle, position, size = layouts.READ_IN.unpack_from(body)
        answer = bytearray()
        nodes: list[int] = []
        this = self._files.node(node_id).entry
        for dots in range(position, 2):
            name = (b".", b"..")[dots]
            answer += layouts.NO_ENTRY[is_plus] + layouts.DIRENT.pack(
                this.number, dots + 1, len(name), layouts.kind(this)
            )
            answer += name + bytes(-len(name) % 8)
        fixed = (layouts.DIRENT_PLUS if is_plus else layouts.DIRENT).size
        for entry, following, left in self._files.read_folder(handle, max(0, position - 2)):
            name = entry.name.encode()
            padded = name + bytes(-len(name) % 8)
            if len(answer) + fixed + len(padded) > size:
                break
            number = entry.number
            here = number, following + 2, len(name), layouts.kind(entry)
            if is_plus:
                node = self._files.remember(entry, left)
                nodes.append(node.id)
                lives = layouts.spans(left, left)
                answer += (
                    layouts.DIRENT_PLUS.pack(node.id, 0, *lives, *layouts.attributes(entry, self._looks, number), *here)
                    + padded
                )
            else:
                answer += layouts.DIRENT.pack(*here) + padded
        if not self.device.reply(unique, 0, answer):
            for told in nodes:
                self._files.forget(told, 1)

    def _releasedir(self, unique: int, _node_id: int, body: bytes) -> None:
        self._files.close_folder(layouts.HANDLE_IN.unpack_from(body)[0])
        self.device.reply(unique)

    # Files

    def _open(self, unique: int, node_id: int, _body: bytes) -> None:
        def opened(handle: int | Exception) -> None:
            if isinstance(handle, Exception):
                self.device.fail(unique, handle)
            # One inode is one ETag, so what the kernel has of it stays right; and nothing is ever flushed.
            elif not self.device.reply(unique, 0, layouts.OPEN_OUT.pack(handle, _KEEP_CACHE | _NO_FLUSH, 0)):
                self._files.release(handle)

        def store(whole: list[memoryview]) -> None:
            # Spares a READ. Nobody has the file open, so none of its pages waits for an answer, and this for it.
            size = sum(len(part) for part in whole)
            self.device.write(0, codes.NOTIFY_STORE, layouts.STORE.pack(node_id, 0, size), *whole)

        self._files.open(node_id, opened, whole=store)

    def _read(self, unique: int, _node_id: int, body: bytes) -> None:
        def arrived(views: list[memoryview] | Exception) -> None:
            if isinstance(views, Exception):
                self.device.fail(unique, views)
            else:
                self.device.reply(unique, 0, *views)

        handle, start, size = layouts.READ_IN.unpack_from(body)
        self._files.read(handle, start, size, arrived)

    def _release(self, unique: int, _node_id: int, body: bytes) -> None:
        self._files.release(layouts.HANDLE_IN.unpack_from(body)[0])
        self.device.reply(unique)
