"""Files put onto S3: whole or in parts, under a condition, and what is left when it fails."""

from __future__ import annotations

import os
import random
import threading
import zlib
from base64 import b64encode

import pytest

from s3magic.errors import AccessDenied, NoSuchBucket, ObjectChanged, ServerError, Unreachable
from s3magic.store.client import Client
from s3magic.store.credentials import Location
from s3magic.store.memory import MemoryStore
from s3magic.store.s3 import S3Store
from s3magic.store.upload import upload

PART = 5 << 20  # the least that S3 takes
PARTED = random.Random(7).randbytes(2 * PART + 12_345)  # noqa: S311 - the same each time
SMALL = b"a small file"


@pytest.fixture(params=["memory", "s3"])
def store(request):
    if request.param == "memory":
        return MemoryStore("scratch")
    return over_http(request.getfixturevalue("sandbox"))


def over_http(box, user="teacher", bucket="scratch"):
    return S3Store(bucket, Client(Location(endpoint_url=box.endpoint_url), lambda: box.users[user]))


@pytest.fixture
def key(request):
    return f"upload/{request.node.name}/a b+%.bin"


@pytest.fixture
def send(tmp_path):
    def send(store, key, data, **words):
        path = tmp_path / "file"
        path.write_bytes(data)
        return upload(store, key, path, part_size=PART, **words)

    return send


def unfinished(store):
    """Return the keys of uploads that were begun and are still open."""
    if isinstance(store, MemoryStore):
        return store.uploads
    from s3magic.store.client import Request

    body = store.client.send(Request("GET", store.bucket, query={"uploads": ""})).body.decode()
    return body.partition("<Upload>")[2]


@pytest.mark.parametrize("data", [b"", SMALL, PARTED[:PART], PARTED], ids=["empty", "small", "one-part", "parts"])
def test_a_file_arrives_whole_with_what_it_is(store, key, send, data):
    told = []
    info = send(store, key, data, content_type="application/x-netcdf", metadata={"who": "me"}, progress=told.append)
    assert store.get(key) == data
    head = store.head(key)
    assert (info.key, info.size, info.etag) == (key, len(data), head.etag)
    assert (head.content_type, dict(head.metadata)) == ("application/x-netcdf", {"who": "me"})
    assert head.checksum_type == "FULL_OBJECT"
    assert sum(told) == len(data)
    assert not unfinished(store)


def test_parts_are_checked_one_by_one_and_together(sandbox, key, send):
    send(over_http(sandbox), key, PARTED)
    assert over_http(sandbox).head(key).checksums["CRC32"] == b64encode(zlib.crc32(PARTED).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("data", [SMALL, PARTED], ids=["small", "parts"])
def test_a_condition_that_does_not_hold_changes_nothing(store, key, send, data):
    first = send(store, key, data, if_none_match=True)
    with pytest.raises(ObjectChanged):
        send(store, key, data[::-1], if_none_match=True)
    second = send(store, key, data + b"2", if_match=first.etag)
    with pytest.raises(ObjectChanged):
        send(store, key, data[::-1], if_match=first.etag)
    assert store.head(key).etag == second.etag
    store.delete(key)
    with pytest.raises(ObjectChanged):
        send(store, key, data, if_match=second.etag)
    assert store.list_page(key).objects == ()
    assert not unfinished(store)


@pytest.mark.parametrize("data", [SMALL, PARTED], ids=["small", "parts"])
@pytest.mark.parametrize("condition", [{}, {"if_none_match": True}], ids=["any", "new"])
def test_an_answer_that_is_lost_is_found_again(store, key, send, data, condition, *, odd):
    lost = []

    def lose(true, *arguments, **words):
        info = true(*arguments, **words)
        lost.append(info)
        raise Unreachable("No answer", "Try again.")

    info = send(odd(store, put=lose, complete_upload=lose), key, data, **condition)
    assert (len(lost), info.etag) == (1, lost[0].etag)
    assert store.get(key) == data


@pytest.mark.parametrize("data", [SMALL, PARTED], ids=["small", "parts"])
def test_a_passing_fault_is_passed_over(store, key, send, data, odd):
    faults = [Unreachable("No answer", "Try again."), ServerError("S3 answered 503", "Try again.")]
    faults[1].status = 503

    def fail(true, *arguments, **words):
        if faults:
            raise faults.pop()
        return true(*arguments, **words)

    send(odd(store, put=fail, complete_upload=fail), key, data, if_none_match=True)
    assert not faults
    assert store.get(key) == data


@pytest.mark.parametrize("status", [None, 400, 501])
def test_a_fault_that_stays_is_met_once(memory, key, send, odd, status):
    met = []

    def fail(_true, *_arguments, **_words):
        met.append(ServerError("S3 answered", "Look."))
        met[-1].status = status
        raise met[-1]

    with pytest.raises(ServerError):
        send(odd(memory, put=fail), key, SMALL)
    assert len(met) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, AccessDenied("Not allowed", "Ask for it."), OSError(28, "full")])
def test_what_is_broken_off_is_given_up(store, key, send, error, odd):
    store.put(key, b"there")
    under_way, ended = threading.Semaphore(0), []

    def part(true, *arguments, **words):
        if arguments[2] == 1 and error is not KeyboardInterrupt:
            raise error
        under_way.release()
        ended.append(true(*arguments, **words))
        return ended[-1]

    def interrupt(_):
        raise KeyboardInterrupt

    words = {"progress": interrupt} if error is KeyboardInterrupt else {}
    with pytest.raises(error if isinstance(error, type) else type(error)):
        send(odd(store, upload_part=part), key, PARTED, **words)
    assert all(under_way.acquire(blocking=False) for _ in ended), "no part goes on after the end"
    assert not under_way.acquire(blocking=False)
    assert not unfinished(store)
    assert store.get(key) == b"there"


def test_what_may_not_be_written_is_told(sandbox, key, send):
    for data in (SMALL, PARTED):
        with pytest.raises(AccessDenied, match="PutObject"):
            send(over_http(sandbox, "guest", "teaching"), key, data)
        with pytest.raises(NoSuchBucket):
            send(over_http(sandbox, bucket="no-such-bucket"), key, data)


def test_a_file_that_changes_meanwhile_is_refused(store, key, tmp_path, odd):
    path = tmp_path / "file"
    path.write_bytes(PARTED)

    def grow(true, *arguments, **words):
        with path.open("ab") as file:
            file.write(b"more")
        return true(*arguments, **words)

    def shrink(true, *arguments, **words):
        os.truncate(path, PART)
        return true(*arguments, **words)

    for change in (grow, shrink):
        with pytest.raises(ObjectChanged, match="changed while"):
            upload(odd(store, begin_upload=change), key, path, part_size=PART)
    assert store.list_page(key).objects == ()
    assert not unfinished(store)


def test_an_error_after_a_good_beginning_is_an_error(key, send):
    import http.server

    class Late(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            begun = b"<R><UploadId>1</UploadId></R>"
            late = b'<?xml version="1.0"?>\n  <Error><Code>InternalError</Code><Message>Sorry</Message></Error>'
            self.answer(200, begun if "uploads=" in self.path else late)

        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200, b"", etag='"x"')

        def do_GET(self):
            self.answer(404, b"")

        do_HEAD = do_GET

        def do_DELETE(self):
            aborted.append(self.path)
            self.answer(204, b"")

        def answer(self, status, body, etag=None):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if etag:
                self.send_header("ETag", etag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    aborted = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            location = Location(endpoint_url=f"http://127.0.0.1:{server.server_port}")
            with pytest.raises(ServerError, match="InternalError"):
                send(S3Store("bucket", Client(location, lambda: None)), key, PARTED)
        finally:
            server.shutdown()
    assert len(aborted) == 1


def test_many_parts_have_the_checksum_of_the_whole(memory, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(PARTED)
    for size in (1 << 20, 999_983, len(PARTED) - 1):
        upload(memory, "a", path, part_size=size, workers=2)  # compared at its end
        assert memory.get("a") == PARTED
