"""A store seen as files, against a plain dictionary of keys."""

from __future__ import annotations

import errno
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import AccessDenied, ArchivedObject
from s3magic.mounting.nodes import ROOT
from s3magic.mounting.operations import WHOLE, FileSystem
from s3magic.naming import file_name
from s3magic.store.memory import MemoryStore

PART = st.sampled_from(["a", "b", "a.b", "a!", "", ".", "..", "%2F", "x" * 256, "é"])
KEYS = st.lists(PART, min_size=1, max_size=4).map("/".join).filter(bool)


class Paged(MemoryStore):
    """A store that gives no more than three keys at once, however many are asked for."""

    lists = 0

    def list_page(self, prefix="", *, delimiter="", token=None, start_after=None, max_keys=1000):
        self.lists += 1
        return super().list_page(
            prefix, delimiter=delimiter, token=token, start_after=start_after, max_keys=min(3, max_keys)
        )


def wait(call):
    """Call with a callback and wait for what it is given."""
    done, answer = threading.Event(), []

    def take(result):
        is_bytes = isinstance(result, list)
        answer.append(b"".join(result) if is_bytes else result)  # views are good until this returns
        done.set()

    call(take)
    assert done.wait(20)
    return answer[0]


def entries(files, node_id):
    """Return all of a folder, asked for as the kernel does: from where the last answer ended."""
    handle, found, position = files.open_folder(node_id), [], 0
    while batch := [*files.read_folder(handle, position)][:2]:
        found += [entry for entry, _, _ in batch]
        position = batch[-1][1]
    files.close_folder(handle)
    return found


def content(files, node_id):
    handle = wait(lambda done: files.open(node_id, done))
    data = wait(lambda done: files.read(handle, 0, 1 << 20, done))
    files.release(handle)
    return data


def walk(files, node_id=ROOT, path=()):
    """Yield (path, bytes or None) of all there is, each name looked up as well as listed."""
    for entry in entries(files, node_id):
        node, _ = files.lookup(node_id, entry.name)
        assert node is not None, f"{entry.name} is listed and cannot be found"
        assert node.entry == entry
        here = (*path, entry.name)
        yield here, None if entry.is_folder else content(files, node.id)
        if entry.is_folder:
            yield from walk(files, node.id, here)


def expected(objects, prefix):
    """Return what a tree of files should hold of a dictionary of objects."""
    folders, tree = set(), {}
    for key in objects:
        segments = key[len(prefix) :].split("/") if key.startswith(prefix) else []
        for depth in range(1, len(segments)):
            folders.add(tuple(segments[:depth]))
    for folder in folders:
        names = [file_name(segment) for segment in folder]
        if None not in names:
            tree[tuple(names)] = None
    for key, data in objects.items():
        segments = key[len(prefix) :].split("/")
        names = [file_name(segment) for segment in segments]
        if key.startswith(prefix) and segments[-1] and None not in names and tuple(segments) not in folders:
            tree[tuple(names)] = data
    return tree


@pytest.fixture
def store():
    return MemoryStore("teaching")


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.binary(max_size=20), max_size=12), st.sampled_from(["", "a/", "a//", "../"]))
def test_the_tree_holds_just_the_objects(objects, prefix):
    store = Paged("teaching")
    for key, data in objects.items():
        store.put(key, data)
    files = FileSystem(store, prefix)
    found = list(walk(files))
    assert len({path for path, _ in found}) == len(found), "no name twice"
    assert dict(found) == expected(objects, prefix)
    files.close()


@settings(deadline=None)
@given(st.sets(KEYS, max_size=10), KEYS)
def test_a_lookup_without_a_listing_finds_the_same(keys, name):
    name = name.split("/")[0]
    store = Paged("teaching")
    for key in keys:
        store.put(key, b"x")
    alone, _ = FileSystem(store).lookup(ROOT, name)
    listed = {entry.name: entry for entry in entries(FileSystem(store), ROOT)}
    assert (alone is None) == (name not in listed)
    if alone:
        assert (alone.entry.key, alone.entry.is_folder) == (listed[name].key, listed[name].is_folder)


def test_names_seen_before_the_mount_are_found_without_asking_and_new_ones_by_asking(store):
    store.put("folder/a", b"x")
    files = FileSystem(store, root=store.list_page(delimiter="/"))
    store.put("b", b"later")
    assert files.lookup_at_hand(ROOT, "folder")[0].entry.is_folder
    assert files.stats()["requests"] == 0
    assert files.lookup_at_hand(ROOT, "b") is None
    assert files.lookup(ROOT, "b")[0].entry.size == 5
    files.refresh()
    assert files.lookup_at_hand(ROOT, "folder") is None


def test_what_cannot_be_shown_is_counted(store):
    for key in ("a", "a/b", "x" * 300, "marker/", "full/"):
        store.put(key, b"1" if key == "full/" else b"")
    files = FileSystem(store)
    names = [entry.name for entry in entries(files, ROOT)]
    assert names == ["a", "full", "marker"]
    assert files.stats()["hidden"] == 2
    entries(files, files.lookup(ROOT, "full")[0].id)
    assert files.stats()["hidden"] == 3


def test_one_listing_answers_all_names_of_a_folder():
    store = MemoryStore("teaching")
    for number in range(50):
        store.put(f"{number}", b"")
    files = FileSystem(store)
    for number in range(100):
        assert (files.lookup(ROOT, f"{number}")[0] is not None) == (number < 50)
    assert files.stats()["requests"] == 1


def test_an_object_changed_after_the_listing_is_stale_at_opening_and_then_found_anew(store):
    store.put("a", b"old")
    files = FileSystem(store, fresh=1000)
    old, _ = files.lookup(ROOT, "a")
    store.put("a", b"newer")
    error = wait(lambda done: files.open(old.id, done))
    assert error.errno == errno.ESTALE
    new, _ = files.lookup(ROOT, "a")
    assert new.id != old.id
    assert content(files, new.id) == b"newer"


class Gated(MemoryStore):
    """A store that gives no bytes until its gate is open."""

    error = None

    def __init__(self, name):
        super().__init__(name)
        self.gate = threading.Event()

    def receive(self, *args, **options):
        assert self.gate.wait(20)
        if self.error:
            raise self.error
        super().receive(*args, **options)


@pytest.fixture
def openings():
    """Open a file of a store in several ways at once; returns what is handed out, in order, and when all is."""

    def start(store, count):
        files = FileSystem(store)
        node, _ = files.lookup(ROOT, "a")
        said, done = [], threading.Semaphore(0)

        def opened(handle):
            said.append(handle)
            done.release()

        for _ in range(count):
            files.open(node.id, opened, whole=lambda parts: said.append(b"".join(parts)))
        return files, said, lambda: all(done.acquire(timeout=20) for _ in range(count))

    return start


def test_a_small_file_is_handed_over_whole_to_the_first_who_opens_it_and_the_others_wait(openings):
    store = Gated("teaching")
    store.put("a", b"small")
    files, said, are_all_open = openings(store, 3)
    assert not said
    store.gate.set()
    assert are_all_open()
    assert said[0] == b"small"
    assert len(set(said[1:])) == 3
    assert all(isinstance(handle, int) for handle in said[1:])
    for handle in said[1:]:
        assert wait(lambda done, handle=handle: files.read(handle, 0, 10, done)) == b"small"


def test_a_file_is_handed_over_again_only_once_nobody_has_it_open(store):
    store.put("a", b"small")
    store.put("large", bytes(WHOLE + 1))
    files = FileSystem(store)
    given = []

    def open_(name):
        node, _ = files.lookup(ROOT, name)
        return wait(lambda done: files.open(node.id, done, whole=lambda parts: given.append(b"".join(parts))))

    handles = [open_("a"), open_("a"), open_("large")]
    assert given == [b"small"]
    for handle in handles:
        files.release(handle)
    open_("a")
    assert given == [b"small"] * 2


def test_who_waits_for_another_s_opening_hears_of_the_failure(openings):
    store = Gated("teaching")
    store.put("a", b"small")
    store.error = AccessDenied("not for you")
    files, said, are_all_open = openings(store, 3)
    store.gate.set()
    assert are_all_open()
    assert [str(error) for error in said] == ["not for you"] * 3
    assert files.stats()["open_files"] == 0


def test_listings_are_kept_as_long_as_they_are_fresh(store):
    fresh, eager = FileSystem(store, fresh=1000), FileSystem(store, fresh=0)
    for files in (fresh, eager):
        assert files.lookup(ROOT, "a")[0] is None
    store.put("a", b"")
    assert fresh.lookup(ROOT, "a")[0] is None
    assert eager.lookup(ROOT, "a")[0] is not None
    fresh.refresh()
    assert fresh.lookup(ROOT, "a")[0] is not None


def test_wrong_kinds_are_refused(store):
    store.put("folder/a", b"")
    files = FileSystem(store)
    folder, _ = files.lookup(ROOT, "folder")
    file, _ = files.lookup(folder.id, "a")
    with pytest.raises(IsADirectoryError):
        files.open(folder.id, print)
    with pytest.raises(NotADirectoryError):
        files.lookup(file.id, "b")
    with pytest.raises(OSError, match="Stale") as caught:
        files.node(4711)
    assert caught.value.errno == errno.ESTALE


def test_an_archived_object_says_so(store):
    class Archive(MemoryStore):
        def list_page(self, *args, **options):
            from dataclasses import replace

            page = super().list_page(*args, **options)
            return replace(page, objects=tuple(replace(info, storage_class="GLACIER") for info in page.objects))

    archive = Archive("teaching")
    archive.put("a", b"")
    files = FileSystem(archive)
    with pytest.raises(ArchivedObject):
        files.open(files.lookup(ROOT, "a")[0].id, print)


def test_memory_that_names_take_is_taken_from_the_cache(store):
    for number in range(2000):
        store.put(f"{number}", b"")
    files = FileSystem(store, memory=200 << 20)
    before = files.stats()["cache_limit"]
    entries(files, ROOT)
    assert files.stats()["cache_limit"] < before
