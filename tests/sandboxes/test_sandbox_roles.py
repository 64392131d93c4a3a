"""Roles and users of one's own: taken on by STS, bound by their policies, and ended in time."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from s3magic.errors import InvalidInput
from s3magic.sandboxes import people, process, tokens
from s3magic.sandboxes.answers import S3Failure

ROLE = "arn:aws:iam::123456789012:role/"
READS = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::teaching/*"}
ANYBODY = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "123456789012"}}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def code(call, /, **words):
    with pytest.raises(ClientError) as caught:
        call(**words)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def sts(client):
    """Give the token service as a user, where botocore lets through what only the sandbox allows."""
    return lambda user="teacher", **changes: client(
        user, service="sts", **{"config": Config(parameter_validation=False, retries={"max_attempts": 1}), **changes}
    )


def assumed(service, role, **more):
    """Take on a role and return its keys as a client wants them."""
    answer = service.assume_role(RoleArn=ROLE + role, RoleSessionName="lesson", **more)
    keys = answer["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }, keys["Expiration"]


@pytest.mark.parametrize("user", ["teacher", "student", "partner"])
def test_delegated_access_wants_the_external_id(client, sts, user):
    refused = {"RoleArn": ROLE + "lightly-reader", "RoleSessionName": "lesson"}
    assert code(sts(user).assume_role, **refused) == "AccessDenied"
    assert code(sts(user).assume_role, **refused, ExternalId="wrong") == "AccessDenied"
    keys, _ = assumed(sts(user), "lightly-reader", ExternalId=people.EXTERNAL_ID)
    s3 = client(None, config=Config(s3={"addressing_style": "path"}), **keys)
    assert s3.list_objects_v2(Bucket="teaching", MaxKeys=1)["KeyCount"] == 1
    assert code(s3.list_objects_v2, Bucket="private") == "AccessDenied"
    assert code(s3.put_object, Bucket="teaching", Key="x", Body=b"") == "AccessDenied"


@pytest.mark.parametrize("user", ["guest", "visitor"])
def test_whose_own_policy_does_not_say_so_takes_on_no_role(sts, user):
    asked = {"RoleArn": ROLE + "scratch-writer", "RoleSessionName": "lesson"}
    assert code(sts(user).assume_role, **asked) == "AccessDenied"


def test_the_partner_may_do_nothing_by_themselves(client):
    assert code(client("partner").list_objects_v2, Bucket="teaching") == "AccessDenied"
    # another account needs both sides: the bucket's policy alone does not do
    assert code(client("partner").list_objects_v2, Bucket="public") == "AccessDenied"


def test_a_session_tells_who_it_is(client, sts):
    keys, expires = assumed(sts("student"), "scratch-writer")
    told = sts(None, config=Config(), **keys).get_caller_identity()
    assert told["Arn"] == "arn:aws:sts::123456789012:assumed-role/scratch-writer/lesson"
    assert told["Account"] == "123456789012"
    assert told["UserId"].endswith(":lesson")
    assert 3590 < (expires - datetime.now(UTC)).total_seconds() <= 3601


def test_sessions_end_when_they_said(client, sts):
    keys, expires = assumed(sts(), "brief-reader")
    assert (expires - datetime.now(UTC)).total_seconds() <= 3
    s3 = client(None, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}), **keys)
    deadline = time.monotonic() + 30
    refusal = None
    while refusal is None and time.monotonic() < deadline:
        try:
            s3.list_objects_v2(Bucket="teaching", MaxKeys=1)
        except ClientError as error:
            refusal = error.response["Error"]["Code"]
    assert refusal == "ExpiredToken"
    assert datetime.now(UTC) >= expires
    assert code(sts(None, **keys).get_caller_identity) == "ExpiredToken"


def test_a_second_is_long_enough_here_and_longer_than_the_role_allows_is_not(sts):
    _, expires = assumed(sts(), "scratch-writer", DurationSeconds=1)
    assert (expires - datetime.now(UTC)).total_seconds() <= 2
    for seconds in (0, 3601, 99_999):
        asked = {"RoleArn": ROLE + "scratch-writer", "RoleSessionName": "lesson", "DurationSeconds": seconds}
        assert code(sts().assume_role, **asked) == "ValidationError"


def test_a_session_needs_its_own_token(client, sts):
    keys, _ = assumed(sts(), "scratch-writer")
    keys["aws_session_token"] = "other"
    s3 = client(None, config=Config(s3={"addressing_style": "path"}), **keys)
    assert code(s3.list_objects_v2, Bucket="scratch") == "InvalidToken"


def test_a_session_policy_only_takes_away(client, sts):
    less = json.dumps(document({**READS, "Resource": ["arn:aws:s3:::scratch/lesson/*", "arn:aws:s3:::private/*"]}))
    client("teacher").put_object(Bucket="scratch", Key="lesson/a", Body=b"1")
    keys, _ = assumed(sts(), "scratch-writer", Policy=less)
    s3 = client(None, config=Config(s3={"addressing_style": "path"}), **keys)
    assert s3.get_object(Bucket="scratch", Key="lesson/a")["Body"].read() == b"1"
    for refused in ({"Bucket": "scratch", "Key": "other"}, {"Bucket": "private", "Key": "x"}):
        assert code(s3.get_object, **refused) == "AccessDenied"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"RoleSessionName": "with space"}, "ValidationError"),
        ({"ExternalId": "x"}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "ValidationError"),
        ({"SerialNumber": "arn:aws:iam::123456789012:mfa/me", "TokenCode": "123456"}, "ValidationError"),
        ({"Policy": "{}"}, "MalformedPolicyDocument"),
        ({"RoleArn": ROLE + "nobody"}, "AccessDenied"),
    ],
)
def test_what_would_be_ignored_or_is_wrong_is_refused(sts, more, expected):
    asked = {"RoleArn": ROLE + "scratch-writer", "RoleSessionName": "lesson", **more}
    assert code(sts().assume_role, **asked) == expected


def test_the_unknown_and_the_unsigned_take_on_nothing(sts):
    asked = {"RoleArn": ROLE + "scratch-writer", "RoleSessionName": "lesson"}
    assert code(sts(aws_access_key_id="AKIANOBODY").assume_role, **asked) == "InvalidClientTokenId"
    assert code(sts(aws_secret_access_key="wrong").assume_role, **asked) == "SignatureDoesNotMatch"
    assert code(sts().get_session_token) == "InvalidAction"


def test_a_web_identity_token_stands_for_keys(sandbox, client):
    from botocore import UNSIGNED

    service = client(None, service="sts", config=Config(signature_version=UNSIGNED))
    asked = {"RoleArn": ROLE + "web-reader", "RoleSessionName": "pod"}
    answer = service.assume_role_with_web_identity(**asked, WebIdentityToken=sandbox.web_identity_token("job-1"))
    assert answer["SubjectFromWebIdentityToken"] == "job-1"
    keys = answer["Credentials"]
    s3 = client(
        None,
        config=Config(s3={"addressing_style": "path"}),
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert s3.list_objects_v2(Bucket="teaching", MaxKeys=1)["KeyCount"] == 1
    call = service.assume_role_with_web_identity
    good = sandbox.web_identity_token()
    assert code(call, **asked, WebIdentityToken=good[:-2] + "xx") == "InvalidIdentityToken"
    assert code(call, **asked, WebIdentityToken="nonsense") == "InvalidIdentityToken"
    assert code(call, **asked, WebIdentityToken=sandbox.web_identity_token(seconds=0)) == "ExpiredTokenException"
    assert code(call, **asked, WebIdentityToken=sandbox.web_identity_token(audience="other")) == "AccessDenied"
    other = {**asked, "RoleArn": ROLE + "scratch-writer"}
    assert code(call, **other, WebIdentityToken=good) == "AccessDenied"


def test_a_token_of_another_sandbox_is_refused():
    with pytest.raises(S3Failure):
        tokens.read(b"a", tokens.mint(b"b", subject="me"))


@pytest.fixture(scope="module")
def own(tmp_path_factory, teaching_data):
    """A sandbox with people of one's own, out of a file."""
    home = {"StringLike": {"s3:prefix": "home/${aws:username}/*"}}
    path = tmp_path_factory.mktemp("people") / "people.json"
    told = {
        "users": {
            "anna-b": document(
                {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::scratch", "Condition": home},
                {"Effect": "Allow", "Action": "s3:*Object", "Resource": "arn:aws:s3:::scratch/home/${aws:username}/*"},
                {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"},
            ),
            "student": [document(READS)],
            "bob": {"policies": []},
            "outsider": {
                "policies": document({**READS, "Resource": "arn:aws:s3:::scratch/shared/*"}),
                "account": people.PARTNER_ACCOUNT,
            },
        },
        "roles": {
            "tester": {"policies": document(READS), "trust": document(ANYBODY), "max_session_duration": 5},
            "for-bob": {
                "policies": [document(READS)],
                "trust": document({**ANYBODY, "Principal": {"AWS": "arn:aws:iam::123456789012:user/bob"}}),
            },
        },
    }
    path.write_text(json.dumps(told))
    with process.start(users=str(path), cache=teaching_data) as box:
        yield box


@pytest.fixture
def as_own(own, client):
    return lambda name, service="s3": client(
        None,
        service=service,
        endpoint_url=own.endpoint_url,
        aws_access_key_id=own.users[name].access_key_id,
        aws_secret_access_key=own.users[name].secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def test_policies_of_ones_own_are_enforced(own, as_own):
    s3 = as_own("anna-b")
    s3.put_object(Bucket="scratch", Key="home/anna-b/x", Body=b"1")
    assert s3.list_objects_v2(Bucket="scratch", Prefix="home/anna-b/")["KeyCount"] == 1
    for refused in ({}, {"Prefix": "home/"}, {"Prefix": "home/bob/"}):
        assert code(s3.list_objects_v2, Bucket="scratch", **refused) == "AccessDenied"
    assert code(s3.put_object, Bucket="scratch", Key="home/bob/x", Body=b"") == "AccessDenied"
    assert code(s3.delete_object, Bucket="scratch", Key="home/anna-b/x") == "AccessDenied"


def test_ones_own_join_the_others_and_replace_those_of_the_same_name(own, as_own):
    assert {"teacher", "guest", "anna-b", "bob"} <= set(own.users)
    assert own.users["anna-b"].access_key_id == "SANDBOXANNAB"
    assert code(as_own("student").list_objects_v2, Bucket="teaching") == "AccessDenied"
    assert own.roles["tester"].arn == ROLE + "tester"
    assert ROLE + "tester" in own._repr_html_()


def test_roles_of_ones_own(own, as_own):
    asked = {"RoleArn": ROLE + "tester", "RoleSessionName": "me"}
    assert as_own("teacher", "sts").assume_role(**asked)["Credentials"]
    # the whole account is trusted, so bob's own policies must say it too; where he is named, they need not
    assert code(as_own("bob", "sts").assume_role, **asked) == "AccessDenied"
    assert as_own("bob", "sts").assume_role(**{**asked, "RoleArn": ROLE + "for-bob"})["Credentials"]


def test_another_account_needs_both_sides(own, as_own):
    teacher = as_own("teacher")
    for key in ("shared/a", "other"):
        teacher.put_object(Bucket="scratch", Key=key, Body=b"1")
    place = {"Bucket": "scratch", "Key": "shared/a"}
    assert code(as_own("outsider").get_object, **place) == "AccessDenied"
    whole = {"AWS": f"arn:aws:iam::{people.PARTNER_ACCOUNT}:root"}
    shares = document({**READS, "Resource": "arn:aws:s3:::scratch/*", "Principal": whole})
    teacher.put_bucket_policy(Bucket="scratch", Policy=json.dumps(shares))
    try:
        assert as_own("outsider").get_object(**place)["Body"].read() == b"1"
        assert code(as_own("outsider").get_object, Bucket="scratch", Key="other") == "AccessDenied"
        assert code(as_own("partner").get_object, **place) == "AccessDenied"
        # the root of one's own account stands for nobody else in it
        shares["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::123456789012:root"}
        teacher.put_bucket_policy(Bucket="scratch", Policy=json.dumps(shares))
        assert code(as_own("bob").get_object, **place) == "AccessDenied"
        shares["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::123456789012:user/bob"}
        teacher.put_bucket_policy(Bucket="scratch", Policy=json.dumps(shares))
        assert as_own("bob").get_object(**place)["Body"].read() == b"1"
    finally:
        teacher.delete_bucket_policy(Bucket="scratch")


def allow(**changes):
    return {"users": {"me": document({**READS, **changes})}}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (allow(Condition={"ForAllValues:StringEquals": {"s3:prefix": "a"}}), "ForAllValues:StringEquals"),
        (allow(Condition={"StringEquals": {"aws:MultiFactorAuthPresent": "true"}}), "aws:MultiFactorAuthPresent"),
        (allow(Condition={"StringLike": {"s3:prefix": "${aws:PrincipalTag/team}/*"}}), "aws:PrincipalTag/team"),
        (allow(Resource="arn:aws:s3:::b/${nonsense}/*"), "nonsense"),
        (allow(NotPrincipal="*"), "NotPrincipal"),
        (allow(Principal="*"), "Principal"),
        (allow(Effect="allow"), "Effect"),
        (allow(Action=[], NotAction="*"), "Action"),
        (allow(Condition={"StringEquals": "s3:prefix"}), "Condition"),
        ({"users": {"me": "policy.json"}}, "Statement"),
        ({"users": {"me": {"policies": [], "acount": "1"}}}, "acount"),
        ({"users": {"me": {"policies": [], "account": "12"}}}, "twelve digits"),
        ({"users": {"a b": []}}, "a b"),
        ({"users": {"a-b": [], "a_b": []}}, "a_b"),
        ({"users": ["me"]}, "users"),
        ({"people": {}}, "people"),
        ({"roles": {"r": {"policies": []}}}, "take on the role 'r'"),
        ({"roles": {"r": {"trust": document(READS)}}}, "Principal"),
        ({"roles": {"r": {"trust": document(ANYBODY), "max_session_duration": 0}}}, "0"),
        ({"roles": {"r": {"trust": document(ANYBODY), "max_session_duration": True}}}, "True"),
    ],
)
def test_what_would_not_be_enforced_starts_nothing(told, words):
    with pytest.raises(InvalidInput) as caught:
        process.start(users=told)
    assert words in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    for name in ("none.json", "bad.json", "list.json"):
        with pytest.raises(InvalidInput, match=name):
            process.start(users=tmp_path / name)


def test_people_are_the_same_when_read_again():
    once = people.read()
    assert people.read(once.to_json()) == once
