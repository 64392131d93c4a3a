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
