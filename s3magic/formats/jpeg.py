"""The segments of a JPEG: its EXIF block, its size, its first scans; decodes nothing. Layout: ITU-T T.81."""

from __future__ import annotations

import re
from collections.abc import Iterator

_APP1, _PROGRESSIVE, _START_OF_SCAN, _END = 0xE1, 0xC2, 0xDA, 0xD9
_NEXT_SEGMENT = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in a scan FF 00 is a number, and D0 to D7 begin it anew
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_EXIF = b"Exif\0\0"


def exif_block(head: bytes) -> bytes:
    """Return the EXIF block among the first bytes of a JPEG; nothing where it is not there."""
    return next((body for marker, _, body in _segments(head) if marker == _APP1 and body.startswith(_EXIF)), b"")


def exif_end(head: bytes) -> int:
    """Return where the EXIF block ends, which may be beyond these first bytes of a JPEG; 0 where there is none."""
    return next((end for marker, end, body in _segments(head) if marker == _APP1 and body.startswith(_EXIF)), 0)


def size(head: bytes) -> tuple[int, int] | None:
    """Return width and height as the first bytes of a JPEG tell them; None where they do not."""
    for marker, _, body in _segments(head):
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES and len(body) >= 5:
            return int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
    return None


def first_scans(data: bytes) -> bytes:
    """Return a progressive JPEG of the mean colours of its 8 x 8 blocks alone; nothing where they are not all there.

    These stand in front of all else: a whole picture, and all that libjpeg takes to make an eighth.
    """
    missing: set[int] = set()
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : end]
        if marker == _PROGRESSIVE:
            missing = set(body[6::3])
        elif marker == _START_OF_SCAN:
            if not missing or body[-3:-1] != b"\0\0":
                return b""
            missing -= set(body[1:-3:2])
            found = _NEXT_SEGMENT.search(data, end)
            if found is None:
                return b""
            end = found.start()
            if not missing:
                return data[:end] + bytes((0xFF, _END))
        at = end
    return b""


def trimmed(data: bytes) -> bytes:
    """Return a whole JPEG without what follows its end; nothing where it has no pixels or no end."""
    scan = next((end for marker, end, _ in _segments(data) if marker == _START_OF_SCAN), 0)
    end = data.rfind(bytes((0xFF, _END)))
    return data[: end + 2] if 0 < scan < end else b""


def _segments(head: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, end and body of each segment up to the first scan; the last body may be cut short."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker == _END or length < 2:
            return
        yield marker, at + 2 + length, head[at + 4 : at + 2 + length]
        if marker == _START_OF_SCAN:
            return
        at += 2 + length
