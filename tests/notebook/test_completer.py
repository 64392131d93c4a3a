"""Tab completion, asked as a front end asks."""

from __future__ import annotations

import threading
import warnings

import pytest

import s3magic
from s3magic.errors import Unreachable
from s3magic.notebook import offers
from s3magic.notebook.expand import split
from s3magic.notebook.late import LateAnswers


@pytest.fixture
def complete(loaded):
    """Return the lines that pressing Tab at the end of a text offers."""
    loaded.Completer.use_jedi = False

    def press(text):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # IPython calls its own interface provisional
            found = list(loaded.Completer.completions(text, len(text)))
        return {text[: one.start] + one.text + text[one.end :] for one in found}

    return press


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%s3stats --", {"%s3stats --all"}),
        ("%s3sandbox st", {"%s3sandbox start", "%s3sandbox stop", "%s3sandbox status"}),
        ("x = %s3sandbox sta", {"x = %s3sandbox start", "x = %s3sandbox status"}),
        ("%s3link st", {"%s3link status"}),
        ("%s3link fetch --", {"%s3link fetch --bbox", "%s3link fetch --match"}),
        ("%s3link add --ch", {"%s3link add --checkout"}),
        ("%%s3mount s3://b/ --me", {"%%s3mount s3://b/ --memory"}),
        ("%s3link add --hash r", {"%s3link add --hash read"}),
        ("%s3creds ke", {"%s3creds keys"}),
        ("a = 1\n%s3sandbox res", {"a = 1\n%s3sandbox reset"}),
    ],
)
def test_verbs_and_options(complete, text, offered):
    assert complete(text) == offered


def test_buckets_and_keys(complete, connection):
    assert complete("%s3ls s3://tea") == {"%s3ls s3://teaching/"}
    assert complete("x = %s3mount s3://teaching/od") == {"x = %s3mount s3://teaching/odd/"}
    assert complete("%s3copy here s3://tea") == {"%s3copy here s3://teaching/"}
    assert complete("%s3ls s3://teaching/odd/a+") == {"%s3ls s3://teaching/odd/a+plus.txt"}


def test_the_buckets_of_a_sandbox_are_not_those_of_another_server(connection, sandbox):
    assert "s3://teaching/" in offers.buckets()
    s3magic.connect("anonymous", endpoint_url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(Unreachable):
        offers.buckets()


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_odd_keys_are_offered_so_that_they_are_read_back(complete, connection, quote):
    keys = {
        f"s3://teaching/{info.key}" for info in connection.store("teaching").list_page("odd/", delimiter="/").objects
    }
    offered = complete(f"%s3ls {quote}s3://teaching/odd/")
    assert {"s3://teaching/odd/a space.txt", "s3://teaching/odd/a+plus.txt"} <= keys
    assert keys <= {split(line.removeprefix("%s3ls ") + quote)[0] for line in offered}


def test_another_identity_is_asked_again(complete, connection):
    assert complete("%s3ls s3://teaching/od")
    s3magic.connect("anonymous", endpoint_url=connection.location.endpoint_url)
    assert "%s3ls s3://teaching/odd/" not in complete("%s3ls s3://teaching/od")


def test_a_variable_is_completed_as_it_was_written(complete, loaded, connection):
    loaded.user_ns["bucket"] = "teaching"
    assert complete("%s3ls s3://{bucket}/od") == {"%s3ls s3://{bucket}/odd/"}


def test_mount_points(complete, loaded, connection):
    loaded.run_cell("%s3mount s3://teaching/odd/ 'my folder'").raise_error()
    assert complete("%s3umount my") == {"%s3umount my\\ folder"}
    loaded.run_cell("%s3umount my\\ folder").raise_error()


def test_profiles_of_both_files(complete, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("[default]\n[profile work]\n[sso-session x]\n[profile 'two words']\n")
    (tmp_path / "credentials").write_text("[work]\n[home]\naws_secret_access_key = x%y\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert offers.profiles() == ["default", "home", "two words", "work"]
    assert complete("%s3creds --profile wo") == {"%s3creds --profile work"}


def test_a_broken_configuration_offers_nothing(tmp_path, monkeypatch):
    (tmp_path / "config").write_text("nonsense before any section\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert offers.profiles() == []


def test_an_unreachable_store_offers_nothing_and_says_nothing(complete, capsys, connection, monkeypatch):
    monkeypatch.setattr(offers, "keys", lambda _: 1 / 0)
    complete("%s3ls s3://teaching/od")
    assert "Error" not in capsys.readouterr().out


def test_a_late_answer_is_there_at_the_next_asking():
    answers, ready, asked = LateAnswers(patience=0.01), threading.Event(), []

    def ask():
        asked.append(1)
        ready.wait(30)
        return ["late"]

    assert answers.get("question", ask) == []
    ready.set()
    patient = LateAnswers(patience=30)
    patient._asked = answers._asked
    assert patient.get("question", ask) == ["late"]
    assert len(asked) == 1


def test_outside_of_our_magics_nothing_is_offered(complete, loaded):
    for text in ("%s3nothing s3://tea", "print('%s3", "s3ls s3://tea", "%time s3://tea"):
        assert not {line for line in complete(text) if "teaching" in line}
