from __future__ import annotations

import os
import sys

from s3magic.process import run
from s3magic.thumbnails.cache import DiskCache, Entry


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_kept_comes_back_whole(tmp_path):
    entry = Entry({"caption": "x\n", "width": 3}, b"\n\x89PNG\n\n")
    DiskCache(tmp_path).put(("s3://b/k", "etag", 1), entry)
    assert DiskCache(tmp_path).get(("s3://b/k", "etag", 1)) == entry
    assert DiskCache(tmp_path).get(("s3://b/k", "other", 1)) is None


def test_an_entry_cut_short_or_spoilt_is_none(tmp_path):
    cache = DiskCache(tmp_path)
    cache.put(("k",), Entry({}, b"picture"))
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    blank = whole[:-7] + bytes(7)
    for spoilt in (whole[:-1], b"", b"[]\n", b"no json", b"{}\npicture", blank, bytes(len(whole))):
        path.write_bytes(spoilt)
        assert cache.get(("k",)) is None
    path.write_bytes(whole)
    assert cache.get(("k",)) is not None


def test_only_this_user_may_look(tmp_path):
    cache = DiskCache(tmp_path / "deep" / "cache")
    cache.put(("k",), Entry({}, b"picture"))
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "deep" / "cache").stat().st_mode & 0o077 == 0


def test_it_stays_under_its_limit_and_keeps_what_was_used_last(tmp_path):
    cache = DiskCache(tmp_path, limit=20_000)
    for number in range(10):
        cache.put((number,), Entry({}, bytes(1000)))
        path = max(files(tmp_path), key=lambda file: file.stat().st_mtime_ns)
        os.utime(path, (1000 + number, 1000 + number))
    assert cache.get((0,)) is not None
    for number in range(10, 25):
        cache.put((number,), Entry({}, bytes(1000)))
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 20_000
    assert cache.get((0,)) is not None
    assert cache.get((1,)) is None
    assert cache.get((24,)) is not None


def test_half_written_files_of_a_process_that_died_are_cleared(tmp_path):
    cache = DiskCache(tmp_path)
    cache.put(("k",), Entry({}, b"picture"))
    (path,) = files(tmp_path)
    old, fresh = path.parent / "tmpold", path.parent / "tmpfresh"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    DiskCache(tmp_path).put(("l",), Entry({}, b"picture"))
    assert not old.exists()
    assert fresh.exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = DiskCache(tmp_path / "file" / "cache")
    cache.put(("k",), Entry({}, b"picture"))
    assert cache.get(("k",)) is None


_OTHER = """
import sys
from s3magic.thumbnails.cache import DiskCache, Entry
cache = DiskCache(sys.argv[1], limit=60_000)
for turn in range(3):
    for number in range(100):
        cache.put((number,), Entry({"number": number}, bytes([number]) * 1000))
        found = cache.get((number,))
        assert found is None or (found.facts, found.image) == ({"number": number}, bytes([number]) * 1000)
"""


def test_two_processes_may_share_it(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: run([sys.executable, "-c", _OTHER, str(tmp_path)], timeout=120), range(2)))
    assert [end.stderr for end in ends] == ["", ""]
    assert [end.returncode for end in ends] == [0, 0]
    cache = DiskCache(tmp_path)
    kept = [number for number in range(100) if cache.get((number,))]
    assert kept
    assert not [path for path in files(tmp_path) if path.suffix != ".thumb"]
