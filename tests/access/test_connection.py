"""A connection at work on the sandbox: who it is, what it opens, what goes wrong in which words."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from s3magic.access import current, wire
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.access.explanation import Explanation
from s3magic.access.identity import Identity, expiry_text
from s3magic.errors import (
    AccessDenied,
    ExpiredCredentials,
    InvalidCredentials,
    NoSuchBucket,
    S3MagicError,
    Unreachable,
)


@pytest.fixture
def as_user(sandbox):
    """Connect as one of the sandbox's people, or as nobody."""

    def connect(name=None, **words):
        place = {"endpoint_url": sandbox.endpoint_url, "region": "us-east-1", **words}
        if name is None:
            return open_connection(Choice("anonymous", **place))
        user = sandbox.users[name]
        given = keys(user.access_key_id, user.secret_access_key, user.session_token)
        return open_connection(Choice("keys", **place), secrets=given)

    return connect


@pytest.fixture
def closed_endpoint():
    """The URL of a loopback port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.fixture
def answering():
    """An endpoint that answers every request alike: status and body."""
    servers = []

    def start(status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def with_keys(endpoint):
    return open_connection(Choice("keys", endpoint_url=endpoint), secrets=keys("AKIATEACHER", "hunter2"))


def two_lines(kind, function):
    with pytest.raises(kind) as caught:
        function()
    assert len(caught.value.lines()) == 2
    return caught.value


def test_the_identity_is_what_the_token_service_says(as_user):
    teacher = as_user("teacher").identity()

    assert teacher.arn.endswith(":user/teacher")
    assert teacher.account in teacher.arn
    assert teacher.user_id
    assert teacher.provider == "keys"
    assert not teacher.note
    assert as_user("student").identity().arn.endswith(":user/student")


def test_nobody_is_anonymous(as_user):
    identity = as_user().identity()

    assert (identity.arn, identity.provider) == (None, "anonymous")
    assert "anonymous" in repr(identity)


def test_a_repr_asks_nobody_and_shows_what_is_known(as_user, closed_endpoint, sandbox):
    assert closed_endpoint in repr(with_keys(closed_endpoint))
    teacher = as_user("teacher")
    assert "user/teacher" not in repr(teacher)

    teacher.identity()

    for shown in (repr(teacher), teacher._repr_html_()):
        for fact in ("user/teacher", "keys", "us-east-1", sandbox.endpoint_url):
            assert fact in shown
        assert sandbox.users["teacher"].secret_access_key not in shown


def test_stores_are_kept_and_share_their_client(as_user):
    teacher = as_user("teacher")

    assert teacher.store("teaching") is teacher.store("teaching")
    assert teacher.store("teaching").client is teacher.store("public").client
    assert teacher.store("teaching").list_page("photos/").objects


def test_what_goes_wrong_is_told_apart(as_user, closed_endpoint):
    two_lines(AccessDenied, lambda: as_user("student").store("private").list_page())
    two_lines(AccessDenied, lambda: as_user().store("teaching").list_page())
    two_lines(NoSuchBucket, lambda: as_user("teacher").store("nosuchbucket").list_page())
    two_lines(ExpiredCredentials, lambda: as_user("expired").store("teaching").list_page())
    two_lines(ExpiredCredentials, lambda: as_user("expired").identity())
    two_lines(Unreachable, lambda: with_keys(closed_endpoint).identity())


def test_wrong_keys_are_told_apart(sandbox):
    def connect(key, secret):
        choice = Choice("keys", endpoint_url=sandbox.endpoint_url)
        return open_connection(choice, secrets=keys(key, secret))

    two_lines(InvalidCredentials, connect("AKIANOBODY", "hunter2").identity)
    unknown = connect("SANDBOXTEACHER", "hunter2")
    two_lines(InvalidCredentials, lambda: unknown.store("teaching").list_page())
    two_lines(InvalidCredentials, unknown.identity)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>no such page</html>"),
        (405, b"<Error><Code>MethodNotAllowed</Code><Message>no POST here</Message></Error>"),
        (403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
        (403, b"<Error><Code>SignatureDoesNotMatch</Code><Message>signed for sts?</Message></Error>"),
        (200, b"hello"),
        (200, b""),
    ],
)
def test_a_store_without_token_service_leaves_the_identity_unknown(answering, status, body):
    identity = with_keys(answering(status, body)).identity()

    assert (identity.account, identity.arn, identity.user_id) == (None, None, None)
    assert identity.provider == "keys"
    assert "does not tell" in identity.note
    assert identity.note in repr(identity)


def test_a_store_that_knows_the_keys_expired_says_so(answering):
    body = b"<Error><Code>ExpiredToken</Code><Message>over</Message></Error>"

    two_lines(ExpiredCredentials, with_keys(answering(400, body)).identity)


def test_boto3_goes_where_the_connection_goes(as_user):
    session = as_user("student").session()

    s3 = session.client("s3")
    assert s3.list_objects_v2(Bucket="teaching", Prefix="photos/")["KeyCount"]
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":user/student")
    assert list(session.resource("s3").Bucket("teaching").objects.filter(Prefix="photos/").limit(1))
    assert as_user().session().client("s3").list_objects_v2(Bucket="public")["KeyCount"]


def test_boto3_says_that_the_requester_pays(as_user):
    s3 = as_user("student", requester_pays=True, addressing_style="path").session().client("s3")
    sent = []
    s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(request))

    s3.list_objects_v2(Bucket="teaching", MaxKeys=1)

    assert sent[0].headers["x-amz-request-payer"] in {"requester", b"requester"}


def test_s3fs_goes_where_the_connection_goes(as_user):
    files = as_user("student").filesystem()

    photos = files.ls("teaching/photos")
    assert photos
    assert files.cat_file(photos[0], start=0, end=2)
    with pytest.raises(PermissionError):
        files.ls("private")
    assert as_user().filesystem().ls("public")


def test_what_is_handed_over_follows_a_refresh(monkeypatch):
    from s3magic.access.handover import boto3_session, filesystem
    from s3magic.store.credentials import Credentials, Location

    given = iter(range(1, 100))

    def source():
        ends = datetime.now(UTC) + timedelta(minutes=5)  # so near that botocore asks each time
        return Credentials(f"AKIA{next(given)}", "hunter2", "token", ends)

    credentials = boto3_session(source, Location()).get_credentials()
    seen = {credentials.get_frozen_credentials().access_key for _ in range(3)}
    assert len(seen) == 3

    import asyncio

    async def ask():
        credentials = await filesystem(source, Location()).session.get_credentials()
        return {(await credentials.get_frozen_credentials()).access_key for _ in range(3)}

    assert len(asyncio.run(ask())) == 3


def test_a_proxy_is_not_asked_for_this_very_machine(as_user, closed_endpoint, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, closed_endpoint)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    teacher = as_user("teacher")

    assert teacher.identity().arn
    assert teacher.session().client("s3").list_objects_v2(Bucket="teaching", MaxKeys=1)["KeyCount"]
    assert teacher.filesystem().ls("teaching/photos")


def test_a_mount_reads_by_its_own_socket(as_user, sandbox):
    from s3magic.store.client import Client
    from s3magic.store.s3 import S3Store

    teacher = as_user("teacher")
    source = wire.BrokerSource(teacher.attach())

    assert S3Store("teaching", Client(teacher.location, source)).list_page("photos/").objects
    source.close()


def test_identity_and_explanation_survive_json(as_user):
    teacher = as_user("teacher")
    identity, explanation = teacher.identity(), teacher.explain()

    assert Identity.from_json(json.loads(json.dumps(identity.to_json()))) == identity
    assert Explanation.from_json(json.loads(json.dumps(explanation.to_json()))) == explanation


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "expired"), (30, "within a minute"), (150, "in 2 min"), (7290, "in 2 h 1 min"), (None, "no known end")],
)
def test_an_end_is_told_as_people_would(seconds, told):
    ends = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)

    assert told in expiry_text(ends)


def test_errors_pass_the_wire_with_their_class_and_words():
    for kind in (ExpiredCredentials, Unreachable, S3MagicError):
        error = wire.error_from_json(json.loads(json.dumps(wire.error_to_json(kind("what", "do")))))
        assert type(error) is kind
        assert error.lines() == ["what", "do"]
        assert pickle.loads(pickle.dumps(error)).lines() == ["what", "do"]  # noqa: S301


def test_the_current_connection_is_default_until_one_is_used(as_user):
    current.forget()
    try:
        first = current.connection()
        assert first.choice == Choice()
        assert current.connection() is first

        teacher = as_user("teacher")
        current.use(teacher)
        assert current.connection() is teacher

        current.forget()
        assert current.connection().choice == Choice()
    finally:
        current.forget()


def test_choosing_loads_no_botocore_in_the_kernel():
    code = (
        "import sys; from s3magic.access import current; from s3magic.access.choice import Choice;"
        "from s3magic.access.connection import open_connection;"
        "print(open_connection(Choice('anonymous')).identity().provider,"
        "[m for m in sys.modules if m.partition('.')[0] in {'boto3', 'botocore', 's3fs', 'aiobotocore'}])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "anonymous []"
