"""A run of names of one folder, packed: some seventy bytes a name, unpacked one by one when asked for.

Holds names in the order of their keys; asks no store and knows no other run.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from s3magic.mounting.inodes import Entry
from s3magic.naming import file_name, is_plain
from s3magic.store.base import ListPage
from s3magic.url import utf8

DELIMITER = b"/"
_ARCHIVED = 1


class Row(NamedTuple):
    """One name as S3 tells it: a plain tuple, for a thousand are made of every page.

    Parameters
    ----------
    tail
        The key after the folder's, in UTF-8; that of a folder ends in ``/``.
    size, etag, modified, flags
        What an object has; the last one says whether it is archived.
    """

    tail: bytes
    size: int = 0
    etag: str = ""
    modified: float = 0.0
    flags: int = 0

    @property
    def is_folder(self) -> bool:
        """Whether it stands for all keys that begin so."""
        return self.tail.endswith(DELIMITER)


def rows(page: ListPage, prefix: str) -> list[Row]:
    """Return what a page says of a folder, in the order it came: objects, then folders; the folder's marker too."""
    begin = len(prefix)
    made = [
        Row(
            utf8(info.key[begin:]),
            info.size,
            info.etag,
            info.last_modified.timestamp() if info.last_modified else 0.0,
            _ARCHIVED if info.is_archived else 0,
        )
        for info in page.objects
    ]
    made += [Row(utf8(folder[begin:])) for folder in page.prefixes]
    return made


class Block:
    """A run of rows that can be files, packed into columns.

    Parameters
    ----------
    prefix
        The folder's key.
    rows
        What it holds, in the order of tails.
    modified
        The time that folders are shown with.
    born
        When S3 was asked for it, by `time.monotonic`.

    Attributes
    ----------
    born : float
        The same.
    size : int
        Bytes it takes, about.

    Examples
    --------
    >>> block = Block("a/", [Row(b"x.nc", 7, "e"), Row(b"y/")], modified=0.0, born=0.0)
    >>> [(entry.name, entry.key) for entry in block.entries(0)], block.find(b"x.nc"), block.find(b"z")
    ([('x.nc', 'a/x.nc'), ('y', 'a/y/')], 0, None)
    """

    __slots__ = (
        "_etag_ends",
        "_etags",
        "_flags",
        "_modified",
        "_name_ends",
        "_names",
        "_prefix",
        "_sizes",
        "_times",
        "born",
        "size",
    )

    def __init__(self, prefix: str, rows: Sequence[Row], *, modified: float, born: float) -> None:
        self.born = born
        self._prefix = prefix
        self._modified = modified
        tails, sizes, etags, times, flags = zip(*rows, strict=True) if rows else ((),) * 5
        self._names = b"".join(tails)
        self._name_ends = _ends(tails)
        self._sizes = array("Q", sizes)
        encoded = [etag.encode("utf-8", "surrogatepass") for etag in etags]
        self._etags = b"".join(encoded)
        self._etag_ends = _ends(encoded)
        self._times = array("d", times)
        self._flags = bytes(flags)
        self.size = _OVERHEAD + len(self._names) + len(self._etags) + _ROW_BYTES * len(rows)

    def __len__(self) -> int:
        return len(self._flags)

    def tail(self, index: int) -> bytes:
        """Return one tail."""
        ends = self._name_ends
        return self._names[ends[index - 1] if index else 0 : ends[index]]

    def find(self, tail: bytes) -> int | None:
        """Return where a tail is."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.tail(middle) < tail:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self.tail(low) == tail else None

    def entry(self, index: int) -> Entry:
        """Return one entry."""
        tail = self.tail(index)
        is_folder = tail.endswith(DELIMITER)
        text = tail.decode()
        segment = text[:-1] if is_folder else text
        name = segment if is_plain(tail) else file_name(segment) or segment
        key = self._prefix + text
        if is_folder:
            return Entry(name, key, True, 0, "", self._modified, False)
        ends = self._etag_ends
        etag = self._etags[ends[index - 1] if index else 0 : ends[index]].decode("utf-8", "surrogatepass")
        is_archived = bool(self._flags[index])
        return Entry(name, key, False, self._sizes[index], etag, self._times[index], is_archived)

    def entries(self, begin: int) -> Iterator[Entry]:
        """Yield the entries from an index on."""
        for index in range(begin, len(self)):
            yield self.entry(index)


_ROW_BYTES = 4 + 8 + 4 + 8 + 1
_OVERHEAD = 1000


def can_be_shown(row: Row) -> bool:
    """Tell whether a row can be a file or folder: whether it has a name."""
    if is_plain(row.tail):
        return True
    text = row.tail.removesuffix(DELIMITER) if row.is_folder else row.tail
    return file_name(text.decode("utf-8", "surrogatepass")) is not None


def _ends(parts: Sequence[bytes]) -> array[int]:
    ends, at = array("I"), 0
    for part in parts:
        at += len(part)
        ends.append(at)
    return ends
