"""Choices kept by name: what holds no secret comes back as it was, what does is never written."""

from __future__ import annotations

import pytest

import s3magic
from s3magic import api
from s3magic.access import current, per_url, saved
from s3magic.access.choice import Choice
from s3magic.errors import InvalidInput
from s3magic.store.tuning import Tuning

ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's configuration folder, for one test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    yield api.saved_choices()
    current.forget()
    per_url.clear()


def test_a_choice_comes_back_as_it_was(folder):
    choice = Choice(
        order=("sso", "role", "anonymous"),
        profile="work",
        role_arn=ROLE,
        external_id="course",
        region="eu-west-2",
        tuning=Tuning(read_rate=5, doubling_time=60),
    )

    path = saved.save(choice, "field-work", folder=folder)

    assert saved.load("field-work", folder=folder) == choice
    assert saved.names(folder) == ["field-work"]
    assert path.parent.stat().st_mode & 0o777 == 0o700
    saved.save(Choice("anonymous"), "field-work", folder=folder)
    assert saved.load("field-work", folder=folder) == Choice("anonymous")


def test_a_choice_is_saved_and_taken_in_one_word_each(folder):
    made = s3magic.connect("anonymous", region="eu-west-2", request_concurrency=3, save="open-data")
    s3magic.connect("anonymous")

    again = s3magic.connect(saved="open-data")

    assert again.choice == made.choice
    assert current.connection() is again
    assert again.tuning.request_concurrency == 3
    there = s3magic.connect(saved="open-data", for_url="s3://elsewhere/")
    assert current.connection() is again
    assert api.connection("s3://elsewhere/a") is there


@pytest.mark.parametrize(
    "choice", [Choice("keys"), Choice(order=("sso", "keys")), Choice("role", role_arn=ROLE, source="keys")]
)
def test_a_choice_with_keys_is_never_saved(folder, choice):
    with pytest.raises(InvalidInput, match="never saved"):
        saved.save(choice, "mine", folder=folder)
    with pytest.raises(InvalidInput, match="never saved"):
        s3magic.connect("keys", access_key_id="AKIA", secret_access_key="hunter2", save="mine")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "two words", "x" * 65])
def test_what_is_no_name_is_refused(folder, name):
    with pytest.raises(InvalidInput, match="Not a name"):
        saved.save(Choice(), name, folder=folder)
    with pytest.raises(InvalidInput, match="Not a name"):
        saved.load(name, folder=folder)


def test_a_name_nobody_gave_is_told_with_those_there_are(folder):
    with pytest.raises(InvalidInput) as caught:
        s3magic.connect(saved="nobody")
    assert "--save" in caught.value.hint
    saved.save(Choice(), "work", folder=folder)
    with pytest.raises(InvalidInput) as caught:
        s3magic.connect(saved="nobody")
    assert "work" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"provider": "anonymous", "colour": "red"}', '{"region": 5}'])
def test_a_file_that_is_no_choice_is_told(folder, text):
    folder.mkdir(parents=True)
    (folder / "work.json").write_text(text)

    with pytest.raises(InvalidInput, match="'work' cannot be read"):
        s3magic.connect(saved="work")


def test_a_saved_choice_takes_no_other_words(folder):
    saved.save(Choice("anonymous"), "work", folder=folder)

    for words in ({"region": "eu-west-2"}, {"save": "other"}, {"max_retries": 9}):
        with pytest.raises(InvalidInput, match="as it is"):
            s3magic.connect(saved="work", **words)


def test_what_does_not_open_is_not_saved(folder):
    with pytest.raises(InvalidInput):
        s3magic.connect("profile", profile="nobody", save="work")
    assert not folder.exists()
