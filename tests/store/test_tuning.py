"""The pace of requests, as a server that counts them sees it: how many at once, how often again, how fast."""

from __future__ import annotations

import http.server
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import pytest

from s3magic.errors import InvalidInput, ServerError, Unreachable
from s3magic.store.client import Client
from s3magic.store.credentials import Location
from s3magic.store.pacing import Turns
from s3magic.store.s3 import S3Store
from s3magic.store.tuning import Tuning, seconds


class Counter:
    """What a server saw: when each request came, and how many there were at once at most."""

    def __init__(self, statuses=(), wait_for=1, headers=None):
        self.came = []
        self.most = 0
        self._now = 0
        self._statuses = list(statuses)
        self._headers = headers or {}
        self._lock = threading.Lock()
        self._gathered = threading.Semaphore(0)
        self._wait_for = wait_for

    def answer(self, handler):
        with self._lock:
            self.came.append((time.monotonic(), handler.command))
            self._now += 1
            self.most = max(self.most, self._now)
            status = self._statuses.pop(0) if self._statuses else 200
            if self._now >= self._wait_for:
                self._gathered.release(self._wait_for)
        self._gathered.acquire(timeout=10)  # until as many are here as are expected at once
        with self._lock:
            self._now -= 1
        handler.send_response(status)
        for name, value in self._headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"body")

    def gaps(self):
        times = [when for when, _ in self.came]
        return [after - before for before, after in pairwise(times)]


@contextmanager
def served(counter, **tuning):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            counter.answer(self)

        do_GET = do_PUT = do_DELETE = handle_any

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    location = Location(endpoint_url=f"http://127.0.0.1:{server.server_port}")
    try:
        yield S3Store("b", Client(location, lambda: None, Tuning(**tuning)))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask_often(store, times, workers=24):
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda number: store.get(f"k{number}"), range(times)))


@pytest.mark.parametrize("limit", [1, 5])
def test_no_more_requests_are_under_way_than_chosen_and_no_fewer(limit):
    counter = Counter(wait_for=limit)
    with served(counter, request_concurrency=limit) as store:
        assert len(ask_often(store, 20)) == 20
    assert counter.most == limit


def test_thirty_two_requests_are_under_way_when_nothing_is_chosen():
    counter = Counter(wait_for=32)
    with served(counter) as store:
        ask_often(store, 64, workers=64)
    assert counter.most == 32


def test_a_stream_counts_until_it_is_read_and_never_waits_for_itself():
    counter = Counter()
    with served(counter, request_concurrency=1) as store:
        with store.stream("k") as chunks:
            other = ThreadPoolExecutor(1).submit(store.get, "other")
            assert store.get("k") == b"body"  # this thread holds the only permit already
            assert len(counter.came) == 2
            assert not other.done()
            assert b"".join(map(bytes, chunks)) == b"body"
        assert other.result(timeout=30) == b"body"


def test_passing_faults_are_tried_again_after_growing_delays():
    counter = Counter([503, 500, 503, 200])
    with served(counter, max_retries=3, initial_delay=0.05, max_delay=0.1) as store:
        assert store.get("k") == b"body"
    assert len(counter.came) == 4
    assert all(gap >= least for gap, least in zip(counter.gaps(), [0.05, 0.1, 0.1], strict=True))


@pytest.mark.parametrize("count", [0, 2])
def test_the_tries_are_as_many_as_chosen(count):
    counter = Counter([503] * 9)
    with served(counter, max_retries=count, initial_delay=0) as store, pytest.raises(ServerError):
        store.get("k")
    assert len(counter.came) == count + 1


def test_no_server_may_ask_for_a_longer_delay_than_the_longest():
    counter = Counter([503, 200], headers={"Retry-After": "3600"})
    with served(counter, initial_delay=0, max_delay=0.01) as store:
        assert store.get("k") == b"body"


def test_nobody_listening_is_told_after_the_retries_chosen():
    counter = Counter()
    with served(counter, max_retries=1, initial_delay=0) as store:
        location = store.client.location
    with pytest.raises(Unreachable):
        S3Store("b", Client(location, lambda: None, Tuning(max_retries=1, initial_delay=0))).get("k")


def test_reads_keep_to_their_rate_and_writes_to_theirs():
    counter = Counter()
    with served(counter, read_rate=50, write_rate=20) as store:
        began = time.monotonic()
        ask_often(store, 10)
        read = time.monotonic() - began
        for number in range(5):
            store.put(f"k{number}", b"x")
        store.delete("k0")
        wrote = time.monotonic() - began - read
    assert read >= 9 / 50
    assert wrote >= 5 / 20


def test_retries_keep_to_the_rate_too():
    counter = Counter([503, 503, 200])
    with served(counter, read_rate=20, initial_delay=0) as store:
        began = time.monotonic()
        store.get("k")
    assert time.monotonic() - began >= 2 / 20
    assert len(counter.came) == 3


class Clock:
    """A time of its own, that passes by sleeping alone."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, duration):
        self.now += duration


def turns_within(duration, rate, doubling_time):
    clock = Clock()
    turns, taken = Turns(rate, doubling_time, clock=clock, sleep=clock.sleep), 0
    while True:
        turns()
        if clock.now > 1000 + duration:
            return taken
        taken += 1


def test_a_rate_doubles_in_its_doubling_time():
    assert turns_within(60, 10, 0) == pytest.approx(600, abs=2)
    # twice the rate after 60 s: the sum over that minute is 10 * 60 / ln 2
    assert turns_within(60, 10, 60) == pytest.approx(600 / math.log(2), rel=0.02)
    assert turns_within(120, 10, 60) == pytest.approx(3 * 600 / math.log(2), rel=0.02)


def test_rest_is_not_saved_up_for_a_burst():
    clock = Clock()
    turns = Turns(10, clock=clock, sleep=clock.sleep)
    turns()
    clock.now += 100
    began = clock.now
    for _ in range(11):
        turns()
    assert clock.now - began == pytest.approx(1)


def test_what_was_not_chosen_comes_from_the_variables():
    environ = {"TENSORSTORE_S3_REQUEST_CONCURRENCY": "7", "TENSORSTORE_S3_RATE_LIMITER_DOUBLING_TIME": "1m30s"}

    found = Tuning(read_rate=5).settled(environ)
    assert (found.request_concurrency, found.doubling_time, found.read_rate) == (7, 90, 5)
    chosen = Tuning(request_concurrency=3, doubling_time=0).settled(environ)
    assert (chosen.request_concurrency, chosen.doubling_time) == (3, 0)
    usual = Tuning().settled({})
    assert (usual.request_concurrency, usual.doubling_time) == (None, 0)
    assert Tuning.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_what_was_chosen_is_told_and_nothing_else():
    assert str(Tuning()) == ""
    chosen = Tuning(request_concurrency=4, max_retries=0, max_delay=2, read_rate=20, write_rate=0.5, doubling_time=60)
    assert str(chosen) == (
        "4 requests at once, 0 retries, retried after 0.2 to 2 s, 20 reads a second, 0.5 writes a second,"
        " doubled in 60 s"
    )


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TENSORSTORE_S3_REQUEST_CONCURRENCY": "many"}, "TENSORSTORE_S3_REQUEST_CONCURRENCY"),
        ({"TENSORSTORE_S3_REQUEST_CONCURRENCY": "0"}, "TENSORSTORE_S3_REQUEST_CONCURRENCY"),
        ({"TENSORSTORE_S3_RATE_LIMITER_DOUBLING_TIME": "soon"}, "TENSORSTORE_S3_RATE_LIMITER_DOUBLING_TIME"),
    ],
)
def test_variables_that_make_no_sense_are_named(environ, told):
    with pytest.raises(InvalidInput) as caught:
        Tuning().settled(environ)
    assert told in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "words",
    [
        {"request_concurrency": 0},
        {"request_concurrency": 1.5},
        {"max_retries": -1},
        {"initial_delay": -1},
        {"initial_delay": 9, "max_delay": 3},
        {"max_delay": math.inf},
        {"doubling_time": math.nan},
        {"read_rate": 0},
        {"write_rate": math.inf},
        {"write_rate": math.nan},
    ],
)
def test_numbers_that_make_no_sense_are_refused_in_two_lines(words):
    with pytest.raises(InvalidInput) as caught:
        Tuning(**words)
    assert len(caught.value.lines()) == 2


@pytest.mark.parametrize(
    ("text", "length"), [("0", 0), ("90", 90), ("2.5", 2.5), ("500ms", 0.5), ("5m", 300), ("1h30m", 5400), (" 1s ", 1)]
)
def test_lengths_of_time_are_read_as_numbers_or_with_units(text, length):
    assert seconds(text, "it") == pytest.approx(length)


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5s", "5d", "1h30"])
def test_other_lengths_of_time_are_refused(text):
    with pytest.raises(InvalidInput, match="doubling"):
        seconds(text, "doubling")
