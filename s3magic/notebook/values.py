"""What the text of an option means: a size, a box, a folder; raises what argparse turns into a usage error."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from pathlib import Path

from s3magic.errors import InvalidInput

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?", re.IGNORECASE)
_MODE = re.compile(r"0?[0-7]{3}")
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_CORNERS = 4


def size(text: str) -> int:
    """Read ``512MB``, ``1.5G`` or ``64MiB`` as a number of bytes.

    Examples
    --------
    >>> size("1.5 kB"), size("2KiB")
    (1500, 2048)
    """
    found = _SIZE.fullmatch(text.strip())
    if not found or float(found[1]) == 0:
        raise ArgumentTypeError(f"not a size: {text!r}; write it like 512MB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWER[found[2].lower()])


def mode(text: str) -> int:
    """Read who may do what with a file, as `chmod` takes it.

    Examples
    --------
    >>> oct(mode("440"))
    '0o440'
    """
    if not _MODE.fullmatch(text):
        raise ArgumentTypeError(f"not a mode: {text!r}; write it like 440")
    return int(text, 8)


def bbox(text: str) -> tuple[float, float, float, float]:
    """Read ``W,S,E,N`` in degrees.

    A west greater than the east is a box across the antimeridian.

    Examples
    --------
    >>> bbox("-3,50.5,1,52")
    (-3.0, 50.5, 1.0, 52.0)
    """
    try:
        corners = [float(part) for part in text.split(",")]
    except ValueError:
        corners = []
    if len(corners) != _CORNERS or not -90 <= corners[1] <= corners[3] <= 90:
        raise ArgumentTypeError(f"not a box: {text!r}; write west,south,east,north in degrees, like -3,50,1,52")
    west, south, east, north = corners
    return west, south, east, north


def bands(text: str) -> tuple[int, ...]:
    """Read the numbers of three bands, or of one.

    Examples
    --------
    >>> bands("4,3,2")
    (4, 3, 2)
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in {1, 3} or not all(part.isdecimal() and int(part) for part in parts):
        raise ArgumentTypeError(f"not bands: {text!r}; write three, such as 4,3,2, or one; the first band is 1")
    return tuple(int(part) for part in parts)


def count(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"not a number above zero: {text!r}")
    return int(text)


def seconds(text: str) -> int:
    """Read ``90``, ``5m`` or ``1h30m`` as a length of time.

    Examples
    --------
    >>> seconds("1h30m")
    5400
    """
    from s3magic.store import tuning  # noqa: PLC0415 - loaded when asked for

    try:
        return int(tuning.seconds(text, "it"))
    except InvalidInput:
        raise ArgumentTypeError(f"not a length of time: {text!r}; write it like 300, 5m or 1h30m") from None


def folder(text: str) -> str:
    """Read the name of a folder here, which no URL is."""
    if text.startswith("s3://"):
        raise ArgumentTypeError(f"not a folder here: {text!r}")
    return text


def names(text: str) -> tuple[str, ...]:
    """Read ``environment,sso,imds`` as names in their order."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise ArgumentTypeError(f"not a list of names: {text!r}; write it like environment,sso,imds")
    return found


def text(path: str) -> str:
    """Return the text of a file that was named.

    Raises
    ------
    InvalidInput
        When it cannot be read.
    """
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"Cannot read {path}", "Name a text file that is there.") from error
