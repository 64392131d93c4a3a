"""Which SHA-256 is believed: that of the content, never a hash of hashes."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from s3magic.errors import ObjectChanged
from s3magic.linking.contents import hashes
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import ObjectInfo

CONTENT = b"content"
SUM = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
OF_SUMS = base64.b64encode(hashlib.sha256(hashlib.sha256(CONTENT).digest()).digest()).decode()
OID = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def info(sum_, *, type_=None, etag="abc"):
    return ObjectInfo("s3://b/k", "k", len(CONTENT), etag, checksums={"SHA256": sum_}, checksum_type=type_)


@pytest.mark.parametrize(
    ("known", "oid"),
    [
        (info(SUM), OID),
        (info(SUM, type_="FULL_OBJECT"), OID),
        (info(SUM, type_="COMPOSITE"), None),
        (info(f"{OF_SUMS}-1", type_="COMPOSITE", etag="abc-1"), None),
        (info(f"{OF_SUMS}-3", etag="abc-3"), None),
        (info(f"{OF_SUMS}-3"), None),
        (info(OF_SUMS, etag="abc-3"), None),
        (info("not base64!"), None),
        (info(base64.b64encode(b"short").decode()), None),
        (info(""), None),
    ],
)
def test_only_the_hash_of_the_content_is_believed(known, oid):
    assert hashes.whole(known) == oid


class Parts:
    """A store that answers a HEAD of part 1, and counts how often it was asked."""

    bucket = "b"

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def head(self, key, *, version_id=None, part_number=None):
        assert part_number == 1
        self.asked += 1
        return self.answer


ONE_PART = info(f"{OF_SUMS}-1", type_="COMPOSITE", etag="abc-1")


def test_the_only_part_tells_the_hash():
    assert hashes.only_part(Parts(replace(ONE_PART, checksums={"SHA256": SUM})), ONE_PART) == OID


@pytest.mark.parametrize(
    "answer",
    [
        ONE_PART,  # the server did not understand the question
        replace(ONE_PART, checksums={"SHA256": OF_SUMS}),  # nor did this one, and it left the -1 out
        replace(ONE_PART, checksums={}),
        replace(ONE_PART, checksums={"SHA256": SUM}, size=3),  # not the whole content
        replace(ONE_PART, checksums={"SHA256": SUM}, etag="other-1"),
    ],
)
def test_a_part_that_is_not_all_tells_nothing(answer):
    assert hashes.only_part(Parts(answer), ONE_PART) is None


@pytest.mark.parametrize("known", [info(f"{OF_SUMS}-3", etag="abc-3"), info(SUM), info("", etag="abc-1")])
def test_parts_are_not_asked_for_in_vain(known):
    store = Parts(known)
    assert hashes.only_part(store, known) is None
    assert store.asked == 0


def test_reading_hashes_exactly_the_pinned_object(memory):
    put = memory.put("k", CONTENT)
    tile = LinkedTile("k", "s3://teaching/k", put.etag, put.size)
    seen = []
    assert hashes.read(memory, tile, report=seen.append) == OID
    assert sum(seen) == len(CONTENT)
    memory.put("k", b"altered")
    with pytest.raises(ObjectChanged, match="changed since it was linked"):
        hashes.read(memory, tile)
    assert hashes.read(memory, replace(tile, version_id=put.version_id)) == OID
