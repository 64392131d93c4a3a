"""The environment that leads every library to one choice, and how it is given back."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

import s3magic
from s3magic.access import channels, current, environment, masking
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.access.masking import Published
from s3magic.errors import InvalidInput
from s3magic.store.credentials import Location

PUBLISHED = Published("http://127.0.0.1:1/v1/kernel", "/run/token", "/run/config")
SECRET = "hunter2-and-more-of-it"


@pytest.fixture(autouse=True)
def unmasked():
    """The environment as it was, whatever happens."""
    before = dict(os.environ)
    yield
    current.forget()
    os.environ.clear()
    os.environ.update(before)


def mask(location=None, published=PUBLISHED):
    masking.mask(masking.variables(location or Location("eu-west-2"), published), leader="me")


def test_whatever_would_be_asked_earlier_is_gone_and_comes_back():
    earlier = {
        "AWS_ACCESS_KEY_ID": "AKIAENV",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "session-token",
        "AWS_PROFILE": "work",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/keys",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a-token",
        "AWS_SHARED_CREDENTIALS_FILE": "/mine",
        "AWS_CONFIG_FILE": "/mine too",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://store.example",
        "AWS_NO_SIGN_REQUEST": "true",
        "NO_PROXY": "school.example",
    }
    os.environ.update(earlier)
    before = dict(os.environ)

    mask()

    for name in list(earlier)[:3] + list(earlier)[4:8] + ["AWS_ENDPOINT_URL", "AWS_NO_SIGN_REQUEST"]:
        assert name not in os.environ
    assert os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == PUBLISHED.url
    assert os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == PUBLISHED.token_file
    assert os.environ["AWS_CONFIG_FILE"] == PUBLISHED.config_file
    assert os.environ["AWS_REGION"] == os.environ["AWS_DEFAULT_REGION"] == "eu-west-2"
    assert SECRET not in str(dict(os.environ))
    for name in ("NO_PROXY", "no_proxy"):
        assert {"school.example", "127.0.0.1", "localhost"} <= set(os.environ[name].split(","))

    masking.restore()
    assert dict(os.environ) == before
    masking.restore()
    assert dict(os.environ) == before


def test_the_broker_is_told_the_originals():
    os.environ.update(AWS_ACCESS_KEY_ID="AKIAENV", AWS_CONFIG_FILE="/mine", NO_PROXY="school.example")
    before = environment.snapshot()

    mask()
    assert environment.snapshot() == before
    mask(Location("us-east-2", "http://127.0.0.1:9"))
    assert environment.snapshot() == before

    os.environ["AWS_ACCESS_KEY_ID"] = "AKIANEW"
    assert environment.snapshot() == {**before, "AWS_ACCESS_KEY_ID": "AKIANEW"}


def test_what_the_user_has_changed_since_is_left_to_the_user():
    os.environ.update(AWS_ACCESS_KEY_ID="AKIAENV", AWS_REGION="eu-central-1")
    mask()
    os.environ.update(AWS_ACCESS_KEY_ID="AKIANEW", AWS_REGION="ca-central-1")

    masking.restore()

    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_REGION"]) == ("AKIANEW", "ca-central-1")


def test_another_mask_takes_the_place_of_the_first():
    before = dict(os.environ)
    mask(Location("us-east-1", "http://127.0.0.1:9", "path", requester_pays=True))
    assert os.environ["AWS_ENDPOINT_URL"] == os.environ["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9"
    assert (os.environ["AWS_S3_ENDPOINT"], os.environ["AWS_HTTPS"]) == ("127.0.0.1:9", "NO")
    assert os.environ["AWS_REQUEST_PAYER"] == "requester"

    mask(Location("eu-west-2"), published=None)

    assert not [name for name in os.environ if "ENDPOINT_URL" in name or "AWS_CONTAINER" in name]
    assert "AWS_REQUEST_PAYER" not in os.environ
    assert os.environ["AWS_NO_SIGN_REQUEST"] == "YES"
    masking.restore()
    assert dict(os.environ) == before


def teacher(sandbox, **words):
    user = sandbox.users["teacher"]
    return s3magic.connect(
        "keys",
        access_key_id=user.access_key_id,
        secret_access_key=user.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
        **words,
    )


def test_a_script_leads_the_environment_only_when_it_says_so(sandbox):
    before = dict(os.environ)

    teacher(sandbox)
    assert dict(os.environ) == before
    mine = teacher(sandbox, environ=True)
    assert masking.leader() is mine
    assert "other libraries follow" in repr(mine)
    assert os.environ["AWS_ENDPOINT_URL_S3"] == sandbox.endpoint_url
    teacher(sandbox)
    assert dict(os.environ) == before
    assert "other libraries" not in repr(mine)

    teacher(sandbox, environ=True)
    current.forget()
    assert dict(os.environ) == before


def test_one_place_cannot_lead_every_library(sandbox):
    with pytest.raises(InvalidInput):
        teacher(sandbox, environ=True, for_url="s3://teaching/")
    assert masking.leader() is None


def test_the_next_choice_finds_what_was_masked(sandbox):
    os.environ.update(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY=SECRET)
    teacher(sandbox, environ=True)
    assert "AWS_ACCESS_KEY_ID" not in os.environ

    mine = s3magic.connect("environment", environ=True)

    assert mine.credentials().access_key_id == "AKIAENV"
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    assert "AWS_ENDPOINT_URL" not in os.environ
    current.forget()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAENV"


def test_what_is_loaded_follows_the_next_choice(sandbox):
    """A default session of boto3's and the filesystem that fsspec keeps are made anew."""
    import boto3
    import fsspec

    os.environ.update(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1")
    boto3.client("s3")
    kept = fsspec.filesystem("s3")

    teacher(sandbox, environ=True)

    assert boto3.client("s3").get_object(Bucket="private", Key="exam.txt")["Body"].read()
    assert fsspec.filesystem("s3") is not kept
    assert fsspec.filesystem("s3").cat_file("private/exam.txt")
    client = boto3.client("s3")
    student = sandbox.users["student"]
    place = {"endpoint_url": sandbox.endpoint_url, "region": "us-east-1"}
    given = keys(student.access_key_id, student.secret_access_key)
    current.use(open_connection(Choice("keys", **place), secrets=given), environ=True)

    assert client.list_objects_v2(Bucket="teaching", MaxKeys=1)["KeyCount"]
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.get_object(Bucket="private", Key="exam.txt")


BARE = """
import os, sys
import s3magic
from s3magic.access import current

def ours():
    return {name: value for name, value in os.environ.items() if "AWS_" in name or "proxy" in name.lower()}

before = ours()
given = dict(access_key_id=sys.stdin.readline().strip(), secret_access_key=sys.stdin.readline().strip())
endpoint = sys.argv[1]
s3magic.connect("keys", endpoint_url=endpoint, region="us-east-1", environ=True, **given)

import boto3, pyarrow.fs, rasterio, s3fs
assert boto3.client("s3").get_object(Bucket="private", Key="exam.txt")["Body"].read()
assert s3fs.S3FileSystem().cat_file("private/exam.txt")
# pyarrow reads credentials from the environment, but no endpoint
assert pyarrow.fs.S3FileSystem(endpoint_override=endpoint).open_input_file("private/exam.txt").read()
with rasterio.open("s3://teaching/cogs/plain.tif") as raster:
    assert raster.read(1).any()
current.forget()
assert ours() == before
print("all of them read")
"""


def test_libraries_that_are_told_nothing_read_behind_a_proxy_too(sandbox, closed_port, tmp_path):
    user = sandbox.users["teacher"]
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = x\n")
    proxy = f"http://127.0.0.1:{closed_port}"
    environ = {
        **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
        "AWS_ACCESS_KEY_ID": "AKIAWRONG",
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
    }

    done = subprocess.run(
        [sys.executable, "-c", BARE, sandbox.endpoint_url],
        input=f"{user.access_key_id}\n{user.secret_access_key}\n",
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines()[-1:] == ["all of them read"], done.stderr


def test_a_broker_that_takes_the_place_of_a_dead_one_is_led_to(sandbox):
    user = sandbox.users["teacher"]
    os.environ.update(AWS_ACCESS_KEY_ID=user.access_key_id, AWS_SECRET_ACCESS_KEY=user.secret_access_key)
    mine = s3magic.connect("environment", endpoint_url=sandbox.endpoint_url, region="us-east-1", environ=True)
    former = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    broker = psutil.Process(channels.broker().pid)
    broker.kill()
    broker.wait(30)

    mine.explain()

    import boto3

    assert os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != former
    assert boto3.client("s3").get_object(Bucket="private", Key="exam.txt")["Body"].read()
