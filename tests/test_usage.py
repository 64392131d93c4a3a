"""What was asked of S3, as it is told, beside what the sandbox says it got."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import weakref

import pytest

import s3magic
from s3magic import html
from s3magic.store.credentials import Location
from s3magic.store.traffic import Tally, Traffic, total
from s3magic.usage import Cells, Usage


@pytest.fixture
def cells():
    return Cells()


@pytest.fixture
def told(sandbox):
    """Do something and return what the sandbox got meanwhile: LIST and PUT, GET and HEAD, DELETE."""

    def run(action):
        before = sandbox.served
        action()
        now = sandbox.served
        kinds = ("LIST", "PUT", "POST"), ("GET", "HEAD"), ("DELETE",)
        return [sum(now.get(kind, 0) - before.get(kind, 0) for kind in group) for group in kinds]

    return run


def counts(traffic):
    return [traffic.lists, traffic.reads, traffic.deletes]


def test_it_tells_what_the_server_got(connection, cells, told, tmp_path):
    def work():
        cells.begin()
        s3magic.ls("s3://teaching/photos/")
        store = connection.store("scratch")
        store.put("usage/a.txt", b"12345")
        store.delete("usage/a.txt")
        s3magic.thumbs("s3://teaching/photos/", limit=4).wait()
        s3magic.link("s3://teaching/tiles/*.laz", tmp_path / "tiles")
        with pytest.raises(s3magic.S3MagicError):
            s3magic.ls("s3://teaching/nothing-there")
        cells.end()

    got = told(work)
    usage = cells.usage()
    assert counts(usage.traffic) == got
    assert usage.requests == sum(got)
    assert usage.traffic.sent == 5
    assert connection.last_cell == usage.traffic
    assert usage.cost == pytest.approx(
        got[0] * 0.005 / 1000 + got[1] * 0.0004 / 1000 + usage.bytes_received * 0.09 / 2**30
    )


def test_what_fails_on_the_way_is_counted_as_often_as_it_was_sent(sandbox, cells, told):
    teacher = sandbox.users["teacher"]
    keys = {"access_key_id": teacher.access_key_id, "secret_access_key": teacher.secret_access_key}
    quick = s3magic.connect(
        "keys", **keys, endpoint_url=sandbox.endpoint_url, region="us-east-1", max_retries=20, initial_delay=0.001
    )

    def work():
        cells.begin()
        for _ in range(20):
            quick.store("teaching").head("iris/E1.2098.pp")
            quick.store("teaching").list_page("photos/")
        cells.end()

    sandbox.disturb(faults="SlowDown=40%")
    try:
        got = told(work)
    finally:
        sandbox.disturb()
    assert counts(quick.last_cell) == got
    assert sum(got) > 40
    assert quick.last_cell.failures == 0
    assert 0 < quick.last_cell.retries <= sum(got) - 40


def test_a_mount_that_ended_in_its_cell_counts(connection, cells, told, tmp_path, own_mounts):
    def work():
        cells.begin()
        with s3magic.mount("s3://teaching/iris/", tmp_path / "m") as m:
            (m / "E1.2098.pp").read_bytes()
        cells.end()

    got = told(work)
    usage = cells.usage()
    assert counts(usage.traffic) == got
    assert list(usage.mounts) == ["s3://teaching/iris/"]
    assert "s3://teaching/iris/: " in repr(usage)
    assert connection.last_cell == usage.traffic


def test_a_cell_counts_its_own_reads_of_a_mount_that_stays(connection, cells, told, tmp_path, own_mounts):
    m = s3magic.mount("s3://teaching/iris/", tmp_path / "m")
    (m / "E1.2098.pp").read_bytes()

    def work():
        cells.begin()
        size = len((m / "E1_north_america.nc").read_bytes())
        cells.end()
        assert cells.usage().mounts["s3://teaching/iris/"].received >= size

    got = told(work)
    assert counts(cells.usage().traffic) == got
    assert s3magic.stats(all=True).mounts["s3://teaching/iris/"].reads > got[1], "the session knows more"
    m.unmount()
    assert s3magic.stats(all=True).mounts["s3://teaching/iris/"].reads > got[1], "and remembers it"


OTHER = """
import sys
import s3magic

s3magic.connect("environment", endpoint_url=sys.argv[1], region="us-east-1")
m = s3magic.mount("s3://teaching/iris/", sys.argv[2])
(m / "E1_north_america.nc").read_bytes()
print("mounted", flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("connection", "own_mounts")
def test_a_mount_that_others_made_counts_from_when_it_is_shared(sandbox, cells, told, tmp_path):
    teacher = sandbox.users["teacher"]
    keys = {"AWS_ACCESS_KEY_ID": teacher.access_key_id, "AWS_SECRET_ACCESS_KEY": teacher.secret_access_key}
    words = [sys.executable, "-c", OTHER, sandbox.endpoint_url, str(tmp_path / "m")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, **pipes, env={**os.environ, **keys}, text=True) as other:
        assert other.stdout.readline() == "mounted\n"

        def work():
            cells.begin()
            (s3magic.mount("s3://teaching/iris/", tmp_path / "m") / "E1.2098.pp").read_bytes()
            cells.end()

        got = told(work)
        other.stdin.close()
    usage = cells.usage()
    assert counts(usage.traffic) == got
    assert 0 < usage.mounts["s3://teaching/iris/"].received < 1_000_000, "what the other read is its own"


def test_a_daemon_that_does_not_answer_keeps_no_cell_waiting(connection, cells, tmp_path, own_mounts):
    m = s3magic.mount("s3://teaching/iris/", tmp_path / "m")
    cells.begin()
    os.kill(m.record.pid, signal.SIGSTOP)
    try:
        cells.end()
        cells.begin()
        cells.end()
    finally:
        os.kill(m.record.pid, signal.SIGCONT)
    assert not cells.usage().traffic
    m.unmount()


def test_a_cell_without_s3_leaves_the_last_one(connection, cells):
    cells.begin()
    assert cells.usage().requests == 0
    s3magic.ls("s3://teaching/photos/")
    assert cells.usage().what == "S3 in this cell so far"
    cells.end()
    last = cells.usage()
    cells.begin()
    cells.end()
    assert cells.usage() is last
    assert last.requests


def test_the_stores_that_were_asked_are_named_and_no_others(connection, sandbox, cells):
    cells.begin()
    s3magic.ls("s3://teaching/photos/")
    cells.end()
    s3magic.connect("anonymous", endpoint_url="http://127.0.0.1:9", region="us-east-1", requester_pays=True)
    assert cells.usage().endpoints == (sandbox.endpoint_url,)
    assert sandbox.endpoint_url in s3magic.stats(all=True).endpoints, "though another is chosen now"
    cells.begin()
    connection.store("teaching").head("iris/E1.2098.pp")
    cells.end()
    assert (cells.usage().endpoints, cells.usage().requester_pays) == ((sandbox.endpoint_url,), False)


def test_a_client_that_is_gone_is_kept_by_no_counter():
    def ask(number):
        tally = Tally(Location(endpoint_url="http://127.0.0.1:8"))
        tally.received(number)
        return weakref.ref(tally)

    before = total()
    gone = [ask(number) for number in range(100)]
    gc.collect()
    assert not any(one() for one in gone)
    assert (total() - before).received == sum(range(100))


def test_without_cells_it_tells_of_everything(connection, cells):
    s3magic.ls("s3://teaching/photos/")
    assert cells.usage().traffic == s3magic.stats(all=True).traffic == s3magic.stats().traffic


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (Usage("Session"), ["requests  0"]),
        (Usage("Cell", Traffic(lists=1), seconds=2), ["Cell (2.0 s)", "1: 1 list or write", "about $0.0000050"]),
        (Usage("Cell", Traffic(reads=2_500_000)), ["2,500,000", "about $1.00"]),
        (
            Usage("Cell", Traffic(1, 1, 1, 10**9, 5, 3, 2)),
            ["sent again", "failed", "list or write", "1 delete", "$0.084"],
        ),
        (
            Usage("Cell", Traffic(reads=1), endpoints=("http://x:1",)),
            ["http://x:1 is not AWS", "the owner of the bucket"],
        ),
        (Usage("Cell", Traffic(reads=1), requester_pays=True), ["requester pays"]),
        (Usage("Cell", Traffic(deletes=1)), ["about nothing"]),
        (Usage("<b>", Traffic(1), {"s3://<i>/": Traffic(1)}), ["s3://<i>/"]),
    ],
)
def test_it_shows_itself(usage, words):
    page = usage._repr_html_()
    for word in words:
        assert word in repr(usage)
        assert html.cell(word.split("  ")[-1]) in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert usage.to_json()["cost"] == usage.cost


def test_traffic_adds_up():
    one, two = Traffic(1, 2, 3, 4, 5, 6, 7), Traffic(lists=1, received=10)
    assert one + two - two == one
    assert Traffic.from_json(one.to_json()) == one
    assert not one - one
    assert one._repr_html_().count("<tr>") == len(one.rows())
