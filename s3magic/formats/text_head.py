"""The first characters of a text file, whatever its encoding, unpacked where it is gzipped; takes nothing apart."""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass

from s3magic.formats.watch import WatchedFile

_HEAD = 64 << 10
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's word for: expect a gzip header
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_ODD = 0.02
"""Share of control characters above which a file is no text."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a text.

    Parameters
    ----------
    text
        Its characters; every line ends as on Unix.
    is_whole
        Whether this is all of it.
    encoding
        As Python names it.
    is_packed
        Whether the file is gzipped.
    """

    text: str
    is_whole: bool
    encoding: str
    is_packed: bool

    @property
    def lines(self) -> list[str]:
        """The lines, the last of which is left out where the head ends within it."""
        lines = self.text.split("\n")
        return lines if self.is_whole or len(lines) < 2 else lines[:-1]


def read_head(file: WatchedFile) -> Head:
    """Read the first 64 KiB; raise `ValueError` where they are no text.

    Of a gzipped file no more than 64 KiB are unpacked, whatever it would become.
    """
    if not file.size:
        raise ValueError("it is empty")
    raw = file.read_at(0, min(_HEAD, file.size))
    is_whole, is_packed = len(raw) == file.size, raw.startswith(_GZIP)
    if is_packed:
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        raw = unpacker.decompress(raw, _HEAD)
        is_whole = unpacker.eof and not unpacker.unused_data
    text, encoding = _decoded(raw, is_whole=is_whole)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    odd = sum(not letter.isprintable() and letter not in "\n\t\f" for letter in text if letter < "\xa0")
    if not text.strip() or odd > _MOST_ODD * len(text):
        raise ValueError("it holds no text")
    return Head(text, is_whole, encoding, is_packed)


def _decoded(raw: bytes, *, is_whole: bool) -> tuple[str, str]:
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(raw, final=is_whole), encoding
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise
    return raw.decode("cp1252", "replace"), "cp1252"
