"""A choice that makes no sense is refused in two lines, before anything happens."""

from __future__ import annotations

import dataclasses

import pytest

from s3magic.access.choice import Choice, keys
from s3magic.errors import InvalidInput


def refused(**words):
    with pytest.raises(InvalidInput) as caught:
        Choice(**words)
    message, hint = caught.value.lines()
    return message, hint


@pytest.mark.parametrize(
    "words",
    [
        {"provider": "psychic"},
        {"order": ("environment", "psychic")},
        {"order": ("environment", "environment")},
        {"provider": "keys", "order": ("environment",)},
        {"provider": "keys", "profile": "work"},
        {"provider": "profile", "profile": " "},
        {"region": "eu west 2"},
        {"region": ""},
        {"addressing_style": "sideways"},
        {"endpoint_url": "localhost:9000"},
        {"endpoint_url": "ftp://host"},
        {"endpoint_url": "https://"},
        {"endpoint_url": "http://host:port"},
        {"endpoint_url": "http://host:99999"},
        {"endpoint_url": "http://host:0"},
        {"endpoint_url": "http://[::1"},
        {"endpoint_url": "http://ho st"},
        {"endpoint_url": "http://host/bucket"},
        {"endpoint_url": "http://host?x=1"},
        {"endpoint_url": ""},
    ],
)
def test_bad_words_are_refused_in_two_lines(words):
    message, hint = refused(**words)

    assert message
    assert hint


ROLE = "arn:aws:iam::123456789012:role/path/reader"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"role_arn": None}, "needs a role"),
        ({"role_arn": "reader"}, "Not the ARN of a role: 'reader'"),
        ({"role_arn": "arn:aws:iam::1234:role/reader"}, "Not the ARN of a role"),
        ({"role_arn": "arn:aws:iam::123456789012:user/reader"}, "Not the ARN of a role"),
        ({"role_arn": ROLE + "\n"}, "Not the ARN of a role"),
        ({"external_id": "x"}, "The external ID is too short"),
        ({"external_id": "x" * 1225}, "The external ID is too long"),
        ({"external_id": "two words"}, "The external ID holds a character"),
        ({"external_id": "größe"}, "The external ID holds a character"),
        ({"session_name": "a"}, "The session name is too short"),
        ({"session_name": "a" * 65}, "The session name is too long"),
        ({"session_name": "a/b"}, "The session name holds a character"),
        ({"duration": 899}, "cannot last 899 s"),
        ({"duration": 43201}, "cannot last 43201 s"),
        ({"duration": 1000.5}, "cannot last"),
        ({"source": "psychic"}, "taken on with: 'psychic'"),
        ({"source": "role"}, "taken on with: 'role'"),
        ({"source": "anonymous"}, "taken on with: 'anonymous'"),
        ({"provider": "profile"}, "role_arn does not go with"),
        ({"provider": "environment", "role_arn": None, "source": "keys"}, "source does not go with"),
    ],
)
def test_a_role_that_makes_no_sense_is_refused_in_words_of_its_own(words, told):
    assert told in refused(**{"provider": "role", "role_arn": ROLE, **words})[0]


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"role_arn": "arn:aws-us-gov:iam::123456789012:role/x"},
        {"role_arn": "arn:aws-cn:iam::123456789012:role/a+b=c,d.e@f-g"},
        {"role_arn": "arn:aws:iam:::role/S3Access", "endpoint_url": "http://ceph:8080"},
        {"external_id": "ab"},
        {"external_id": "A_9+=,.@:/-" * 111},
        {"session_name": "me@example.org"},
        {"duration": 900},
        {"duration": 43200},
    ],
)
def test_a_role_that_makes_sense_is_kept_as_it_is(words):
    choice = Choice(**{"provider": "role", "role_arn": ROLE, **words})

    assert Choice.from_json(choice.to_json()) == choice


def test_a_role_is_taken_on_with_the_profile_named_or_the_chain():
    assert Choice("role", role_arn=ROLE).role_source == "default"
    assert Choice("role", role_arn=ROLE, profile="work").role_source == "profile"
    assert Choice("role", role_arn=ROLE, profile="work", source="sso").role_source == "sso"
    assert Choice("role", role_arn=ROLE, source="keys").needs_secrets
    assert not Choice("role", role_arn=ROLE).needs_secrets
    assert Choice().role_source is None


def test_the_refusal_names_what_there_is():
    assert "anonymous" in refused(provider="psychic")[1]
    assert "localhost:9000" in refused(endpoint_url="localhost:9000")[0]


def test_a_password_in_an_endpoint_is_never_repeated():
    assert "hunter2" not in "".join(refused(endpoint_url="https://me:hunter2@host"))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("https://s3.example.org", "https://s3.example.org"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://minio_1:9000", "http://minio_1:9000"),
    ],
)
def test_good_endpoints_lose_no_more_than_their_slash(url, kept):
    assert Choice(endpoint_url=url).endpoint_url == kept


def test_a_choice_survives_json_and_cannot_be_changed():
    choice = Choice(order=("environment", "profile"), profile="work", region="eu-west-2", requester_pays=True)

    assert Choice.from_json(choice.to_json()) == choice
    with pytest.raises(dataclasses.FrozenInstanceError):
        choice.region = "us-east-1"


def test_an_order_is_asked_one_after_the_other():
    assert Choice(order=["environment", "anonymous"]).providers == ("environment", "anonymous")
    assert Choice("profile").providers == ("profile",)


def test_keys_are_given_together_or_not_at_all():
    assert keys(None, None) is None
    assert keys("AKIA", "secret", "token").session_token == "token"
    for part in (("AKIA", None), (None, "secret"), (None, None, "token")):
        with pytest.raises(InvalidInput):
            keys(*part)


@pytest.mark.parametrize("secret", ["hunter2 ", "hun\nter2", "hunter2\N{NO-BREAK SPACE}"])
def test_a_key_copied_with_spaces_is_refused_but_not_repeated(secret):
    with pytest.raises(InvalidInput) as caught:
        keys("AKIA", secret)

    assert "secret access key" in caught.value.message
    assert "hun" not in str(caught.value.lines())
