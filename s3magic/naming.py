"""What a part of a key is called as a file, and which part a file name stands for; knows no stores."""

from __future__ import annotations

import re

NAME_BYTES = 255

_SPECIAL = {"": "%2F", ".": "%2E", "..": "%2E%2E"}
_PLAIN = {name: segment for segment, name in _SPECIAL.items()}
_LOOKS_ESCAPED = re.compile(r"%(?:25)*(?:2F|2E|2E%2E)")
_ODD_BEGINNING = b"%./"
_SURROGATE = b"\xed"
"""How a lone surrogate begins, and some other letters."""


def file_name(segment: str) -> str | None:
    """Return the file name of one segment of a key, or None where no file can be called so.

    Nearly every segment is its own name. The three that a folder cannot hold are written with
    percent signs, and so is what would be mistaken for them; see ``SEMANTICS.md``.

    Examples
    --------
    >>> file_name("a b%20.nc"), file_name(".."), file_name("%2E%2E")
    ('a b%20.nc', '%2E%2E', '%252E%2E')
    """
    name = _SPECIAL.get(segment)
    if name is None:
        name = f"%25{segment[1:]}" if _LOOKS_ESCAPED.fullmatch(segment) else segment
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return None
    return name if size <= NAME_BYTES and "\0" not in name else None


def is_plain(tail: bytes) -> bool:
    """Tell quickly, of the end of a key in UTF-8, whether it is surely its own name; most are."""
    return len(tail) <= NAME_BYTES and tail[0] not in _ODD_BEGINNING and b"\0" not in tail and _SURROGATE not in tail


def segment_of(name: str) -> str:
    """Return the segment of a key that a file name stands for: the inverse of `file_name`."""
    if name in _PLAIN:
        return _PLAIN[name]
    return f"%{name[3:]}" if name.startswith("%25") and _LOOKS_ESCAPED.fullmatch(name) else name


def one_line(name: str) -> str:
    """Return a name that moves no cursor: line ends and the like are written as Python writes them."""
    return name if name.isprintable() else repr(name)[1:-1]
