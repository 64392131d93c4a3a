"""Decoders that crash, hang and eat memory, in real processes: whatever they do, the kernel goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from s3magic.errors import AccessDenied, UnreadableFormat
from s3magic.thumbnails import workers as room
from s3magic.thumbnails.decoding import DecoderFailed, Task
from s3magic.thumbnails.preview import look
from s3magic.thumbnails.workers import Workers

# Imported by every Python that starts with it on its path: makes ``.word`` files known to workers.
_CUSTOM = """
import sys
if "s3magic.thumbnails.worker" in sys.orig_argv:
    import ctypes, os, socket, time
    from s3magic.formats import registry
    from s3magic.formats.base import PLAIN, Preview, TileInfo

    def connect(port):
        with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
            return "connected"

    class Words:
        name, suffixes, is_folder = "word file", (".word",), False

        def describe(self, file):
            return TileInfo("file", "word", dimensions="3x2")

        def preview(self, file, *, size=160, look=PLAIN):
            file.seek(0)
            word, _, rest = file.read(64).decode().strip().partition(" ")
            if word == "crash":
                ctypes.string_at(0)
            if word == "hang":
                time.sleep(3600)
            if word == "spin":
                while True:
                    pass
            if word == "eat":
                eaten = [bytearray(1 << 26) for _ in range(1 << 20)]
            if word == "leave":
                os._exit(0)
            if word == "bug":
                raise KeyError("a slip of the decoder")
            if word == "lie":
                return Preview(b"x", "image/png", "wide", 1, "", "whole")
            if word == "whole":
                file.seek(0)
                file.read()
            said = {
                "environment": lambda: " ".join(os.environ),
                "connect": lambda: connect(rest),
                "network": lambda: os.readlink("/proc/self/ns/net"),
                "priority": lambda: open("/proc/self/oom_score_adj").read().strip(),
            }.get(word, lambda: word)()
            return Preview(b"picture", "image/png", 3, 2, said, "whole")

    known = registry.find
    registry.find = lambda name: Words() if name.endswith(".word") else known(name)
"""


@pytest.fixture
def make_workers(tmp_path, monkeypatch, words):
    """Workers that know ``.word`` files."""
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom" / "sitecustomize.py").write_text(_CUSTOM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "custom"))
    made = []

    def make(**options):
        made.append(Workers(**{"count": 1, **options}))
        return made[-1]

    yield make
    for workers in made:
        workers.stop()


def ask(workers, word):
    data = word.encode().ljust(200)
    return workers(Task("a.word", len(data), 160), lambda start, stop: data[start:stop])


def ask_all(workers, asked):
    """Ask everything at once; return captions, or what went wrong, in order."""

    def one(word):
        try:
            return ask(workers, word).preview.caption
        except DecoderFailed as error:
            return str(error)

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(one, asked))


def wait_until_gone(pid):
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_a_crash_is_told_of_the_guilty_alone(make_workers):
    workers = make_workers()
    said = ask_all(workers, ["fine", "crash", *["fine"] * 5, "crash"])
    assert said == ["fine", "The decoder crashed on it (SIGSEGV)", *["fine"] * 5, "The decoder crashed on it (SIGSEGV)"]
    assert ask(workers, "fine").preview.image == b"picture"


def test_who_hangs_is_ended_and_the_others_are_seen(make_workers):
    workers = make_workers(seconds=1)
    assert ask_all(workers, ["hang", "fine", "fine"]) == ["Took longer than 1 s to decode", "fine", "fine"]
    assert "to decode" in ask_all(workers, ["spin"])[0]
    assert ask(workers, "fine").preview.caption == "fine"


def test_who_wants_too_much_memory_is_ended(make_workers):
    workers = make_workers(memory=1 << 30)
    assert ask_all(workers, ["eat", "fine"]) == ["Wants more memory than a preview may use", "fine"]
    assert ask(workers, "fine").preview.caption == "fine"


def test_a_worker_that_left_or_was_killed_is_replaced(make_workers):
    workers = make_workers()
    assert ask(workers, "fine").preview.caption == "fine"
    (pid,) = workers.pids
    os.kill(pid, signal.SIGKILL)
    assert ask_all(workers, ["fine", "fine"]) == ["fine", "fine"]
    assert pid not in workers.pids
    assert ask_all(workers, ["leave"]) == ["No decoder could be kept running"]
    workers.stop()
    assert workers.pids == []


@pytest.mark.parametrize(("word", "said"), [("bug", "Could not be shown (KeyError)"), ("lie", "answered nonsense")])
def test_what_decoders_get_wrong_is_told(make_workers, word, said):
    with pytest.raises(DecoderFailed, match=said.replace("(", r"\(").replace(")", r"\)")):
        ask(make_workers(), word)


def test_our_own_errors_come_back_as_they_are(make_workers):
    with pytest.raises(UnreadableFormat, match="Not readable as") as error:
        make_workers()(Task("a.png", 10, 160), lambda start, stop: bytes(stop - start))
    assert error.value.hint


def test_no_more_workers_than_wanted_and_none_before(make_workers):
    workers = make_workers(count=2)
    assert workers.pids == []
    assert ask_all(workers, ["fine"] * 12) == ["fine"] * 12
    assert len(workers.pids) <= 2


def test_a_worker_sees_no_secret(make_workers, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    monkeypatch.setenv("MY_TOKEN", "hush-hush")
    seen = ask(make_workers(), "environment").preview.caption.split()
    assert "PATH" in seen
    assert not {"AWS_SECRET_ACCESS_KEY", "MY_TOKEN"} & set(seen)


def test_a_worker_has_no_network_where_it_may_give_it_up(make_workers):
    workers = make_workers()
    if ask(workers, "network").preview.caption == str(Path("/proc/self/ns/net").readlink()):
        pytest.skip("this system lets no ordinary process give up its network")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(DecoderFailed, match=r"OSError|Refused"):
        ask(workers, f"connect {server.getsockname()[1]}")


def test_the_system_ends_a_worker_before_the_kernel(make_workers):
    assert ask(make_workers(), "priority").preview.caption == "1000"


def test_the_workers_of_a_kernel_are_shared_and_can_be_ended(make_workers):
    del make_workers  # its file format is known to them, too
    room.stop()
    pool = room.shared()
    assert pool is room.shared()
    assert ask(pool, "fine").preview.caption == "fine"
    (pid,) = pool.pids
    room.stop()
    assert pool.pids == []
    wait_until_gone(pid)


def test_workers_end_with_a_kernel_that_was_killed(make_workers):
    code = (
        "import time; from s3magic.thumbnails.decoding import Task; from s3magic.thumbnails.workers import Workers\n"
        "w = Workers(count=1); w(Task('a.word', 5, 160), lambda a, b: b'fine '[a:b]); print(*w.pids, flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as kernel:
        pid = int(kernel.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        kernel.kill()
    wait_until_gone(pid)


def test_the_kernel_counts_and_caps_what_a_worker_reads(make_workers, store):
    workers = make_workers()
    seen = look(store, store.head("w/e.word"), read_limit=300_000, decoder=workers)
    assert seen.error == "Wants more than 300 kB"
    assert ("dimensions", "3 x 2") in seen.facts
    assert seen.bytes_read == store.got <= 600_000
    whole = look(store, store.head("w/e.word"), decoder=workers)
    assert (whole.image, whole.error) == (b"picture", None)


def test_what_the_store_refuses_is_told_as_it_was(make_workers, store):
    def refuse(key):
        raise AccessDenied("Not allowed: s3:GetObject")

    store.before = refuse
    assert look(store, store.head("w/a.word"), decoder=make_workers()).error == "Not allowed to read it"


def test_a_page_of_troubles_is_still_a_page(make_workers, store, make_gallery):
    for number, word in enumerate(["crash", "fine", "eat", "fine", "bug", "fine"]):
        store.put(f"trouble/{number}.word", word.encode().ljust(200))
    gallery = make_gallery("s3://teaching/trouble/", decoder=make_workers(memory=1 << 30)).wait()
    assert [bool(item.error) for item in gallery.items] == [True, False, True, False, True, False]
    assert gallery.items[0].thumbnail.startswith(b"\x89PNG")
    assert "crashed on it" in gallery._repr_html_()
