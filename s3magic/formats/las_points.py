"""A point cloud seen from above: which few of its points are read, and their places and colours; reads no headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import lazrs
import numpy as np
from numpy.typing import NDArray

from s3magic.errors import UnreadableFormat
from s3magic.formats.base import Preview
from s3magic.formats.drawing import picture
from s3magic.formats.las_header import Header
from s3magic.formats.relief import shaded
from s3magic.formats.room import DECODED
from s3magic.formats.watch import WatchedFile

_BUDGET = 2 << 20  # bytes of points that a picture is worth
_MOST_POINTS = 1_000_000
_MOST_BYTES = 1 << 28
_DRAWN_POINT = 96  # bytes that a point takes as coordinates and colours while it is drawn
_RUNS, _RUN = 24, 32 << 10  # where the budget is less than the file: so many places, so many bytes at each
_ITEM = struct.Struct("<HHH")  # kind, bytes and version of a part of a point
_LAYERS = {10: 9, 11: 1, 12: 2, 13: 1}  # by kind of item
_EXTRA_BYTES = 14  # as many layers as bytes
_OCTREE_ENTRY = struct.Struct("<iiiiQii")
_COLOUR_AT = {2: 20, 3: 28, 5: 28, 7: 30, 8: 30, 10: 30}

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Points that lie together in the file."""

    start: int
    length: int
    points: int


def draw(file: WatchedFile, header: Header, *, size: int) -> Preview:
    """Return a picture of a cloud from about two megabytes of its points, whatever its size."""
    pieces = _pieces(file, header)
    claimed = sum(piece.points for piece in pieces)
    if claimed * header.record_length > _MOST_BYTES:
        raise ValueError(f"{claimed} points in a few chunks are too many to draw")
    if not claimed:
        raise UnreadableFormat(f"No points to draw in {file.name}", "The file is well formed but empty.")
    with DECODED.take(claimed * (2 * header.record_length + _DRAWN_POINT)):
        records = np.concatenate([_rows(file.read_at(piece.start, piece.length), piece, header) for piece in pieces])
        return _drawn(records, header, size=size)


def _drawn(records: Numbers, header: Header, *, size: int) -> Preview:
    xyz = _coordinates(records, header)
    is_sample = len(records) < header.point_count
    caption = f"{header.point_count:,} points, {header.format}"
    if is_sample:
        caption += f", {len(records):,} of them drawn"
    low, high = (float(value) for value in (header.mins[2], header.maxs[2]))
    if np.isfinite(low) and np.isfinite(high):
        caption += f", {low:.4g} to {high:.4g} high"
    with np.errstate(all="ignore"):  # nonsensical coordinates make a nonsensical picture, and no noise
        pixels = shaded(xyz, _colours(records, header), size, box=_box(xyz, header), is_sample=is_sample)
    return picture(pixels, size=size, caption=caption, source="points", photo=True)


def _pieces(file: WatchedFile, header: Header) -> list[_Piece]:
    """Return which points to read, spread over the cloud."""
    if not header.is_compressed:
        return _spread_records(header)
    return _octree_top(file, header) if header.is_copc else _chunks(file, header)


def _spread_records(header: Header) -> list[_Piece]:
    """All records of a small file, else some runs of them at even distances."""
    length, count = header.record_length, header.point_count
    if length * count <= _BUDGET:
        return [_Piece(header.offset_to_points, length * count, count)]
    run = max(1, _RUN // length)
    firsts = np.linspace(0, count - run, _RUNS).astype(int)
    return [_Piece(header.offset_to_points + int(first) * length, run * length, run) for first in firsts]


def _chunks(file: WatchedFile, header: Header) -> list[_Piece]:
    """All compressed chunks where they are small, else some at even distances, and no more of each than it takes."""
    if not header.point_count:
        return []
    at = header.offset_to_points + 8
    pieces = []
    for points, length in _chunk_table(file, header):
        pieces.append(_Piece(at, length, points))
        at += length
    if sum(piece.length for piece in pieces) <= _BUDGET and header.point_count <= _MOST_POINTS:
        return pieces
    if not _layers(header):
        # Point follows point: the beginning of a chunk can be read without its end.
        pieces = [_beginning(piece) for piece in pieces]
    middle = sorted(piece.length for piece in pieces)[len(pieces) // 2]
    wanted = max(1, min(_RUNS, len(pieces), _BUDGET // max(1, middle)))
    return [pieces[int(index)] for index in np.linspace(0, len(pieces) - 1, wanted)]


def _beginning(piece: _Piece) -> _Piece:
    """Return the first points of a chunk, a few less than its first bytes should hold."""
    if piece.length <= _RUN:
        return piece
    return _Piece(piece.start, _RUN, max(1, int(piece.points * _RUN / piece.length * 0.8)))


def _chunk_table(file: WatchedFile, header: Header) -> list[tuple[int, int]]:
    """Return points and bytes of each chunk, as the table behind the last of them says."""
    start = header.offset_to_points
    (table,) = struct.unpack("<q", file.read_at(start, 8))
    if table <= start:
        raise UnreadableFormat(
            f"No chunk table in {file.name}", "It was written as a stream; save it again with a program that seeks."
        )
    _, chunks = struct.unpack("<II", file.read_at(table, 8))
    if chunks > (table - start) or chunks > header.point_count:
        raise ValueError(f"{chunks} chunks cannot be true")
    vlr = lazrs.LazVlr(header.laszip)
    file.seek(table)
    found, left = [], header.point_count
    for points, length in lazrs.read_chunk_table_only(file, vlr):
        # Chunks of equal size are not counted in the table, and the last one is shorter.
        held = min(points if vlr.uses_variable_size_chunks() else vlr.chunk_size(), left)
        left -= held
        found.append((held, length))
    return found


def _octree_top(file: WatchedFile, header: Header) -> list[_Piece]:
    """The nodes of an octree from the root down, as many whole levels as the budget allows."""
    offset, length = struct.unpack_from("<QQ", header.copc_info, 40)
    nodes: dict[int, list[_Piece]] = {}
    page = file.read_at(offset, min(length, _BUDGET) // _OCTREE_ENTRY.size * _OCTREE_ENTRY.size)
    for level, _, _, _, start, size, points in _OCTREE_ENTRY.iter_unpack(page):
        if points > 0 and size > 0:
            nodes.setdefault(level, []).append(_Piece(start, size, points))
    taken: list[_Piece] = []
    total = 0
    for level in sorted(nodes):
        total += sum(piece.length for piece in nodes[level])
        if taken and total > _BUDGET:
            break
        taken += nodes[level]
    return sorted(taken, key=lambda piece: piece.start)


def _rows(raw: bytes, piece: _Piece, header: Header) -> Numbers:
    """Return the points of a piece, decompressed, one a row."""
    if not header.is_compressed:
        return np.frombuffer(raw, np.uint8).reshape(-1, header.record_length)
    if piece.points <= 0:
        raise ValueError(f"a chunk of {piece.points} points cannot be true")
    _check_layers(raw, header)
    out = np.zeros(piece.points * header.record_length, np.uint8)
    lazrs.decompress_points_with_chunk_table(raw, header.laszip, out, [(piece.points, len(raw))])
    return out.reshape(piece.points, header.record_length)


def _layers(header: Header) -> int:
    """Return in how many layers a chunk is kept, 0 where point follows point.

    Raises `ValueError` where the record that tells it does not fit the points: the decoder would
    go wrong in ways that are hard to catch.
    """
    count = int.from_bytes(header.laszip[32:34], "little")
    items = list(_ITEM.iter_unpack(header.laszip[34 : 34 + count * _ITEM.size]))
    if not items or len(items) != count or sum(size for _, size, _ in items) != header.record_length:
        raise ValueError("what it says of its compression does not fit its points")
    return sum(size if kind == _EXTRA_BYTES else _LAYERS.get(kind, 0) for kind, size, _ in items)


def _check_layers(raw: bytes, header: Header) -> None:
    """Refuse a chunk whose layers claim more bytes than it has, for the decoder would first make room for them."""
    layers = _layers(header)
    at = header.record_length + 4  # the first point as it is, then how many there are
    claimed = sum(struct.unpack(f"<{layers}I", raw[at : at + 4 * layers].ljust(4 * layers, b"\0")))
    if claimed > len(raw):
        raise ValueError(f"a chunk of {len(raw)} bytes claims to hold {claimed}")


def _field(records: Numbers, at: int, kind: str, count: int) -> Numbers:
    width = np.dtype(kind).itemsize * count
    found: Numbers = np.ascontiguousarray(records[:, at : at + width]).view(kind)
    return found


def _coordinates(records: Numbers, header: Header) -> Numbers:
    """Return x, y, z in a row for each point."""
    with np.errstate(all="ignore"):  # a nonsensical scale is told by what comes of it
        xyz: Numbers = _field(records, 0, "<i4", 3) * np.array(header.scale) + np.array(header.offset)
    return xyz


def _colours(records: Numbers, header: Header) -> Numbers | None:
    """Return red, green and blue from 0 to 255; None where the points have none, or all the same."""
    at = _COLOUR_AT.get(header.point_format)
    if at is None:
        return None
    colours = _field(records, at, "<u2", 3)
    if colours.max() == colours.min():
        return None
    return colours >> 8 if colours.max() > 255 else colours


def _box(xyz: Numbers, header: Header) -> Numbers:
    """Return the lower and the upper corner of the cloud: the header's, where the points do not belie it."""
    stated = np.array([header.mins, header.maxs])
    finite = xyz[np.isfinite(xyz).all(axis=1)]
    if not len(finite):
        raise ValueError("none of its points has a place")
    seen = np.array([finite.min(axis=0), finite.max(axis=0)])
    margin = (stated[1] - stated[0]) * 0.01 + 1e-9
    fits = np.isfinite(stated).all() and (seen[0] >= stated[0] - margin).all() and (seen[1] <= stated[1] + margin).all()
    return stated if fits else seen
