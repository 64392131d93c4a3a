"""Whether a file is an object's content, by whatever S3 knows of it; and what is no proof."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from s3magic.copying.proof import is_content, proof
from s3magic.store.base import ObjectInfo

DATA = bytes(range(256)) * 9_000  # 2.3 MB: more than a chunk
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
OTHER = "0" * 32


def parted(data, size):
    """Return the ETag of an upload in parts of a size."""
    digests = [hashlib.md5(data[at : at + size], usedforsecurity=False).digest() for at in range(0, len(data), size)]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def text(raw):
    return base64.b64encode(raw).decode()


CRC32 = text(zlib.crc32(DATA).to_bytes(4, "big"))
SHA1 = text(hashlib.sha1(DATA, usedforsecurity=False).digest())
SHA256 = text(hashlib.sha256(DATA).digest())


class Known:
    """A store that tells of one object, and of the size of its first part."""

    def __init__(self, part=None, **told):
        self.info = ObjectInfo("s3://b/x", "x", len(DATA), **told)
        self._part = part

    def head(self, key, *, version_id=None, part_number=None):
        if part_number is None:
            return self.info
        return ObjectInfo("s3://b/x", "x", self._part, self.info.etag)


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "x"
    made.write_bytes(DATA)
    return made


@pytest.mark.parametrize(
    ("told", "part", "is_same"),
    [
        ({"etag": MD5}, None, True),
        ({"etag": OTHER}, None, False),
        ({"etag": OTHER, "checksums": {"SHA256": SHA256}}, None, True),  # encrypted: the ETag is no MD5
        ({"etag": OTHER, "checksums": {"CRC32": text(b"1234")}}, None, False),
        ({"etag": OTHER, "checksums": {"SHA1": SHA1}, "checksum_type": "FULL_OBJECT"}, None, True),
        ({"etag": f"{OTHER}-2", "checksums": {"CRC32": CRC32}, "checksum_type": "FULL_OBJECT"}, None, True),
        ({"etag": parted(DATA, 1_000_000)}, 1_000_000, True),
        ({"etag": parted(DATA, 1 << 20)}, 1 << 20, True),
        ({"etag": parted(DATA, len(DATA))}, len(DATA), True),
        ({"etag": parted(DATA[::-1], 1_000_000)}, 1_000_000, None),  # another content, or encrypted: nobody can tell
        ({"etag": parted(DATA, 1_000_000)}, 0, None),
        ({"etag": "W-odd"}, None, None),
    ],
)
def test_the_content_tells(path, told, part, is_same):
    store = Known(part, **told)
    assert is_content(path, store.info, store) is is_same


@pytest.mark.parametrize(
    ("etag", "checksums", "kind"),
    [
        (f"{OTHER}-2", {"SHA256": SHA256}, "COMPOSITE"),
        (f"{OTHER}-2", {"SHA256": SHA256}, None),
        (OTHER, {"SHA256": f"{SHA256}-2"}, None),
        (OTHER, {"XXHASH": "abc"}, "FULL_OBJECT"),
        (OTHER, {}, "FULL_OBJECT"),
    ],
)
def test_a_checksum_of_parts_is_no_proof(etag, checksums, kind):
    assert proof(ObjectInfo("s3://b/x", "x", 1, etag, checksums=checksums, checksum_type=kind)) is None
