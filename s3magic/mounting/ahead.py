"""What to fetch for a read, and how far beyond it: decided from what readers have consumed, pure arithmetic."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

UNIT = 128 << 10
PART = 4 << 20
FIRST_FETCH = 1 << 20
NEAR_FETCH = 256 << 10
SMALLEST_WINDOW = 512 << 10
LARGEST_WINDOW = 96 << 20
EAGER_AFTER = 9 << 19  # 4.5 MiB: netCDF reads the first 4 MiB of many a file, and no more of it
CALM_WINDOW = 4 << 20
LEAP_EAGER_AFTER = 16 << 20
LARGEST_LEAP = 8 << 20
BEHIND, BEFORE = 1 << 20, 2 << 20
STREAMS = 8
INDEXED = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05")
"""How objects begin whose head tells where their parts are: HDF5, netCDF-4 in it, and netCDF."""
HEAD = 8

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one read asks for: a range to have now, and ranges to fetch when there is time."""

    now: Range
    ahead: tuple[Range, ...] = ()
    passed: Range = (0, 0)
    """What a reader in full swing has left behind but for the head; the kernel keeps it as long as it has room."""
    is_leap: bool = False
    """Whether it was read neither at the beginning nor where a reader was."""


@dataclass(slots=True)
class _Stream:
    """One reader going forward: where it will go on, how far was fetched for it, how much it took."""

    next: int
    fetched: int
    consumed: int
    passed: int = 0
    """Where what it left behind and was told of ends."""
    due: int = 0
    """Until where it may go on before its window is looked at again."""
    is_leap: bool = False
    """Whether it began elsewhere than at the head, and so will hardly go on to the end."""

    @property
    def is_eager(self) -> bool:
        """Whether it took so much that it will go on."""
        return self.consumed > (LEAP_EAGER_AFTER if self.is_leap else EAGER_AFTER)

    @property
    def window(self) -> int:
        """How far ahead of it there should be bytes."""
        if self.is_eager:
            return min(8 * self.consumed, LARGEST_WINDOW)
        if self.consumed < FIRST_FETCH:
            return 2 * self.consumed
        return max(CALM_WINDOW, self.consumed) if self.is_leap else CALM_WINDOW


@dataclass(slots=True)
class Readers:
    """The readers of one object, told apart by where they read.

    A reader that appears gets a little more than it asked for: 1 MiB at the beginning of the
    object, elsewhere 256 KiB, or what half of the last ones that appeared there went on to take
    (8 MiB at most): the chunks of a file are of one size. One that goes on gets a window ahead of it that grows with
    the bytes it has consumed: twice as much at first, 4 MiB from the first MiB on, eight times as
    much after 4.5 MiB, 96 MiB at most. One that began elsewhere than at the beginning gets no more
    than it has consumed until that is 16 MiB.

    Parameters
    ----------
    size
        Length of the object in bytes.

    Attributes
    ----------
    is_indexed : bool
        Whether its head tells where its parts are, so that readers of the head will hardly go on.
    """

    size: int
    is_indexed: bool = False
    _streams: list[_Stream] = field(default_factory=list)
    _leaps: deque[_Stream] = field(default_factory=lambda: deque(maxlen=STREAMS))
    """The last that began elsewhere than at the head."""

    def goes_on(self, start: int, stop: int) -> bool:
        """Note a read of what is here; False when it asks for a plan, which notes it too."""
        if not self._streams:
            return False
        stream = self._streams[0]
        if not stream.next - BEHIND <= start <= stream.next or stop > stream.due:
            return False
        if stop > stream.next:
            stream.consumed += stop - stream.next
            stream.next = stop
        return True

    def plan(self, start: int, stop: int, *, is_here: bool, room: int) -> Plan:
        """Note a read of ``[start, stop)`` and say what to fetch for it.

        Parameters
        ----------
        is_here
            Whether these bytes are here or on their way already.
        room
            The most bytes that may be fetched ahead.
        """
        stream = self._find(start)
        if stream is None:
            return self._appear(start, stop, room)
        if not is_here:  # what was fetched ahead has been dropped since
            stream.fetched = min(stream.fetched, stop)
        if stop > stream.next:
            stream.consumed += stop - stream.next
            stream.next = stop
        is_head = self.is_indexed and not stream.is_leap and not stream.is_eager
        window = _window(stream, min(self.size, EAGER_AFTER) if is_head else self.size, room)
        return Plan((start, stop), tuple(window), _passed(stream, start))

    def _appear(self, start: int, stop: int, room: int) -> Plan:
        """Plan for a reader that was not known."""
        reach = start // UNIT * UNIT + NEAR_FETCH if start else FIRST_FETCH
        end = min(self.size, max(stop, reach))
        stream = _Stream(stop, end, stop - start, max(start, FIRST_FETCH), is_leap=start > 0)
        self._streams.insert(0, stream)
        del self._streams[STREAMS:]
        ahead: list[Range] = []
        if start:
            taken = sorted(leap.consumed for leap in self._leaps)
            usual = taken[(len(taken) - 1) // 2] if len(taken) > 1 else 0
            self._leaps.append(stream)
            ahead = _parts(end, min(self.size, start + min(usual, LARGEST_LEAP)), SMALLEST_WINDOW, room)
            stream.fetched = ahead[-1][1] if ahead else end
        return Plan((start, end), tuple(ahead), is_leap=start > 0)

    def _find(self, start: int) -> _Stream | None:
        for index, stream in enumerate(self._streams):
            if stream.next - BEHIND <= start <= stream.next + BEFORE:
                self._streams.insert(0, self._streams.pop(index))
                return stream
        return None


def _passed(stream: _Stream, start: int) -> Range:
    begin, end = stream.passed, min(start, stream.next - BEHIND) // UNIT * UNIT
    if not stream.is_eager or end <= begin:
        return 0, 0
    stream.passed = end
    return begin, end


def _window(stream: _Stream, size: int, room: int) -> list[Range]:
    window = stream.window
    begin, target = max(stream.fetched, stream.next), min(size, stream.next + window)
    part = min(PART, max(SMALLEST_WINDOW, window // 8 // UNIT * UNIT))
    stream.due = size if begin >= size else stream.next
    if window < SMALLEST_WINDOW:
        return []
    if target < size and target - begin < part:
        stream.due += (part - target + begin) // (1 if window == LARGEST_WINDOW else 9)
        return []
    whole = max(begin, target // part * part)
    if target < size and target - whole < part // 2:
        target = whole
    ranges = _parts(begin, target, part, room)
    reached = ranges[-1][1] if ranges else begin
    stream.fetched = max(stream.fetched, reached)
    stream.due = size if reached >= size else stream.next + part // 8
    return ranges


def _parts(begin: int, stop: int, part: int, room: int) -> list[Range]:
    """Cut a range at whole multiples of a part, as far as there is room."""
    parts = []
    while begin < stop:
        end = min(stop, (begin // part + 1) * part)
        if end - begin > room:
            break
        parts.append((begin, end))
        room -= end - begin
        begin = end
    return parts
