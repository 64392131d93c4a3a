"""When random reads have cost half of what the whole object would: the whole of it, in a file without a name."""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from contextlib import suppress
from dataclasses import dataclass, field

from s3magic.mounting.ahead import NEAR_FETCH, PART, UNIT

WORTH = 0.5
FEWEST_LEAPS = 8
"""Formats find their parts by a few leaps: of a large object, that alone is no reading here and there."""
SMALL = 64 << 20
LARGEST = 8 << 30
_FOLDER = "/var/tmp"  # noqa: S108 - on disk by convention, where /tmp often is memory; the file has no name
_STREAMS = 16
"""How many connections' rates add up before the link is full: a guess, which the filling itself puts right."""
_FASTEST = 1e9
_DOUBT = 8
_WEIGHT = 0.2
_FORGETTING = 1.001
_FEWEST_AT_ONCE = 4
_A_SECOND = 3000
"""How many small requests a second this program can make at best."""


@dataclass(slots=True)
class Costs:
    """What requests cost here, learnt from those that were made.

    Attributes
    ----------
    latency : float
        Seconds until an answer begins.
    rate : float
        Bytes a second of one connection once it has begun.
    least : float
        The least latency of late: what the way takes, not this machine.
    """

    latency: float = 0.0
    rate: float = 0.0
    least: float = 0.0

    def learn(self, latency: float, size: int, seconds: float) -> None:
        """Take one request into account: when its answer began, and how long its bytes took."""
        self.latency += (latency - self.latency) * (_WEIGHT if self.latency else 1)
        self.least = min(latency, self.least * _FORGETTING) if self.least else latency
        if size >= UNIT and seconds > 0:
            self.rate += (size / seconds - self.rate) * (_WEIGHT if self.rate else 1)

    def at_once(self, size: int) -> int:
        """Return how many requests for so few bytes to have under way: as many as fill the way, for one a thread.

        More would only wait for each other here.
        """
        seconds = self.least + (size / self.rate if self.rate else 0)
        return _FEWEST_AT_ONCE + int(seconds * _A_SECOND)

    def is_worth(self, size: int, leaps: int) -> bool:
        """Whether so many reads here and there have cost enough to fetch a whole object instead."""
        is_enough = leaps >= FEWEST_LEAPS or size <= SMALL
        one = self.latency + (NEAR_FETCH / self.rate if self.rate else 0)
        return is_enough and leaps * one > WORTH * self._whole(size)

    def is_in_doubt(self, size: int, leaps: int) -> bool:
        """Whether the whole, now that more of it has come, would cost far more than was thought.

        Of the reads only the latency counts, for their bytes come as slowly as those of the whole.
        """
        return leaps * self.latency * _DOUBT < WORTH * self._whole(size)

    def _whole(self, size: int) -> float:
        return size / min(self.rate * _STREAMS, _FASTEST) if self.rate else float("inf")


@dataclass(slots=True, eq=False, weakref_slot=True)
class Spill:
    """An object on disk as far as it has come: sparse, without a name, gone with the last who holds it."""

    descriptor: int
    _direct: int
    _here: bytearray
    rest: list[int] = field(default_factory=list)
    """Where the parts begin that are yet to be asked for, the next one last."""
    under_way: int = 0

    def __post_init__(self) -> None:
        for descriptor in {self.descriptor, self._direct}:
            weakref.finalize(self, os.close, descriptor)

    @classmethod
    def make(cls, size: int) -> Spill | None:
        """Return an empty one, or None where the disk has no room for it."""
        folder = os.environ.get("TMPDIR", _FOLDER)
        try:
            disk = os.statvfs(folder)
            if size > LARGEST or size * 4 > disk.f_bavail * disk.f_frsize:
                return None
            with tempfile.TemporaryFile(dir=folder) as file:
                descriptor = os.dup(file.fileno())
        except OSError:
            return None
        return cls(descriptor, _past_the_cache(descriptor), bytearray(-(-size // UNIT)))

    def has(self, start: int, stop: int) -> bool:
        """Whether all of a range is here."""
        return self._here.find(0, start // UNIT, -(-stop // UNIT)) < 0

    def write(self, start: int, data: memoryview) -> None:
        """Keep bytes that begin at a unit and end at one, or at the end of the object."""
        at = 0
        if len(data) >= PART:  # a whole number of blocks, in memory of its own
            with suppress(OSError):
                at = os.pwrite(self._direct, data, start)
        while at < len(data):
            at += os.pwrite(self.descriptor, data[at:], start + at)
        first, last = start // UNIT, -(-(start + len(data)) // UNIT)
        self._here[first:last] = b"\1" * (last - first)

    def read(self, start: int, stop: int) -> bytes:
        """Return a range that is here."""
        data = os.pread(self.descriptor, stop - start, start)
        if len(data) != stop - start:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return data


def _past_the_cache(descriptor: int) -> int:
    """Return a descriptor that writes without a copy in the kernel's memory; the same where there is none."""
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError:
        return descriptor
