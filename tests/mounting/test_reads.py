"""The block cache of a mount: right bytes, one object, one bound."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from s3magic.errors import AccessDenied, ObjectChanged, Unreachable
from s3magic.mounting.ahead import EAGER_AFTER
from s3magic.mounting.inodes import file_entry
from s3magic.mounting.reads import Reads
from s3magic.mounting.workers import Workers
from s3magic.store.memory import MemoryStore

MIB = 1 << 20


class Flaky(MemoryStore):
    """A store whose streams break off, or fail altogether."""

    breaks = 0
    error = None
    streams = 0

    @contextmanager
    def stream(self, key, *, start=0, stop=None, etag=None, version_id=None):
        self.streams += 1
        if self.error:
            raise self.error
        with super().stream(key, start=start, stop=stop, etag=etag, version_id=version_id) as chunks:
            yield self._cut(chunks)

    def _cut(self, chunks):
        for chunk in chunks:
            if self.breaks:
                self.breaks -= 1
                yield chunk[: len(chunk) // 2]
                raise Unreachable("cut short")
            yield chunk


@pytest.fixture
def store():
    return Flaky("teaching")


@pytest.fixture
def workers():
    pool = Workers(8, name="test")
    yield pool
    pool.stop()


@pytest.fixture
def changed():
    return []


@pytest.fixture
def reads(store, workers, changed):
    return Reads(store, limit=64 * MIB, workers=workers, changed=changed.append)


def put(store, size, *, seed=0, key="a"):
    data = random.Random(seed).randbytes(size)  # noqa: S311
    return data, file_entry(key, store.put(key, data))


def fetch(reads, content, start, size):
    """Read and wait; return the bytes or raise."""
    done, answer = threading.Event(), []

    def take(result):
        is_bytes = isinstance(result, list)
        answer.append(b"".join(result) if is_bytes else result)  # views are good until this returns
        done.set()

    reads.read(content, start, size, take)
    assert done.wait(20)
    if isinstance(answer[0], Exception):
        raise answer[0]
    return answer[0]


def test_any_range_is_the_range_of_the_object(store, reads):
    data, entry = put(store, 3 * MIB + 17)
    content = reads.open(entry)
    chance = random.Random(1)  # noqa: S311
    for _ in range(200):
        start, size = chance.randrange(len(data) + 10), chance.randrange(300_000)
        assert fetch(reads, content, start, size) == data[start : start + size]
    assert reads.fetched == len(data), "no byte is fetched twice while there is room"


def test_sequential_reading_stays_within_the_bound_and_fetches_once(store, reads):
    data, entry = put(store, 40 * MIB)
    reads.limit = 16 * MIB
    content = reads.open(entry)
    most = 0
    for at in range(0, len(data), MIB):
        assert fetch(reads, content, at, MIB) == data[at : at + MIB]
        most = max(most, reads.cached)
    assert most <= reads.limit + MIB
    assert reads.fetched == len(data)


@pytest.mark.parametrize("head", [b"\x89HDF\r\n\x1a\n", b"CDF\x02", b"GRIB"])
def test_the_head_of_a_file_that_is_read_by_parts_is_read_for_itself(store, reads, head):
    data = head + random.Random(1).randbytes(20 * MIB)  # noqa: S311
    content = reads.open(file_entry("a", store.put("a", data)))
    for at in range(0, 4 * MIB, MIB // 8):
        assert fetch(reads, content, at, MIB // 8) == data[at : at + MIB // 8]
    assert (reads.cached > EAGER_AFTER) == (head == b"GRIB")


def test_many_files_share_one_bound(store, reads):
    reads.limit = 8 * MIB
    for number in range(12):
        data, entry = put(store, 2 * MIB, seed=number, key=f"{number}")
        content = reads.open(entry)
        assert fetch(reads, content, 0, len(data)) == data
        reads.close(content)
    assert reads.cached <= 10 * MIB


def test_bytes_stay_after_closing(store, reads):
    data, entry = put(store, 1000)
    for _ in range(3):
        content = reads.open(entry)
        assert fetch(reads, content, 0, 1000) == data
        reads.close(content)
    assert store.streams == 1


def test_concurrent_readers_of_the_same_bytes_cause_one_request(store, reads):
    _, entry = put(store, 1000)
    content = reads.open(entry)
    threads = [threading.Thread(target=fetch, args=(reads, content, 0, 1000)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.streams == 1


def test_a_changed_object_is_an_error_and_never_mixed_bytes(store, reads, changed):
    data, entry = put(store, 20 * MIB)
    content = reads.open(entry)
    assert fetch(reads, content, 0, 10) == data[:10]
    new, newer = put(store, 20 * MIB, seed=9)
    with pytest.raises(ObjectChanged):
        fetch(reads, content, 15 * MIB, 10)
    assert changed == [entry]
    with pytest.raises(ObjectChanged):
        fetch(reads, content, 0, 10)
    assert fetch(reads, reads.open(newer), 15 * MIB, 10) == new[15 * MIB : 15 * MIB + 10]


def test_a_deleted_object_counts_as_changed(store, reads, changed):
    _, entry = put(store, 1000)
    store.delete("a")
    with pytest.raises(ObjectChanged):
        fetch(reads, reads.open(entry), 0, 10)
    assert changed == [entry]


def test_a_body_cut_short_is_gone_on_with(store, reads):
    data, entry = put(store, MIB)
    store.breaks = 2
    assert fetch(reads, reads.open(entry), 0, MIB) == data
    assert store.streams == 3


def test_a_failure_reaches_the_reader_and_does_not_stick(store, reads, changed):
    data, entry = put(store, 1000)
    content = reads.open(entry)
    for error in (Unreachable("down"), AccessDenied("no"), RuntimeError("odd")):
        store.error = error
        with pytest.raises(type(error)):
            fetch(reads, content, 0, 10)
    store.error = None
    assert fetch(reads, content, 0, 1000) == data
    assert not changed


def test_a_read_over_several_spans_is_answered_once_when_all_fail(store, reads):
    _, entry = put(store, 12 * MIB)
    content = reads.open(entry)
    store.error = Unreachable("down")
    answers = []
    reads.read(content, 0, 12 * MIB, answers.append)
    with pytest.raises(Unreachable):
        fetch(reads, content, 0, 12 * MIB)
    assert [type(answer) for answer in answers] == [Unreachable]


class Slow(Flaky):
    """A store whose answers are long in beginning, and whose large ones can be held back."""

    def __init__(self, bucket):
        super().__init__(bucket)
        self.gate = threading.Event()
        self.gate.set()

    @contextmanager
    def stream(self, key, *, start=0, stop=None, etag=None, version_id=None):
        threading.Event().wait(0.02)
        if stop - start > MIB:
            self.gate.wait(20)
        with super().stream(key, start=start, stop=stop, etag=etag, version_id=version_id) as chunks:
            yield chunks


@pytest.fixture
def slow(tmp_path, monkeypatch, workers, changed):
    """Reads of a slow store, which fill to disk."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    store = Slow("teaching")
    return store, Reads(store, limit=32 * MIB, workers=workers, changed=changed.append)


def leap(reads, content, data, count, *, seed=7):
    """Read a little at many places."""
    chance = random.Random(seed)  # noqa: S311
    for _ in range(count):
        at = chance.randrange(len(data) - 5000)
        assert fetch(reads, content, at, 5000) == data[at : at + 5000]


def test_many_reads_here_and_there_bring_the_whole_object_to_disk(slow, eventually):
    store, reads = slow
    data, entry = put(store, 48 * MIB + 77)
    content = reads.open(entry)
    leap(reads, content, data, 40)
    eventually(lambda: content.spill is not None and not content.spill.rest and not content.spill.under_way)
    fetched = reads.fetched
    assert fetched < 1.3 * len(data)
    store.delete("a")
    before = reads.requests
    leap(reads, content, data, 100)
    assert reads.requests - before < 10, "but for what was evicted around the first reads, it comes from disk"
    assert reads.cached <= reads.limit
    reads.close(content)


def test_an_object_that_changes_while_it_is_filled_is_an_error(slow, eventually):
    store, reads = slow
    data, entry = put(store, 48 * MIB)
    content = reads.open(entry)
    store.gate.clear()
    while content.spill is None:
        leap(reads, content, data, 1, seed=reads.requests)
    store.error = ObjectChanged("replaced")
    store.gate.set()
    with pytest.raises(ObjectChanged):
        fetch(reads, content, 0, len(data))
    eventually(lambda: content.error is not None)
    with pytest.raises(ObjectChanged):
        fetch(reads, content, 0, 1)
    reads.close(content)


def test_what_somebody_waits_for_overtakes_what_is_stuck(store, workers, monkeypatch):
    gate, stuck = threading.Event(), threading.Semaphore(0)
    receive = store.receive

    def held_up(key, *args, **options):
        if key != "wanted":
            stuck.release()
            assert gate.wait(20)
        return receive(key, *args, **options)

    monkeypatch.setattr(store, "receive", held_up)
    monkeypatch.setattr("s3magic.mounting.foreseen.STUCK_SECONDS", 0)
    reads = Reads(store, limit=64 * MIB, workers=workers, changed=print)
    first = [put(store, 1000, seed=number, key=f"{number}")[1] for number in range(7)]
    data, wanted = put(store, 1000, key="wanted")
    reads.foreseen.add([*first, wanted])
    assert stuck.acquire(timeout=20)
    try:
        done, answer = threading.Event(), []
        reads.read(reads.open(wanted), 0, 1000, lambda result: (answer.append(b"".join(result)), done.set()))
        reads.foreseen.urge()
        assert done.wait(20)
        assert answer == [data]
    finally:
        gate.set()


def test_files_foreseen_are_there_when_they_are_opened(store, reads, eventually):
    files = [put(store, 20_000, seed=number, key=f"{number}") for number in range(20)]
    reads.foreseen.add([entry for _, entry in files])
    eventually(lambda: reads.fetched == 20 * 20_000)
    for data, entry in files:
        content = reads.open(entry)
        assert fetch(reads, content, 0, 20_000) == data
        reads.close(content)
    assert store.streams == 20


def test_what_nobody_opened_gives_way(store, reads):
    reads.limit = 16 * MIB
    reads.foreseen.add([put(store, MIB, seed=number, key=f"{number}")[1] for number in range(20)])
    data, entry = put(store, 40 * MIB, key="big")
    content = reads.open(entry)
    for at in range(0, len(data), MIB):
        assert fetch(reads, content, at, MIB) == data[at : at + MIB]
    assert reads.cached <= 17 * MIB


class Troubled(MemoryStore):
    """A store that fails and breaks off by chance."""

    @contextmanager
    def stream(self, key, **where):
        chance = random.random
        threading.Event().wait(0.005 * chance())
        if chance() < 0.02:
            raise Unreachable("no answer")
        with super().stream(key, **where) as chunks:
            yield self._cut(chunks, chance)

    def _cut(self, chunks, chance):
        for chunk in chunks:
            if chance() < 0.02:
                yield chunk[: int(len(chunk) * chance())]
                raise Unreachable("cut short")
            yield chunk


def test_bytes_are_right_whatever_sixteen_readers_do_at_once(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    store = Troubled("teaching")
    files = [put(store, size * MIB + 77, seed=size, key=f"{size}") for size in (1, 9, 24, 40)]
    reads = Reads(store, limit=24 * MIB, workers=workers, changed=lambda _entry: None)
    wrong, failed = [], []

    def read_some(seed):
        chance = random.Random(seed)  # noqa: S311
        for _ in range(6):
            data, entry = chance.choice(files)
            content, at, is_leaping = reads.open(entry), chance.randrange(len(data)), chance.random() < 0.5
            reads.foreseen.add(entry for _, entry in files)
            for _ in range(25):
                size = chance.choice([100, 4096, 128 << 10, MIB, 3 * MIB])
                try:
                    if fetch(reads, content, at, size) != data[at : at + size]:
                        wrong.append((entry.key, at, size))
                except Unreachable as error:
                    failed.append(error)
                at = chance.randrange(len(data)) if is_leaping else (at + size) % len(data)
            reads.close(content)
        return seed

    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(read_some, range(16)))) == 16
    assert not wrong
    assert len(failed) < 16
    reads.forget()
    assert reads.cached <= 24 * MIB
