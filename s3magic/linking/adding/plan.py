"""What an add is going to do: which hash comes which way, what is read, how many requests; does nothing itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from s3magic.html import bytes_text, card, counted
from s3magic.linking.adding.describe import first_read, has_header
from s3magic.linking.adding.order import Order
from s3magic.linking.adding.report import Report
from s3magic.linking.adding.survey import Candidate, Survey
from s3magic.linking.contents import hashes
from s3magic.store.reader import FIRST_BLOCK
from s3magic.store.traffic import LIST_PRICE, READ_PRICE

Way = Literal["head", "part1", "report", "read", "download", "unhashed"]
_CENT = 0.01
_TOLD: dict[Way, str] = {
    "head": "known to S3",
    "part1": "known to S3 as one part",
    "report": "in the report",
    "read": "to be read",
    "download": "while downloading",
    "unhashed": "left until they are fetched",
}


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """What an add is going to do, as far as the listing tells.

    Parameters
    ----------
    tiles, size
        The objects that are named, and their bytes.
    kept
        How many of them are recorded already and asked nothing of.
    ways
        How many hashes come which way: ``head`` and ``part1`` from S3, ``report``, ``read`` for
        this alone, ``download`` while the tile comes, ``unhashed`` for none yet. What a server
        does not tell in listings may turn out to be known after all.
    header_bytes, read_bytes, download_bytes
        The bytes of the first read of each header, which is the only one of most; those that are
        read for hashes at most, and those that are kept.
    lists, heads, gets
        Requests, by kind.
    """

    tiles: int
    size: int
    kept: int
    ways: dict[Way, int]
    header_bytes: int
    read_bytes: int
    download_bytes: int
    lists: int
    heads: int
    gets: int

    @property
    def requests(self) -> int:
        """All requests."""
        return self.lists + self.heads + self.gets

    @property
    def cost(self) -> float:
        """Dollars that the requests cost at AWS's list price; the way out of AWS is not in it."""
        return self.lists * LIST_PRICE + (self.heads + self.gets) * READ_PRICE

    @property
    def line(self) -> str:
        """The plan in one line."""
        bodies = [
            f"{bytes_text(size)} to {word}"
            for size, word in ((self.read_bytes, "hash"), (self.download_bytes, "download"))
            if size
        ]
        work = [counted(self.tiles - self.kept, "object"), f"{counted(self.requests, 'request')} ({self._price})"]
        return ", ".join([*work, *bodies])

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {
            "tiles": self.tiles,
            "size": self.size,
            "kept": self.kept,
            "ways": dict(self.ways),
            "header_bytes": self.header_bytes,
            "read_bytes": self.read_bytes,
            "download_bytes": self.download_bytes,
            "lists": self.lists,
            "heads": self.heads,
            "gets": self.gets,
            "cost": self.cost,
        }

    def __repr__(self) -> str:
        return f"<plan: {self.line}; {self._hashes or 'nothing to hash'}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("tiles", f"{self.tiles:,} of {bytes_text(self.size)}, {self.kept:,} of them recorded already"),
            *([("hashes", self._hashes)] if self.ways else []),
            ("read for headers", f"about {bytes_text(self.header_bytes)}"),
            *([("read for hashes", bytes_text(self.read_bytes))] if self.read_bytes else []),
            *([("downloaded", bytes_text(self.download_bytes))] if self.download_bytes else []),
            ("requests", f"{self.requests:,}, {self._price} at AWS, the way out of it not counted"),
        ]
        return card("Plan: nothing is done yet", rows)

    @property
    def _price(self) -> str:
        return f"about ${self.cost:.2f}" if self.cost >= _CENT else "less than a cent"

    @property
    def _hashes(self) -> str:
        return ", ".join(f"{self.ways[way]:,} {text}" for way, text in _TOLD.items() if self.ways.get(way))


def make_plan(found: Survey, order: Order, report: Report | None = None) -> LinkPlan:
    """Plan the add of what was found and is not recorded yet."""
    ways: Counter[Way] = Counter()
    read = download = header = heads = gets = count = 0
    for one in found.fresh:
        size = one.info.size
        way: Way = "download" if order.brings else "unhashed" if order.hash == "never" else "read"
        if order.hash == "auto":
            way = _known(one, report) or way
            way = "unhashed" if way == "read" and read + size > order.read_limit else way
        ways[way] += 1
        count += 1
        is_tile = has_header(one.info)
        is_whole = is_tile and not one.asked and size <= FIRST_BLOCK  # read once, for all
        header += first_read(one.info) if is_tile else 0
        heads += (not one.asked and not is_whole) + (way == "part1")
        gets += is_tile + (way == "read" and not is_whole) + order.brings
        read += size if way == "read" else 0
        download += size if order.brings else 0
    tiles = found.count
    return LinkPlan(
        tiles=tiles,
        size=found.size,
        kept=tiles - count,
        ways=dict(ways),
        header_bytes=header,
        read_bytes=read,
        download_bytes=download,
        lists=found.lists,
        heads=heads + found.heads,
        gets=gets,
    )


def _known(one: Candidate, report: Report | None) -> Way | None:
    """Tell how the hash is known without reading, by what a listing or HEAD said."""
    info = one.info
    if not info.size or hashes.whole(info):
        return "head"
    if "SHA256" in info.algorithms and info.checksum_type != "COMPOSITE" and "-" not in info.etag:
        return "head"
    if info.etag.endswith("-1") and "SHA256" in {*info.algorithms, *info.checksums}:
        return "part1"
    return "report" if report is not None and report.find(info) else None
