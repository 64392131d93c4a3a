"""What a mount lives through: other kernels, a lost network, a suspended machine, a dead broker, TLS, many readers."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from faulty import LARGEST, MIB, piece

import s3magic
from s3magic import api
from s3magic.access import current
from s3magic.errors import InvalidInput, MountError
from s3magic.mounting import attach, control, ending, records
from s3magic.mounting.records import Record
from s3magic.mounting.starting import own_pidfd

MEMORY = 128_000_000
READERS = 8


@pytest.fixture
def serve(base, programs):
    """Serve objects of given sizes without any fault, at a port of choice, over TLS where there is a certificate."""

    def start(sizes, port=0, certificate=""):
        server = programs("faulty.py", base, json.dumps(sizes), "no", 0, port, certificate)
        return server, int(server.stdout.readline())

    yield start
    current.forget()


def connect(endpoint):
    s3magic.connect("keys", access_key_id="A", secret_access_key="B", endpoint_url=endpoint, region="us-east-1")


def whole(base, index, size):
    return piece(base.read_bytes(), index, 0, 0, size)


def test_several_kernels_on_one_bucket(sandbox, room, programs, mount, eventually):
    teacher = sandbox.users["teacher"]
    keys = json.dumps([teacher.access_key_id, teacher.secret_access_key, sandbox.endpoint_url])
    kernels = [programs("soak_kernel.py", room / f"{number}", "idle") for number in range(3)]
    for kernel in kernels:
        kernel.stdin.write(keys + "\n")
        kernel.stdin.flush()
    mounted = mount("s3://public/")
    daemons = [kernel.stdout.readline().split() for kernel in kernels]
    assert all(said[0] == "daemon" for said in daemons)
    assert len({*(int(said[1]) for said in daemons), mounted.record.pid}) == 4
    text = (mounted / "README.txt").read_bytes()
    assert all((room / f"{number}/README.txt").read_bytes() == text for number in range(3))
    kernels[0].kill()
    eventually(lambda: attach.mount_point_at(room / "0") is None, 10)
    assert (room / "1/README.txt").read_bytes() == text
    assert len(api.mounts()) == 3


STOPPED = """
import sys
from s3magic.mounting import records

with records.turn():
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_was_stopped_in_its_turn_is_named(mount, monkeypatch):
    monkeypatch.setattr(records, "TURN_SECONDS", 0.1)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", STOPPED], **pipes, text=True) as child:
        try:
            assert child.stdout.readline() == "mine\n"
            child.send_signal(signal.SIGSTOP)
            with pytest.raises(MountError, match=f"Process {child.pid} ") as refused:
                mount("s3://public/")
            assert f"kill -CONT {child.pid}" in refused.value.hint
        finally:
            child.send_signal(signal.SIGCONT)
    assert mount("s3://public/").state == "mounted"


def test_a_daemon_whose_kernel_was_killed_while_it_began_is_waited_out(mount, room, connection):
    former = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # stands for such a daemon
    channel = socket.socket(socket.AF_UNIX)
    record = Record("s3://scratch/", room / "m", connection.location.to_json(), former.pid, records.started(former.pid))

    def end():
        with channel, former:
            channel.accept()[0].close()
            former.kill()

    with records.turn():
        channel.bind(str(record.socket))
        channel.listen()
        record.write()
    ending_it = threading.Thread(target=end)
    ending_it.start()
    assert (mount("s3://public/") / "README.txt").exists()
    ending_it.join()


def test_kernels_that_mount_the_same_at_once_share_it(sandbox, room, programs):
    teacher = sandbox.users["teacher"]
    keys = json.dumps([teacher.access_key_id, teacher.secret_access_key, sandbox.endpoint_url])
    kernels = [programs("soak_kernel.py", room / "m", "idle") for _ in range(4)]
    for kernel in kernels:
        kernel.stdin.write(keys + "\n")
        kernel.stdin.flush()
    (said,) = {kernel.stdout.readline() for kernel in kernels}
    assert said == f"daemon {api.mounts()[0].record.pid}\n"
    assert [point.path for point in attach.mount_points() if point.path.is_relative_to(room)] == [room / "m"]


def test_reads_fail_within_bounds_while_the_server_is_gone_and_go_on_by_themselves(serve, room, base, eventually):
    server, port = serve([3 * MIB, 3 * MIB])
    connect(f"http://127.0.0.1:{port}")
    with api.mount("s3://soak/", room / "m", fresh=0) as mounted:
        pid = mounted.record.pid
        assert (mounted / "0.bin").read_bytes() == whole(base, 0, 3 * MIB)
        server.kill()
        server.wait()
        failed = []
        reader = threading.Thread(target=lambda: failed.append(failing(mounted / "1.bin")))
        reader.start()
        reader.join(60)
        assert isinstance(failed[0], OSError)
        serve([3 * MIB, 3 * MIB], port)
        eventually(lambda: failing(mounted / "1.bin") is None)
        assert (mounted / "1.bin").read_bytes() == whole(base, 1, 3 * MIB)
        assert (mounted.state, mounted.record.pid) == ("mounted", pid)


def failing(path):
    try:
        path.read_bytes()
    except OSError as error:
        return error
    return None


def test_a_machine_that_was_suspended_reads_on(serve, room, base):
    _, port = serve([LARGEST])
    connect(f"http://127.0.0.1:{port}")
    with api.mount("s3://soak/", room / "m") as mounted, (mounted / "0.bin").open("rb", buffering=0) as file:
        first = file.read(MIB)
        os.kill(mounted.record.pid, signal.SIGSTOP)
        rest = []
        reader = threading.Thread(target=lambda: rest.append(os.pread(file.fileno(), MIB, 40 * MIB)))
        try:
            reader.start()
            reader.join(3)
            assert reader.is_alive(), "nobody is there to answer"
        finally:
            os.kill(mounted.record.pid, signal.SIGCONT)
        reader.join(20)
        assert (first, rest) == (whole(base, 0, MIB), [whole(base, 0, LARGEST)[40 * MIB : 41 * MIB]])
        assert mounted.state == "mounted"


def test_a_mount_whose_broker_is_killed_goes_on_with_the_credentials_in_hand(serve, room, base, eventually):
    _, port = serve([2 * MIB, 2 * MIB])
    connect(f"http://127.0.0.1:{port}")
    with api.mount("s3://soak/", room / "m", fresh=0) as mounted:
        assert (mounted / "0.bin").read_bytes() == whole(base, 0, 2 * MIB)
        found = brokers()
        assert found
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not brokers())
        assert (mounted / "1.bin").read_bytes() == whole(base, 1, 2 * MIB)
        assert mounted.stats()["errors"] == 0


def brokers():
    """Return the brokers that this process started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
        except OSError:
            continue
        if b"s3magic.access.broker" in words and parent == os.getpid():
            found.add(int(folder.name))
    return found


def test_over_tls_whose_certificate_a_bundle_of_ones_own_vouches_for(serve, room, base, certificate, monkeypatch):
    from s3magic.errors import Unreachable

    _, port = serve([9 * MIB], certificate=certificate)
    connect(f"https://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match="safe"):
        api.mount("s3://soak/", room / "m")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with api.mount("s3://soak/", room / "m") as mounted:
        assert (mounted / "0.bin").read_bytes() == whole(base, 0, 9 * MIB)


def test_the_daemon_keeps_to_its_memory_while_eight_readers_stream(serve, room, base):
    _, port = serve([LARGEST] * READERS)
    connect(f"http://127.0.0.1:{port}")
    data = base.read_bytes()
    with api.mount("s3://soak/", room / "m", memory=MEMORY) as mounted, ThreadPoolExecutor(READERS) as pool:

        def stream(index):
            at = 0
            with (mounted / f"{index}.bin").open("rb", buffering=0) as file:
                while got := file.read(MIB):
                    assert got == piece(data, index, 0, at, at + len(got))
                    at += len(got)
            return at

        assert list(pool.map(stream, range(READERS))) == [LARGEST] * READERS
        stats = mounted.stats()
    assert not records.all_records()
    assert stats["memory_peak_bytes"] <= MEMORY, stats["memory_peak_bytes"]


@pytest.fixture
def connections(room, monkeypatch):
    """The kernel's folder of FUSE connections, which many a machine does not show."""
    folder = room / "connections"
    folder.mkdir()
    shown = subprocess.run(["mount", "-t", "fusectl", "fusectl", folder], check=False, capture_output=True)
    if shown.returncode:
        pytest.skip("only root can show the connections")
    monkeypatch.setattr(attach, "_CONNECTIONS", folder)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_an_aborted_connection_lets_go_of_who_waits(room, connections):
    path = room / "m"
    path.mkdir()
    device = attach.attach(path, source="s3://first/")
    with attach.abortable(attach.mount_point_at(path)) as abort:
        abort()
        assert attach.is_stale(path)
        attach.detach(path, lazy=True)
    os.close(device)


def test_a_connection_that_was_unmounted_cannot_abort_the_one_that_took_its_number(room, connections):
    """The kernel gives the number of a mount that is gone to the next one."""
    first, second = room / "first", room / "second"
    devices = []
    for path in (first, second):
        path.mkdir()
    devices.append(attach.attach(first, source="s3://first/"))
    with attach.abortable(attach.mount_point_at(first)) as abort:
        attach.detach(first, lazy=True)
        os.close(devices.pop())
        devices.append(attach.attach(second, source="s3://second/"))
        abort()
        assert os.read(devices[0], 1 << 16), "it is asked to begin, as a mount that lives is"
    attach.detach(second, lazy=True)
    os.close(devices.pop())


def test_a_daemon_started_early_ends_when_it_is_not_needed(room, connection):
    current.forget()  # nothing is chosen yet, so that the daemon begins while the broker does
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(InvalidInput):
        api.mount("s3://scratch/*.nc", room / "m")
    daemons = [child for child in psutil.Process().children() if child.pid not in before]
    assert not [child for child in daemons if "s3magic.mounting.daemon" in child.cmdline()]
    assert not (room / "m").exists()


def test_what_is_left_of_one_mount_is_cleared_without_harm_to_the_next(room):
    path = room / "m"
    path.mkdir()
    gone = Record("s3://teaching/", path, {}, os.getpid(), 1, (path,))
    coming = Record("s3://scratch/", path, {}, os.getppid(), records.started(os.getppid()), (path,))
    coming.write()
    ending.clear(gone)
    assert (path.is_dir(), records.at(path)) == (True, coming)
    coming.remove()


def test_who_is_out_of_descriptors_takes_no_daemon_for_dead(room):
    here = Record("s3://teaching/", room / "m", {}, os.getpid(), records.started(os.getpid()))
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, usual[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            _ = here.is_alive
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    assert here.is_alive


def test_what_another_container_mounted_is_not_taken_for_left_behind(room):
    """It shares the folder of records, and its daemons are not to be seen from here."""
    path = room / "m"
    path.mkdir()
    there = Record("s3://teaching/", path, {}, os.getpid(), 1, (path,), space=1)
    there.write()
    assert not api.mounts()
    assert (path.is_dir(), records.at(path)) == (True, there)
    there.remove()


def test_a_mount_that_its_last_kernel_takes_away_is_given_to_no_other(mount):
    mounted = mount("s3://public/")
    asked = mounted.record.socket
    with own_pidfd() as owner:
        assert not control.ask(asked, {"ask": "leave", "pid": os.getppid()})["is_last"]
        control.ask(asked, {"ask": "adopt"}, descriptors=[owner])
        assert control.ask(asked, {"ask": "leave", "pid": os.getpid()})["is_last"]
        with pytest.raises(MountError, match="ends just now"):
            control.ask(asked, {"ask": "adopt"}, descriptors=[owner])
