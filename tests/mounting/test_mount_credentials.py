"""A mount and its credentials: refreshed under way without an error or a new start, and asked at the pace chosen.

How long a session lives and how many are outlived is set by S3MAGIC_SESSION_SECONDS and
S3MAGIC_SESSIONS: ``make test-refresh`` takes ten minutes.
"""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config

import s3magic
from s3magic import api
from s3magic.access import current, per_url
from s3magic.errors import CredentialsError

LIFE = int(os.environ.get("S3MAGIC_SESSION_SECONDS", "2"))
SESSIONS = int(os.environ.get("S3MAGIC_SESSIONS", "3"))


class Sessions:
    """A container's credentials endpoint that gives sessions of a role, each as short as a breath."""

    def __init__(self, sandbox):
        student = sandbox.users["student"]
        self._sts = boto3.client(
            "sts",
            endpoint_url=sandbox.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=student.access_key_id,
            aws_secret_access_key=student.secret_access_key,
            config=Config(parameter_validation=False),
        )
        self.given = []

    def give(self):
        keys = self._sts.assume_role(
            RoleArn="arn:aws:iam::123456789012:role/scratch-writer", RoleSessionName="lesson", DurationSeconds=LIFE
        )["Credentials"]
        self.given.append(keys["AccessKeyId"])
        told = {"AccessKeyId": keys["AccessKeyId"], "SecretAccessKey": keys["SecretAccessKey"]}
        return {**told, "Token": keys["SessionToken"], "Expiration": keys["Expiration"].isoformat()}

    def close(self):
        self._sts.close()


@pytest.fixture
def sessions(sandbox, monkeypatch):
    """The endpoint, named in the environment."""
    made = Sessions(sandbox)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(made.give()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/keys")
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
            made.close()


def test_sessions_end_and_begin_during_a_read_and_nobody_notices(sandbox, sessions, bucket, mount):
    s3magic.connect("ecs", endpoint_url=sandbox.endpoint_url, region="us-east-1", for_url="s3://scratch/")
    body = os.urandom(300_000)
    try:
        with mount("s3://scratch/", fresh=0) as mounted:
            pid, began = mounted.record.pid, time.monotonic()
            outlived, rounds = {sessions.given[-1]}, 0
            while time.monotonic() < began + (SESSIONS + 1) * LIFE or len(outlived) <= SESSIONS:
                assert time.monotonic() < began + 60 + 2 * SESSIONS * LIFE, "no session followed another"
                bucket.put(f"{rounds}.bin", body)
                assert (mounted / f"{rounds}.bin").read_bytes() == body
                bucket.delete(f"{rounds}.bin")
                outlived.add(sessions.given[-1])
                rounds += 1
                time.sleep(LIFE / 200)  # a reader in no hurry
            stats = mounted.stats()
            assert (stats["errors"], stats["last_error"]) == (0, "")
            assert (mounted.state, mounted.record.pid) == ("mounted", pid)
            assert stats["bytes_fetched"] >= rounds * len(body)
    finally:
        per_url.clear()


class Passage:
    """A way to the sandbox that counts the requests under way at once."""

    def __init__(self, target):
        passage, lock = self, threading.Lock()
        self.most = now = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                nonlocal now
                with lock:
                    now += 1
                    passage.most = max(passage.most, now)
                answer, body = self._ask()
                with lock:
                    now -= 1
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"connection", "content-length", "date", "server", "transfer-encoding"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _ask(self):
                there = HTTPConnection(*target)
                there.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    there.putheader(name, value)
                there.endheaders()
                answer = there.getresponse()
                body = answer.read()
                there.close()
                time.sleep(0.03)  # so that requests sent at once are under way at once
                return answer, body

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("limit", [2, None])
def test_the_daemon_has_no_more_requests_under_way_than_chosen(sandbox, bucket, mount, monkeypatch, limit):
    for number in range(24):
        bucket.put(f"{number}.bin", os.urandom(100_000))
    host, _, port = sandbox.endpoint_url.rpartition("//")[2].partition(":")
    passage = Passage((host, int(port)))
    teacher = sandbox.users["teacher"]
    former = current.connection()
    if limit:
        monkeypatch.setenv("TENSORSTORE_S3_REQUEST_CONCURRENCY", str(limit))
    try:
        s3magic.connect(
            "keys",
            access_key_id=teacher.access_key_id,
            secret_access_key=teacher.secret_access_key,
            endpoint_url=f"http://127.0.0.1:{passage.port}",
            region="us-east-1",
        )
        with mount("s3://scratch/") as mounted, ThreadPoolExecutor(12) as pool:
            sizes = list(pool.map(lambda number: len((mounted / f"{number}.bin").read_bytes()), range(24)))
    finally:
        current.use(former)
        passage.close()
    assert sizes == [100_000] * 24
    assert passage.most <= 2 if limit else passage.most > 2


@pytest.fixture
def choose(sandbox, connection):
    """Choose one of the sandbox's people, for everything or for a place."""

    def connect(name, **words):
        keys = sandbox.users[name]
        place = {"endpoint_url": sandbox.endpoint_url, "region": "us-east-1", **words}
        return s3magic.connect(
            "keys", access_key_id=keys.access_key_id, secret_access_key=keys.secret_access_key, **place
        )

    yield connect
    per_url.clear()


def names(mounted):
    return [path.name for path in mounted.path.iterdir()]


def test_a_mount_follows_who_is_chosen_and_shows_nothing_of_the_former(choose, mount):
    with mount("s3://teaching/photos/") as mounted:
        name, pid = min(names(mounted)), mounted.record.pid
        body = (mounted / name).read_bytes()

        chosen = choose("guest")  # who may read what they know the name of, and list nothing

        assert "s3://teaching/photos/" in chosen.note
        for look in (lambda: names(mounted), (mounted / name).read_bytes):
            with pytest.raises(PermissionError):
                look()

        choose("student")
        assert (mounted / name).read_bytes() == body
        assert (mounted.state, mounted.record.pid) == ("mounted", pid)


def test_a_folder_in_a_mount_that_may_not_be_looked_into_gives_two_lines(choose, mount):
    with mount("s3://teaching/"):
        choose("guest")
        with pytest.raises(CredentialsError, match=r"cannot look into .*photos: Permission denied") as refused:
            api.mount("s3://teaching/photos/")
        assert "%s3creds" in refused.value.hint


def test_the_same_choice_again_and_one_for_elsewhere_leave_a_mount_alone(choose, mount):
    with mount("s3://teaching/photos/") as mounted:
        name = min(names(mounted))
        (mounted / name).read_bytes()
        fetched = mounted.stats()["bytes_fetched"]

        assert choose("teacher").note == ""
        assert choose("guest", for_url="s3://teaching/tiles/").note == ""
        other = choose("guest", endpoint_url="http://127.0.0.1:9")
        assert "As before" in other.note

        (mounted / name).read_bytes()
        assert mounted.stats()["bytes_fetched"] == fetched


def test_a_choice_that_ended_keeps_nobody_from_another(choose, connection, mount):
    with mount("s3://teaching/photos/") as mounted:
        connection.close()

        assert "s3://teaching/photos/" in choose("student").note
        assert names(mounted)


def test_a_mount_follows_the_choice_of_its_place_and_back(choose, mount):
    with mount("s3://teaching/photos/") as mounted:
        assert "s3://teaching/photos/" in choose("guest", for_url="s3://teaching/").note
        with pytest.raises(PermissionError):
            names(mounted)

        api.forget("s3://teaching/")

        assert names(mounted)


def test_a_mount_follows_the_sandbox_that_is_asked_for_again(choose, connection, sandbox, mount, monkeypatch):
    monkeypatch.setattr(sandbox, "connection", connection)
    with mount("s3://teaching/photos/") as mounted:
        for _ in range(2):
            choose("guest")
            s3magic.sandbox()
            assert names(mounted)

        assert connection.note.count("s3://teaching/photos/") == 1
