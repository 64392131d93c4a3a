from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3magic.sandboxes import checksums

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("SHA256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ],
)
def test_published_check_values(algorithm, expected):
    assert checksums.digest(CHECK, algorithm).hex() == expected


@given(st.integers(0, 3), st.binary(max_size=300))
def test_lanes_join_to_the_crc_of_the_whole(lanes, tail):
    # zlib knows one CRC; the lane arithmetic is the same for every polynomial.
    data = bytes(range(256)) * 16 * lanes + tail
    assert checksums._crc(data, 0xEDB88320, 32) == zlib.crc32(data)


def test_a_composite_checksum_tells_its_parts():
    parts = [b"one", b"two", b"three"]
    joined = b"".join(checksums.digest(part, "SHA256") for part in parts)
    assert checksums.composite(parts, "SHA256") == checksums.checksum(joined, "SHA256") + "-3"
