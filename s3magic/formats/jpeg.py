"""The segments in front of a JPEG's pixels: its EXIF block, its size; decodes nothing. Layout: ITU-T T.81."""

from __future__ import annotations

from collections.abc import Iterator

_APP1, _START_OF_SCAN, _END = 0xE1, 0xDA, 0xD9
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_EXIF = b"Exif\0\0"


def exif_block(head: bytes) -> bytes:
    """Return the EXIF block among the first bytes of a JPEG; nothing where it is not there."""
    return next((body for marker, body in _segments(head) if marker == _APP1 and body.startswith(_EXIF)), b"")


def size(head: bytes) -> tuple[int, int] | None:
    """Return width and height as the first bytes of a JPEG tell them; None where they do not."""
    for marker, body in _segments(head):
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES and len(body) >= 5:
            return int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
    return None


def _segments(head: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker in (_START_OF_SCAN, _END) or length < 2:
            return
        yield marker, head[at + 4 : at + 2 + length]
        at += 2 + length
