"""The credential panel as widgets, without a browser: what it shows, and that a secret stays nowhere."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

import s3magic
from s3magic.access import current
from s3magic.access.identity import Identity
from s3magic.notebook import panel_text
from s3magic.notebook.credential_panel import CredentialPanel

SECRET = "typed-once-and-never-kept"


@pytest.fixture
def panel(connection):
    """A panel that shows the teacher."""
    made = CredentialPanel()
    eventually(lambda: "user/teacher" in text(made))
    yield made
    made.close()


def eventually(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


def text(panel):
    """Return everything that the panel shows in words."""
    return " ".join(str(widget.get_state().get("value", "")) for widget in panel.widgets())


def field(panel, words):
    """Return the field or button of a name."""
    return next(widget for widget in panel.widgets() if getattr(widget, "description", "") == words)


def choose(panel, provider):
    next(
        widget for widget in panel.widgets() if hasattr(widget, "options") and "keys" in str(widget.options)
    ).value = provider


def shown(panel):
    """Return the names of the fields that a user sees for the provider."""
    waiting, names = [panel._box], []
    while waiting:
        widget = waiting.pop(0)
        names.append(getattr(widget, "description", ""))
        waiting.extend(getattr(widget, "children", ()))
    return set(names) - {""}


def test_only_the_fields_of_the_provider_are_shown(panel):
    everywhere = {"Region", "Endpoint URL", "Use", "Try a URL", "Check"}
    own = {"profile": {"Profile"}, "keys": {"Access key ID", "Secret access key", "Session token"}}
    for provider in ("default", "environment", "profile", "anonymous", "keys"):
        choose(panel, provider)
        names = shown(panel)
        assert everywhere <= names
        for other, fields in own.items():
            assert (fields <= names) if other == provider else not fields & names


def test_a_choice_that_the_form_does_not_offer_is_shown_all_the_same(panel, sandbox, tmp_path, monkeypatch):
    teacher = sandbox.users["teacher"]
    keys = {"Version": 1, "AccessKeyId": teacher.access_key_id, "SecretAccessKey": teacher.secret_access_key}
    (tmp_path / "keys").write_text(json.dumps(keys))
    (tmp_path / "config").write_text(f"[profile p]\ncredential_process = cat {tmp_path / 'keys'}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    s3magic.connect("process", profile="p", endpoint_url=sandbox.endpoint_url, region="us-east-1")
    panel.refresh()
    eventually(lambda: "process" in text(panel) and "user/teacher" in text(panel))


def test_a_secret_is_in_no_state_from_the_moment_it_is_read(panel, sandbox):
    choose(panel, "keys")
    student = sandbox.users["student"]
    field(panel, "Access key ID").value = student.access_key_id
    for name in ("Secret access key", "Session token"):
        field(panel, name).set_state({"value": SECRET})  # as a message of the browser does
        assert SECRET not in str([widget.get_state() for widget in panel.widgets()])
        assert "received" in field(panel, name).placeholder
        assert SECRET not in repr(field(panel, name))
    field(panel, "Session token").pop()
    field(panel, "Secret access key").set_state({"value": student.secret_access_key})
    field(panel, "Use").click()
    eventually(lambda: "user/student" in text(panel))
    states = str([widget.get_state() for widget in panel.widgets()])
    assert student.secret_access_key not in states
    assert student.access_key_id not in states
    assert current.chosen().identity().arn.endswith("user/student")


def test_a_secret_is_never_echoed_to_other_front_ends(panel):
    assert field_of_keys(panel, "Secret access key").trait_metadata("value", "echo_update") is False


def field_of_keys(panel, words):
    choose(panel, "keys")
    return field(panel, words)


def test_a_wrong_choice_is_told_in_words_and_the_former_one_stays(panel, connection):
    choose(panel, "keys")
    field(panel, "Access key ID").value = "SOMEBODY"
    field(panel, "Use").click()
    eventually(lambda: "secret access key is missing" in text(panel))
    assert "user/teacher" in text(panel)
    assert current.chosen() is connection
    eventually(lambda: not field(panel, "Use").disabled)


def test_expired_credentials_are_told_in_words(panel, sandbox):
    expired = sandbox.users["expired"]
    choose(panel, "keys")
    field(panel, "Access key ID").value = expired.access_key_id
    field(panel, "Secret access key").value = expired.secret_access_key
    field(panel, "Use").click()
    eventually(lambda: "expired" in text(panel))
    assert "user/teacher" not in text(panel)
    assert "Traceback" not in text(panel)


def test_the_lights_follow_url_and_identity(panel):
    field(panel, "Try a URL").value = "s3://teaching/odd/"
    eventually(lambda: text(panel).count("<em>ok</em>") == 2)
    choose(panel, "anonymous")
    field(panel, "Use").click()
    eventually(lambda: "denied" in text(panel))
    field(panel, "Try a URL").value = "teaching/odd"
    eventually(lambda: "Not an S3 URL" in text(panel))


def test_a_choice_made_as_text_is_shown(panel, connection):
    s3magic.connect("anonymous", endpoint_url=connection.location.endpoint_url, region="eu-west-2")
    panel.refresh()
    eventually(lambda: "anonymous" in repr(panel))
    assert field(panel, "Region").value == "eu-west-2"


def test_a_bug_is_told_and_the_panel_lives_on(panel, monkeypatch):
    monkeypatch.setattr("s3magic.api.check", lambda _: {}["oops"])
    field(panel, "Try a URL").value = "s3://teaching/odd/"
    eventually(lambda: "KeyError" in text(panel))


def test_without_a_choice_nobody_is_asked():
    current.forget()
    panel = CredentialPanel()
    assert "Nothing chosen yet" in text(panel)
    assert current.chosen() is None
    panel.close()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "expired"),
        (30, "in less than a minute"),
        (59 * 60 + 59, "in 59 min"),
        (3 * 3600 + 5 * 60, "in 3 h 5 min"),
        (5 * 86400, "in 5 days"),
    ],
)
def test_the_countdown_is_in_words(seconds, words):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert words in panel_text.countdown(now + timedelta(seconds=seconds), now=now)


def test_names_from_outside_are_never_markup():
    identity = Identity("<b>1</b>", "<script>", None, "keys")
    assert "<script>" not in panel_text.who(identity, "<i>")
    assert "<i>" not in panel_text.who(identity, "<i>")
    assert "<u>" not in panel_text.trouble(["<u>", "<u>"])
