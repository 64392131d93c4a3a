"""The credential panel as widgets, without a browser: what it shows, and that a secret stays nowhere."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from ipywidgets import ToggleButtons

import s3magic
from s3magic import api
from s3magic.access import current, per_url
from s3magic.access.exports import ENGINES
from s3magic.access.identity import Identity
from s3magic.access.providers import PROVIDERS
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
    next(widget for widget in panel.widgets() if isinstance(widget, ToggleButtons)).value = provider


def in_place(panel):
    """Yield the widgets that are in the panel for what is chosen now."""
    waiting = [panel._box]
    while waiting:
        widget = waiting.pop(0)
        yield widget
        waiting.extend(getattr(widget, "children", ()))


def shown(panel):
    """Return the names of the fields that a user sees for the provider."""
    return {getattr(widget, "description", "") for widget in in_place(panel)} - {""}


def test_only_the_fields_of_the_provider_are_shown(panel):
    everywhere = {"Region", "Endpoint URL", "Use", "Try a URL", "Check"}
    role = {"Role ARN", "External ID", "Session name", "Seconds it lasts", "Taken on by"}
    own = {
        "keys": {"Access key ID", "Secret access key", "Session token"},
        "role": role,
        **{name: {"Profile"} for name in ("profile", "sso", "web-identity", "process", "login")},
    }
    every = set().union(*own.values())
    for provider in PROVIDERS:
        choose(panel, provider)
        assert everywhere <= shown(panel)
        assert shown(panel) & every == own.get(provider, set())
    choose(panel, "role")
    assert field(panel, "Taken on by").label == "whoever is found"
    field(panel, "Taken on by").value = "keys"
    assert shown(panel) & every == own["role"] | own["keys"]


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


@pytest.mark.parametrize(
    ("name", "wrong", "told", "right"),
    [
        ("External ID", "x", "too short", "teaching-2024"),
        ("External ID", "x" * 1225, "too long", "x" * 1224),
        ("External ID", "two words", "character", "two/words"),
        ("Role ARN", "arn:aws:iam::12", "Not the ARN of a role", "arn:aws:iam::123456789012:role/reader"),
        ("Session name", "a b", "session name", "a@b"),
        ("Seconds it lasts", "60", "cannot last", "900"),
        ("Seconds it lasts", "an hour", "number of seconds", ""),
        ("Region", "eu west", "Not a region", "eu-west-2"),
        ("Requests at once", "many", "Not a number for Requests at once", "4"),
        ("Requests at once", "0", "cannot be", " 1 "),
        ("Retries", "1.5", "Not a number for Retries", "0"),
        ("First wait", "9", "longer than the longest", "8"),
        ("Longest wait", "a while", "Not a length of time", "1m"),
        ("Reads a second", "nan", "Not a number", "0.5"),
        ("Writes a second", "-1", "more than 0", "2"),
        ("Rates double in", "soon", "Not a length of time", "5m"),
        ("Only for", "s3://teaching/*.tif", "No choice can be made", "s3://teaching/b/"),
    ],
)
def test_a_field_is_judged_as_one_types_and_nobody_is_asked(monkeypatch, name, wrong, told, right):
    monkeypatch.setattr("s3magic.api.connect", lambda *_, **__: pytest.fail("somebody was asked"))
    current.forget()
    panel = CredentialPanel()
    choose(panel, "role")
    assert told not in text(panel)
    if name != "Only for":
        assert field(panel, name).continuous_update
    field(panel, name).value = wrong
    assert told in text(panel)
    field(panel, name).value = right
    assert told not in text(panel)
    assert "s3m-odd" not in text(panel).replace(panel_text.STYLE, "")
    panel.close()


def row_button(panel, words):
    return next(widget for widget in in_place(panel) if getattr(widget, "tooltip", "") == words)


def test_providers_are_asked_in_the_order_they_were_put_in(panel, connection):
    for provider in ("environment", "process", "anonymous"):
        choose(panel, provider)
        field(panel, f"Add {provider}").click()
        assert field(panel, f"Add {provider}").disabled
    row_button(panel, "Move anonymous up").click()
    row_button(panel, "Remove process").click()
    row_button(panel, "Move environment down").click()
    assert row_button(panel, "Move environment down").disabled
    assert {"Profile"}.isdisjoint(shown(panel))
    field(panel, "Use this order").click()
    eventually(lambda: "anonymous" in repr(panel))
    steps = [step.provider for step in current.chosen().explain().steps]
    assert steps.index("anonymous") < steps.index("environment")
    assert "credential process" not in steps
    field(panel, "Why this identity").click()
    eventually(lambda: "not asked" in text(panel))
    row_button(panel, "Remove anonymous").click()
    row_button(panel, "Remove environment").click()
    assert field(panel, "Use")


def test_a_role_is_taken_on_with_keys_typed_in_the_panel_and_signed_in_again_by_name(panel, sandbox):
    student = sandbox.users["student"]
    panel.fill("role", source="keys", role_arn="arn:aws:iam::123456789012:role/lightly-reader")
    panel.fill(external_id="teaching-2024", session_name="lesson", endpoint_url=sandbox.endpoint_url)
    field(panel, "Access key ID").value = student.access_key_id
    field(panel, "Secret access key").set_state({"value": student.secret_access_key})
    field(panel, "Use").click()
    eventually(lambda: "assumed-role/lightly-reader/lesson" in text(panel))
    assert "Expires" in text(panel)
    field(panel, "Sign in again").click()
    eventually(lambda: "Type the keys again" in text(panel))
    states = str([widget.get_state() for widget in panel.widgets()])
    assert student.secret_access_key not in states


def test_signing_in_again_makes_the_same_choice_once_more(panel, sandbox):
    first = s3magic.connect("anonymous", endpoint_url=sandbox.endpoint_url, region="us-east-1", max_retries=1)
    panel.refresh()
    eventually(lambda: "anonymous" in repr(panel))
    field(panel, "Sign in again").click()
    eventually(lambda: current.chosen() is not first)
    assert current.chosen().choice == first.choice


def test_writing_is_tried_only_when_asked_and_what_is_missing_is_told_as_a_policy(panel, sandbox):
    guest = sandbox.users["guest"]
    s3magic.connect(
        "keys",
        access_key_id=guest.access_key_id,
        secret_access_key=guest.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )
    panel.refresh()
    eventually(lambda: "user/guest" in text(panel))
    field(panel, "Try a URL").value = "s3://teaching/iris/"
    eventually(lambda: "List" in text(panel))
    assert "<b>Write</b>" not in text(panel)
    field(panel, "Writing too …").click()
    field(panel, "Try to").value = "full"
    field(panel, "Output to").value = "s3://scratch/out/"
    field(panel, "Check").click()
    eventually(lambda: "<b>Output</b>" in text(panel))
    assert "<b>Write</b>" in text(panel)
    missing = field(panel, "Policy that is missing")
    assert {"s3:ListBucket"} < {a for one in json.loads(missing.value)["Statement"] for a in one["Action"]}
    kept = missing.value
    missing.value = "overwritten"
    assert missing.value == kept


def test_each_engine_is_told_in_text_without_a_secret(panel, sandbox):
    secret = sandbox.users["teacher"].secret_access_key
    field(panel, "Copy as …").click()
    lines = field(panel, "Lines to paste")
    for engine in ENGINES:
        field(panel, "Copy as").value = engine
        eventually(lambda: "No secret is in them" in text(panel) or "not installed" in text(panel))
        assert lines.value or engine == "rasterio"
        assert secret not in str([widget.get_state() for widget in panel.widgets()])


def test_a_choice_is_made_for_one_place_and_kept_by_name(panel, connection, sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    choose(panel, "anonymous")
    field(panel, "Only for").value = "s3://public/"
    field(panel, "Save as").value = "open-data"
    field(panel, "Use").click()
    eventually(lambda: "for s3://public/ alone" in text(panel))
    assert current.chosen() is connection
    assert api.connection("s3://public/a").provider == "anonymous"
    assert [path.name for path in tmp_path.rglob("*.json")] == ["open-data.json"]
    per_url.clear()


def test_how_hard_the_store_is_asked_is_chosen_kept_and_taken_again(panel, connection, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    choose(panel, "anonymous")
    field(panel, "Reads a second").value = "500"
    field(panel, "Rates double in").value = "5m"
    field(panel, "Save as").value = "gentle"
    field(panel, "Use").click()
    eventually(lambda: "gentle" in field(panel, "Saved")._options_labels)
    tuning = current.chosen().choice.tuning
    assert (tuning.read_rate, tuning.doubling_time, tuning.max_retries) == (500, 300, 4)

    s3magic.connect("default", endpoint_url=connection.location.endpoint_url, region="eu-west-2")
    panel.refresh()
    eventually(lambda: field(panel, "Region").value == "eu-west-2")
    assert field(panel, "Reads a second").value == ""
    field(panel, "Saved").value = "gentle"
    assert [field(panel, words).value for words in ("Reads a second", "Rates double in")] == ["500", "300"]
    assert next(widget for widget in panel.widgets() if isinstance(widget, ToggleButtons)).value == "anonymous"
    assert current.chosen().choice.provider == "default"  # it is seen first, and used when that is asked for

    next(tmp_path.rglob("gentle.json")).write_text("{")
    field(panel, "Saved").value = ""
    field(panel, "Saved").value = "gentle"
    assert "cannot be read" in text(panel)


def test_a_bug_is_told_and_the_panel_lives_on(panel, monkeypatch):
    monkeypatch.setattr("s3magic.api.check", lambda _, **__: {}["oops"])
    field(panel, "Try a URL").value = "s3://teaching/odd/"
    eventually(lambda: "KeyError" in text(panel))


def test_the_panel_follows_cells_and_forgets_who_is_gone(loaded, connection, sandbox, monkeypatch):
    monkeypatch.setattr(loaded, "kernel", object(), raising=False)  # a notebook, for the magic
    panel = loaded.run_line_magic("s3creds", "")
    eventually(lambda: "user/teacher" in text(panel))
    loaded.run_cell(f"import s3magic; s3magic.connect('anonymous', endpoint_url={sandbox.endpoint_url!r})")
    eventually(lambda: "anonymous" in text(panel) and "user/teacher" not in text(panel))
    panel.fill("keys")
    loaded.run_cell("1 + 1")
    assert "Access key ID" in shown(panel)  # what was begun in the form is left alone
    current.forget()
    loaded.run_cell("1 + 1")
    assert "Nothing chosen yet" in text(panel)
    assert field(panel, "Endpoint URL").value == ""
    assert not field(panel, "Use").disabled


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
