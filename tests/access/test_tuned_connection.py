"""What is chosen of the pace reaches every request of a connection, and TensorStore."""

from __future__ import annotations

import pytest

import s3magic
from s3magic.access import current
from s3magic.errors import AccessDenied, InvalidInput, ServerError


@pytest.fixture(autouse=True)
def _nothing_chosen_after():
    yield
    current.forget()


@pytest.mark.parametrize("count", [0, 2])
def test_a_connection_tries_as_often_as_chosen(serving, count):
    asked = []

    def busy(_method, path, _headers, _body):
        asked.append(path)
        return 503, ""

    with serving(busy) as url:
        s3magic.connect("anonymous", endpoint_url=url, max_retries=count, initial_delay=0)
        with pytest.raises(ServerError):
            s3magic.ls("s3://bucket/")
    assert len(asked) == count + 1


def test_variables_that_make_no_sense_are_told_before_anything_changes(aws):
    former = s3magic.connect("anonymous")
    aws.environ(TENSORSTORE_S3_REQUEST_CONCURRENCY="lots")

    with pytest.raises(InvalidInput, match="TENSORSTORE_S3_REQUEST_CONCURRENCY"):
        s3magic.connect("anonymous")

    assert current.connection() is former
    assert s3magic.connect("anonymous", request_concurrency=2).tuning.request_concurrency == 2
    with pytest.raises(InvalidInput, match="doubling_time"):
        s3magic.connect("anonymous", doubling_time="soon")


@pytest.mark.parametrize("doubling", [None, "5m"])
def test_tensorstore_takes_the_tuning_along(sandbox, connection, doubling):
    tensorstore = pytest.importorskip("tensorstore")
    teacher = sandbox.users["teacher"]
    tuned = s3magic.connect(
        "keys",
        access_key_id=teacher.access_key_id,
        secret_access_key=teacher.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
        request_concurrency=3,
        max_retries=1,
        initial_delay=0.25,
        read_rate=50,
        doubling_time=doubling,
    )

    spec = tuned.export("tensorstore")

    assert spec["s3_request_concurrency"] == {"limit": 3}
    assert spec["s3_request_retries"] == {"max_retries": 2, "initial_delay": "0.25s", "max_delay": "8s"}
    assert spec["experimental_s3_rate_limiter"] == {"read_rate": 50} | ({"doubling_time": "300s"} if doubling else {})
    opened = tensorstore.KvStore.open({**spec, "bucket": "teaching", "path": "photos/"}).result()
    assert opened.list().result()


def test_buckets_are_listed_as_who_asks_may(sandbox, connection):
    assert {"teaching", "scratch", "public"} <= set(connection.buckets())
    guest = sandbox.users["guest"]
    place = {"endpoint_url": sandbox.endpoint_url, "region": "us-east-1"}
    chosen = s3magic.connect(
        "keys", access_key_id=guest.access_key_id, secret_access_key=guest.secret_access_key, **place
    )
    with pytest.raises(AccessDenied, match="s3:ListAllMyBuckets"):
        chosen.buckets()
