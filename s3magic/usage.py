"""What a cell, or the whole session, asked of S3: this process and its mounts together, with a rough price.

Knows no notebook: whoever runs cells says when one begins and ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from s3magic import html
from s3magic.loaded import loaded
from s3magic.store import traffic
from s3magic.store.traffic import PRICED, Place, Traffic
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests, bytes and their rough price, of one cell or of the whole session; shows itself as a card.

    Parameters
    ----------
    what
        What it is told of, for people.
    here
        What this process asked.
    mounts
        What its mounts asked, by URL.
    seconds
        How long the cell took; None for a session.
    endpoints
        The stores that were asked and are not AWS.
    requester_pays
        Whether whoever asked pays, and not the owner of the bucket.
    """

    what: str
    here: Traffic = field(default_factory=Traffic)
    mounts: Mapping[str, Traffic] = field(default_factory=dict)
    seconds: float | None = None
    endpoints: tuple[str, ...] = ()
    requester_pays: bool = False

    @property
    def traffic(self) -> Traffic:
        """All of it together."""
        return traffic.total([self.here, *self.mounts.values()])

    @property
    def requests(self) -> int:
        """Requests in all."""
        return self.traffic.requests

    @property
    def bytes_received(self) -> int:
        """Bytes of bodies that came from S3."""
        return self.traffic.received

    @property
    def cost(self) -> float:
        """Dollars at AWS's list price; rough."""
        return self.traffic.cost

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types, and the cost."""
        return {
            "what": self.what,
            "here": self.here.to_json(),
            "mounts": {url: one.to_json() for url, one in self.mounts.items()},
            "seconds": self.seconds,
            "endpoints": list(self.endpoints),
            "requester_pays": self.requester_pays,
            "cost": self.cost,
        }

    @property
    def _title(self) -> str:
        return self.what + ("" if self.seconds is None else f" ({self.seconds:.1f} s)")

    def _rows(self) -> list[tuple[str, object]]:
        if not self.traffic:
            return [("requests", 0)]
        payer = "you: requester pays" if self.requester_pays else "the owner of the bucket"
        rows = [*self.traffic.rows(), ("paid by", payer)]
        if self.traffic == self.here:
            return rows
        rows.append(("asked here", _short(self.here)))
        return [*rows, *(("by a mount", f"{url}: {_short(one)}") for url, one in self.mounts.items())]

    def _notes(self) -> list[str]:
        if not self.traffic:
            return []
        rough = f"Rough: {PRICED}. To a machine in the bucket's region bytes are free."
        return [rough, *(f"{endpoint} is not AWS and has prices of its own." for endpoint in self.endpoints)]

    def __repr__(self) -> str:
        rows = self._rows()
        width = max(len(name) for name, _ in rows) + 2
        return "\n".join([self._title, *(f"  {name:<{width}}{value}" for name, value in rows), *self._notes()])

    def _repr_html_(self) -> str:
        note = f'<div class="s3m-note">{html.cell(" ".join(self._notes()))}</div>'
        return html.card(self._title, self._rows(), note if self.traffic else "")


@dataclass(frozen=True, slots=True)
class _Reading:
    """How far the counters were at one moment."""

    here: Mapping[Place, Traffic]
    mounts: Mapping[int, tuple[str, Place, Traffic]]
    at: float = field(default_factory=time.monotonic)

    def since(self, former: _Reading | None, what: str) -> Usage:
        """Return what was asked since a former reading, or ever."""
        here = {place: now - former.here.get(place, Traffic()) if former else now for place, now in self.here.items()}
        asked = {place for place, used in here.items() if used}
        mounts: dict[str, Traffic] = {}
        for pid, (url, place, now) in self.mounts.items():
            before = former.mounts.get(pid) if former else None
            used = now - before[-1] if before else now
            if used:
                mounts[url] = mounts.get(url, Traffic()) + used
                asked.add(place)
        return Usage(
            what,
            traffic.total(here.values()),
            mounts,
            seconds=self.at - former.at if former else None,
            endpoints=tuple(sorted({endpoint for endpoint, _ in asked if endpoint})),
            requester_pays=any(pays for _, pays in asked),
        )


class Cells:
    """What each cell asked, one after the other; of a notebook or of whatever else runs cells."""

    def __init__(self) -> None:
        self._exist = False
        self._begun: _Reading | None = None
        self._last: Usage | None = None
        self._marks: WeakKeyDictionary[Connection, Traffic] = WeakKeyDictionary()

    def begin(self) -> None:
        """Count from here on for a cell."""
        self._exist = True
        self._begun = _read()
        for connection in _connections():
            self._marks[connection] = connection.traffic

    def end(self) -> None:
        """Keep what the cell asked, if it asked anything, for `usage` and for each connection's ``last_cell``."""
        if self._begun is None:
            return
        begun, self._begun = self._begun, None
        used = _read().since(begun, "S3 in the last cell that used it")
        if not used.traffic:
            return
        self._last = used
        for connection in _connections():
            mounted = [one for url, one in used.mounts.items() if _serves(connection, url)]
            own = traffic.total([connection.traffic - self._marks.get(connection, Traffic()), *mounted])
            if own:
                connection.last_cell = own

    def forget(self) -> None:
        """Know of no cell any more."""
        self._exist, self._begun, self._last = False, None, None

    def usage(self) -> Usage:
        """Return the usage of the cell that runs, or else of the last one that used S3; without cells, of all."""
        if not self._exist:
            return of_session()
        so_far = _read().since(self._begun, "S3 in this cell so far") if self._begun else None
        if so_far is not None and so_far.traffic:
            return so_far
        return self._last or Usage("No cell has used S3 so far")


cells = Cells()
"""Those of this process."""


def of_session() -> Usage:
    """Return the usage of this process since it began, its mounts included."""
    return _read().since(None, "S3 in this session")


def _read() -> _Reading:
    counted = loaded("s3magic.mounting.counted")  # else nothing was mounted
    counters = counted.counters() if counted else {}
    mounts = {pid: (one.record.url, _place(one.record.location), one.traffic) for pid, one in counters.items()}
    return _Reading(traffic.by_place(), mounts)


def _place(location: Mapping[str, Any]) -> Place:
    return location["endpoint_url"] or "", location["requester_pays"]


def _connections() -> Iterable[Connection]:
    """Return the connections in use, without making one."""
    current = loaded("s3magic.access.current")
    if current is None:
        return []
    return {one for one in (current.chosen(), *current.per_url.chosen().values()) if one is not None}


def _short(one: Traffic) -> str:
    return f"{html.counted(one.requests, 'request')}, {html.bytes_text(one.received)}"


def _serves(connection: Connection, url: str) -> bool:
    current = loaded("s3magic.access.current")
    return connection is (current.per_url.find(S3Url.parse(url)) or current.chosen())
