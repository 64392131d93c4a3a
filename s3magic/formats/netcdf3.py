"""Classic netCDF (CDF-1, CDF-2 and CDF-5): the header, and any part of a variable; decides nothing.

Read here because netCDF4 wants a path, h5py does not know the format, and SciPy's reader loads every
variable when it opens a file, where a picture wants one slice. Layout: Unidata's specification of
the netCDF classic format.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s3magic.errors import UnreadableFormat
from s3magic.formats.grid import Attributes, Dataset, Index, Variable
from s3magic.formats.watch import WatchedFile

_TYPES = {
    1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8"
}  # fmt: skip
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_LONGEST = 1 << 20  # bytes of a name, or of the values of an attribute
_MOST = 1 << 14  # dimensions, variables or attributes
_LARGEST_READ = 1 << 26


def open_classic(file: WatchedFile) -> Dataset:
    """Read the header of a classic file; raise `UnreadableFormat` where data it promises are missing."""
    header = _Header(file)
    count = header.size()
    axes = [(header.text(), header.size()) for _ in range(header.items(_DIMENSIONS))]
    attributes = header.attributes()
    declared = [header.variable(axes) for _ in range(header.items(_VARIABLES))]
    records = [one for one in declared if one.is_record]
    # A lone record variable is not padded to four bytes.
    stride = records[0].nbytes if len(records) == 1 else sum(one.nbytes + -one.nbytes % 4 for one in records)
    if count == header.streaming:
        begin = min((one.begin for one in records), default=file.size)
        count = max(0, file.size - begin) // stride if stride else 0
    stored = [_Stored(file, one, count if one.is_record else 1, stride) for one in declared]
    end = max((one.end for one in stored), default=0)
    if end > file.size:
        raise UnreadableFormat(
            f"Cut short: {file.name} has {file.size} bytes, its variables need {end}",
            "Copy or upload the file again; its end is missing.",
        )
    return Dataset(
        "netcdf-3",
        tuple(
            Variable(
                name=one.declared.name,
                dimensions=tuple(name for name, _ in one.declared.axes),
                shape=one.shape,
                type=one.declared.type,
                attributes=one.declared.attributes,
                read=one.read,
            )
            for one in stored
        ),
        attributes,
    )


@dataclass(frozen=True, slots=True)
class _Declared:
    """A variable as the header has it; a record variable's first axis has the length 0."""

    name: str
    axes: tuple[tuple[str, int], ...]
    attributes: Attributes
    type: np.dtype[Any]
    begin: int

    @property
    def is_record(self) -> bool:
        return bool(self.axes) and self.axes[0][1] == 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """The axes that lie together in the file."""
        return tuple(length for _, length in self.axes[self.is_record :])

    @property
    def nbytes(self) -> int:
        return math.prod(self.sizes) * self.type.itemsize


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where the numbers of a variable are: in one piece, or one piece in each record."""

    file: WatchedFile
    declared: _Declared
    count: int
    stride: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, *self.declared.sizes) if self.declared.is_record else self.declared.sizes

    @property
    def end(self) -> int:
        last = max(0, self.count - 1) * self.stride if self.declared.is_record else 0
        return self.declared.begin + last + self.declared.nbytes if self.count else self.declared.begin

    def read(self, index: Index) -> NDArray[Any]:
        """Return a part; leading numbers of the index are skipped in the file, not read."""
        declared, rest, start = self.declared, index, self.declared.begin
        if declared.is_record:
            first, rest = index[0], index[1:]
            if not isinstance(first, int):
                records = range(*first.indices(self.count))
                return np.array([self._piece(start + at * self.stride, rest) for at in records], declared.type)
            start += first * self.stride
        return self._piece(start, rest)

    def _piece(self, start: int, index: Index) -> NDArray[Any]:
        sizes, type_ = self.declared.sizes, self.declared.type
        depth = 0
        while depth < len(sizes) and isinstance(index[depth], int):
            start += int(index[depth]) * math.prod(sizes[depth + 1 :]) * type_.itemsize  # type: ignore[arg-type]
            depth += 1
        nbytes = math.prod(sizes[depth:]) * type_.itemsize
        if nbytes > _LARGEST_READ:
            raise ValueError(f"a slice of {nbytes} bytes is too large")
        data = np.frombuffer(self.file.read_at(start, nbytes), type_).reshape(sizes[depth:])
        part: NDArray[Any] = data[index[depth:]]
        return part


class _Header:
    """Reads the header front to back."""

    def __init__(self, file: WatchedFile) -> None:
        magic = file.read_at(0, 4)
        if magic[:3] != b"CDF" or magic[3] not in (1, 2, 5):
            raise ValueError("it does not begin as classic netCDF files do")
        self._file = file
        self._at = 4
        self._word = "Q" if magic[3] == 5 else "I"
        self._place = "I" if magic[3] == 1 else "Q"
        self.streaming = (1 << 64) - 1 if self._word == "Q" else (1 << 32) - 1

    def _take(self, length: int) -> bytes:
        data = self._file.read_at(self._at, length)
        self._at += length + -length % 4
        return data

    def _number(self, word: str) -> int:
        return int(struct.unpack(f">{word}", self._take(struct.calcsize(f">{word}")))[0])

    def size(self) -> int:
        return self._number(self._word)

    def _count(self, most: int) -> int:
        count = self.size()
        if count > most:
            raise ValueError(f"{count} entries cannot be true")
        return count

    def items(self, kind: int) -> int:
        """Return how many items a list has."""
        tag, count = self._number("I"), self._count(_MOST)
        if tag != kind and (tag or count):
            raise ValueError(f"a list of kind {tag} where {kind} belongs")
        return count

    def text(self) -> str:
        return self._take(self._count(_LONGEST)).decode("utf-8", "replace")

    def attributes(self) -> Attributes:
        found: dict[str, Any] = {}
        for _ in range(self.items(_ATTRIBUTES)):
            name, type_ = self.text(), np.dtype(_TYPES[self._number("I")])
            values = self._take(self._count(_LONGEST // type_.itemsize) * type_.itemsize)
            if type_.kind == "S":
                found[name] = values.rstrip(b"\0").decode("utf-8", "replace")
            else:
                numbers = np.frombuffer(values, type_).tolist()
                found[name] = numbers[0] if len(numbers) == 1 else numbers
        return found

    def variable(self, axes: list[tuple[str, int]]) -> _Declared:
        name = self.text()
        own = tuple(axes[self.size()] for _ in range(self._count(_MOST)))
        attributes, type_ = self.attributes(), np.dtype(_TYPES[self._number("I")])
        self.size()  # what it states of its bytes is capped at 4 GB: they are counted instead
        return _Declared(name, own, attributes, type_, self._number(self._place))
