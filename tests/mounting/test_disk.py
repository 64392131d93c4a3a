"""Bytes kept on disk for later mounts: right or not there, whatever becomes of the disk."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from functools import cache

import pytest

from s3magic.errors import AccessDenied, InvalidInput, MountError, ObjectChanged
from s3magic.mounting import disk
from s3magic.mounting.disk import DiskCache
from s3magic.mounting.inodes import Entry, file_entry
from s3magic.mounting.reads import Reads
from s3magic.mounting.workers import Workers
from s3magic.store.memory import MemoryStore

MIB = 1 << 20
KILLS = 5


class Counted(MemoryStore):
    """A store that counts what is asked of it, and may refuse to tell of objects."""

    gets = proofs = 0
    denied = None

    def stream(self, key, **options):
        self.gets += 1
        return super().stream(key, **options)

    def get(self, key, *, stop=None, **options):
        self.proofs += stop == 1
        if self.denied:
            raise self.denied
        return super().get(key, stop=stop, **options)


@pytest.fixture
def store():
    return Counted("teaching")


@pytest.fixture
def pool():
    workers = Workers(8, name="test")
    yield workers
    workers.stop()


@pytest.fixture
def kept(tmp_path, eventually):
    """Make a cache; wait until it holds so much."""

    def make(size=disk.SMALLEST, place="here/teaching"):
        return DiskCache.make(tmp_path / "cache", size, place=place)

    make.blocks = lambda: [path for path in (tmp_path / "cache").rglob("??/*") if path.is_file()]
    make.wait = lambda cache, size: eventually(lambda: cache.held >= size)
    return make


@pytest.fixture
def reader(store, pool):
    """Read all of an object through a cache of its own in memory, as a mount does."""

    def read(cache, entry):
        reads = Reads(store, limit=64 * MIB, workers=pool, changed=lambda _: None, disk=cache)
        content, data = reads.open(entry), b""
        while len(data) < entry.size:
            done, answer = threading.Event(), []

            def take(result, done=done, answer=answer):
                answer.append(b"".join(result) if isinstance(result, list) else result)
                done.set()

            reads.read(content, len(data), MIB, take)
            assert done.wait(20)
            if isinstance(answer[0], Exception):
                raise answer[0]
            data += answer[0]
        reads.close(content)
        return data

    return read


def put(store, size, key="a", seed=1):
    data = random.Random(seed).randbytes(size)  # noqa: S311
    return data, file_entry(key, store.put(key, data))


def test_what_was_read_once_is_not_fetched_again(store, kept, reader):
    data, entry = put(store, 9 * MIB + 5)
    cache = kept()
    assert reader(cache, entry) == data
    kept.wait(cache, len(data))
    store.gets = store.proofs = 0
    again = kept()
    assert reader(again, entry) == data
    assert (store.gets, store.proofs) == (0, 1), "one byte is asked for, as a proof"
    assert again.served == len(data)
    other = kept(place="elsewhere/teaching")
    assert reader(other, entry) == data
    assert store.gets


def test_another_object_is_never_taken_for_it(store, kept, reader):
    _, old = put(store, MIB)
    cache = kept()
    reader(cache, old)
    kept.wait(cache, MIB)
    new, entry = put(store, MIB, seed=2)
    with pytest.raises(ObjectChanged):
        reader(cache, old)
    assert reader(cache, entry) == new


def test_who_may_not_read_gets_nothing_from_disk(store, kept, reader):
    data, entry = put(store, MIB)
    cache = kept()
    assert reader(cache, entry) == data
    kept.wait(cache, MIB)
    store.denied = AccessDenied("Not allowed")
    with pytest.raises(AccessDenied):
        reader(kept(), entry)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    with path.open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))


def empty(path):
    os.truncate(path, 0)


def garble(path):
    path.write_bytes(random.Random(3).randbytes(path.stat().st_size))  # noqa: S311


def make_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [cut, flip, empty, garble, make_folder])
def test_a_block_that_was_harmed_is_fetched_again(store, kept, reader, harm):
    data, entry = put(store, 2 * MIB)
    cache = kept()
    reader(cache, entry)
    kept.wait(cache, len(data))
    (block,) = kept.blocks()
    harm(block)
    store.gets = 0
    assert reader(kept(), entry) == data
    assert store.gets


def test_blocks_that_changed_places_are_fetched_again(store, kept, reader):
    one, first = put(store, MIB, "a", 1)
    two, second = put(store, MIB, "b", 2)
    cache = kept()
    reader(cache, first), reader(cache, second)
    kept.wait(cache, 2 * MIB)
    here, there = kept.blocks()
    here.rename(here.with_suffix(".x"))
    there.rename(here)
    here.with_suffix(".x").rename(there)
    assert reader(kept(), first) == one
    assert reader(kept(), second) == two


def entry_of(number):
    return Entry(f"{number}", f"{number}", size=4 * MIB, etag=f"e{number}")


@cache
def bytes_of(number):
    return memoryview(random.Random(number).randbytes(4 * MIB))  # noqa: S311


def test_the_bound_is_kept_and_what_was_used_lately_stays(kept, eventually):
    cache, into = kept(), memoryview(bytearray(4 * MIB))
    for number in range(40):
        cache.write(entry_of(number), 0, bytes_of(number))
        assert cache.read(entry_of(0), 0, into) == 4 * MIB
        assert cache.held <= disk.SMALLEST
        assert sum(path.stat().st_blocks * 512 for path in kept.blocks()) <= disk.SMALLEST
    assert into == bytes_of(0)
    assert cache.read(entry_of(1), 0, into) == 0
    assert cache.read(entry_of(39), 0, into) == 4 * MIB


def test_two_mounts_share_a_folder(kept):
    caches, wrong = [kept(), kept()], []

    def use(cache, seed):
        chance, into = random.Random(seed), memoryview(bytearray(4 * MIB))  # noqa: S311
        for _ in range(60):
            number = chance.randrange(20)
            got = cache.read(entry_of(number), 0, into)
            if into[:got] != bytes_of(number)[:got]:
                wrong.append(number)
            if got < 4 * MIB:
                cache.write(entry_of(number), 0, bytes_of(number))

    threads = [threading.Thread(target=use, args=(cache, seed)) for seed, cache in enumerate(caches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(cache.served for cache in caches)
    assert sum(path.stat().st_blocks * 512 for path in kept.blocks()) <= disk.SMALLEST


WRITER = """
import random, sys
from pathlib import Path
from s3magic.mounting.disk import DiskCache
from s3magic.mounting.inodes import Entry
cache = DiskCache.make(Path(sys.argv[1]), 1 << 30, place="here")
print("ready", flush=True)
while True:
    for number in range(4):
        data = random.Random(number).randbytes(4 << 20)
        cache.write(Entry(f"{number}", f"{number}", size=4 << 20, etag=f"e{number}"), 0, memoryview(data))
        for path in Path(sys.argv[1]).rglob("??/*"):
            path.unlink()
"""


def test_a_killed_writer_leaves_no_torn_block(tmp_path):
    cache, into = DiskCache.make(tmp_path, 1 << 30, place="here"), memoryview(bytearray(4 * MIB))
    for kill in range(KILLS):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(random.Random(kill).random() / 10)  # noqa: S311 - a moment is what is tried
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        for number in range(4):
            got = cache.read(entry_of(number), 0, into)
            assert into[:got] == bytes_of(number)[:got]


def test_a_full_disk_is_told_of_and_nothing_else_happens(tmp_path, store, reader, monkeypatch, eventually):
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("only root can make a small disk")
    try:
        monkeypatch.setattr(disk, "_REST_SECONDS", 0)
        data, entry = put(store, 6 * MIB)
        cache = DiskCache.make(small, disk.SMALLEST, place="here")
        assert reader(cache, entry) == data
        eventually(lambda: os.strerror(errno.ENOSPC) in cache.trouble)
        assert reader(cache, entry) == data
        subprocess.run(["mount", "-o", "remount,size=20m", small], check=True)
        assert reader(cache, entry) == data
        eventually(lambda: cache.trouble == "")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_folder_that_will_not_do_is_told_before(tmp_path):
    with pytest.raises(InvalidInput):
        DiskCache.make(tmp_path, 1000, place="")
    (tmp_path / "file").write_text("")
    with pytest.raises(MountError):
        DiskCache.make(tmp_path / "file", disk.SMALLEST, place="")
    (tmp_path / "linked").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked" / "s3magic-blocks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MountError):
        DiskCache.make(tmp_path / "linked", disk.SMALLEST, place="")


def test_a_second_mount_reads_from_disk(bucket, mount, room, eventually):
    data = random.Random(5).randbytes(3 * MIB)  # noqa: S311
    bucket.put("secret name/big.bin", data)
    options = {"cache": room / "kept", "cache_size": 100_000_000}
    with mount("s3://scratch/", **options) as first:
        assert (first / "secret name/big.bin").read_bytes() == data
        eventually(lambda: first.stats()["disk_bytes"] >= len(data))
    with mount("s3://scratch/", **options) as second:
        assert (second / "secret name/big.bin").read_bytes() == data
        stats = second.stats()
        assert stats["bytes_fetched"] == 0
        assert stats["disk_served"] >= len(data)
        assert stats["disk_trouble"] == ""
        assert "on disk" in second._repr_html_()
        blocks = room / "kept" / "s3magic-blocks"
        assert stat.S_IMODE(blocks.stat().st_mode) == 0o700
        assert not [path for path in blocks.rglob("*") if "secret" in path.name or "scratch" in path.name]
        bucket.put("secret name/big.bin", b"new")
        second.refresh()
        assert (second / "secret name/big.bin").read_bytes() == b"new"


@pytest.mark.parametrize("options", [{"cache_size": 1 << 30}, {"cache": "m/inside"}, {"cache": "c", "cache_size": 5}])
def test_a_cache_that_cannot_be_is_refused_before_anything_is_made(bucket, mount, room, options):
    with pytest.raises(InvalidInput):
        mount("s3://scratch/", **options)
    assert not (room / "m").exists()
