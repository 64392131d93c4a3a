"""The checksums S3 knows, of bytes; CRC-64/NVME and CRC-32C are computed here, in numpy."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache

import numpy as np

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
FULL_OBJECT_ONLY = frozenset({"CRC64NVME"})

# Polynomials in reversed bit order, and widths in bits.
_CASTAGNOLI = (0x82F63B78, 32)
_NVME = (0x9A6C9329AC4BC9B5, 64)
_LANE = 4096


def digest(data: bytes, algorithm: str) -> bytes:
    """Return the raw checksum of bytes by an algorithm of `ALGORITHMS`."""
    match algorithm:
        case "CRC32":
            return binascii.crc32(data).to_bytes(4, "big")
        case "CRC32C":
            return _crc(data, *_CASTAGNOLI).to_bytes(4, "big")
        case "CRC64NVME":
            return _crc(data, *_NVME).to_bytes(8, "big")
        case "SHA1":
            return hashlib.sha1(data, usedforsecurity=False).digest()
        case "SHA256":
            return hashlib.sha256(data).digest()
    raise ValueError(algorithm)


def checksum(data: bytes, algorithm: str) -> str:
    """Return the checksum as S3 writes it: base64."""
    return base64.b64encode(digest(data, algorithm)).decode()


def composite(parts: list[bytes], algorithm: str) -> str:
    """Return the checksum of the parts' checksums, with the number of parts: ``…=-3``."""
    return f"{checksum(b''.join(digest(part, algorithm) for part in parts), algorithm)}-{len(parts)}"


def _crc(data: bytes, polynomial: int, width: int) -> int:
    """Compute a reflected CRC with all-ones start and end.

    Bytes are laid out in lanes that are worked on side by side, one numpy step a byte of a lane;
    then the lanes are joined, for the CRC (without its inversions) of a sequence is linear.
    """
    table = _table(polynomial, width)
    ones = (1 << width) - 1
    full = len(data) // _LANE
    state = ones
    if full:
        columns = np.frombuffer(data, np.uint8, full * _LANE).reshape(full, _LANE).T.astype(np.uint64)
        lanes = np.zeros(full, np.uint64)
        for column in columns:
            lanes = table[(lanes ^ column) & np.uint64(0xFF)] ^ (lanes >> np.uint64(8))
        advance = _advance(polynomial, width)
        for lane in lanes.tolist():
            state = _apply(advance, state) ^ lane
    values = table.tolist() if full * _LANE < len(data) else []
    for byte in data[full * _LANE :]:
        state = values[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ ones


@lru_cache
def _table(polynomial: int, width: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    values = []
    for value in range(256):
        remainder = value
        for _ in range(8):
            remainder = (remainder >> 1) ^ (polynomial if remainder & 1 else 0)
        values.append(remainder & ((1 << width) - 1))
    return np.array(values, np.uint64)


@lru_cache
def _advance(polynomial: int, width: int) -> tuple[tuple[int, ...], ...]:
    """Return, for each byte of a state, what each of its values becomes after a lane of zeros."""
    table = _table(polynomial, width).tolist()
    columns = []
    for bit in range(width):
        state = 1 << bit
        for _ in range(_LANE):
            state = table[state & 0xFF] ^ (state >> 8)
        columns.append(state)
    out = []
    for first in range(0, width, 8):
        values = [0] * 256
        for value in range(1, 256):
            low = value & -value
            values[value] = values[value ^ low] ^ columns[first + low.bit_length() - 1]
        out.append(tuple(values))
    return tuple(out)


def _apply(advance: tuple[tuple[int, ...], ...], state: int) -> int:
    out = 0
    for values in advance:
        out ^= values[state & 0xFF]
        state >>= 8
    return out
