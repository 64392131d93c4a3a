"""Bodies received into a buffer: right bytes or an error, whatever the server does."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest

from s3magic.errors import NoSuchKey, ObjectChanged, ServerError, Unreachable
from s3magic.store.client import Client
from s3magic.store.credentials import Credentials, Location
from s3magic.store.s3 import S3Store
from s3magic.store.tuning import Tuning

QUICK = Tuning(initial_delay=0, max_delay=0, max_retries=1)
WHOLE = b'HTTP/1.1 206 Partial\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\nETag: "e"\r\n\r\n2345'


def requests_on(connection):
    """Yield what is asked on a connection until its other end is closed."""
    request = b""
    while piece := connection.recv(65536):
        request += piece
        if request.endswith(b"\r\n\r\n"):
            yield request
            request = b""


@contextmanager
def speaking(*answers, certificate=None):
    """Serve raw answers in turn, the last for good; "close" in one ends the connection. Yields URL, requests."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if tls:
        tls.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    left, asked, held = list(answers), [], []

    def converse(connection):
        with connection, suppress(OSError):
            for request in requests_on(connection):
                asked.append(request)
                parts = left.pop(0) if len(left) > 1 else left[0]
                for part in parts if isinstance(parts, list) else [parts]:
                    if part == "close":
                        return
                    connection.sendall(part)

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection = tls.wrap_socket(connection, server_side=True) if tls else connection
                held.append(connection)
                threading.Thread(target=converse, args=(connection,)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in held:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def receive(url, *, size=4, etag="e", tuning=QUICK):
    """Receive from the third byte on; return what is in the buffer and what was told of it."""
    store = S3Store("b", Client(Location(endpoint_url=url), lambda: Credentials("key", "secret"), tuning))
    into, told = bytearray(size), []
    store.receive("k", memoryview(into), start=2, etag=etag, arrived=told.append)
    return bytes(into), told


def answer(status, body, *headers):
    head = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status} words\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def test_bytes_come_into_the_buffer_and_are_told_of_after_the_head():
    with speaking(WHOLE) as (url, requests):
        assert receive(url) == (b"2345", [0, 4])
    (request,) = requests
    assert request.startswith(b"GET /b/k HTTP/1.1\r\n")
    for line in (b'If-Match: "e"', b"Range: bytes=2-5", b"Accept-Encoding: identity", b"Authorization: AWS4"):
        assert b"\r\n" + line in request


def test_the_server_is_named_as_it_was_signed():
    with speaking(WHOLE) as (url, requests):
        receive(url.replace("127.0.0.1", "LocalHost"))
    host = url.replace("127.0.0.1", "localhost").removeprefix("http://")
    assert [request.partition(b"\r\nHost: ")[2].partition(b"\r\n")[0].decode() for request in requests] == [host]


def test_a_connection_is_used_again_and_one_that_was_closed_meanwhile_is_passed_over():
    with speaking(WHOLE, [WHOLE, "close"], WHOLE) as (url, requests):
        store = S3Store("b", Client(Location(endpoint_url=url), lambda: None))
        for _ in range(4):
            into = bytearray(4)
            store.receive("k", memoryview(into), start=2, etag="e", arrived=lambda _size: None)
            assert into == b"2345"
    assert len(requests) == 4


@pytest.mark.parametrize("at", range(1, len(WHOLE), 7))
def test_an_answer_in_pieces_is_the_same_answer(at):
    with speaking([WHOLE[:at], WHOLE[at:]]) as (url, _):
        body, told = receive(url)
    assert (body, sum(told)) == (b"2345", 4)


def test_chunked_bodies_are_received_too():
    chunked = (
        WHOLE.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")[:-4] + b"2\r\n23\r\n2\r\n45\r\n0\r\n\r\n"
    )
    with speaking(chunked) as (url, _):
        assert receive(url)[0] == b"2345"


def test_a_body_cut_short_is_an_error_and_what_came_is_told():
    with speaking([WHOLE[:-2], "close"]) as (url, _):
        told = []
        store = S3Store("b", Client(Location(endpoint_url=url), lambda: None, QUICK))
        into = bytearray(4)
        with pytest.raises(Unreachable):
            store.receive("k", memoryview(into), start=2, etag="e", arrived=told.append)
    assert into[: sum(told)] == b"2345"[: sum(told)]
    assert sum(told) < 4


def store_at(url):
    return S3Store("b", Client(Location(endpoint_url=url), lambda: None, QUICK))


def test_a_stream_left_at_its_end_leaves_the_connection_and_one_left_before_closes_it():
    body = bytes(range(256)) * 4096
    with speaking(answer(200, body, 'ETag: "e"')) as (url, requests):
        store = store_at(url)
        for _ in range(2):
            with store.stream("k") as chunks:
                pieces = [bytes(chunk) for chunk in chunks]
            assert b"".join(pieces) == body
            assert max(map(len, pieces)) <= 1 << 20
        with store.stream("k") as chunks:
            next(chunks)
        with store.stream("k") as chunks:
            assert b"".join(map(bytes, chunks)) == body
        assert store.client.traffic.received > 3 * len(body)
    assert len(requests) == 4


def test_a_stream_cut_short_is_an_error_after_what_came():
    with speaking([answer(200, b"0123456789")[:-4], "close"]) as (url, _), store_at(url).stream("k") as chunks:
        came = []
        with pytest.raises(Unreachable):
            came.extend(map(bytes, chunks))
        assert b"".join(came) in b"012345"


def test_an_error_of_who_reads_a_stream_is_no_error_of_the_network():
    def read(url):
        with store_at(url).stream("k", start=2) as chunks:
            next(chunks)
            raise OSError("disk full")

    with speaking(WHOLE) as (url, _), pytest.raises(OSError, match="disk full") as caught:
        read(url)
    assert not isinstance(caught.value, Unreachable)


def test_a_head_is_answered_over_a_connection_that_is_kept():
    head = answer(200, b"0123456789", 'ETag: "e"', "x-amz-version-id: 7")[:-10]
    with speaking([head], [head], [head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), "close"], [head]) as (
        url,
        asked,
    ):
        store = store_at(url)
        for _ in range(4):
            info = store.head("k")
            assert (info.size, info.etag, info.version_id) == (10, "e", "7")
    assert [request.split(b" ")[0] for request in asked] == [b"HEAD"] * 4


def test_a_head_of_what_is_not_there_asks_once_and_a_busy_server_again():
    missing, busy = answer(404, b""), answer(503, b"")
    with speaking(missing) as (url, asked), pytest.raises(NoSuchKey):
        store_at(url).head("k")
    assert len(asked) == 1
    with speaking(busy, answer(200, b"", 'ETag: "e"')) as (url, asked):
        assert store_at(url).head("k").etag == "e"
    assert len(asked) == 2
    with speaking(busy) as (url, asked), pytest.raises(ServerError):
        store_at(url).head("k")
    assert sum(request.startswith(b"HEAD") for request in asked) == 1 + QUICK.max_retries


def test_a_range_of_a_known_object_is_asked_for_again_when_its_connection_breaks():
    with speaking([WHOLE[:-2], "close"], WHOLE) as (url, asked):
        assert store_at(url).get("k", start=2, stop=6, etag="e") == b"2345"
    assert len(asked) == 2


@pytest.mark.parametrize("kept", [0, 1])
def test_a_server_that_falls_silent_is_waited_for_once_over_tls_too(kept, certificate, monkeypatch):
    monkeypatch.setattr("s3magic.store.sockets.READ_SECONDS", 1)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with speaking(*[WHOLE] * kept, b"", WHOLE, certificate=certificate) as (url, asked):
        store = store_at(url)
        got = [store.get("k", start=2, stop=6, etag="e") for _ in range(kept + 1)]
    assert got == [b"2345"] * (kept + 1)
    assert len(asked) == kept + 2


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (WHOLE.replace(b'"e"', b'"other"'), ObjectChanged),
        (WHOLE.replace(b"bytes 2-5", b"bytes 3-6"), ServerError),
        (WHOLE.replace(b"bytes 2-5", b"bytes 2-4"), ServerError),
        (answer(200, b"0123456789", 'ETag: "e"'), ServerError),
        (answer(206, b"23456789", "Content-Range: bytes 2-9/10", 'ETag: "e"'), ServerError),
        (answer(412, b"<Error><Code>PreconditionFailed</Code></Error>"), ObjectChanged),
        (answer(404, b"<Error><Code>NoSuchKey</Code></Error>"), NoSuchKey),
        ([b"nonsense\r\n\r\n", "close"], Unreachable),
    ],
)
def test_what_is_not_the_bytes_asked_for_is_never_told_as_such(bad, error):
    told = []
    with speaking(bad) as (url, _):
        store = S3Store("b", Client(Location(endpoint_url=url), lambda: None, QUICK))
        with pytest.raises(error):
            store.receive("k", memoryview(bytearray(4)), start=2, etag="e", arrived=told.append)
    assert not sum(told)


def test_a_busy_server_is_asked_again():
    busy = answer(503, b"<Error><Code>SlowDown</Code></Error>")
    with speaking(busy, busy, WHOLE) as (url, requests):
        assert receive(url)[0] == b"2345"
    assert len(requests) == 3


def test_who_wants_no_retries_gets_none():
    busy = answer(503, b"<Error><Code>SlowDown</Code></Error>")
    with speaking(busy) as (url, requests), pytest.raises(ServerError):
        receive(url, tuning=Tuning(max_retries=0))
    assert len(requests) == 1


def test_nothing_can_be_smuggled_in_by_an_etag():
    with speaking(WHOLE) as (url, requests), pytest.raises((ValueError, Unreachable)):
        receive(url, etag='e"\r\nX-Evil: "1')
    assert not requests
