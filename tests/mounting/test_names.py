"""Names of long folders and inodes of many files: the same ones, in little memory."""

from __future__ import annotations

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.mounting.inodes import Entry, folder_entry
from s3magic.mounting.listings import Listing
from s3magic.mounting.nodes import ROOT, NodeTable
from s3magic.mounting.operations import FileSystem
from s3magic.mounting.pages import AT_ONCE
from s3magic.naming import file_name
from s3magic.store.base import ListPage, ObjectInfo
from s3magic.store.memory import MemoryStore

MANY = 20_000
BYTES_A_NAME = 100
BYTES_A_NODE = 120
SEGMENTS = st.text("ab-./", min_size=1, max_size=5)


class Numbered(MemoryStore):
    """A bucket of so many keys, of which it holds none: what is listed is made then."""

    lists = 0

    def list_page(self, prefix="", *, delimiter="", token=None, start_after=None, max_keys=1000):
        self.lists += 1
        after = (token or start_after or f"{prefix}{-1:07}")[len(prefix) : len(prefix) + 7]
        first = int(after) + 1
        last = min(MANY, first + max_keys)
        when = datetime(2026, 1, 1, tzinfo=UTC)
        objects = tuple(
            ObjectInfo(f"s3://b/{prefix}{n:07}.nc", f"{prefix}{n:07}.nc", n, f"{n:032x}", when)
            for n in range(first, last)
        )
        return ListPage(objects, (), objects[-1].key if last < MANY else None)


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


@pytest.fixture
def measured():
    """Tell how many bytes more are held than at first."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    def more():
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    yield more
    tracemalloc.stop()


def read(files, *, nodes=None):
    """Read all of the root as the kernel does; note the inodes where it asks for them."""
    handle, position, names = files.open_folder(ROOT), 0, 0
    while batch := [found for found, _ in zip(files.read_folder(handle, position), range(500), strict=False)]:
        for entry, position, left in batch:  # noqa: B007 - the last position counts
            assert entry.size == names
            names += 1
            if nodes is not None:
                nodes.append(files.remember(entry, left).id)
    files.close_folder(handle)
    return names


def test_a_listed_name_takes_few_bytes(measured):
    files = FileSystem(Numbered("b"), fresh=1000)
    assert read(files) == MANY
    assert measured() < BYTES_A_NAME * MANY
    files.close()


def test_inodes_take_few_bytes_and_give_them_back(measured):
    table = NodeTable(folder_entry("", "", 0))
    ids = [table.remember(Entry(f"{n:07}.nc", f"f/{n:07}.nc", size=n, etag=f"{n:032x}")).id for n in range(MANY)]
    total = measured()
    assert total < (BYTES_A_NODE + 50) * MANY, "50 bytes are those of the list here"
    assert table.size < BYTES_A_NODE * MANY
    for node_id in ids:
        if node_id % 4:
            table.forget(node_id, 1)
    assert table.size < BYTES_A_NODE * MANY * 0.6
    for node_id in ids[::4]:
        assert table[node_id].entry.name == f"{node_id - ids[0]:07}.nc"
        table.forget(node_id, 1)
    assert len(table) == 1
    assert table.size < 100_000


def test_what_is_beyond_the_memory_is_let_go_and_listed_again():
    store = Numbered("b")
    files = FileSystem(store, memory=4_000_000, fresh=1000)
    assert read(files) == MANY
    once = store.lists
    assert read(files) == MANY
    assert store.lists > once, "it was kept whole"
    for number in (0, MANY // 2, MANY - 1):
        assert files.lookup(ROOT, f"{number:07}.nc")[0].entry.size == number
    assert files.lookup(ROOT, f"{MANY}.nc")[0] is None
    files.close()


def test_inodes_take_from_the_cache_what_they_need():
    files, nodes = FileSystem(Numbered("b"), fresh=1000), []
    read(files)
    before = files.stats()["cache_limit"]
    read(files, nodes=nodes)
    assert files.stats()["inodes"] == MANY + 1
    files.refresh()
    assert files.stats()["cache_limit"] < before
    for node_id in nodes:
        files.forget(node_id, 1)
    assert files.stats()["inodes"] == 1
    files.close()


def names_of(store, prefix="p/"):
    page = store.list_page(prefix, delimiter="/")
    folders = {found[len(prefix) : -1] for found in page.prefixes}
    files = {info.key[len(prefix) :] for info in page.objects}
    return {**dict.fromkeys(files - {""}, False), **dict.fromkeys(folders, True)}


@settings(deadline=None, max_examples=200)
@given(st.sets(SEGMENTS, max_size=40), st.integers(1, 5), st.booleans(), st.data())
def test_a_folder_is_the_same_whatever_was_let_go_of_it(executor, names, size, deaf, data):
    store = MemoryStore("b")
    for name in names:
        store.put(f"p/{name}", b"x")

    def ask(prefix, token, start_after):
        after = None if deaf else start_after  # some servers do not hear it
        return store.list_page(prefix, delimiter="/", token=token, start_after=after, max_keys=size)

    wanted = {name: kind for name, kind in names_of(store).items() if name not in {".", "..", ""}}
    listing, number, found = Listing("p/", modified=0.0, executor=executor), 0, {}
    while (block := listing.block(number, ask)) is not None:
        for entry in block.entries(0):
            if entry.name[0] != "%":
                assert entry.name not in found
                found[entry.name] = entry.is_folder
        if data.draw(st.booleans()):
            listing.trim(0)
        number += 1
    assert found == wanted
    listing.trim(0)
    again = [entry.name for number in range(len(listing)) for entry in listing.block(number, ask).entries(0)]
    assert sorted(name for name in again if name[0] != "%") == sorted(wanted)
    for name in [*wanted, "none", "a-b-c", "zz"]:
        entry, _ = listing.find(name.encode(), ask)
        assert (entry.is_folder if entry else None) == wanted.get(name)
        at_hand = listing.find(name.encode())
        assert at_hand is None or at_hand[0] == entry


@pytest.mark.parametrize("has_folder", [True, False])
def test_an_object_whose_folder_would_come_much_later_holds_nobody_up(executor, has_folder):
    store = MemoryStore("b")
    for name in ["p/data", *(f"p/data-{number:04}" for number in range(2400)), *["p/data/x"] * has_folder]:
        store.put(name, b"x")
    asked = []

    def ask(prefix, token, start_after):
        asked.append(prefix)
        return store.list_page(prefix, delimiter="/", token=token, start_after=start_after, max_keys=100)

    listing = Listing("p/", modified=0.0, executor=executor)
    assert len(listing.block(0, ask)) > 400
    assert len(asked) < 8 + AT_ONCE
    assert asked.count("p/data/") == 1
    while (number := len(listing)) and listing.block(number, ask) is not None:
        listing.trim(0)
    names = [entry.name for number in range(len(listing)) for entry in listing.block(number, ask).entries(0)]
    assert sorted(names) == sorted(["data", *(f"data-{number:04}" for number in range(2400))])
    assert listing.find(b"data", ask)[0].is_folder == has_folder


def test_a_store_that_lists_in_no_order_is_shown_whole_and_asked_for_each_name(executor):
    store = MemoryStore("b")
    keys = [f"p/{number * 7 % 30:02}" for number in range(30)]
    for key in keys:
        store.put(key, b"x")

    def ask(_prefix, token, _start_after):
        at = int(token or 0)
        objects = tuple(store.head(key) for key in keys[at : at + 4])
        return ListPage(objects, (), str(at + 4) if at + 4 < len(keys) else None)

    listing, number, names = Listing("p/", modified=0.0, executor=executor), 0, []
    while (block := listing.block(number, ask)) is not None:
        names += [entry.key for entry in block.entries(0)]
        listing.trim(0)
        number += 1
    assert sorted(names) == sorted(keys)
    assert listing.find(b"07", ask) is None


KEYS = st.tuples(st.sampled_from(["", "f/", "f/g/", "é/"]), st.sampled_from(["a", "..", "%2F"]), st.sampled_from("xyz"))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(KEYS, st.booleans()), max_size=3000))
def test_inodes_fit_their_model(steps):
    table, model, ids, entries = NodeTable(folder_entry("", "", 0)), {}, {}, {}
    for step, ((prefix, segment, etag), forgets) in enumerate(steps):
        entry = Entry(file_name(segment), prefix + segment, etag=f"{etag}{step % 50}")
        node_id = ids.get(entry.identity)
        if forgets and node_id is not None:
            model[node_id] -= 1
            table.forget(node_id, 1)
            if not model[node_id]:
                del model[node_id], ids[entry.identity]
        else:
            node = table.remember(entry)
            assert node_id in {None, node.id}
            ids[entry.identity] = node.id
            entries[node.id] = entry
            model[node.id] = model.get(node.id, 0) + 1
    assert len(table) == len(model) + 1
    for node_id in ids.values():
        assert table[node_id].entry == entries[node_id]
