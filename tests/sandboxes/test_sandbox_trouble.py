"""Delay and failures on demand: they are met as asked for, and end when that is asked for."""

from __future__ import annotations

import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest

import s3magic
from s3magic.access import current
from s3magic.errors import InvalidInput
from s3magic.sandboxes import process, trouble


@pytest.fixture(scope="module")
def box(teaching_data):
    with process.start(cache=teaching_data) as made:
        yield made


@pytest.fixture
def disturbed(box):
    yield box.disturb
    box.disturb()


def fetch(box, method="GET"):
    """Return the status and the body of one answer, or what became of the connection."""
    door = HTTPConnection(urlsplit(box.endpoint_url).netloc, timeout=60)
    try:
        door.request(method, "/public/README.txt")
        answer = door.getresponse()
        return answer.status, answer.read()
    except (HTTPException, ConnectionError) as error:
        return type(error).__name__, b""
    finally:
        door.close()


@pytest.mark.parametrize(
    ("faults", "seen"),
    [
        ({"SlowDown": 1}, 503),
        ("InternalError=100%", 500),
        ("reset=100%", "RemoteDisconnected"),
        ("cut=100%", "IncompleteRead"),
    ],
)
def test_each_fault_is_met_and_ends(box, disturbed, faults, seen):
    assert fetch(box)[0] == 200
    disturbed(faults=faults)
    assert fetch(box)[0] == seen
    assert "100" in box._repr_html_()
    disturbed()
    assert fetch(box)[0] == 200
    assert "Trouble" not in box._repr_html_()


def test_an_answer_waits_as_long_as_was_asked_for(box, disturbed):
    disturbed(latency="50ms")
    start = time.monotonic()
    assert fetch(box)[0] == 200
    assert time.monotonic() - start >= 0.05
    assert "50 ms" in box._repr_html_()


def test_a_head_that_fails_has_no_body(box, disturbed):
    disturbed(faults="SlowDown=100%")
    assert fetch(box, "HEAD") == (503, b"")


def test_it_tells_how_many_requests_came_those_that_failed_too(box, disturbed):
    before = box.served
    fetch(box)
    disturbed(faults="reset=100%")
    fetch(box)
    fetch(box, "HEAD")
    now = box.served
    assert [now.get(kind, 0) - before.get(kind, 0) for kind in ("GET", "HEAD", "LIST", "PUT")] == [2, 1, 0, 0]
    assert f"{now['GET']} GET" in box._repr_html_()


def test_what_is_read_meanwhile_is_right(box, disturbed):
    keys = box.users["teacher"]
    store = s3magic.connect(
        "keys",
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        endpoint_url=box.endpoint_url,
        initial_delay=0.001,
        max_delay=0.01,
        max_retries=10,
    ).store("teaching")
    names = ["photos/alps-at-noon.jpg", "tables/stations.csv"]
    try:
        calm = [store.get(name) for name in names]
        disturbed(faults="SlowDown=20%,InternalError=10%,reset=10%,cut=10%")
        assert [[store.get(name) for name in names] for _ in range(10)] == [calm] * 10
    finally:
        current.forget()


@pytest.mark.parametrize(
    "asked",
    [
        {"latency": "soon"},
        {"latency": "1 h"},
        {"latency": "61s"},
        {"latency": -1},
        {"latency": float("nan")},
        {"faults": "SlowDown"},
        {"faults": "Rain=5%"},
        {"faults": "SlowDown=60%,cut=50%"},
        {"faults": {"cut": -0.1}},
        {"faults": {"cut": "much"}},
        {"faults": {"Rain": 0.1}},
    ],
)
def test_what_is_not_well_formed_is_refused_before_anything_starts(box, asked):
    with pytest.raises(InvalidInput) as caught:
        process.start(**asked)
    assert caught.value.hint
    with pytest.raises(InvalidInput):
        box.disturb(**asked)
    assert box.weather == trouble.Weather()


def test_asked_again_it_is_disturbed_or_refused(tmp_path, monkeypatch, own_cache):
    monkeypatch.setattr(process, "_live", [])
    (tmp_path / "mine").mkdir()
    with s3magic.sandbox(data=tmp_path / "mine") as box:
        assert s3magic.sandbox(data=tmp_path / "mine", port=urlsplit(box.endpoint_url).port) is box
        assert s3magic.sandbox(latency="1ms") is box
        assert s3magic.sandbox(faults={"cut": 0.1}).weather == trouble.Weather(0.001, {"cut": 0.1})
        assert s3magic.sandbox(latency=0, faults={}).weather == trouble.Weather()
        people = {"users": {"anna": s3magic.policy("s3://teaching/", "browse")}}
        for other in ({"data": tmp_path}, {"port": 1}, {"users": people}):
            with pytest.raises(InvalidInput, match="runs already"):
                s3magic.sandbox(**other)
        assert s3magic.sandbox() is box
