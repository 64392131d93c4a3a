"""The client against servers that misbehave: each fault becomes its own error, never wrong bytes."""

from __future__ import annotations

import http.server
import logging
import socket
import threading
from contextlib import contextmanager

import pytest

from s3magic.errors import (
    AccessDenied,
    ArchivedObject,
    ClockSkew,
    ExpiredCredentials,
    InvalidCredentials,
    NoSuchBucket,
    NoSuchKey,
    ObjectChanged,
    ServerError,
    Unreachable,
    WrongRegion,
)
from s3magic.store.client import Client
from s3magic.store.credentials import Credentials, Location
from s3magic.store.s3 import S3Store
from s3magic.store.tuning import Tuning

KEYS = Credentials("AKIDEXAMPLE", "not-a-real-secret")


@contextmanager
def server(answer):
    """Serve ``answer(handler)`` for every request on a loopback port; yield the URL and the paths asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            asked.append((self.command, self.path, dict(self.headers)))
            self.rfile.read(int(self.headers.get("content-length") or 0))
            answer(self)

        do_GET = do_HEAD = do_PUT = do_DELETE = handle_any

        def log_message(self, *args):
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{served.server_port}", asked
    finally:
        served.shutdown()
        thread.join()
        served.server_close()


def reply(handler, status, body=b"", **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def store_at(url, **location):
    tuning = Tuning(max_retries=2, initial_delay=0)
    return S3Store("b", Client(Location(endpoint_url=url, **location), lambda: KEYS, tuning))


def error_body(code, extra=""):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>words</Message>{extra}</Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", NoSuchKey),
        (404, "NoSuchBucket", NoSuchBucket),
        (403, "AccessDenied", AccessDenied),
        (403, "InvalidAccessKeyId", InvalidCredentials),
        (403, "SignatureDoesNotMatch", InvalidCredentials),
        (400, "ExpiredToken", ExpiredCredentials),
        (403, "RequestTimeTooSkewed", ClockSkew),
        (403, "InvalidObjectState", ArchivedObject),
        (412, "PreconditionFailed", ObjectChanged),
        (400, "SomethingNew", ServerError),
    ],
)
def test_each_answer_has_its_error(status, code, error):
    with server(lambda h: reply(h, status, error_body(code))) as (url, _):
        for ask in (store_at(url).get, store_at(url).head):
            if ask.__name__ == "head" and status in (404, 412):
                continue  # a refused HEAD has no body to tell more from
            with pytest.raises(error) as caught:
                ask("k")
            assert len(caught.value.lines()) == 2
            assert "not-a-real-secret" not in str(caught.value.lines())


def test_a_version_that_cannot_be_is_told_though_the_answer_to_a_head_has_no_body():
    with server(lambda h: reply(h, 400, error_body("InvalidArgument"))) as (url, _):
        for ask in (store_at(url).head, store_at(url).get):
            with pytest.raises(NoSuchKey, match=r"^No such version of s3://b/k$"):
                ask("k", version_id="so not")


def test_a_wrong_region_is_told_at_a_custom_endpoint():
    body = error_body("AuthorizationHeaderMalformed", "<Region>eu-west-2</Region>")
    with server(lambda h: reply(h, 400, body)) as (url, _), pytest.raises(WrongRegion) as caught:
        store_at(url).get("k")
    assert caught.value.region == "eu-west-2"
    assert "eu-west-2" in str(caught.value)


def test_nobody_listening_is_unreachable():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(Unreachable) as caught:
            store_at(url).list_page()
    assert url in str(caught.value)
    assert isinstance(caught.value, ConnectionError)


def test_a_busy_server_is_asked_again():
    left = [503, 503, 200]

    def answer(handler):
        status = left.pop(0)
        reply(handler, status, b"fine" if status == 200 else error_body("SlowDown"))

    with server(answer) as (url, asked):
        assert store_at(url).get("k") == b"fine"
    assert len(asked) == 3


@pytest.mark.parametrize("method", ["get", "head"])
def test_credentials_that_end_under_way_are_asked_for_again(method):
    lives = [Credentials(f"AKID{number}", "not-a-real-secret") for number in (1, 2, 2)]

    def answer(handler):
        ended = "AKID1" in handler.headers["Authorization"]
        reply(handler, 400 if ended else 200, error_body("ExpiredToken") if ended else b"x")

    with server(answer) as (url, _):
        store = S3Store("b", Client(Location(endpoint_url=url), lambda: lives.pop(0)))
        assert getattr(store, method)("k")
    assert not lives or method == "get"


def test_credentials_that_stay_ended_are_told_after_one_more_try():
    with server(lambda h: reply(h, 400, error_body("ExpiredToken"))) as (url, asked):
        with pytest.raises(ExpiredCredentials):
            store_at(url).get("k")
        assert len(asked) == 2


def test_a_conditional_put_is_not_sent_twice():
    with server(lambda h: reply(h, 503, error_body("SlowDown"))) as (url, asked):
        with pytest.raises(ServerError):
            store_at(url).put("k", b"x", if_none_match=True)
        assert len(asked) == 1


@pytest.mark.parametrize(("told", "version"), [("null", None), ("v7", "v7")])
def test_a_version_is_told_alike_by_whoever_writes_and_reads(told, version):
    with server(lambda handler: reply(handler, 200, ETag='"e"', x_amz_version_id=told)) as (url, _):
        store = store_at(url)
        assert [store.put("k", b"").version_id, store.head("k").version_id] == [version, version]


def test_a_body_cut_short_is_asked_again_and_never_returned():
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"12345")
        handler.close_connection = True

    with server(answer) as (url, asked):
        with pytest.raises(Unreachable):
            store_at(url).get("k")
        assert len(asked) == 3
        with pytest.raises(Unreachable), store_at(url).stream("k") as chunks:
            list(chunks)


def test_a_small_object_whose_body_was_cut_is_asked_again():
    asked_before = []

    def answer(handler):
        asked_before.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.send_header("ETag", '"e"')
        handler.end_headers()
        handler.wfile.write(b"0123456789"[: 5 * len(asked_before)])
        handler.close_connection = len(asked_before) == 1

    with server(answer) as (url, asked):
        info, content = store_at(url).whole("k", most=10)
        assert (info.etag, info.size, content) == ("e", 10, b"0123456789")
        assert len(asked) == 2


@pytest.mark.parametrize(
    ("status", "content_range", "body", "error"),
    [
        (206, "bytes 0-3/10", b"0123", ServerError),  # another range than asked
        (200, None, b"0123456789", ServerError),  # the range ignored
        (206, "bytes 4-9/10", b"456789", ServerError),  # more than asked
    ],
)
def test_other_bytes_than_asked_are_refused(status, content_range, body, error):
    headers = {"Content_Range": content_range} if content_range else {}
    with server(lambda h: reply(h, status, body, **headers)) as (url, _), pytest.raises(error):
        store_at(url).get("k", start=4, stop=8)


def test_an_etag_is_compared_even_where_the_server_ignores_the_condition():
    with server(lambda h: reply(h, 200, b"new", ETag='"new"')) as (url, _), pytest.raises(ObjectChanged):
        store_at(url).get("k", etag="old")


def test_a_listing_that_is_no_xml_is_a_server_error():
    with server(lambda h: reply(h, 200, b"<html><p>hello")) as (url, _), pytest.raises(ServerError):
        store_at(url).list_page()


def test_keys_go_out_encoded_but_not_normalised():
    with server(lambda h: reply(h, 200, b"x")) as (url, asked):
        store_at(url).get("/lead//up/../a b+%20?#é")
    assert asked[0][1] == "/b//lead//up/../a%20b%2B%2520%3F%23%C3%A9"


def test_requests_and_bytes_are_counted():
    with server(lambda h: reply(h, 200, b"12345")) as (url, _):
        store = store_at(url)
        store.get("k")
        store.get("k")
    assert (store.client.traffic.requests, store.client.traffic.received) == (2, 10)


def test_each_kind_of_request_is_counted_by_what_it_costs():
    page = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    with server(lambda h: reply(h, 200, page if "list-type" in h.path else b"12345", ETag='"e"')) as (url, asked):
        store = store_at(url)
        store.list_page()
        store.put("k", b"123")
        store.head("k")
        store.get("k", stop=5, etag="e")
        store.delete("k")
        traffic = store.client.traffic
    assert len(asked) == traffic.requests == 5
    assert (traffic.lists, traffic.reads, traffic.deletes) == (2, 2, 1)
    assert (traffic.sent, traffic.retries, traffic.failures) == (3, 0, 0)
    assert traffic.received == 3 * 5 + len(page), "a HEAD's answer has no body"


def test_retries_and_failures_are_counted_and_no_answer_is_none():
    with server(lambda h: reply(h, 404 if h.path.endswith("none") else 503)) as (url, asked):
        store = store_at(url)
        with pytest.raises(ServerError):
            store.put("k", b"123")
        with pytest.raises(NoSuchKey):
            store.head("none")
        traffic = store.client.traffic
    assert len(asked) == traffic.requests
    assert (traffic.retries, traffic.failures, traffic.sent) == (2, 1, 9)


@pytest.mark.parametrize("fault", ["cut", "busy"])
def test_retries_are_told_to_the_debugging_log_alone_and_without_secrets(fault, caplog):
    def answer(handler):
        if fault == "busy":
            reply(handler, 503, error_body("SlowDown"))
        handler.close_connection = fault == "cut"

    caplog.set_level(logging.DEBUG)
    with server(answer) as (url, asked), pytest.raises((ServerError, Unreachable)):
        store_at(url).put("k", b"x")
    assert len(asked) == 3
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
    told = [record.message for record in caplog.records if record.name.startswith("s3magic")]
    assert len(told) == 2
    assert all(line.startswith("PUT s3://b/k is sent again: ") for line in told)
    assert "not-a-real-secret" not in caplog.text
    assert "Signature" not in caplog.text


def test_requester_pays_says_so_and_anonymous_signs_nothing():
    with server(lambda h: reply(h, 200, b"x")) as (url, asked):
        store_at(url, requester_pays=True).get("k")
        S3Store("b", Client(Location(endpoint_url=url), lambda: None)).get("k")
    signed, unsigned = asked[0][2], asked[1][2]
    assert signed["x-amz-request-payer"] == "requester"
    assert "Authorization" in signed
    assert "Authorization" not in unsigned


def test_proxies_are_passed_by_for_loopback(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(lambda h: reply(h, 200, b"x")) as (url, _):
        assert store_at(url).get("k") == b"x"
