"""What to fetch for a read, and how far beyond it: decided from what readers have consumed, pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field

UNIT = 128 << 10
PART = 4 << 20
FIRST_FETCH = 1 << 20
NEAR_FETCH = 256 << 10
SMALLEST_WINDOW = 512 << 10
LARGEST_WINDOW = 96 << 20
EAGER_AFTER = 9 << 19  # 4.5 MiB: netCDF reads the first 4 MiB of many a file, and no more of it
CALM_WINDOW = 4 << 20
BEHIND, BEFORE = 1 << 20, 2 << 20
STREAMS = 8

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


@dataclass(slots=True)
class Readers:
    """The readers of one object, told apart by where they read.

    A reader that appears gets a little more than it asked for (1 MiB at the beginning of the
    object, 256 KiB elsewhere). One that goes on gets a window ahead of it that grows with the
    bytes it has consumed: twice as much at first, 4 MiB from the first MiB on, eight times as much
    after 4.5 MiB, 96 MiB at most.

    Parameters
    ----------
    size
        Length of the object in bytes.
    """

    size: int
    _streams: list[_Stream] = field(default_factory=list)

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
            end = min(self.size, max(stop, start // UNIT * UNIT + NEAR_FETCH if start else FIRST_FETCH))
            self._streams.insert(0, _Stream(stop, end, stop - start, max(start, FIRST_FETCH)))
            del self._streams[STREAMS:]
            return Plan((start, end), is_leap=start > 0)
        if not is_here:  # what was fetched ahead has been dropped since
            stream.fetched = min(stream.fetched, stop)
        if stop > stream.next:
            stream.consumed += stop - stream.next
            stream.next = stop
        return Plan((start, stop), tuple(_window(stream, self.size, room)), _passed(stream, start))

    def _find(self, start: int) -> _Stream | None:
        for index, stream in enumerate(self._streams):
            if stream.next - BEHIND <= start <= stream.next + BEFORE:
                self._streams.insert(0, self._streams.pop(index))
                return stream
        return None


def _passed(stream: _Stream, start: int) -> Range:
    begin, end = stream.passed, min(start, stream.next - BEHIND) // UNIT * UNIT
    if stream.consumed <= EAGER_AFTER or end <= begin:
        return 0, 0
    stream.passed = end
    return begin, end


def _window(stream: _Stream, size: int, room: int) -> list[Range]:
    window = _window_size(stream.consumed)
    begin, target = max(stream.fetched, stream.next), min(size, stream.next + window)
    part = min(PART, max(SMALLEST_WINDOW, window // 8 // UNIT * UNIT))
    stream.due = size if begin >= size else stream.next
    if window < SMALLEST_WINDOW:
        return []
    if target < size and target - begin < part:
        stream.due += (part - target + begin) // (1 if window == LARGEST_WINDOW else 9)
        return []
    ranges = []
    while begin < target:
        end = min(target, (begin // part + 1) * part)
        is_fragment = end == target < size and end - begin < part // 2
        if is_fragment or end - begin > room:
            break
        ranges.append((begin, end))
        room -= end - begin
        begin = end
    stream.fetched = max(stream.fetched, begin)
    stream.due = size if begin >= size else stream.next + part // 8
    return ranges


def _window_size(consumed: int) -> int:
    if consumed > EAGER_AFTER:
        return min(8 * consumed, LARGEST_WINDOW)
    return 2 * consumed if consumed < FIRST_FETCH else CALM_WINDOW
