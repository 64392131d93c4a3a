"""What programs see on a real mount: names, bytes, errors."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3magic.mounting import attach

MIB = 1 << 20
SIZE = 5 * MIB + 123
DATA = random.Random(4).randbytes(SIZE)  # noqa: S311 - only has to differ


def names(mounted):
    return [path.name for path in mounted.path.iterdir()]


@pytest.fixture
def big(bucket, mount):
    bucket.put("folder/big.bin", DATA)
    return mount("s3://scratch/folder/") / "big.bin"


def test_a_whole_file_is_the_object(big):
    assert big.read_bytes() == DATA
    assert big.stat().st_size == SIZE


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, SIZE + 10), size=st.integers(0, 400_000))
def test_any_range_is_the_range_of_the_object(big, start, size):
    with big.open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), size, start) == DATA[start : start + size]


def test_parallel_readers_all_get_the_right_bytes(big, bucket):
    for number in range(6):
        bucket.put(f"folder/{number}", DATA[number:])
    (folder := big.parent).joinpath("0").stat()

    def digest(number):
        return hashlib.md5((folder / str(number % 6)).read_bytes(), usedforsecurity=False).digest()

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(digest, range(24)))
    assert found == [hashlib.md5(DATA[number % 6 :], usedforsecurity=False).digest() for number in range(24)]


def test_a_memory_map_reads_through(big):
    numpy = pytest.importorskip("numpy")
    mapped = numpy.memmap(big, mode="r")
    assert bytes(mapped[SIZE // 2 : SIZE // 2 + 1000]) == DATA[SIZE // 2 : SIZE // 2 + 1000]
    del mapped


def test_folders_and_files_look_as_they_should(bucket, mount):
    bucket.put("a.txt", b"hello")
    bucket.put("sub/deep/b.txt", b"")
    mounted = mount("s3://scratch")
    assert sorted(names(mounted)) == ["a.txt", "sub"]
    file, folder = (mounted / "a.txt").stat(), (mounted / "sub").stat()
    assert stat.S_IMODE(file.st_mode) == 0o444
    assert stat.S_IMODE(folder.st_mode) == 0o555
    assert (file.st_uid, file.st_gid) == (os.getuid(), os.getgid())
    assert file.st_mtime == pytest.approx(bucket.head("a.txt").last_modified.timestamp(), abs=1)
    assert [entry.inode() for entry in os.scandir(mounted) if entry.is_file()] == [file.st_ino]
    assert (mounted / "sub/deep/b.txt").read_bytes() == b""
    assert not (mounted / "none").exists()


def test_a_copy_of_the_tree_is_the_tree(bucket, mount, room):
    keys = ["a", "b/c", "b/d e", "b/é/ü.txt", "b/100%"]
    for key in keys:
        bucket.put(key, key.encode())
    shutil.copytree(mount("s3://scratch/"), room / "copy", copy_function=shutil.copyfile)
    for key in keys:
        assert (room / "copy" / key).read_bytes() == key.encode()


def test_a_long_folder_is_listed_whole(bucket, mount):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bucket.put(f"many/{number:05}", b"x"), range(1100)))
    mounted = mount("s3://scratch/many/")
    assert sorted(names(mounted)) == [f"{number:05}" for number in range(1100)]
    assert sum(entry.stat().st_size for entry in os.scandir(mounted)) == 1100


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a b+c%20", "a b+c%20"),
        ("../up", "%2E%2E/up"),
        ("./here", "%2E/here"),
        ("/lead", "%2F/lead"),
        ("a//b", "a/%2F/b"),
        ("a/..", "a/%2E%2E"),
        ("%2F/x", "%252F/x"),
        ("-rf *?[x]{a,b}'\"\\$(x)\n#", "-rf *?[x]{a,b}'\"\\$(x)\n#"),
    ],
)
def test_odd_keys_are_files_inside_the_folder(bucket, mount, room, key, path):
    bucket.put(key, b"odd")
    mounted = mount("s3://scratch/")
    assert (mounted / path).read_bytes() == b"odd"
    assert [Path(top, name) for top, _, names in os.walk(mounted) for name in names] == [mounted / path]


def test_an_object_that_is_also_a_folder_leaves_its_name_to_the_folder(bucket, mount):
    bucket.put("both", b"hidden")
    bucket.put("both/inside", b"seen")
    bucket.put("x" * 300, b"no name")
    mounted = mount("s3://scratch/")
    assert names(mounted) == ["both"]
    assert (mounted / "both/inside").read_bytes() == b"seen"
    assert mounted.stats()["hidden"] == 2


def test_nothing_can_be_written(bucket, mount):
    bucket.put("a/b", b"")
    mounted = mount("s3://scratch/")
    for attempt in (
        lambda: (mounted / "new").write_bytes(b""),
        lambda: (mounted / "a/b").write_bytes(b"x"),
        (mounted / "a/b").unlink,
        (mounted / "a").rmdir,
        (mounted / "c").mkdir,
        lambda: (mounted / "a/b").rename(mounted / "c"),
        lambda: (mounted / "a/b").chmod(0o777),
        lambda: os.utime(mounted / "a/b"),
        lambda: os.link(mounted / "a/b", mounted / "c"),
        lambda: (mounted / "c").symlink_to("a"),
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            attempt()
        assert caught.value.errno == errno.EROFS
    assert bucket.head("a/b").size == 0


def test_an_object_replaced_while_open_gives_an_error_then_its_new_bytes(bucket, mount):
    bucket.put("a", bytes(8 * MIB))
    mounted = mount("s3://scratch/", fresh=600)
    with (mounted / "a").open("rb", buffering=0) as file:
        assert file.read(10) == bytes(10)
        bucket.put("a", b"\1" * 8 * MIB)
        with pytest.raises(OSError, match="Input/output") as caught:
            os.pread(file.fileno(), 100, 7 * MIB)
        assert caught.value.errno == errno.EIO
    assert set((mounted / "a").read_bytes()) == {1}
    assert "changed" in mounted.stats()["last_error"]


def test_an_object_replaced_before_opening_is_read_anew_at_once(bucket, mount):
    bucket.put("a", b"old")
    mounted = mount("s3://scratch/", fresh=600)
    assert (mounted / "a").read_bytes() == b"old"
    assert (mounted / "a").stat().st_size == 3
    mounted.refresh()
    bucket.put("a", b"longer")
    assert (mounted / "a").read_bytes() == b"longer"


def test_an_object_deleted_before_opening_is_not_found(bucket, mount):
    bucket.put("a", b"old")
    bucket.put("b", b"")
    mounted = mount("s3://scratch/", fresh=600)
    assert (mounted / "a").stat().st_size == 3
    bucket.delete("a")
    with pytest.raises(FileNotFoundError):
        (mounted / "a").read_bytes()


def test_refresh_shows_what_is_new_and_forgets_what_is_gone(bucket, mount):
    bucket.put("a", b"")
    mounted = mount("s3://scratch/", fresh=600)
    assert (mounted / "a").exists()
    assert not (mounted / "b").exists()
    bucket.put("b", b"")
    bucket.delete("a")
    assert not (mounted / "b").exists()
    mounted.refresh()
    assert (mounted / "b").exists()
    assert not (mounted / "a").exists()
    assert names(mounted) == ["b"]


def test_an_unchanged_file_is_read_again_without_asking(big):
    from s3magic import api

    big.read_bytes()
    before = api.mounts()[0].stats()
    assert big.read_bytes() == DATA
    assert api.mounts()[0].stats()["bytes_fetched"] == before["bytes_fetched"]


def test_a_small_file_costs_the_kernel_no_question_but_its_opening(bucket, mount):
    bucket.put("small", b"all of it")
    with mount("s3://scratch/") as mounted, (mounted / "small").open("rb") as file:
        assert mounted.stats()["bytes_served"] == len(b"all of it")
        assert file.read() == b"all of it"
        assert mounted.stats()["bytes_served"] == len(b"all of it")


def test_what_a_daemon_counts(big):
    from s3magic import api

    big.read_bytes()
    stats = api.mounts()[0].stats()
    assert stats["bytes_fetched"] >= SIZE
    assert stats["bytes_served"] >= SIZE
    assert 0 < stats["cache_bytes"] <= SIZE
    assert stats["requests"] >= 3
    assert stats["uptime"] > 0
    assert stats["errors"] == 0
    assert 5 * MIB < stats["memory_bytes"] < 90 * MIB


def test_the_mount_table_names_the_url_and_no_secret(bucket, mount, room):
    bucket.put("a", b"")
    mount("s3://scratch/")
    (line,) = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(room) in line]
    assert line.startswith(f"s3://scratch/ {room}/m fuse.s3magic ro,nosuid,nodev")
    assert attach.mount_point_at(room / "m").source == "s3://scratch/"


def test_a_daemon_at_rest_is_small(bucket, mount):
    bucket.put("a", b"")
    assert mount("s3://scratch/").stats()["memory_bytes"] < 60_000_000


def test_memory_stays_bounded_while_much_is_read(bucket, mount):
    for number in range(6):
        bucket.put(f"{number}", DATA[number:] * 3)
    mounted = mount("s3://scratch/", memory=100_000_000)
    for number in range(6):
        (mounted / str(number)).read_bytes()
    stats = mounted.stats()
    assert stats["bytes_fetched"] == sum(3 * (SIZE - number) for number in range(6))
    assert stats["memory_peak_bytes"] < 130_000_000


def test_h5py_reads_while_the_same_process_asks_the_daemon(bucket, mount, room):
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    with h5py.File(room / "a.h5", "w") as file:
        file["x"] = numpy.arange(1_000_000).reshape(1000, 1000)
    bucket.put("a.h5", (room / "a.h5").read_bytes())
    mounted = mount("s3://scratch/")

    def look(_):
        return mounted.stats()["bytes_served"], names(mounted), repr(mounted)

    with h5py.File(mounted / "a.h5") as file, ThreadPoolExecutor(2) as pool:
        looks = pool.map(look, range(20))
        assert all(file["x"][row, 7] == row * 1000 + 7 for row in range(0, 1000, 50))
        assert len(list(looks)) == 20
