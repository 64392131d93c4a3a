"""Addresses of buckets and objects, and links that anybody may open."""

from __future__ import annotations

import logging
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from s3magic.errors import InvalidInput
from s3magic.store.credentials import Credentials, Location
from s3magic.store.signing import object_url, presign, sign

KEYS = Credentials("AKIDEXAMPLE", "not-a-real-secret", "a-token")


@pytest.mark.parametrize(
    ("location", "bucket", "expected"),
    [
        (Location("eu-west-2"), "data", "https://data.s3.eu-west-2.amazonaws.com/k"),
        (Location("eu-west-2"), "with.dots", "https://s3.eu-west-2.amazonaws.com/with.dots/k"),
        (Location("cn-north-1"), "data", "https://data.s3.cn-north-1.amazonaws.com.cn/k"),
        (Location("eu-west-2", addressing_style="path"), "data", "https://s3.eu-west-2.amazonaws.com/data/k"),
        (Location(endpoint_url="http://127.0.0.1:9000"), "data", "http://127.0.0.1:9000/data/k"),
        (Location(endpoint_url="https://s3.org/base/"), "data", "https://s3.org/base/data/k"),
        (Location(endpoint_url="https://s3.org", addressing_style="virtual"), "data", "https://data.s3.org/k"),
    ],
)
def test_addresses(location, bucket, expected):
    assert object_url(location, bucket, "k") == expected


def test_a_link_is_version_4_for_the_right_region_and_host():
    link = presign(Location("eu-west-2"), KEYS, "data", "a b.jpg", expires=60, disposition="inline")
    query = parse_qs(urlsplit(link).query)
    assert urlsplit(link).netloc == "data.s3.eu-west-2.amazonaws.com"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert "/eu-west-2/s3/" in query["X-Amz-Credential"][0]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["response-content-disposition"] == ["inline"]
    assert "not-a-real-secret" not in link


def test_without_credentials_a_link_is_plain():
    assert presign(Location(), None, "data", "k", expires=60) == "https://data.s3.us-east-1.amazonaws.com/k"


@pytest.mark.parametrize("expires", [0, -1, 604801])
def test_a_link_lives_a_week_at_most(expires):
    with pytest.raises(InvalidInput):
        presign(Location(), KEYS, "data", "k", expires=expires)


def test_secrets_show_in_no_repr():
    assert "not-a-real-secret" not in repr(KEYS)
    assert "a-token" not in repr(KEYS)


def test_without_a_bucket_the_server_itself_is_asked():
    assert object_url(Location(region="eu-west-2"), "", "") == "https://s3.eu-west-2.amazonaws.com/"
    for style in ("auto", "path", "virtual"):
        location = Location(endpoint_url="http://127.0.0.1:9000", addressing_style=style)
        assert object_url(location, "", "") == "http://127.0.0.1:9000/"


def test_signing_tells_the_log_no_secret(caplog):
    caplog.set_level(logging.DEBUG)
    headers = sign(Location("eu-west-2"), KEYS, method="PUT", url="https://host/k", headers={}, body=b"data")
    link = presign(Location("eu-west-2"), KEYS, "data", "k", expires=60)
    assert "a-token" in headers.values()
    assert "a-token" in link
    assert "a-token" not in caplog.text


def test_a_mount_is_ready_without_botocore():
    code = (
        "import sys; from s3magic.mounting import daemon; from s3magic.store.signing import sign;"
        "from s3magic.store.credentials import Credentials, Location;"
        "sign(Location('eu-west-2'), Credentials('A', 'B'), method='GET', url='https://h/?list-type=2', headers={});"
        "print('botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
