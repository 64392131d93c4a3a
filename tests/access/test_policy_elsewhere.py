"""The policies in the eyes of another: moto's IAM takes their form, and enforces all of them but the conditions."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count
from moto.iam.policy_validation import IAMPolicyDocumentValidator, IAMTrustPolicyDocumentValidator

from s3magic.access.policy import PARTITIONS, PURPOSES, policy

KEY = "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DELEGATED = {"account": "210987654321", "external_id": "teaching-2024"}
CHANGING = [name for name, purpose in PURPOSES.items() if purpose.write]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    purpose=st.sampled_from(list(PURPOSES)),
    partition=st.sampled_from(PARTITIONS),
    key=st.text("ab/*?[]{},é日 ", max_size=10),
    encrypted=st.booleans(),
    apart=st.booleans(),
)
def test_every_policy_has_the_form_that_iam_takes(purpose, partition, key, encrypted, apart):
    made = policy(
        f"s3://teaching/{key}",
        purpose,
        write=purpose in CHANGING,
        partition=partition,
        output="s3://results/a/" if apart else None,
        kms_key=KEY.replace("arn:aws:", f"arn:{partition}:") if encrypted else None,
        **(DELEGATED if purpose == "delegated" else {}),
    )
    if purpose == "delegated":
        IAMTrustPolicyDocumentValidator(json.dumps(made["trust_policy"])).validate()
        made = made["policy"]
    IAMPolicyDocumentValidator(json.dumps(made)).validate()


@pytest.fixture
def iam():
    """An account of moto's, with IAM on: give somebody a policy and ask S3 as them."""
    with mock_aws():
        admin = boto3.client("s3", region_name="us-east-1")
        for bucket in ("teaching", "results"):
            admin.create_bucket(Bucket=bucket)
            for key in ("photos/a.jpg", "other/b.jpg"):
                admin.put_object(Bucket=bucket, Key=key, Body=b"x")
        accounts = boto3.client("iam", region_name="us-east-1")

        def become(document):
            accounts.create_user(UserName="me")
            accounts.put_user_policy(UserName="me", PolicyName="it", PolicyDocument=json.dumps(document))
            keys = accounts.create_access_key(UserName="me")["AccessKey"]
            return boto3.client(
                "s3",
                region_name="us-east-1",
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
            )

        yield become


def ask(client, action, bucket, key):
    """Tell whether an action is allowed."""
    place = {"Bucket": bucket, "Key": key}
    calls = {
        "list": lambda: client.list_objects_v2(Bucket=bucket, Prefix=key),
        "get": lambda: client.get_object(**place),
        "put": lambda: client.put_object(**place, Body=b"y"),
        "delete": lambda: client.delete_object(**place),
    }
    try:
        calls[action]()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("purpose", "words", "allowed"),
    [
        ("browse", {}, {("list", "photos/"), ("get", "photos/a.jpg")}),
        ("thumbs", {}, {("list", "photos/"), ("get", "photos/a.jpg")}),
        ("link", {}, {("list", "photos/"), ("get", "photos/a.jpg")}),
        (
            "mount",
            {"write": True},
            {("list", "photos/"), ("get", "photos/a.jpg"), ("put", "photos/a.jpg"), ("delete", "photos/a.jpg")},
        ),
        ("checksums", {"write": True}, {("list", "photos/"), ("get", "photos/a.jpg"), ("put", "photos/a.jpg")}),
    ],
)
def test_what_is_asked_for_is_allowed_and_no_more(iam, purpose, words, allowed):
    client = iam(policy("s3://teaching/photos/", purpose, **words))
    asked = [("list", "photos/")]
    asked += [(action, key) for key in ("photos/a.jpg", "other/b.jpg") for action in ("get", "put", "delete")]

    @set_initial_no_auth_action_count(0)
    def look():
        inside = {pair for pair in asked if ask(client, pair[0], "teaching", pair[1])}
        return inside, [action for action in ("list", "get", "put") if ask(client, action, "results", "photos/a.jpg")]

    assert look() == (allowed, [])
