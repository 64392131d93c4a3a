"""What S3 says when it refuses: who lacks which right, as far as it tells."""

from __future__ import annotations

import pytest

from s3magic.errors import AccessDenied, NoSuchKey, ServerError
from s3magic.store.client import Client
from s3magic.store.credentials import Location
from s3magic.store.failures import Failure
from s3magic.store.s3 import S3Store

KEY = "arn:aws:kms:eu-west-2:123456789012:key/1234"
WHO = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: "
BECAUSE = " because no identity-based policy allows the action"


@pytest.mark.parametrize(
    ("said", "action", "resource", "message"),
    [
        ("Access Denied", None, None, "Not allowed: s3:GetObject on s3://b/a b.txt"),
        (
            f'{WHO}s3:GetObjectVersion on resource: "arn:aws:s3:::b/a b.txt"{BECAUSE}',
            "s3:GetObjectVersion",
            "arn:aws:s3:::b/a b.txt",
            "Not allowed: s3:GetObjectVersion on s3://b/a b.txt",
        ),
        (f"{WHO}kms:Decrypt on resource: {KEY}{BECAUSE}", "kms:Decrypt", KEY, f"Not allowed: kms:Decrypt on {KEY}"),
        (
            f"{WHO}kms:Decrypt on the resource associated with this ciphertext{BECAUSE}",
            "kms:Decrypt",
            None,
            "Not allowed: kms:Decrypt on s3://b/a b.txt",
        ),
    ],
)
def test_a_refusal_names_the_right_that_is_missing(said, action, resource, message):
    error = Failure(403, "AccessDenied", said, None).to_error("GET", "b", "a b.txt")
    assert isinstance(error, AccessDenied)
    assert (error.action, error.resource, error.message) == (action, resource, message)


def test_who_may_read_and_not_list_is_told_of_reading():
    said = f'{WHO}s3:ListBucket on resource: "arn:aws:s3:::b"{BECAUSE}'
    error = Failure(403, "AccessDenied", said, None).to_error("GET", "b", "k")
    assert error.message == "Not allowed: s3:GetObject on s3://b/k, or nothing is there"
    assert (error.action, len(error.lines())) == (None, 2)
    assert "s3:ListBucket on s3://b/" in Failure(403, "AccessDenied", said, None).to_error("GET", "b", "").message


@pytest.mark.parametrize(
    "body", [b"", b"<Error><Code>InvalidArgument</Code><Message>Invalid version id</Message></Error>"]
)
def test_a_version_that_cannot_be_is_none(body):
    refused = Failure.read(400, {}, body)
    error = refused.to_error("HEAD", "b", "k", {"versionId"})
    assert isinstance(error, NoSuchKey)
    assert error.lines() == ["No such version of s3://b/k", "Leave ?versionId=… out to read the live one."]
    other = refused.to_error("HEAD", "b", "k")
    assert isinstance(other, ServerError)
    assert "check endpoint and region" in other.hint


def test_a_version_that_is_a_mark_of_deletion_is_nothing_to_read(sandbox):
    store = S3Store("scratch", Client(Location(endpoint_url=sandbox.endpoint_url), lambda: sandbox.users["teacher"]))
    store.put("marked/x", b"x")
    mark = store.delete("marked/x")
    for ask in (store.head, store.get):
        with pytest.raises(NoSuchKey, match="That version marks the deletion of s3://scratch/marked/x"):
            ask("marked/x", version_id=mark)


def test_beginning_an_upload_is_putting():
    error = Failure(403, "AccessDenied", "", None).to_error("POST", "b", "k")
    assert error.message == "Not allowed: s3:PutObject on s3://b/k"


def test_a_version_that_is_missing_is_told_from_a_key_that_is():
    missing = Failure.read(404, {}, b"")  # as HEAD is answered
    assert "No such version of s3://b/k" in missing.to_error("HEAD", "b", "k", {"versionId"}).message
    assert "No such object: s3://b/k" in missing.to_error("HEAD", "b", "k").message
