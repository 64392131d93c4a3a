"""The examples that Amazon's S3 documentation works out by hand, and what must be refused."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from s3magic.sandboxes import payload, request, signature
from s3magic.sandboxes.answers import S3Failure
from s3magic.sandboxes.users import User
from s3magic.store.credentials import Credentials

EXAMPLE = User("example", (), Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
USERS = {"AKIAIOSFODNN7EXAMPLE": EXAMPLE}
NOW = datetime(2013, 5, 24, tzinfo=UTC)
SCOPE = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def make(method, uri, headers, body=b""):
    environ = {"REQUEST_METHOD": method, "REQUEST_URI": uri, "wsgi.input": io.BytesIO(body)}
    environ["CONTENT_LENGTH"] = headers.get("content-length", str(len(body)))
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return request.read(environ)


def get_object(**changes):
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": "20130524T000000Z",
        "authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE},"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    }
    return make("GET", "/test.txt", {**headers, **changes})


def presigned(**changes):
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": SCOPE,
        "X-Amz-Date": "20130524T000000Z",
        "X-Amz-Expires": "86400",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    }
    uri = f"/test.txt?{urlencode({**query, **changes})}"
    return make("GET", uri, {"host": "examplebucket.s3.amazonaws.com"})


def refusal(asked, *, now=NOW, users=USERS):
    with pytest.raises(S3Failure) as caught:
        signature.verify(asked, users, region="us-east-1", now=now)
    return caught.value


def test_the_documented_header_signature_is_right():
    assert signature.verify(get_object(), USERS, region="us-east-1", now=NOW).caller is EXAMPLE


def test_the_documented_presigned_url_is_right():
    late = NOW + timedelta(seconds=86_399)
    assert signature.verify(presigned(), USERS, region="us-east-1", now=late).caller is EXAMPLE


def chunked(body):
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66824",
        "authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders=content-encoding;content-length;host;"
        "x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,"
        "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    }
    return make("PUT", "/examplebucket/chunkObject.txt", headers, body)


CHUNKS = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)


def test_the_documented_chunks_are_right():
    asked = chunked(CHUNKS)
    signed = signature.verify(asked, USERS, region="us-east-1", now=NOW)
    assert payload.decode(asked, signed).data == b"a" * 66560


def test_a_changed_chunk_is_noticed():
    asked = chunked(CHUNKS.replace(b"aaaa\r\n400", b"aaab\r\n400"))
    signed = signature.verify(asked, USERS, region="us-east-1", now=NOW)
    with pytest.raises(S3Failure, match="chunk") as caught:
        payload.decode(asked, signed)
    assert caught.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("cut", [b"", b"10000", CHUNKS[:60_000], CHUNKS[:65_700], b"zz\r\n"])
def test_chunks_cut_short_are_noticed(cut):
    asked = chunked(cut)
    signed = signature.verify(asked, USERS, region="us-east-1", now=NOW)
    with pytest.raises(S3Failure) as caught:
        payload.decode(asked, signed)
    assert (caught.value.status, caught.value.code) == (400, "IncompleteBody")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_wrong_clock_is_refused(minutes):
    failure = refusal(get_object(), now=NOW + timedelta(minutes=minutes))
    assert (failure.status, failure.code) == (403, "RequestTimeTooSkewed")


def test_a_clock_a_little_off_is_not():
    assert signature.verify(get_object(), USERS, region="us-east-1", now=NOW + timedelta(minutes=14))


def test_a_presigned_url_ends():
    failure = refusal(presigned(), now=NOW + timedelta(seconds=86_400))
    assert (failure.status, failure.code, failure.message) == (403, "AccessDenied", "Request has expired")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"X-Amz-Expires": "604801"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Expires": "-1"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Date": "yesterday"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Credential": "me"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Expires": "86401"}, "SignatureDoesNotMatch"),
        ({"response-content-type": "text/html"}, "SignatureDoesNotMatch"),
        ({"X-Amz-Signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"X-Amz-Credential": SCOPE.replace("us-east-1", "eu-west-2")}, "AuthorizationHeaderMalformed"),
    ],
)
def test_a_changed_presigned_url_is_refused(changes, code):
    assert refusal(presigned(**changes)).code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"range": "bytes=0-10"}, "SignatureDoesNotMatch"),
        ({"host": "other.example"}, "SignatureDoesNotMatch"),
        ({"x-amz-meta-more": "unsigned"}, "AccessDenied"),
        ({"authorization": "AWS AKIAIOSFODNN7EXAMPLE:abc"}, "InvalidRequest"),
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, "AuthorizationHeaderMalformed"),
        ({"x-amz-security-token": "made up"}, "InvalidToken"),
    ],
)
def test_a_changed_header_is_refused(changes, code):
    assert refusal(get_object(**changes)).code == code


def test_an_unknown_key_is_refused():
    failure = refusal(get_object(), users={})
    assert (failure.status, failure.code) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("expires", [datetime(2012, 1, 1, tzinfo=UTC)])
def test_ended_keys_are_refused(expires):
    ended = User("ended", {}, Credentials("AKIAIOSFODNN7EXAMPLE", "x", session_token="y", expires=expires))
    failure = refusal(get_object(), users={"AKIAIOSFODNN7EXAMPLE": ended})
    assert (failure.status, failure.code) == (400, "ExpiredToken")


def test_the_old_presigned_urls_are_refused():
    asked = make("GET", "/b/k?AWSAccessKeyId=A&Signature=B&Expires=9", {"host": "x"})
    assert refusal(asked).code == "InvalidRequest"


def test_who_signs_nothing_is_nobody():
    asked = make("GET", "/b/k", {"host": "x"})
    assert signature.verify(asked, USERS, region="us-east-1", now=NOW) is None


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("/b", "b", ""),
        ("/b/", "b", ""),
        ("/b//lead", "b", "/lead"),
        ("/b/a/../c", "b", "a/../c"),
        ("/b/%2E%2E/c%2Fd", "b", "../c/d"),
        ("/b/a+b%2B%20c", "b", "a+b+ c"),
        ("/b/%E9%B3%A5?x=1", "b", "鳥"),
        ("http://127.0.0.1:9/b/k", "b", "k"),
    ],
)
def test_keys_are_kept_whole(uri, bucket, key):
    asked = make("GET", uri, {})
    assert (asked.bucket, asked.key) == (bucket, key)
