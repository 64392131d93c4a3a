"""What the mounts of this process asked of S3, those that have ended included; asks their daemons and nobody else."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from s3magic.errors import S3MagicError
from s3magic.mounting import control
from s3magic.mounting.records import Record
from s3magic.store.traffic import Traffic

_SECONDS = 0.1
"""How long a daemon is waited for: where it has no time, what it said last counts."""


@dataclass(slots=True)
class Counter:
    """The traffic of one mount since this process has to do with it."""

    record: Record
    before: Traffic
    latest: Traffic

    @property
    def traffic(self) -> Traffic:
        """What was asked since, as far as it was looked at."""
        return self.latest - self.before

    def look(self) -> None:
        """Ask the daemon how far it is; where it does not say, nothing changes."""
        with contextlib.suppress(S3MagicError, OSError):
            if self.record.is_alive:
                self.latest = _ask(self.record)


_counters: dict[int, Counter] = {}


def begin(record: Record, *, is_new: bool) -> None:
    """Count a mount from its beginning, or from now on where others had it before."""
    before = Traffic()
    if not is_new:
        with contextlib.suppress(S3MagicError):
            before = _ask(record)
    _counters[record.pid] = Counter(record, before, before)


def look(record: Record) -> None:
    """Look at a mount that is about to end, if it is one of those counted."""
    counter = _counters.get(record.pid)
    if counter is not None and counter.record.started == record.started:
        counter.look()


def counters() -> dict[int, Counter]:
    """Return the counters by the daemons' pids, as they are now."""
    for counter in list(_counters.values()):
        counter.look()
    return dict(_counters)


def _ask(record: Record) -> Traffic:
    told = control.ask(record.socket, {"ask": "stats"}, seconds=_SECONDS)
    return Traffic.from_json(told.get("traffic", {}))  # another kernel's may be of another version
