"""A tree walked folder by folder: the same tree, in few requests."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import AccessDenied
from s3magic.mounting.nodes import ROOT
from s3magic.mounting.operations import FileSystem
from s3magic.mounting.trees import folders_within
from s3magic.store.memory import MemoryStore

KEYS = st.lists(st.sampled_from(["a", "b", "c", "a-b", ""]), min_size=2, max_size=4).map("/".join)


def walk(files, node_id=ROOT, path=""):
    """Yield all there is, as `os.walk` does: a folder is read before those in it."""
    handle, position, found = files.open_folder(node_id), 0, []
    while batch := [*files.read_folder(handle, position)]:
        found += [entry for entry, _, _ in batch]
        position = batch[-1][1]
    files.close_folder(handle)
    for entry in found:
        yield f"{path}{entry.name}", entry.key
        if entry.is_folder:
            yield from walk(files, files.lookup(node_id, entry.name)[0].id, f"{path}{entry.name}/")


@settings(deadline=None, max_examples=200)
@given(st.sets(KEYS, max_size=40), st.integers(1, 12), st.sampled_from(["a/", "b/", ""]), st.data())
def test_one_listing_tells_of_each_folder_what_its_own_would(keys, size, parent, data):
    store = MemoryStore("b")
    for key in keys:
        store.put(key, b"x")
    folders = store.list_page(parent, delimiter="/").prefixes
    if not folders:
        return
    first = data.draw(st.sampled_from(folders))
    page = store.list_page(parent, start_after=first, max_keys=size)
    for folder, told in folders_within(page, parent, first).items():
        alone = store.list_page(folder, delimiter="/")
        assert set(told.prefixes) == set(alone.prefixes)
        assert {info.key for info in told.objects} - {first} == {info.key for info in alone.objects} - {first}


@settings(deadline=None, max_examples=100)
@given(st.sets(KEYS, max_size=60), st.sampled_from([0, 256 << 20]))
def test_a_walk_finds_the_same_with_and_without(keys, memory):
    store = MemoryStore("b")
    for key in keys:
        store.put(key, b"x")
    ahead, plain = FileSystem(store, memory=memory), FileSystem(store, fresh=0)  # with 0, nothing is known beforehand
    assert dict(walk(ahead)) == dict(walk(plain))
    ahead.close()
    plain.close()


def tree(store, count, inside=1):
    for number in range(count):
        for file in range(inside):
            store.put(f"{number:04}/{file}.nc", b"x")
    return store


def test_a_walk_through_a_tree_costs_few_requests():
    files = FileSystem(tree(MemoryStore("b"), 500), fresh=1000)
    assert len(list(walk(files))) == 1000
    assert files.stats()["requests"] < 10
    files.close()


def test_large_folders_are_listed_by_themselves():
    files = FileSystem(tree(MemoryStore("b"), 5, 1500), fresh=1000)
    assert len(list(walk(files))) == 5 * 1501
    assert files.stats()["requests"] <= 1 + 5 * 2 + 1
    files.close()


def test_who_may_not_list_above_still_walks():
    class Narrow(MemoryStore):
        def list_page(self, prefix="", *, delimiter="", **options):
            if not delimiter:
                raise AccessDenied("No right to list all of it")
            return super().list_page(prefix, delimiter=delimiter, **options)

    files = FileSystem(tree(Narrow("b"), 20), fresh=1000)
    assert len(list(walk(files))) == 40
    files.close()


@pytest.mark.parametrize("order", [[9, 3, 14, 1], [0, 19, 0, 19]])
def test_folders_opened_in_no_order_are_listed_one_by_one(order):
    files = FileSystem(tree(MemoryStore("b"), 40), fresh=1000)
    list(files.read_folder(files.open_folder(ROOT), 0))
    for number in order:
        node, _ = files.lookup(ROOT, f"{number:04}")
        assert len(list(files.read_folder(files.open_folder(node.id), 0))) == 1
    assert files.stats()["requests"] == 1 + len(set(order))
    files.close()
