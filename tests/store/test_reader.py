"""A file over range reads: the right bytes, few requests, one object throughout."""

from __future__ import annotations

import io
from itertools import zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import ObjectChanged
from s3magic.store.memory import MemoryStore
from s3magic.store.reader import ByteLimitReached, RangeReader

DATA = bytes((n * 7 + n // 256) % 256 for n in range(10_000))


def open_reader(data=DATA, **options):
    store = MemoryStore("b")
    store.put("k.bin", data)
    return store, RangeReader(store, store.head("k.bin"), **options)


@settings(max_examples=80, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(-200, 10_200), st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]), st.integers(-1, 3000)
        ),
        max_size=12,
    ),
    gathered=st.lists(st.lists(st.tuples(st.integers(0, 11_000), st.integers(0, 4000)), max_size=4), max_size=12),
    options=st.fixed_dictionaries(
        {
            "first_block": st.sampled_from([1, 64, 32768]),
            "block": st.sampled_from([16, 256, 4096]),
            "cached_blocks": st.integers(1, 9),
            "ahead": st.sampled_from([0, 1024, 20_000]),
            "around": st.sampled_from([0, 1024, 20_000]),
        }
    ),
)
def test_it_reads_as_a_file_in_memory_does(steps, gathered, options):
    _, reader = open_reader(**options)
    model = io.BytesIO(DATA)
    for (offset, whence, size), parts in zip_longest(steps, gathered[: len(steps)], fillvalue=()):
        reader.gather([(start, start + length) for start, length in parts])
        try:
            expected = model.seek(offset if whence == io.SEEK_SET else offset - 5000, whence)
        except (ValueError, OSError):
            continue
        wanted = expected
        assert reader.seek(wanted) == expected
        assert reader.read(size) == model.read(size)
        assert reader.tell() == model.tell()


def test_a_header_costs_one_request():
    _, reader = open_reader()
    reader.read(375)
    reader.seek(0)
    reader.read(4)
    assert (reader.requests, reader.bytes_read) == (1, 10_000)


def test_neighbouring_blocks_come_in_one_request():
    _, reader = open_reader(first_block=16, block=256)
    reader.seek(2000)
    assert reader.read(3000) == DATA[2000:5000]
    assert reader.requests == 1
    reader.seek(2000)
    reader.read(3000)
    assert reader.requests == 1


def test_a_changed_object_is_never_mixed_in():
    store, reader = open_reader(first_block=16, block=256)
    reader.read(10)
    store.put("k.bin", DATA[::-1])
    reader.seek(5000)
    with pytest.raises(ObjectChanged):
        reader.read(10)


def test_the_limit_holds_before_a_byte_too_many_is_fetched():
    _, reader = open_reader(first_block=16, block=256, limit=1000)
    reader.seek(3000)
    with pytest.raises(ByteLimitReached):
        reader.read(5000)
    assert reader.bytes_read <= 1000


def test_readinto_and_buffering_work():
    _, reader = open_reader()
    assert io.BufferedReader(reader).read(100) == DATA[:100]
    assert reader.name == "k.bin"
    with pytest.raises(ValueError, match="negative"):
        reader.seek(-1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9_999), st.integers(1, 4000)), max_size=8))
def test_no_byte_is_fetched_twice_while_it_is_kept(spans):
    _, reader = open_reader(first_block=100, block=256)
    for start, size in spans:
        reader.seek(start)
        reader.read(size)
    assert reader.bytes_read <= len(DATA)


def test_who_reads_on_and_on_gets_more_at_once():
    _, reader = open_reader(first_block=16, block=256, ahead=2048)
    assert b"".join(iter(lambda: reader.read(100), b"")) == DATA
    assert reader.bytes_read == len(DATA)
    assert reader.requests < 12


def test_who_jumps_gets_no_more_than_asked_for():
    _, reader = open_reader(first_block=16, block=256, ahead=2048, around=0)
    for start in (8192, 4096, 2048, 6144):
        reader.seek(start)
        reader.read(10)
    assert (reader.requests, reader.bytes_read) == (4, 4 * 256)


def test_the_first_two_jumps_bring_what_lies_around_them():
    _, reader = open_reader(first_block=16, block=256, around=1024)
    for start in (2600, 2400, 3300, 9990, 9300):  # the end of the file is no reason to bring less
        reader.seek(start)
        reader.read(10)
    assert (reader.requests, reader.bytes_read) == (2, 2048 - (-len(DATA)) % 256)
    for start in (5000, 7000):
        reader.seek(start)
        reader.read(10)
    assert (reader.requests, reader.bytes_read) == (4, 2048 - (-len(DATA)) % 256 + 512)


def test_a_jump_brings_no_more_than_may_be_fetched():
    _, reader = open_reader(first_block=16, block=256, around=4096, limit=1000)
    reader.seek(5000)
    assert reader.read(10) == DATA[5000:5010]
    assert reader.bytes_read <= 1000


def open_large():
    return open_reader(bytes(range(256)) * (16 << 10), limit=3 << 20)[1]


def test_parts_that_lie_near_each_other_come_together():
    reader = open_large()
    assert reader.gather([(900_000, 900_100), (200_000, 200_100), (3_000_000, 3_000_100)])
    assert reader.requests == 2
    assert reader.bytes_read < 1_000_000
    for start in (200_000, 900_000, 3_000_000):
        reader.seek(start)
        assert reader.read(100)[0] == start % 256
    assert reader.gather([(200_000, 900_100)])
    assert reader.requests == 2


def test_what_lies_between_is_left_out_where_it_would_be_too_much():
    reader = open_large()
    assert reader.gather([(at * 1_040_000, at * 1_040_000 + 100) for at in range(1, 5)])
    assert (reader.requests, reader.bytes_read) == (4, 4 * 65536)


def test_parts_that_are_too_much_are_not_begun():
    reader = open_large()
    for parts in ([(0, 4 << 20)], [(at << 20, (at << 20) + 800_000) for at in range(4)], [(10, 1 << 60)]):
        assert not reader.gather(parts)
    assert reader.requests == 0
    assert reader.gather([(5 << 20, 6 << 20), (20, 10)]), "there is nothing to fetch"
    assert reader.requests == 0


def test_a_whole_file_comes_in_one_request_after_its_head():
    _, reader = open_reader(first_block=100, block=256)
    reader.read(10)
    reader.seek(0)
    assert reader.read() == DATA
    assert (reader.requests, reader.bytes_read) == (2, len(DATA))
    reader.seek(5000)
    assert reader.read(10) == DATA[5000:5010]
    assert reader.requests == 2
