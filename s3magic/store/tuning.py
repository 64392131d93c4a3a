"""How hard a store is asked, as data: requests at once, retries, rates; `pacing` keeps to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

from s3magic.errors import InvalidInput

REQUESTS_AT_ONCE = 32
CONCURRENCY_VARIABLE = "TENSORSTORE_S3_REQUEST_CONCURRENCY"
DOUBLING_VARIABLE = "TENSORSTORE_S3_RATE_LIMITER_DOUBLING_TIME"

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h)")
_PLAIN = re.compile(r"\d+(?:\.\d*)?|\.\d+")


@dataclass(frozen=True, slots=True)
class Tuning:
    """What TensorStore tells of an S3 store beside its place; what exists makes sense.

    Parameters
    ----------
    request_concurrency
        Requests under way at once, the bodies of their answers included; None for what
        ``TENSORSTORE_S3_REQUEST_CONCURRENCY`` says, else what is usual: 32, in a mount 64.
    max_retries
        How often a request that met a passing fault is sent again; 0 for never.
    initial_delay, max_delay
        Seconds before the first retry, doubled for each one after it, and the longest wait.
    read_rate, write_rate
        Requests begun a second, retries included: reads and listings, writes and deletions; None
        for no limit.
    doubling_time
        Seconds in which both rates grow to twice what they were; 0 for never, None for what
        ``TENSORSTORE_S3_RATE_LIMITER_DOUBLING_TIME`` says, else never.

    Raises
    ------
    InvalidInput
        When a number makes no sense.

    Examples
    --------
    >>> Tuning(read_rate=10).settled({"TENSORSTORE_S3_REQUEST_CONCURRENCY": "4"}).request_concurrency
    4
    """

    _: KW_ONLY
    request_concurrency: int | None = None
    max_retries: int = 4
    initial_delay: float = 0.2
    max_delay: float = 8.0
    read_rate: float | None = None
    write_rate: float | None = None
    doubling_time: float | None = None

    def __post_init__(self) -> None:
        if self.request_concurrency is not None and (self.request_concurrency < 1 or self.request_concurrency % 1):
            raise InvalidInput(
                f"{self.request_concurrency} requests at once cannot be", "Give request_concurrency 1 or more."
            )
        if self.max_retries < 0 or self.max_retries % 1:
            raise InvalidInput(f"{self.max_retries} retries cannot be", "Give max_retries 0 or more.")
        for name in ("initial_delay", "max_delay", "doubling_time"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InvalidInput(f"{name} cannot be {value} s", f"Give {name} 0 or more seconds.")
        if self.initial_delay > self.max_delay:
            raise InvalidInput(
                f"The first delay ({self.initial_delay:g} s) is longer than the longest ({self.max_delay:g} s)",
                "Give an initial_delay of at most max_delay.",
            )
        for name in ("read_rate", "write_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InvalidInput(f"{name} cannot be {value} requests a second", f"Give {name} more than 0.")

    def settled(self, environ: Mapping[str, str]) -> Tuning:
        """Return the same with what was not chosen taken from the variables; where they say nothing it stays open."""
        concurrency, doubling = self.request_concurrency, self.doubling_time
        if concurrency is None:
            concurrency = _concurrency(environ.get(CONCURRENCY_VARIABLE, "").strip())
        if doubling is None:
            doubling = seconds(environ.get(DOUBLING_VARIABLE) or "0", DOUBLING_VARIABLE)
        return Tuning(**{**self.to_json(), "request_concurrency": concurrency, "doubling_time": doubling})

    def __str__(self) -> str:
        """Return what was chosen, for people; empty where nothing was."""
        usual = Tuning()
        told = [f"{self.request_concurrency} requests at once"] if self.request_concurrency else []
        if self.max_retries != usual.max_retries:
            told.append(f"{self.max_retries} retries")
        if (self.initial_delay, self.max_delay) != (usual.initial_delay, usual.max_delay):
            told.append(f"retried after {self.initial_delay:g} to {self.max_delay:g} s")
        told += [f"{self.read_rate:g} reads a second"] if self.read_rate else []
        told += [f"{self.write_rate:g} writes a second"] if self.write_rate else []
        told += [f"doubled in {self.doubling_time:g} s"] if self.doubling_time else []
        return ", ".join(told)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Tuning:
        """Make it again of what `to_json` gave."""
        return cls(**fields)


def seconds(text: str, name: str) -> float:
    """Return a length of time written as a plain number of seconds, or with units as in ``1h30m``.

    Raises `InvalidInput`, with the name of what was asked for, when it is neither.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidInput(f"Not a length of time for {name}: {text!r}", "Write it like 300, 5m or 1h30m.")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _concurrency(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and int(text)):
        raise InvalidInput(f"{CONCURRENCY_VARIABLE} is not a number of requests: {text!r}", "Set it to 1 or more.")
    return int(text) if text else None
