"""File names of keys, and inodes of objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3magic.mounting.inodes import Entry, folder_entry
from s3magic.mounting.nodes import ROOT, NodeTable
from s3magic.naming import file_name, segment_of

SEGMENTS = st.one_of(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=30),
    st.text("%25FE.", max_size=10),
)


@given(SEGMENTS)
def test_every_short_segment_has_a_name_and_the_name_leads_back(segment):
    name = file_name(segment)
    assert name is not None
    assert name not in {"", ".", ".."}
    assert "/" not in name
    assert segment_of(name) == segment


@given(SEGMENTS, SEGMENTS)
def test_two_segments_never_share_a_name(one, other):
    assert (file_name(one) == file_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["a b", "100%", "a%20b", "%41", "é", "...", "a%2F", "%2Fa", "%2f", "~", "-rf"])
def test_ordinary_segments_are_their_own_names(name):
    assert file_name(name) == name


@pytest.mark.parametrize("segment", ["x" * 256, "é" * 128, "nul\0", "lone\ud800"])
def test_what_no_file_can_be_called(segment):
    assert file_name(segment) is None


def test_255_bytes_are_a_name():
    assert file_name("x" * 255) == "x" * 255


def test_one_inode_for_one_key_and_etag():
    table = NodeTable(folder_entry("", "", 0))
    old, new = Entry("a", "a", etag="1"), Entry("a", "a", etag="2")
    assert table.remember(old).id == table.remember(old).id != table.remember(new).id
    assert old.number == Entry("a", "a", etag="1").number != new.number


def test_an_inode_lives_as_long_as_the_kernel_holds_it():
    table = NodeTable(folder_entry("", "", 0))
    node = table.remember(Entry("a", "a", etag="1"))
    table.remember(node.entry)
    table.forget(node.id, 1)
    assert table[node.id] == node
    table.forget(node.id, 1)
    with pytest.raises(KeyError):
        table[node.id]
    table.forget(ROOT, 5)
    assert table[ROOT].entry.key == ""
