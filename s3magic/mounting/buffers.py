"""Memory for bytes on their way: whole parts are used again and again, for new memory costs as much as a copy."""

from __future__ import annotations

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from threading import Lock

Buffer = bytearray | mmap

_SMALL = 256 << 10
_SPARE = 8
"""Parts kept while nobody needs them."""


class Buffers:
    """Gives buffers out and takes them back.

    Parameters
    ----------
    part
        The size worth keeping.

    Examples
    --------
    >>> buffers = Buffers(1 << 20)
    >>> first = buffers.take(1 << 20)
    >>> buffers.give(first)
    >>> buffers.take(1 << 20) is first
    True
    """

    def __init__(self, part: int) -> None:
        self._part = part
        self._spare: list[mmap] = []
        self._lock = Lock()

    def take(self, size: int) -> Buffer:
        """Return a buffer of just this size; what is in it is anybody's."""
        if size < _SMALL:
            return bytearray(size)
        with self._lock:
            if size == self._part and self._spare:
                return self._spare.pop()
        return mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS)  # not of the heap, which would be left in pieces

    def give(self, buffer: Buffer) -> None:
        """Take a buffer back that nobody reads any more."""
        with self._lock:
            if isinstance(buffer, mmap) and len(buffer) == self._part and len(self._spare) < _SPARE:
                self._spare.append(buffer)
