"""What was asked of S3 and what came of it, counted: requests by what they cost, bytes, retries, failures."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from s3magic.html import bytes_text, card, counted
from s3magic.store.credentials import Location

PRICED = "list prices of S3 Standard in us-east-1, 2025 (aws.amazon.com/s3/pricing)"
LIST_PRICE = 0.005 / 1000
"""Dollars a LIST, PUT, COPY or POST."""
READ_PRICE = 0.0004 / 1000
"""Dollars a GET, HEAD or any other request; DELETE costs nothing."""
OUT_PRICE = 0.09 / 2**30
"""Dollars a byte that leaves AWS; to a machine in the bucket's region it costs nothing."""
_FEWEST_DOLLARS = 1e-6


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests and bytes of some time; two of them can be added, and a former one taken from a later one.

    Parameters
    ----------
    lists
        Requests that list or write (LIST, PUT, COPY, POST): the dear ones.
    reads
        Requests that read (GET, HEAD).
    deletes
        Requests that delete or give up an upload, which are free.
    received, sent
        Bytes of bodies, from S3 and to it.
    retries
        Requests, among those above, that were sent again because of a passing fault.
    failures
        Requests that were refused, or got no answer, in the end. That nothing is there is an answer.

    Examples
    --------
    >>> Traffic(lists=1, reads=20, received=1_500_000)
    <Traffic: 21 requests, 1.5 MB received, about $0.00014>
    """

    lists: int = 0
    reads: int = 0
    deletes: int = 0
    received: int = 0
    sent: int = 0
    retries: int = 0
    failures: int = 0

    @property
    def requests(self) -> int:
        """All requests."""
        return self.lists + self.reads + self.deletes

    @property
    def request_cost(self) -> float:
        """Dollars that the requests cost at AWS's list price."""
        return self.lists * LIST_PRICE + self.reads * READ_PRICE

    @property
    def out_cost(self) -> float:
        """Dollars that the bytes cost which left AWS, if they did."""
        return self.received * OUT_PRICE

    @property
    def cost(self) -> float:
        """Dollars in all; rough."""
        return self.request_cost + self.out_cost

    def to_json(self) -> dict[str, int]:
        """Return the counts as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, counts: Mapping[str, Any]) -> Traffic:
        """Make it again of what `to_json` gave; what is not told, or not known, counts as nothing."""
        return cls(*(counts.get(name, 0) for name in _NAMES))

    def rows(self) -> list[tuple[str, object]]:
        """Return what a card shows of it: names and values."""
        kinds = [("list or write", self.lists), ("read", self.reads), ("delete", self.deletes)]
        told = ", ".join(f"{count:,} {name}" for name, count in kinds if count)
        rows: list[tuple[str, object]] = [("requests", f"{self.requests:,}" + (f": {told}" if told else ""))]
        rows.append(("received", bytes_text(self.received)))
        rows += [("sent", bytes_text(self.sent))] if self.sent else []
        rows += [("sent again", f"{self.retries:,}, after a passing fault")] if self.retries else []
        rows += [("failed", f"{self.failures:,}")] if self.failures else []
        parts = f": requests {_dollars(self.request_cost)}, bytes out of AWS {_dollars(self.out_cost)}"
        return [*rows, ("at AWS", f"about {_dollars(self.cost)}{parts if self.request_cost and self.out_cost else ''}")]

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __sub__(self, former: Traffic) -> Traffic:
        return Traffic(*(getattr(self, name) - getattr(former, name) for name in _NAMES))

    def __bool__(self) -> bool:
        return self != _NOTHING

    def __repr__(self) -> str:
        words = [counted(self.requests, "request"), f"{bytes_text(self.received)} received"]
        words += [f"{bytes_text(self.sent)} sent"] if self.sent else []
        return f"<Traffic: {', '.join(words)}, about {_dollars(self.cost)}>"

    def _repr_html_(self) -> str:
        return card("S3 traffic", self.rows())


_NAMES = tuple(field.name for field in fields(Traffic))
_NOTHING = Traffic()
_LISTS, _READS, _DELETES, _RECEIVED, _SENT, _RETRIES, _FAILURES = range(len(_NAMES))
Place = tuple[str, bool]
"""What is asked, for its price: an endpoint, empty for AWS, and whether whoever asks pays."""
_lock = threading.Lock()
_places: dict[Place, list[int]] = {}


class Tally:
    """The counter of one client; safe to use from many threads.

    Parameters
    ----------
    location
        What it asks.
    """

    def __init__(self, location: Location) -> None:
        self._counts = [0] * len(_NAMES)
        self.move(location)

    def move(self, location: Location) -> None:
        """Count what is asked elsewhere from now on."""
        with _lock:
            place = location.endpoint_url or "", location.requester_pays
            self._of_place = _places.setdefault(place, [0] * len(_NAMES))

    def asked(self, method: str, key: str, *, sent: int = 0) -> None:
        """Count a request that goes out, with the bytes of its body."""
        kind = _DELETES if method == "DELETE" else _READS if key and method in {"GET", "HEAD"} else _LISTS
        self._count(kind, 1)
        self._count(_SENT, sent)

    def again(self) -> None:
        """Count that the last request goes out once more."""
        self._count(_RETRIES, 1)

    def received(self, size: int) -> None:
        """Count bytes of a body."""
        self._count(_RECEIVED, size)

    def failed(self) -> None:
        """Count a request that came to nothing."""
        self._count(_FAILURES, 1)

    def read(self) -> Traffic:
        """Return what was counted so far."""
        with _lock:
            return Traffic(*self._counts)

    def _count(self, what: int, amount: int) -> None:
        with _lock:
            self._counts[what] += amount
            self._of_place[what] += amount


def by_place() -> dict[Place, Traffic]:
    """Return all that this process asked since it began, by what it asked."""
    with _lock:
        return {place: Traffic(*counts) for place, counts in _places.items()}


def total(traffics: Iterable[Traffic] | None = None) -> Traffic:
    """Return the sum; of all that this process asked since it began when None."""
    return sum(by_place().values() if traffics is None else traffics, _NOTHING)


def _dollars(amount: float) -> str:
    """Return an amount with two digits that count: ``$0.00014``, ``$1.25``."""
    if amount < _FEWEST_DOLLARS:
        return "nothing" if not amount else f"less than ${_FEWEST_DOLLARS:f}"
    return f"${amount:,.{max(2, 1 - math.floor(math.log10(amount)))}f}"
