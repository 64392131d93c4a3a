"""The directories of a TIFF or BigTIFF file, read tag by tag; decodes no pixels and knows no maps.

Read here and not with tifffile, which loads every tile's place at once: for a large image these are
megabytes, of which a description needs the first few bytes. Layout: TIFF 6.0, BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from s3magic.formats.watch import WatchedFile

_MOST_DIRECTORIES = 64
_MOST_PAGES = 8  # each may lie far behind the one before
_MOST_TAGS = 4096
_LARGEST_VALUE = 1 << 20
_WITH_VALUES = 4 << 10  # bytes in which most directories and what they point to lie
_TYPES = {
    1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 7: "c", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip


class Tag(IntEnum):
    """The tags this package reads, those of EXIF among them."""

    GPS_LATITUDE_SIDE = 1
    GPS_LATITUDE = 2
    GPS_LONGITUDE_SIDE = 3
    GPS_LONGITUDE = 4
    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    DESCRIPTION = 270
    MAKE = 271
    MODEL = 272
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_LENGTHS = 279
    COLOR_MAP = 320
    SUB_DIRECTORIES = 330
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_LENGTHS = 325
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_OFFSET = 513
    JPEG_LENGTH = 514
    PIXEL_SCALE = 33550
    TIE_POINTS = 33922
    TRANSFORMATION = 34264
    EXIF = 34665
    GEO_KEYS = 34735
    GEO_DOUBLES = 34736
    GEO_TEXT = 34737
    GPS = 34853
    TAKEN = 36867
    EXIF_WIDTH = 40962
    EXIF_HEIGHT = 40963
    GDAL_METADATA = 42112
    GDAL_NODATA = 42113


@dataclass(frozen=True, slots=True)
class _Entry:
    type: str
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One image of the file.

    Parameters
    ----------
    offset
        Where the directory begins, in bytes.
    """

    offset: int
    _file: WatchedFile
    _order: str
    _entries: dict[int, _Entry]

    def __contains__(self, tag: Tag) -> bool:
        return tag in self._entries

    def values(self, tag: Tag, *, most: int | None = None) -> tuple[Any, ...]:
        """Return the numbers of a tag, the first ``most`` of them; none where it is absent."""
        entry = self._entries.get(tag)
        if entry is None:
            return ()
        count = entry.count if most is None else min(most, entry.count)
        size = struct.calcsize(f"={entry.type}") * count
        if size > _LARGEST_VALUE:
            raise ValueError(f"tag {tag} of {size} bytes is too large")
        return struct.unpack(f"{self._order}{entry.type * count}", self._file.read_at(entry.at, size))

    def value(self, tag: Tag, default: int = 0) -> int:
        """Return the first number of a tag."""
        found = self.values(tag, most=1)
        return int(found[0]) if found else default

    def text(self, tag: Tag) -> str:
        """Return the text of a tag, empty where it is absent; some programs write it as plain bytes."""
        entry = self._entries.get(tag)
        if entry is None or struct.calcsize(f"={entry.type}") != 1:
            return ""
        values = self.values(tag)
        raw = struct.pack(f"={entry.type * len(values)}", *values)
        return raw.rstrip(b"\0").decode("utf-8", "replace")

    @property
    def width(self) -> int:
        """Columns."""
        return self.value(Tag.WIDTH)

    @property
    def height(self) -> int:
        """Rows."""
        return self.value(Tag.HEIGHT)

    @property
    def samples(self) -> int:
        """Numbers a pixel has."""
        return self.value(Tag.SAMPLES, 1)

    @property
    def bits(self) -> int:
        """Bits of a number."""
        return self.value(Tag.BITS, 1)

    @property
    def sample_format(self) -> int:
        """1 for unsigned, 2 for signed integers, 3 for floats, above for complex numbers."""
        return self.value(Tag.SAMPLE_FORMAT, 1)

    @property
    def photometric(self) -> int:
        """How numbers mean colours: 0 and 1 grey, 2 RGB, 3 a palette, 6 YCbCr."""
        return self.value(Tag.PHOTOMETRIC, 1)

    @property
    def block_width(self) -> int:
        """Columns of a tile, or of the whole image where it is kept in strips."""
        return self.value(Tag.TILE_WIDTH, self.width)

    @property
    def block_height(self) -> int:
        """Rows of a tile or strip."""
        return self.value(Tag.TILE_HEIGHT, self.value(Tag.ROWS_PER_STRIP, self.height))

    @property
    def is_overview(self) -> bool:
        """Whether this is a smaller copy of another image of the file."""
        return bool(self.value(Tag.SUBFILE_TYPE) & 1)

    @property
    def is_mask(self) -> bool:
        """Whether this says which pixels of another image are there."""
        return bool(self.value(Tag.SUBFILE_TYPE) & 4)

    @property
    def data(self) -> list[tuple[int, int]]:
        """Where each tile or strip begins, and its bytes."""
        offsets, lengths = (self.values(tag) for tag in self._data_tags)
        return list(zip(offsets, lengths, strict=False))

    @property
    def first_data(self) -> int:
        """Where the first stored tile or strip begins; 0 where none of the first is stored."""
        return next((int(offset) for offset in self.values(self._data_tags[0], most=64) if offset), 0)

    @property
    def last_data(self) -> int:
        """Where the last tile or strip ends; 0 where it is not stored."""
        offset, length = (self._last(tag) for tag in self._data_tags)
        return offset + length if offset else 0

    @property
    def _data_tags(self) -> tuple[Tag, Tag]:
        if Tag.TILE_OFFSETS in self:
            return Tag.TILE_OFFSETS, Tag.TILE_LENGTHS
        return Tag.STRIP_OFFSETS, Tag.STRIP_LENGTHS

    def _last(self, tag: Tag) -> int:
        entry = self._entries.get(tag)
        if entry is None or not entry.count:
            return 0
        size = struct.calcsize(f"={entry.type}")
        raw = self._file.read_at(entry.at + (entry.count - 1) * size, size)
        return int(struct.unpack(self._order + entry.type, raw)[0])


@dataclass(frozen=True, slots=True)
class Layout:
    """The byte order of a TIFF file, and its images in the order in which they are linked."""

    order: str
    is_big: bool
    directories: tuple[Directory, ...]
    _file: WatchedFile

    def pages(self) -> Iterator[Directory]:
        """Yield all images of the chain, each read when it is asked for; raise `ValueError` where it is a circle."""
        return _chain(self._file, self.directories[0].offset, order=self.order, is_big=self.is_big)

    def directory_at(self, offset: int) -> Directory:
        """Read a directory that no other is linked to, as EXIF has them."""
        return _directory(self._file, offset, order=self.order, is_big=self.is_big)[0]

    def header(self, first: int) -> bytes:
        """Return the first bytes of a file of this kind whose first image is at ``first``."""
        mark = b"II" if self.order == "<" else b"MM"
        if self.is_big:
            return mark + struct.pack(f"{self.order}HHHQ", 43, 8, 0, first)
        return mark + struct.pack(f"{self.order}HI", 42, first)


def read_layout(file: WatchedFile) -> Layout:
    """Read the directories of the first image and its smaller copies, and of a few further images.

    Raises `ValueError` where they run in a circle.
    """
    start = file.read_at(0, 8)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    version = struct.unpack(f"{order}H", start[2:4])[0] if order else 0
    if order is None or version not in (42, 43):
        raise ValueError("it does not begin as TIFF files do")
    is_big = version == 43
    (offset,) = struct.unpack(f"{order}Q", file.read_at(8, 8)) if is_big else struct.unpack(f"{order}I", start[4:])
    found: list[Directory] = []
    pages = 0
    for directory in _chain(file, offset, order=order, is_big=is_big):
        found.append(directory)
        pages += not (directory.is_overview or directory.is_mask)
        if pages == _MOST_PAGES or len(found) == _MOST_DIRECTORIES:
            break
    if not found:
        raise ValueError("it holds no image")
    seen = {directory.offset for directory in found}
    children = [at for at in found[0].values(Tag.SUB_DIRECTORIES, most=_MOST_DIRECTORIES) if at not in seen]
    found += [_directory(file, at, order=order, is_big=is_big)[0] for at in children]
    return Layout(order, is_big, tuple(found), file)


def _chain(file: WatchedFile, offset: int, *, order: str, is_big: bool) -> Iterator[Directory]:
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise ValueError("its directories run in a circle")
        seen.add(offset)
        directory, offset = _directory(file, offset, order=order, is_big=is_big)
        yield directory


def _directory(file: WatchedFile, offset: int, *, order: str, is_big: bool) -> tuple[Directory, int]:
    """Return the directory at a place, and where the next one is."""
    word, width = ("Q", 8) if is_big else ("I", 4)
    head = struct.Struct(order + ("Q" if is_big else "H"))
    entry = struct.Struct(f"{order}HH{word}{width}s")
    file.gather([(offset, offset + _WITH_VALUES)])
    (tags,) = head.unpack(file.read_at(offset, head.size))
    if tags > _MOST_TAGS:
        raise ValueError(f"a directory of {tags} tags cannot be true")
    body = file.read_at(offset + head.size, tags * entry.size + width)
    entries: dict[int, _Entry] = {}
    for index in range(tags):
        tag, type_, count, value = entry.unpack_from(body, index * entry.size)
        letters = _TYPES.get(type_)
        if letters is None:
            continue
        inline = struct.calcsize(f"={letters}") * count <= width
        place = offset + head.size + (index + 1) * entry.size - width
        entries[tag] = _Entry(letters, count, place if inline else struct.unpack(order + word, value)[0])
    (following,) = struct.unpack(order + word, body[-width:])
    return Directory(offset, file, order, entries), following
