"""The quick signature is botocore's, whatever is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from s3magic.store import sigv4
from s3magic.store.credentials import Credentials, Location
from s3magic.store.signing import object_url

NAMES = {
    "Range": "bytes=0-32767",
    "If-Match": '"etag"',
    "x-amz-checksum-mode": "ENABLED",
    "Accept-Encoding": "identity",
}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLACES = st.sampled_from([
    Location("eu-west-2"),
    Location("cn-north-1", addressing_style="path"),
    Location(endpoint_url="http://127.0.0.1:9000"),
    Location(endpoint_url="https://Store.example.org:443/below/"),
    Location(endpoint_url="http://[::1]:9000"),
    Location(endpoint_url="https://store.example.org", addressing_style="virtual"),
])  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from([*NAMES, "x-amz-request-payer"]), st.text("az  =-,\"'0;", min_size=1, max_size=20), max_size=5
)


def by_botocore(credentials, region, moment, *, method, url, headers):
    request = AWSRequest(method=method, url=url, headers=headers, data=b"")
    keys = ReadOnlyCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        S3SigV4Auth(keys, "s3", region).add_auth(request)
    return dict(request.headers.items())


@given(
    method=st.sampled_from(["GET", "HEAD"]),
    location=PLACES,
    key=WORDS,
    query=st.dictionaries(st.sampled_from(["versionId", "partNumber", "prefix", "list-type", "uploads"]), WORDS),
    headers=HEADERS,
    secret=st.text("ab/+0", min_size=1),
    token=st.none() | st.text("ab/+=", min_size=1),
)
def test_it_is_botocores(*, method, location, key, query, headers, secret, token):
    credentials, url = Credentials("AKID", secret, token), object_url(location, "data", key, query)
    quick = sigv4.signed(credentials, location.region, method=method, url=url, headers=headers)
    moment = datetime.strptime(quick["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert quick == by_botocore(credentials, location.region, moment, method=method, url=url, headers=headers)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("PUT", "https://host/k", {}),
        ("GET", "https://host", {}),
        ("GET", "https://host/k#part", {}),
        ("GET", "https://host/k", {"Date": "now"}),
        ("GET", "https://host/k", {"Range": "bytes=0-1", "range": "bytes=0-2"}),
    ],
)
def test_what_is_unusual_is_left_to_botocore(method, url, headers):
    assert sigv4.signed(Credentials("A", "B"), "eu-west-2", method=method, url=url, headers=headers) is None


def test_no_secret_of_another_request_signs():
    first, second = (
        sigv4.signed(Credentials("A", secret), "eu-west-2", method="GET", url="https://h/k", headers={})
        for secret in ("one", "other")
    )
    assert first["Authorization"].rpartition("=")[2] != second["Authorization"].rpartition("=")[2]
