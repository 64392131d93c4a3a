"""The broker as a process: whom it outlives, what others can see of it, whom it waits for."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from s3magic.access import channels, wire
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.access.wire import BrokerSource
from s3magic.errors import InvalidInput, NoCredentials

SECRET = "hunter2-and-more-of-it"

KERNEL = """
import json, os, socket, sys
from s3magic.access import channels
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection

talk = socket.socket(fileno=int(sys.argv[1]))
connection = open_connection(Choice("keys"), secrets=keys("AKIAKERNEL", "hunter2"))
attached = connection.attach()
child = 0
if "forks" in sys.argv:
    child = os.fork()
    if child == 0:
        attached.close()
        talk.close()
        while True:
            os.read(0, 1) or os._exit(0)  # holds every socket of its parent's until stdin ends
said = json.dumps({"broker": channels.broker().pid, "child": child}).encode()
socket.send_fds(talk, [said], [attached.fileno()])
attached.close()
talk.recv(1)  # waits to be killed
"""


def kernel_keys(**words):
    return open_connection(Choice("keys", **words), secrets=keys("AKIATEACHER", SECRET))


def ended(pidfd):
    return bool(select.select([pidfd], [], [], 30)[0])


def is_running(pidfd):
    return not select.select([pidfd], [], [], 0)[0]


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


class Kernel:
    """A kernel of our own to kill: it has chosen keys, and handed us the socket of a mount."""

    def __init__(self, *words):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(60)
            self.process = subprocess.Popen(
                [sys.executable, "-c", KERNEL, str(theirs.fileno()), *words],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
            )
            theirs.close()
            said, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
            self._talk = ours.dup()
        self.attached = socket.socket(fileno=descriptors[0])
        self.broker = os.pidfd_open(json.loads(said)["broker"])
        self.broker_pid = json.loads(said)["broker"]

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def tidy(self):
        self.attached.close()
        self._talk.close()
        self.process.stdin.close()
        self.kill()
        if not ended(self.broker):
            os.kill(self.broker_pid, signal.SIGKILL)
        os.close(self.broker)


@pytest.fixture
def kernel():
    made = []

    def make(*words):
        made.append(Kernel(*words))
        return made[-1]

    yield make
    for one in made:
        one.tidy()


@pytest.fixture
def killed_broker():
    """Kill this process's broker the hard way, as the out-of-memory killer would."""

    def kill():
        process = psutil.Process(channels.broker().pid)
        pidfd = os.pidfd_open(process.pid)
        process.kill()
        assert ended(pidfd)
        os.close(pidfd)

    return kill


def test_a_killed_kernel_takes_its_broker_along(kernel):
    one = kernel()
    assert is_running(one.broker)
    one.attached.close()

    one.kill()

    assert ended(one.broker)


def test_a_child_holding_the_kernels_sockets_does_not_keep_the_broker(kernel):
    one = kernel("forks")
    one.attached.close()

    one.kill()

    assert ended(one.broker)


def test_a_mount_keeps_the_broker_of_a_dead_kernel_until_it_goes(kernel):
    one = kernel()
    one.kill()

    source = BrokerSource(one.attached)
    assert source().access_key_id == "AKIAKERNEL"
    assert is_running(one.broker)
    source.close()

    assert ended(one.broker)


def test_one_kernel_has_one_broker_started_when_first_needed():
    code = (
        "import sys; from s3magic.access import channels; from s3magic.access.choice import Choice;"
        "from s3magic.access.connection import open_connection; import psutil;"
        "before = len(psutil.Process().children());"
        "both = [open_connection(Choice('anonymous')) for _ in range(2)];"
        "print(before, len(psutil.Process().children()))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["0", "1"]


def test_nobody_else_can_see_the_keys(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
    channels.let_go()  # another broker is started with this environment
    mine = kernel_keys()
    proc = Path(f"/proc/{channels.broker().pid}")
    assert mine.credentials().secret_access_key == SECRET

    seen = b"".join((proc / name).read_bytes() for name in ("cmdline", "environ"))

    assert b"s3magic.access.broker" in seen
    assert SECRET.encode() not in seen
    assert b"of-the-environment" not in seen
    for shown in (
        repr(mine),
        mine._repr_html_(),
        repr(mine.explain()),
        repr(mine.choice),
        str(mine.__dict__),
        str(mine._held.__dict__),
    ):
        assert SECRET not in shown


def test_errors_hold_no_secret_even_with_variables(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    given = keys("AKIATEACHER", SECRET)

    for choice in (Choice("anonymous"), Choice(order=("profile", "keys"), profile="nobody")):
        with pytest.raises(InvalidInput) as caught:
            open_connection(choice, secrets=given)
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "open_connection" in shown
        assert SECRET not in shown


def test_keys_must_be_given_for_the_provider_keys():
    with pytest.raises(InvalidInput, match="needs keys"):
        open_connection(Choice("keys"))


def test_a_mounts_socket_gives_credentials_of_its_choice_and_nothing_else():
    mine = kernel_keys()
    with wire.Channel(mine.attach()) as channel:
        assert channel.ask("credentials", timeout=30)["credentials"]["access_key_id"] == "AKIATEACHER"
        for op in ("open", "identity", "explain"):
            with pytest.raises(Exception, match="KeyError"):
                channel.ask(op, timeout=30, choice=1)


def test_a_mount_goes_on_after_its_connection_is_closed():
    mine = kernel_keys()
    source = BrokerSource(mine.attach())

    mine.close()
    mine.close()

    assert source().secret_access_key == SECRET
    source.close()
    with pytest.raises(NoCredentials, match="closed"):
        mine.explain()


def test_the_broker_forgets_the_keys_nobody_holds():
    mine = kernel_keys()
    number = mine._held._number
    with channels.broker().channel() as other:
        assert other.ask("explain", timeout=30, choice=number)
        mine.close()

        def forgotten():
            try:
                other.ask("explain", timeout=30, choice=number)
            except NoCredentials:
                return True
            return False

        wait_until(forgotten)


def test_a_choice_without_keys_survives_its_broker(killed_broker, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(wire, "ASK_AGAIN", 0)
    mine = open_connection(Choice("environment"))
    assert mine.credentials().access_key_id == "AKIAENV"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    killed_broker()
    assert mine.credentials().access_key_id == "AKIAENV"
    killed_broker()
    assert mine.explain().steps[0].outcome == "found"
    killed_broker()
    with wire.Channel(mine.attach()) as channel:
        assert channel.ask("credentials", timeout=30)["credentials"]["access_key_id"] == "AKIAENV"


def test_keys_die_with_their_broker_and_it_is_said(killed_broker):
    mine = kernel_keys()
    in_hand = mine.credentials()

    killed_broker()

    with pytest.raises(NoCredentials, match="keys with it"):
        mine.attach()
    assert mine.credentials() == in_hand
    assert kernel_keys().credentials() == in_hand


def test_a_slow_provider_keeps_nobody_waiting(monkeypatch, tmp_path):
    """One connection is being made, by a program that waits for us; another is made and used meanwhile."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    config = tmp_path / "config"
    config.write_text(f"[profile slow]\ncredential_process = cat {gate}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(open_connection, Choice("profile", profile="slow"))
        with gate.open("w") as opened:  # waits until the program reads
            quick = kernel_keys()
            assert quick.credentials().access_key_id == "AKIATEACHER"
            assert quick.explain().steps
            assert not slow.done()
            json.dump({"Version": 1, "AccessKeyId": "AKIASLOW", "SecretAccessKey": "x"}, opened)
        assert slow.result(60).credentials().access_key_id == "AKIASLOW"


def test_a_forked_child_has_a_broker_of_its_own():
    mine = open_connection(Choice("anonymous"))
    read, write = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            mine.explain()
            os.write(write, str(channels.broker().pid).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        childs = pipe.read()
    os.waitpid(child, 0)

    assert int(childs) != channels.broker().pid
    assert mine.explain().steps
