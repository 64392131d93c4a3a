"""Delay and failures on demand, in front of the sandbox's door, and a count of who knocks; looks at no request."""

from __future__ import annotations

import errno
import math
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.sandboxes.answers import Response, S3Failure

LONGEST = 60.0
_LATENCY = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)")
_SHARE = re.compile(r"\s*(\w+)\s*=\s*(\d+(?:\.\d+)?)\s*%\s*")
_FAILURES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "SlowDown": (503, "Please reduce your request rate."),
        "InternalError": (500, "We encountered an internal error. Please try again."),
    }
)
FAULTS = (*_FAILURES, "reset", "cut")
_Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Weather:
    """How far away the store is, and how often it fails.

    Attributes
    ----------
    latency
        Seconds that each answer waits.
    faults
        The share of requests, from 0 to 1, that meet each fault: ``SlowDown`` (503), ``InternalError``
        (500), ``reset`` (the connection ends without an answer), ``cut`` (it ends amid the body).
    """

    latency: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"latency": self.latency, "faults": dict(self.faults)}

    def __str__(self) -> str:
        told = [f"{self.latency * 1000:g} ms more a request"] if self.latency else []
        told += [f"{name} {share:.2%}" for name, share in self.faults.items()]
        return ", ".join(told) or "none"


def read(latency: str | float | None = None, faults: str | Mapping[str, float] | None = None) -> Weather:
    """Read what was asked for.

    Parameters
    ----------
    latency
        ``"30ms"``, ``"0.2s"``, or seconds as a number.
    faults
        ``"SlowDown=5%,cut=1%"``, or shares from 0 to 1 by name.

    Raises
    ------
    InvalidInput
        When it is not well formed.

    Examples
    --------
    >>> read("30ms", "SlowDown=5%")
    Weather(latency=0.03, faults={'SlowDown': 0.05})
    """
    shares = _shares(faults) if isinstance(faults, str) else dict(faults or {})
    for name, share in shares.items():
        if name not in FAULTS or isinstance(share, bool) or not isinstance(share, int | float):
            raise _bad_fault(name)
    if not all(0 <= share <= 1 for share in shares.values()) or math.fsum(shares.values()) > 1:
        raise InvalidInput("Faults are shares of all requests, together at most 1", 'Write faults="SlowDown=5%".')
    return Weather(_seconds(latency), {name: float(share) for name, share in shares.items() if share})


class Trouble:
    """A WSGI application that lets another one wait and fail.

    Attributes
    ----------
    weather
        How it is now; another may be set at any time.
    served
        Requests by kind, those that met a fault among them: ``LIST``, ``GET``, ``PUT`` …, and ``STS``.
    """

    def __init__(self, application: _Application, weather: Weather) -> None:
        self._application = application
        self._dice = random.Random(0)  # noqa: S311 - a lesson; the same each time
        self._lock = threading.Lock()
        self.weather = weather
        self.served: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        weather = self.weather
        with self._lock:
            self.served[_kind(environ)] += 1
        time.sleep(weather.latency)
        fault = self._throw(weather.faults)
        if fault is None:
            return self._application(environ, start_response)
        if fault == "reset":
            raise _gone()
        if fault == "cut":
            return _half(self._application(environ, start_response))
        environ["wsgi.input"].read()  # else what is left of the body would be read as a request
        status, message = _FAILURES[fault]
        answer = S3Failure(status, fault, message).response(resource=environ["PATH_INFO"], request_id="0" * 16)
        return _send(answer, environ, start_response)

    def _throw(self, faults: Mapping[str, float]) -> str | None:
        with self._lock:
            thrown = self._dice.random()
        for name, share in faults.items():
            thrown -= share
            if thrown < 0:
                return name
        return None


def _kind(environ: Mapping[str, Any]) -> str:
    method, path = environ["REQUEST_METHOD"], environ["REQUEST_URI"].partition("?")[0]
    bucket, _, key = path.lstrip("/").partition("/")
    if method == "GET" and not key:
        return "LIST"
    return "STS" if method == "POST" and not bucket else str(method)


def _send(answer: Response, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response(answer.status_line, list(answer.headers.items()))
    return () if environ["REQUEST_METHOD"] == "HEAD" else answer.body


def _half(body: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in body:
        yield chunk[: len(chunk) // 2]
        break
    raise _gone()


def _gone() -> ConnectionResetError:
    """Return what makes the server end the connection, quietly."""
    return ConnectionResetError(errno.ECONNRESET, "as was asked for")


def _seconds(latency: str | float | None) -> float:
    found = _LATENCY.fullmatch(latency.strip()) if isinstance(latency, str) else None
    if isinstance(latency, str):
        seconds = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else math.nan
    else:
        seconds = float(latency or 0)
    if not 0 <= seconds <= LONGEST:
        raise InvalidInput(f"Not a delay: {latency!r}", f'Write latency="30ms" or "0.2s"; at most {LONGEST:g}s.')
    return seconds


def _shares(text: str) -> dict[str, float]:
    shares = {}
    for part in text.split(","):
        found = _SHARE.fullmatch(part)
        if not found:
            raise _bad_fault(part.strip())
        shares[found[1]] = float(found[2]) / 100
    return shares


def _bad_fault(name: str) -> InvalidInput:
    return InvalidInput(f"Not a fault: {name!r}", f'Write faults="SlowDown=5%,cut=1%"; there are {", ".join(FAULTS)}.')
