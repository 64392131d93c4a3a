"""No wait without end: a store that hangs, an interrupt, a broken answer."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from s3magic import api
from s3magic.mounting import attach, control, records
from s3magic.mounting.model import DaemonMount
from s3magic.mounting.pending import Pending
from s3magic.mounting.records import Record

DAEMON = """
import sys, threading, socket
from s3magic.mounting import daemon, device, pending
from s3magic.store.memory import MemoryStore

channel, owner, metadata, data, interrupt = sys.argv[1:]
device.METADATA_SECONDS, device.DATA_SECONDS, pending.INTERRUPT_SECONDS = float(metadata), float(data), float(interrupt)

class Hanging(MemoryStore):
    def list_page(self, prefix="", **options):
        if prefix.startswith("hang"):
            threading.Event().wait()
        return super().list_page(prefix, **options)

    def stream(self, key, *, start=0, **options):
        if key == "slow" and start:
            threading.Event().wait()
        return super().stream(key, start=start, **options)

store = Hanging("teaching")
store.put("hang/a", b"")
store.put("good", b"good")
store.put("slow", bytes(16 << 20))
daemon.run(socket.socket(fileno=int(channel)), int(owner), lambda config: store)
"""


LOOKS = {"looks": [os.getuid(), os.getgid()], "allow_other": False, "keep": False}


@pytest.fixture
def hanging(room):
    """Mount a store that never answers for the folder ``hang`` and for the rest of the file ``slow``."""
    started = []

    def start(*, metadata=60.0, data=60.0, interrupt=60.0):
        ours, theirs = socket.socketpair()
        owner = os.pidfd_open(os.getpid())
        words = [str(word) for word in (theirs.fileno(), owner, metadata, data, interrupt)]
        child = subprocess.Popen([sys.executable, "-c", DAEMON, *words], pass_fds=(theirs.fileno(), owner))
        started.append(child)
        theirs.close()
        os.close(owner)
        config = {"url": "s3://teaching/", "path": str(room / "m"), "location": {}, "memory": 100_000_000}
        with ours:
            control.send(ours, {**config, "fresh": 0, "cache": None, "version_at": "", "ignore": None, **LOOKS})
            record = Record.from_json(control.read(ours)["record"])
        return DaemonMount(record.url, record.path, record)

    yield start
    for child in started:
        child.kill()
        child.wait()


@pytest.fixture
def looking():
    """Look into a folder in a thread; returns the thread and a list that its error will be in."""

    def start(path):
        failed = []

        def look():
            try:
                list(path.iterdir())
            except OSError as error:
                failed.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        return thread, failed

    return start


def test_a_listing_that_hangs_times_out_and_the_others_go_on(hanging, looking):
    mounted = hanging(metadata=1)
    thread, failed = looking(mounted / "hang")
    assert (mounted / "good").read_bytes() == b"good"
    thread.join(20)
    assert isinstance(failed[0], TimeoutError)
    assert "timed out" in mounted.stats()["last_error"]


def test_bytes_that_do_not_come_time_out(hanging):
    mounted = hanging(data=1)
    with (mounted / "slow").open("rb", buffering=0) as file:
        assert file.read(10) == bytes(10)
        with pytest.raises(OSError, match=r".*"):
            os.pread(file.fileno(), 10, 12 << 20)
    assert "timed out" in mounted.stats()["last_error"]
    assert (mounted / "good").read_bytes() == b"good"


@pytest.fixture
def signalled(eventually):
    """Run code that asks a mount for what does not come, in a process of its own; send it a signal once it waits.

    Returns what it says then.
    """

    def run(number, path, code, waits):
        command = [sys.executable, "-c", f"{ASKING}{textwrap.dedent(code)}", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout.readline() == "asking\n"
            eventually(lambda: waits(child.pid))
            child.send_signal(number)
            assert select.select([child.stdout], [], [], 20)[0]
            return child.stdout.readline()

    return run


ASKING = """
import ctypes, errno, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGALRM, lambda *_: None)
with open("/proc/self/comm", "wb") as name:
    name.write(b"\\xff")  # whoever looks for signals finds this among them, and it is no text
"""


def test_a_wait_gives_way_to_an_interrupt(hanging, signalled):
    mounted = hanging(interrupt=0)
    code = """
    print("asking", flush=True)
    try:
        os.stat(sys.argv[1])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    """
    waits = lambda _: mounted.stats()["requests"] > 1  # noqa: E731
    assert signalled(signal.SIGINT, mounted / "hang/a", code, waits) == "interrupted\n"


def test_a_wait_for_the_kernels_own_read_ahead_gives_way_to_an_interrupt(hanging, signalled):
    mounted = hanging(interrupt=0)
    code = """
    file = os.open(sys.argv[1], os.O_RDONLY)
    os.read(file, 10)
    print("asking", flush=True)
    try:
        os.pread(file, 10, 12 << 20)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    """
    assert signalled(signal.SIGINT, mounted / "slow", code, _is_held_by_the_kernel) == "interrupted\n"


def _is_held_by_the_kernel(pid):
    """Whether a process waits in such a way that the kernel tells nobody of its signals."""
    return (Path("/proc") / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"D"


def test_a_signal_that_does_not_tell_to_stop_breaks_nothing_off(hanging, signalled):
    mounted = hanging(metadata=3, interrupt=0)
    code = """
    print("asking", flush=True)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.open(os.fsencode(sys.argv[1]), os.O_RDONLY)  # as C does: Python's own would ask again after a signal
    print(errno.errorcode[ctypes.get_errno()], flush=True)
    """
    waits = lambda _: mounted.stats()["requests"] > 1  # noqa: E731
    assert signalled(signal.SIGALRM, mounted / "hang/a", code, waits) == "ETIMEDOUT\n"


def test_where_nobody_can_look_which_signal_came_every_one_breaks_off(monkeypatch):
    monkeypatch.setattr("s3magic.mounting.pending.INTERRUPT_SECONDS", 0)
    pending = Pending()
    for unique in (1, 2):
        pending.add(unique, 60, thread=0)
    assert pending.failed() == []
    assert pending.interrupt(1)
    assert not pending.interrupt(3)
    assert [(unique, error.errno) for unique, error in pending.failed()] == [(1, errno.EINTR)]


def test_a_process_whose_name_is_no_text_runs_like_any_other():
    code = f"{ASKING}\nprint(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline()
        assert records.started(child.pid)
        child.communicate(b"\n")


def test_time_in_which_the_daemon_stood_still_is_not_waited():
    pending = Pending()
    pending.add(1, 0, thread=0)
    pending.pass_over(100)
    pending.add(2, 0, thread=0)
    assert [(unique, error.errno) for unique, error in pending.failed()] == [(2, errno.ETIMEDOUT)]


def test_a_mount_whose_store_hangs_is_ended_by_force(hanging, looking, eventually):
    mounted = hanging()
    thread, failed = looking(mounted / "hang")
    eventually(lambda: mounted.stats()["requests"] > 1)
    mounted.unmount(force=True)
    thread.join(20)
    assert failed[0].errno in {errno.ECONNABORTED, errno.ENOTCONN}
    assert not records.all_records()


def test_an_interrupt_that_overtakes_its_request_is_asked_for_again():
    from s3magic.mounting.device import Device

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ended = threading.Semaphore(0)
    header, interrupt, destroy = struct.Struct("=IIQQIIII"), 36, 38
    with ours, theirs:
        ours.settimeout(20)
        before = set(threading.enumerate())
        Device(theirs.fileno(), {}, urge=lambda: None, ended=ended.release).start()
        readers = [thread for thread in set(threading.enumerate()) - before if thread.name != "fuse-watch"]
        try:
            ours.send(header.pack(48, interrupt, 7, 0, 0, 0, 0, 0) + struct.pack("=Q", 6))
            assert struct.unpack("=IiQ", ours.recv(100)) == (16, -errno.EAGAIN, 7)
        finally:
            for _ in readers:
                ours.send(header.pack(40, destroy, 9, 0, 0, 0, 0, 0))
            for thread in readers:
                thread.join(20)
    assert ended.acquire(timeout=0)


KILLED = """
import os, signal, sys
from s3magic.mounting import attach

mount = attach.attach

def killed(path, **words):
    mount(path, **words)
    os.kill(os.getpid(), signal.SIGKILL)

attach.attach = killed
"""


def test_a_mount_whose_daemon_is_killed_as_soon_as_it_is_there_is_known(room):
    ours, theirs = socket.socketpair()
    owner = os.pidfd_open(os.getpid())
    words = [str(word) for word in (theirs.fileno(), owner, 60, 60, 60)]
    config = {"url": "s3://teaching/", "path": str(room / "m"), "location": {}, "memory": 100_000_000}
    with ours, subprocess.Popen([sys.executable, "-c", KILLED + DAEMON, *words], pass_fds=(theirs.fileno(), owner)):
        theirs.close()
        os.close(owner)
        control.send(ours, {**config, "fresh": 0, "cache": None, "version_at": "", "ignore": None, **LOOKS})
        assert not ours.recv(1)
    assert attach.mount_point_at(room / "m") is not None
    assert not api.mounts()
    assert attach.mount_point_at(room / "m") is None
    assert not (room / "m").exists()


def test_questions_that_make_no_sense_are_answered_with_an_error(hanging):
    from s3magic.errors import InvalidInput

    mounted = hanging()
    with pytest.raises(InvalidInput):
        control.ask(mounted.record.socket, {"ask": "nonsense"})
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(mounted.record.socket))
        channel.sendall(b"not json\n")
        assert "error" in json.loads(channel.recv(65536))
    assert mounted.state == "mounted"
