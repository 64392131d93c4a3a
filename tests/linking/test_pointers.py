"""git-lfs pointers: text to hash and size, and back; nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3magic.linking.records import pointers
from s3magic.linking.records.pointers import Pointer


@given(raw=st.binary(min_size=32, max_size=32), size=st.integers(1, 10**18))
def test_a_pointer_comes_back(raw, size):
    pointer = Pointer(raw.hex(), size)
    text = pointers.to_text(pointer)
    assert len(text.splitlines()) == 3
    assert pointers.parse(text.encode()) == pointer


def test_an_empty_file_is_its_own_pointer():
    assert pointers.to_text(Pointer("e3" * 32, 0)) == ""


GOOD = pointers.to_text(Pointer("ab" * 32, 12)).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        GOOD[:-1],
        GOOD + b"\n",
        GOOD.replace(b"ab", b"AB"),
        GOOD.replace(b"size 12", b"size 012"),
        GOOD.replace(b"size 12", b"size -1"),
        GOOD + b"url s3://bucket/key\n",
        GOOD.replace(b"\n", b"\r\n"),
    ],
)
def test_nothing_else_is_a_pointer(data):
    assert pointers.parse(data) is None
