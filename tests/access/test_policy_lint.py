"""The common faults of policies: each found, with what it leads to and how to mend it."""

from __future__ import annotations

import json

import pytest

import s3magic
from s3magic.errors import InvalidInput
from s3magic.sandboxes import people

BUCKET, OBJECTS = "arn:aws:s3:::b", "arn:aws:s3:::b/photos/*"
PREFIX = {"StringLike": {"s3:prefix": "photos/*"}}
GOOD = [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": BUCKET, "Condition": PREFIX},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], "Resource": OBJECTS},
]


def allow(action, resource=OBJECTS, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def rules(*statements, version="2012-10-17"):
    return [found.rule for found in s3magic.lint_policy({"Version": version, "Statement": list(statements)})]


def test_a_good_policy_has_no_findings():
    found = s3magic.lint_policy({"Version": "2012-10-17", "Statement": GOOD})
    assert found == []
    assert repr(found) == "No common faults found."
    assert "No common faults" in found._repr_html_()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        # the shape a widely read guide gives: every key of the bucket is listed
        (
            [allow(["s3:ListBucket", "s3:GetObject"], [BUCKET, OBJECTS])],
            ["object-arn-under-list", "list-without-prefix"],
        ),
        ([allow("s3:ListBucket", OBJECTS, Condition=PREFIX)], ["object-arn-under-list"]),
        ([allow("s3:ListBucket", BUCKET), GOOD[1]], ["list-without-prefix"]),
        ([allow("s3:ListBucket", BUCKET), allow("s3:GetObject", "arn:aws:s3:::b/*")], []),
        ([allow("s3:ListBucket", BUCKET), allow("s3:GetObject", "arn:aws:s3:::b/readme.txt")], ["list-without-prefix"]),
        ([allow("s3:ListBucket", "arn:aws:s3:::other"), GOOD[1]], []),
        ([allow("s3:*", OBJECTS)], ["every-action"]),
        ([allow("*", "*")], ["every-action"]),
        ([allow("s3:Put*", OBJECTS), allow("s3:AbortMultipartUpload")], ["wide-action"]),
        ([allow("s3:GetObject", "*")], ["every-resource"]),
        ([allow("s3:ListAllMyBuckets", "*")], []),
        ([allow("s3:PutObject")], ["no-abort"]),
        ([allow("s3:PutObject"), allow("s3:AbortMultipartUpload", "arn:aws:s3:::b/*")], []),
        ([allow("s3:PutObject"), allow("s3:AbortMultipartUpload", "arn:aws:s3:::b/other/*")], ["no-abort"]),
        ([allow("s3:PutObject"), allow("s3:Abort*", "*")], ["every-resource"]),
        ([allow("s3:GetObject", BUCKET)], ["bucket-arn-under-objects"]),
        ([allow("s3:GetObject", "arn:aws:s3:::b*/photos/*")], ["bucket-wildcard"]),
        ([allow("s3:GetObject", Principal="*")], ["everybody"]),
        ([allow("s3:GetObject", Principal={"AWS": ["*"]})], ["everybody"]),
        ([allow("s3:GetObject", Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}})], []),
        ([allow(["s3:HeadObject", "s3:GetObject"])], ["no-such-action"]),
        ([allow("s3:ListObjectsV2", BUCKET, Condition=PREFIX)], ["no-such-action"]),
        ([allow("s3:GetObject", Condition=PREFIX)], ["prefix-over-objects"]),
        ([{"Effect": "Allow", "NotAction": "s3:DeleteObject", "Resource": OBJECTS}], ["all-but"]),
        (
            [allow("s3:ListBucket", BUCKET, Condition={"StringEquals": {"s3:prefix": "photos/*"}})],
            ["wildcard-under-equals"],
        ),
        ([allow("s3:ListBucket", BUCKET, Condition={"StringLike": {"s3:prefix": ["photos*"]}})], ["open-prefix"]),
        ([{**allow("s3:*", "*"), "Effect": "Deny"}], []),
        (
            [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}],
            ["no-external-id"],
        ),
        ([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}], []),
    ],
)
def test_each_fault_is_found(statements, expected):
    assert rules(*statements) == expected


def test_letter_case_and_lists_make_no_difference():
    assert rules(allow(["S3:LISTBUCKET"], [OBJECTS], Condition=PREFIX)) == ["object-arn-under-list"]
    assert rules(allow(["S3:*"], [OBJECTS])) == ["every-action"]
    one = {"Version": "2012-10-17", "Statement": allow("s3:*")}
    assert [found.rule for found in s3magic.lint_policy(one)] == ["every-action"]


def test_other_partitions_are_judged_alike():
    chinese = OBJECTS.replace("arn:aws:", "arn:aws-cn:")
    assert rules(allow(["s3:PutObject", "s3:AbortMultipartUpload"], chinese)) == []
    assert rules(allow("s3:PutObject", chinese)) == ["no-abort"]


def test_variables_want_the_newer_version():
    home = allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*")
    assert rules(home) == []
    assert rules(home, version="2008-10-17") == ["old-version"]


def test_a_finding_says_where_what_and_how_to_mend_it():
    document = {"Version": "2012-10-17", "Statement": [GOOD[0], allow("s3:*", Sid="All<b>")]}
    (found,) = s3magic.lint_policy(document)
    assert isinstance(found, s3magic.Finding)
    assert found.where == "Statement 2 (All<b>)"
    assert "delete" in found.fault
    assert "%s3policy" in found.mend
    assert repr(found).startswith("Statement 2")
    findings = s3magic.lint_policy(document)
    assert json.loads(json.dumps(findings.to_json()))[0]["rule"] == "every-action"
    assert "All&lt;b&gt;" in findings._repr_html_()


def test_text_and_delegated_documents_are_taken_too():
    assert [found.rule for found in s3magic.lint_policy(json.dumps({"Statement": allow("s3:*")}))] == ["every-action"]
    both = s3magic.policy("s3://bkt/", "delegated", account="210987654321")
    assert s3magic.lint_policy(both) == []
    del both["trust_policy"]["Statement"][0]["Condition"]
    assert [found.rule for found in s3magic.lint_policy(both)] == ["no-external-id"]


@pytest.mark.parametrize(
    "document", ["{", "[]", "null", {}, {"Statement": []}, {"Statement": [1]}, {"Statement": [{"Effect": "allow"}]}, 3]
)
def test_what_is_no_policy_is_refused(document):
    with pytest.raises(InvalidInput):
        s3magic.lint_policy(document)


def test_the_sandboxes_own_policies_show_what_is_wide():
    found = {name: s3magic.lint_policy(person.policies[0]) for name, person in people.read().users.items()}
    assert [each.rule for each in found["teacher"]] == ["every-action", "every-resource"]
    assert found["guest"] == []
