"""The kernel's FUSE protocol on one ``/dev/fuse``: bytes in, calls of `operations.FileSystem`, bytes out.

Decides nothing about files. A request may be answered by any thread, once, and in bounded time.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import chain

from s3magic.mounting import layouts
from s3magic.mounting.failures import errno_of
from s3magic.mounting.inodes import Entry
from s3magic.mounting.nodes import Node
from s3magic.mounting.operations import FileSystem
from s3magic.mounting.pending import Pending
from s3magic.mounting.workers import Workers
from s3magic.naming import NAME_BYTES

METADATA_SECONDS = 10
DATA_SECONDS = 60
TICK = 0.5

_BUFFER = 64 << 10
_READERS = 2
_METADATA_WORKERS = 16
_BACKGROUND = 64
_MOST_DENIED = 20_000

_LOOKUP, _FORGET, _GETATTR, _READLINK = 1, 2, 3, 5
_OPEN, _READ, _STATFS_OP, _RELEASE, _INIT, _OPENDIR = 14, 15, 17, 18, 26, 27
_READDIR, _RELEASEDIR, _ACCESS, _INTERRUPT, _DESTROY, _BATCH_FORGET_OP, _READDIRPLUS = 28, 29, 34, 36, 38, 42, 44
# setattr symlink mknod mkdir unlink rmdir rename link write setxattr removexattr create fallocate rename2
# copy_file_range tmpfile
_WRITING = frozenset({4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 47, 51})
_NOTIFY_ENTRY, _NOTIFY_STORE = 3, 4
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
    device
        Open descriptor of ``/dev/fuse``, already mounted.
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
    errors : int
        Requests that failed otherwise than by "no such file".
    last_error : str
        What the last of them said; no secret.
    """

    def __init__(
        self,
        device: int,
        files: FileSystem,
        *,
        started: Callable[[], None],
        ended: Callable[[], None],
        looks: layouts.Looks | None = None,
    ) -> None:
        self.errors = 0
        self.last_error = ""
        self._device = device
        self._files = files
        self._started = started
        self._ended = ended
        self._looks = looks or layouts.Looks(os.getuid(), os.getgid())
        self._expires_only = False
        self._turn = threading.Lock()  # to read what the kernel asks next
        self._pending = Pending()
        self._denied: dict[tuple[int, bytes], float] = {}  # until when it may be believed that there is none
        self._workers = Workers(_METADATA_WORKERS, name="metadata")
        self._now = {
            _FORGET: self._forget,
            _BATCH_FORGET_OP: self._batch_forget,
            _LOOKUP: self._lookup_at_hand,
            _OPENDIR: self._opendir,
            _READDIR: self._list_at_hand,
            _READDIRPLUS: self._list_at_hand_plus,
            _GETATTR: self._getattr,
            _OPEN: self._open,
            _READ: self._read,
            _RELEASE: self._release,
            _RELEASEDIR: self._releasedir,
            _STATFS_OP: self._statfs,
            _INIT: self._init,
            _INTERRUPT: self._interrupt,
            _ACCESS: self._nothing,
        }

    def start(self) -> None:
        """Begin to answer, in threads of its own."""
        for number in range(_READERS):
            threading.Thread(target=self._run, name=f"fuse-{number}", daemon=True).start()
        threading.Thread(target=self._watch, name="fuse-watch", daemon=True).start()

    def refresh(self) -> None:
        """Make the kernel ask again for every name it was told; not to be called while answering."""
        denied, self._denied = self._denied, {}
        for parent, name in chain(denied, self._files.told()):
            flags = _EXPIRE_ONLY if self._expires_only else 0
            self._write(0, _NOTIFY_ENTRY, layouts.INVALIDATE.pack(parent, len(name), flags), name, b"\0")

    # Requests in, answers out

    def _run(self) -> None:
        """Answer as long as there is a mount.

        One thread at a time: two that compute would only wait for each other. It lets the next one
        go on while it hands bytes over, for that takes long and needs no Python.
        """
        buffer = bytearray(_BUFFER)
        view = memoryview(buffer)
        with self._turn:
            while True:
                try:
                    size = os.readv(self._device, [buffer])
                except OSError as error:
                    if error.errno in {errno.EINTR, errno.EAGAIN, errno.ENOENT}:
                        continue
                    break  # ENODEV: unmounted; ECONNABORTED: the connection was aborted
                _, code, unique, node_id, _, _, thread, *_ = layouts.IN_HEADER.unpack_from(buffer)
                if code == _DESTROY:
                    self._reply(unique)
                    break
                body = bytes(view[layouts.IN_HEADER.size : size])
                if code == _READ:
                    self._turn.release()
                try:
                    self._take(code, unique, node_id, thread, body)
                finally:
                    if code == _READ:
                        self._turn.acquire()
        self._ended()

    def _take(self, code: int, unique: int, node_id: int, thread: int, body: bytes) -> None:
        if code not in {_FORGET, _BATCH_FORGET_OP, _INTERRUPT, _INIT}:
            self._pending.add(unique, DATA_SECONDS if code in {_OPEN, _READ} else METADATA_SECONDS, thread)
        if operation := self._now.get(code):
            self._call(operation, unique, node_id, body)
        else:
            self._reply(unique, errno.EROFS if code in _WRITING else errno.ENOSYS)

    def _defer(self, operation: Callable[[int, int, bytes], None], unique: int, node_id: int, body: bytes) -> None:
        """Do what has to wait for the store in another thread."""
        self._workers.submit(partial(self._call, operation, unique, node_id, body))

    def _call(self, operation: Callable[[int, int, bytes], None], unique: int, node_id: int, body: bytes) -> None:
        try:
            operation(unique, node_id, body)
        except Exception as error:  # noqa: BLE001 - no request may stay unanswered
            self._fail(unique, error)

    def _fail(self, unique: int, error: Exception) -> None:
        number = errno_of(error)
        if number not in {errno.ENOENT, errno.ESTALE}:
            self.errors += 1
            self.last_error = str(error) or type(error).__name__
        self._reply(unique, number)

    def _reply(self, unique: int, number: int = 0, *parts: bytes | bytearray | memoryview) -> bool:
        """Answer a request; False when it was answered before, or nobody waits for it any more."""
        return self._pending.end(unique) and self._write(unique, -number, *parts)

    def _write(self, unique: int, code: int, *parts: bytes | bytearray | memoryview) -> bool:
        size = layouts.OUT_HEADER.size + sum(len(part) for part in parts)
        try:
            os.writev(self._device, [layouts.OUT_HEADER.pack(size, code, unique), *parts])
        except OSError:
            return False  # interrupted, not cached, or unmounted: whatever it is, nobody waits
        return True

    def _watch(self) -> None:
        """Answer what takes too long; sleep while nothing is asked."""
        while True:
            self._pending.wait()
            began = time.monotonic()
            time.sleep(TICK)
            slept = time.monotonic() - began
            if slept > 2 * TICK:  # stopped, or starved by others: what is asked of the store had no chance to come
                self._pending.pass_over(slept - TICK)
            for unique, error in self._pending.failed():
                self._fail(unique, error)
            self._files.urge()

    # The connection

    def _init(self, unique: int, _node_id: int, body: bytes) -> None:
        _, minor, read_ahead, flags, flags2 = layouts.INIT_IN.unpack_from(body)
        self._expires_only = bool(flags2 & _HAS_EXPIRE_ONLY)
        answer = layouts.INIT_OUT.pack(
            *(7, min(minor, 38), read_ahead, flags & _WANTED, _BACKGROUND, _BACKGROUND * 3 // 4),
            *(4096, 1, layouts.READ_BYTES // 4096, 0, flags2 & _HAS_EXPIRE_ONLY),
        )
        self._write(unique, 0, answer)
        self._started()

    def _interrupt(self, own: int, _node_id: int, body: bytes) -> None:
        if not self._pending.interrupt(*layouts.HANDLE_IN.unpack_from(body)):
            # it overtook its request in another thread; the kernel drops it where that is answered
            self._write(own, -errno.EAGAIN)

    def _nothing(self, unique: int, _node_id: int, _body: bytes) -> None:
        self._reply(unique)

    def _statfs(self, unique: int, _node_id: int, _body: bytes) -> None:
        self._reply(unique, 0, layouts.STATFS.pack(0, 0, 0, 0, 0, 4096, NAME_BYTES, 4096, 0))

    # Names

    def _lookup_at_hand(self, unique: int, node_id: int, body: bytes) -> None:
        try:
            found = self._files.lookup_at_hand(node_id, body[:-1].decode())
        except UnicodeDecodeError:
            found = None, 0  # no key is written like this
        if found is None:
            self._defer(self._lookup, unique, node_id, body)
        else:
            self._answer_lookup(unique, node_id, body[:-1], *found)

    def _lookup(self, unique: int, node_id: int, body: bytes) -> None:
        self._answer_lookup(unique, node_id, body[:-1], *self._files.lookup(node_id, body[:-1].decode()))

    def _answer_lookup(self, unique: int, node_id: int, name: bytes, node: Node | None, left: float) -> None:
        if node is None:
            if not left or not self._deny(node_id, name, left):
                self._reply(unique, errno.ENOENT)
            else:  # an entry without a node: the kernel may remember that there is none
                self._reply(
                    unique, 0, layouts.ENTRY.pack(0, 0, *layouts.spans(left, 0)), bytes(layouts.ATTRIBUTES.size)
                )
        elif not self._reply(unique, 0, self._entry(node, left)):
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
        self._reply(unique, 0, layouts.ATTR_OUT.pack(int(whole), int(part * 1e9), 0) + self._attributes(entry))

    def _entry(self, node: Node, left: float) -> bytes:
        return layouts.ENTRY.pack(node.id, 0, *layouts.spans(left, left)) + self._attributes(node.entry)

    def _attributes(self, entry: Entry) -> bytes:
        return layouts.ATTRIBUTES.pack(*layouts.attributes(entry, self._looks, entry.number))

    # Folders

    def _opendir(self, unique: int, node_id: int, _body: bytes) -> None:
        handle = self._files.open_folder(node_id)
        if not self._reply(unique, 0, layouts.OPEN_OUT.pack(handle, 0, 0)):
            self._files.close_folder(handle)

    def _list_at_hand(self, unique: int, node_id: int, body: bytes) -> None:
        self._list_or_defer(self._readdir, unique, node_id, body)

    def _list_at_hand_plus(self, unique: int, node_id: int, body: bytes) -> None:
        self._list_or_defer(self._readdirplus, unique, node_id, body)

    def _list_or_defer(
        self, operation: Callable[[int, int, bytes], None], unique: int, node_id: int, body: bytes
    ) -> None:
        handle, position, _ = layouts.READ_IN.unpack_from(body)
        if self._files.is_at_hand(handle, max(0, position - 2)):
            operation(unique, node_id, body)
        else:
            self._defer(operation, unique, node_id, body)

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
        if not self._reply(unique, 0, answer):
            for told in nodes:
                self._files.forget(told, 1)

    def _releasedir(self, unique: int, _node_id: int, body: bytes) -> None:
        self._files.close_folder(layouts.HANDLE_IN.unpack_from(body)[0])
        self._reply(unique)

    # Files

    def _open(self, unique: int, node_id: int, _body: bytes) -> None:
        def opened(handle: int | Exception) -> None:
            if isinstance(handle, Exception):
                self._fail(unique, handle)
            # One inode is one ETag, so what the kernel has of it stays right; and nothing is ever flushed.
            elif not self._reply(unique, 0, layouts.OPEN_OUT.pack(handle, _KEEP_CACHE | _NO_FLUSH, 0)):
                self._files.release(handle)

        def store(whole: list[memoryview]) -> None:
            # Spares a READ. Nobody has the file open, so none of its pages waits for an answer, and this for it.
            size = sum(len(part) for part in whole)
            self._write(0, _NOTIFY_STORE, layouts.STORE.pack(node_id, 0, size), *whole)

        self._files.open(node_id, opened, whole=store)

    def _read(self, unique: int, _node_id: int, body: bytes) -> None:
        def arrived(views: list[memoryview] | Exception) -> None:
            if isinstance(views, Exception):
                self._fail(unique, views)
            else:
                self._reply(unique, 0, *views)

        handle, start, size = layouts.READ_IN.unpack_from(body)
        self._files.read(handle, start, size, arrived)

    def _release(self, unique: int, _node_id: int, body: bytes) -> None:
        self._files.release(layouts.HANDLE_IN.unpack_from(body)[0])
        self._reply(unique)
