"""What a client of the broker does with answers, slow answers, no answers: against a broker we play ourselves."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from s3magic.access import wire
from s3magic.access.wire import BrokerGone, BrokerSource, Channel, credentials_to_json
from s3magic.errors import AccessDenied, ExpiredCredentials, NoCredentials, Unreachable
from s3magic.store.credentials import Credentials


class PlayedBroker:
    """Answers each question by the next of the given functions, then hangs up."""

    def __init__(self, *answers):
        self.sock, self._theirs = socket.socketpair()
        self.asked = 0
        self._answers = answers
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.thread.start()

    def _play(self):
        with self._theirs, self._theirs.makefile("rb") as lines:
            for answer in self._answers:
                line = lines.readline()
                if not line:
                    return
                self.asked += 1
                question = json.loads(line)["question"]
                for reply in answer(question):
                    self._theirs.sendall(json.dumps(reply).encode() + b"\n")


@pytest.fixture
def play():
    played = []

    def start(*answers):
        played.append(PlayedBroker(*answers))
        return played[-1]

    yield start
    for broker in played:
        broker.sock.close()
        broker.thread.join(10)


def gives(key, *, lives=None):
    def answer(question):
        expires = None if lives is None else datetime.now(UTC) + timedelta(seconds=lives)
        credentials = credentials_to_json(Credentials(key, "hunter2", None, expires))
        yield {"question": question, "value": {"credentials": credentials}}

    return answer


def signs_nothing(question):
    yield {"question": question, "value": {"credentials": None}}


def fails(question):
    yield {"question": question, "error": {"type": "AccessDenied", "message": "No role", "hint": "Ask"}}


def says_nothing(question):
    yield from ()


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def test_credentials_are_asked_for_once_and_then_kept(play):
    broker = play(gives("AKIAONE", lives=3600), gives("AKIATWO", lives=3600))
    source = BrokerSource(broker.sock)

    assert source.in_hand is None
    assert {source().access_key_id for _ in range(100)} == {"AKIAONE"}
    assert source.in_hand.access_key_id == "AKIAONE"
    assert broker.asked == 1


def test_many_threads_ask_once(play):
    broker = play(gives("AKIAONE", lives=3600))

    source = BrokerSource(broker.sock)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: source().access_key_id, range(64), timeout=30))

    assert found == ["AKIAONE"] * 64
    assert broker.asked == 1


def test_unsigned_is_an_answer_too(play):
    broker = play(signs_nothing)
    source = BrokerSource(broker.sock)

    assert source() is None
    assert source() is None
    assert broker.asked == 1


def test_new_credentials_are_fetched_before_the_old_ones_end(play):
    asked_again = []

    def gives_new(question):
        asked_again.append(datetime.now(UTC))
        yield from gives("AKIANEW", lives=3600)(question)

    source = BrokerSource(play(gives("AKIAOLD", lives=6), gives_new).sock)
    old = source()

    wait_until(lambda: source().access_key_id == "AKIANEW")

    assert asked_again[0] < old.expires


def test_credentials_that_live_on_are_asked_for_again_all_the_same(play, monkeypatch):
    monkeypatch.setattr(wire, "ASK_AGAIN", 0)
    source = BrokerSource(play(gives("AKIAOLD"), gives("AKIANEW")).sock)

    assert [source().access_key_id, source().access_key_id] == ["AKIAOLD", "AKIANEW"]


def test_a_dead_broker_leaves_the_credentials_in_hand(play, monkeypatch):
    monkeypatch.setattr(wire, "ASK_AGAIN", 0)
    broker = play(gives("AKIAONE", lives=3600))
    source = BrokerSource(broker.sock)
    first = source()
    broker.thread.join(10)

    assert [source() for _ in range(10)] == [first] * 10


def test_when_they_end_the_error_tells_of_the_dead_broker(play):
    broker = play(gives("AKIAONE", lives=2))
    source = BrokerSource(broker.sock)
    first = source()

    wait_until(first.expire_within)

    with pytest.raises(ExpiredCredentials, match="broker is gone") as caught:
        source()
    assert "connect" in caught.value.hint


def test_a_broker_dead_from_the_start_says_so(play):
    broker = play()
    broker.thread.join(10)

    with pytest.raises(NoCredentials, match="broker ended"):
        BrokerSource(broker.sock)()


def test_what_the_broker_raises_is_raised_here(play):
    source = BrokerSource(play(fails, gives("AKIAONE")).sock)

    with pytest.raises(AccessDenied) as caught:
        source()
    assert caught.value.lines() == ["No role", "Ask"]
    assert source().access_key_id == "AKIAONE"


def test_a_failing_refresh_does_not_spoil_what_still_holds(play, monkeypatch):
    monkeypatch.setattr(wire, "ASK_AGAIN", 0)
    monkeypatch.setattr(wire, "ASK_AGAIN_SOON", 0)
    source = BrokerSource(play(gives("AKIAOLD", lives=3600), fails, gives("AKIANEW", lives=3600)).sock)

    assert [source().access_key_id for _ in range(3)] == ["AKIAOLD", "AKIAOLD", "AKIANEW"]


def test_credentials_that_came_expired_are_told(play):
    with pytest.raises(ExpiredCredentials, match="expired"):
        BrokerSource(play(gives("AKIAOLD", lives=-5)).sock)()


def test_the_source_goes_to_another_broker_when_there_is_one(play):
    dead, live = play(), play(gives("AKIATWO"))
    dead.thread.join(10)

    assert BrokerSource(dead.sock, reconnect=lambda: live.sock)().access_key_id == "AKIATWO"


def test_a_silent_broker_is_not_waited_for_without_end(play):
    hold = threading.Event()

    def silent(question):
        hold.wait(30)
        yield from ()

    source = BrokerSource(play(silent).sock, timeout=0.2)
    try:
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            source()
    finally:
        hold.set()


def test_a_late_answer_is_never_taken_for_the_next_one(play):
    late = []

    def first_says_nothing(question):
        late.append(question)
        yield from ()

    def then_both(question):
        yield {"question": late[0], "value": {"credentials": "of the first"}}
        yield {"question": question, "value": {"credentials": "of the second"}}

    with Channel(play(first_says_nothing, then_both).sock) as channel:
        with pytest.raises(Unreachable):
            channel.ask("credentials", timeout=0.2)

        assert channel.ask("credentials", timeout=30) == {"credentials": "of the second"}


def test_a_line_in_pieces_is_one_answer():
    ours, theirs = socket.socketpair()
    reply = json.dumps({"question": 1, "value": {"text": "é" * 100_000}}).encode() + b"\n"

    def drip():
        theirs.recv(4096)
        for start in range(0, len(reply), 50_000):
            theirs.sendall(reply[start : start + 50_000])

    with theirs, Channel(ours) as channel:
        thread = threading.Thread(target=drip)
        thread.start()
        assert len(channel.ask("text", timeout=30)["text"]) == 100_000
        thread.join(10)


def test_a_channel_whose_other_end_is_closed_says_so():
    ours, theirs = socket.socketpair()
    theirs.close()

    with Channel(ours) as channel, pytest.raises(BrokerGone):
        channel.ask("credentials", timeout=5)


def test_a_forked_child_leaves_the_conversation_to_its_parent(play):
    parents = play(gives("AKIAONE"), gives("AKIATWO"))
    childs = play(gives("AKIACHILD"))
    source = BrokerSource(parents.sock, reconnect=lambda: childs.sock)
    read, write = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            os.write(write, source().access_key_id.encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)

    assert told == "AKIACHILD"
    assert source().access_key_id == "AKIAONE"


def test_no_secret_shows_in_a_source_or_what_it_gives(play):
    source = BrokerSource(play(gives("AKIAONE")).sock)

    assert "hunter2" not in repr(source()) + repr(source) + repr(source.in_hand)


def test_the_wire_is_light_enough_for_a_mount_daemon():
    code = "import sys, s3magic.access.wire; print(sorted(m for m in sys.modules if m.partition('.')[0] in %r))"
    heavy = {"botocore", "boto3", "urllib3", "IPython", "asyncio", "http"}

    done = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
