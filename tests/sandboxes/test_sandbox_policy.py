from __future__ import annotations

import pytest

from s3magic.sandboxes.policy import allows, judge

TEACHER = "arn:aws:iam::123456789012:user/teacher"


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action="s3:*", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def ask(*statements, action="s3:GetObject", resource="arn:aws:s3:::b/a/k", principal=TEACHER, **context):
    given = {f"s3:{name}": value for name, value in context.items()}
    names = (principal,) if principal else ()
    return allows([document(*statements)], action, resource=resource, names=names, context=given)


def test_nothing_is_allowed_by_nobody():
    assert judge([], "s3:GetObject", resource="*") is None
    assert not ask()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("s3:GetObject", True), ("s3:get*", True), ("S3:Ge?Object", True), ("s3:GetObjectVersion", False), ("*", True)],
)
def test_actions_match_by_wildcard_whatever_their_case(pattern, expected):
    assert ask(allow(pattern)) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/a/?", True),
        ("arn:aws:s3:::b", False),
        ("arn:aws:s3:::B/*", False),
        (["arn:aws:s3:::x/*", "arn:aws:s3:::b/a/k"], True),
        ("arn:aws:s3:::b/[ab]/k", False),
    ],
)
def test_resources_match_by_wildcard(pattern, expected):
    assert ask(allow(resource=pattern)) is expected


def test_deny_wins_wherever_it_stands():
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/a/*"}
    assert not ask(deny, allow())
    assert not ask(allow(), deny)
    assert ask(allow(), deny, resource="arn:aws:s3:::b/other")


@pytest.mark.parametrize(
    ("operator", "values", "prefix", "expected"),
    [
        ("StringLike", ["photos/*", ""], "photos/2024/", True),
        ("StringLike", "photos/*", "photo", False),
        ("StringEquals", "photos/", "photos/", True),
        ("StringEquals", "photos/*", "photos/x", False),
        ("StringLike", ["photos/*", ""], "", True),
    ],
)
def test_prefix_conditions(operator, values, prefix, expected):
    statement = allow("s3:ListBucket", Condition={operator: {"s3:prefix": values}})
    assert ask(statement, action="s3:ListBucket", resource="arn:aws:s3:::b", prefix=prefix) is expected


def test_a_condition_on_what_was_not_said_is_not_met():
    statement = allow("s3:ListBucket", Condition={"StringLike": {"s3:prefix": "*"}})
    assert not ask(statement, action="s3:ListBucket", resource="arn:aws:s3:::b")


def test_all_conditions_must_hold():
    both = {"StringEquals": {"s3:prefix": "a/", "s3:delimiter": "/"}}
    statement = allow("s3:ListBucket", Condition=both)
    words = {"action": "s3:ListBucket", "resource": "arn:aws:s3:::b"}
    assert ask(statement, **words, prefix="a/", delimiter="/")
    assert not ask(statement, **words, prefix="a/", delimiter="-")


def test_what_is_not_understood_is_read_on_the_safe_side():
    for strange in ({"StringSortOf": {"s3:prefix": "a"}}, {"StringNotEquals": {"s3:nonsense": "a"}}):
        assert not ask(allow(Condition=strange))
        assert not ask(allow(), {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": strange})
    assert not ask({"Effect": "Allow", "Action": "*", "Resource": "*", "NotPrincipal": "*"})


def test_what_is_all_but_something():
    but_deleting = {"Effect": "Allow", "NotAction": "s3:Delete*", "Resource": "*"}
    assert ask(but_deleting)
    assert not ask(but_deleting, action="s3:DeleteObject")
    elsewhere = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::b/a/*"}
    assert ask(allow(), elsewhere)
    assert not ask(allow(), elsewhere, resource="arn:aws:s3:::b/other")


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "given", "expected"),
    [
        ("StringNotEquals", "s3:prefix", "a", "b", True),
        ("StringNotEquals", "s3:prefix", ["a", "b"], "b", False),
        ("StringNotEquals", "s3:prefix", "a", None, True),
        ("StringNotLike", "s3:prefix", "a*", "ab", False),
        ("StringEqualsIgnoreCase", "s3:prefix", "A/", "a/", True),
        ("StringEqualsIfExists", "s3:prefix", "a", None, True),
        ("StringEqualsIfExists", "s3:prefix", "a", "b", False),
        ("StringLike", "S3:PREFIX", "a*", "ab", True),
        ("Bool", "aws:SecureTransport", "false", "false", True),
        ("Bool", "aws:SecureTransport", True, "false", False),
        ("NumericLessThanEquals", "s3:max-keys", "10", "10", True),
        ("NumericLessThan", "s3:max-keys", 10, "9", True),
        ("NumericLessThan", "s3:max-keys", "10", "many", False),
        ("NumericNotEquals", "s3:max-keys", "10", "9", True),
        ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00", True),
        ("DateGreaterThan", "aws:EpochTime", "2030-01-01T00:00:00Z", "1700000000", False),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", "127.0.0.1", True),
        ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "127.0.0.0/8"], "127.0.0.1", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*", TEACHER, True),
        ("Null", "s3:prefix", "true", None, True),
        ("Null", "s3:prefix", "false", None, False),
    ],
)
def test_conditions(operator, key, wanted, given, expected):
    context = {key.replace("S3:PREFIX", "s3:prefix"): given} if given is not None else {}
    statement = allow(Condition={operator: {key: wanted}})
    assert allows([document(statement)], "s3:GetObject", resource="*", context=context) is expected


def test_a_variable_stands_for_its_value_and_no_wildcard():
    home = allow(resource="arn:aws:s3:::b/${aws:username}/*")

    def may(resource, name):
        context = {"aws:username": name} if name else {}
        return allows([document(home)], "s3:GetObject", resource=f"arn:aws:s3:::b/{resource}", context=context)

    assert may("anna/x", "anna")
    assert not may("bob/x", "anna")
    assert not may("bob/x", "*")
    assert not may("/x", None)
    stars = allow(resource="arn:aws:s3:::b/${*}${?}${$}")
    assert allows([document(stars)], "s3:GetObject", resource="arn:aws:s3:::b/*?$")
    assert not allows([document(stars)], "s3:GetObject", resource="arn:aws:s3:::b/abc")


@pytest.mark.parametrize(
    ("named", "principal", "expected"),
    [
        ("*", None, True),
        ({"AWS": "*"}, None, True),
        ({"AWS": [TEACHER]}, TEACHER, True),
        ({"AWS": TEACHER}, None, False),
        ({"Service": "ec2.amazonaws.com"}, TEACHER, False),
    ],
)
def test_principals(named, principal, expected):
    assert ask(allow(Principal=named), principal=principal) is expected
