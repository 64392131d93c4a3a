"""%s3creds as text: every option reaches the choice, for everything or for one place."""

from __future__ import annotations

import warnings

import pytest

from s3magic.access import current, per_url
from s3magic.errors import InvalidInput, NoCredentials

ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture(autouse=True)
def own_choices(tmp_path, monkeypatch):
    """What is chosen and saved is gone after the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "kept"))
    yield
    current.forget()
    per_url.clear()


def test_each_option_reaches_the_choice(run):
    chosen = run(
        "%s3creds --order environment,anonymous --region eu-west-2 --request-concurrency 4 --max-retries 0"
        " --initial-delay 0.5 --max-delay 2 --read-rate 20 --write-rate 0.5 --doubling-time 5m"
    )

    assert chosen.choice.order == ("environment", "anonymous")
    assert chosen.tuning.to_json() == {
        "request_concurrency": 4,
        "max_retries": 0,
        "initial_delay": 0.5,
        "max_delay": 2.0,
        "read_rate": 20.0,
        "write_rate": 0.5,
        "doubling_time": 300.0,
    }


@pytest.mark.parametrize("provider", ["role ", ""])
def test_a_role_is_asked_for_by_its_words(run, provider):
    with pytest.raises(NoCredentials, match="take on the role"):
        run(f"%s3creds {provider}--role-arn {ROLE} --external-id course --session-name me@home --duration 900")
    with pytest.raises(InvalidInput, match="too short"):
        run(f"%s3creds {provider}--role-arn {ROLE} --external-id x")


def test_a_place_has_its_own_choice_until_it_is_forgotten(run, connection):
    place = run("%s3creds anonymous --region eu-west-2 --for s3://open-data/2026")

    assert run("%s3creds") is connection
    assert run("%s3creds --for s3://open-data/2026/") is place
    assert run("%s3creds --for s3://open-data/") is connection
    assert "again" in run("%s3creds --for s3://open-data/2026/ --forget")
    assert run("%s3creds --for s3://open-data/2026/") is connection
    for line in ("--forget", "anonymous --for s3://open-data/ --forget"):
        with pytest.raises(InvalidInput, match="--forget goes with --for"):
            run(f"%s3creds {line}")


def test_keys_for_a_place_are_asked_for_unseen(run, connection, sandbox, monkeypatch):
    guest = sandbox.users["guest"]
    answers = iter([guest.access_key_id, guest.secret_access_key, ""])
    monkeypatch.setattr("s3magic.notebook.prompt.getpass", lambda _: next(answers))

    place = run(f"%s3creds keys --endpoint-url {sandbox.endpoint_url} --for s3://teaching/photos/")

    assert place.identity().arn.endswith("user/guest")
    assert current.connection() is connection


def test_a_choice_is_saved_and_taken_by_name(run):
    run("%s3creds anonymous --region eu-west-2 --save open-data")
    run("%s3creds anonymous")

    assert run("%s3creds --saved open-data").location.region == "eu-west-2"
    with pytest.raises(InvalidInput, match="as it is"):
        run("%s3creds anonymous --saved open-data")
    with pytest.raises(InvalidInput, match="'nobody'"):
        run("%s3creds --saved nobody")


def test_names_that_were_saved_are_completed(run, loaded):
    run("%s3creds anonymous --save open-data")

    loaded.Completer.use_jedi = False
    line = "%s3creds --saved op"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # IPython calls its own interface provisional
        found = {line[: one.start] + one.text for one in loaded.Completer.completions(line, len(line))}

    assert found == {"%s3creds --saved open-data"}


@pytest.mark.parametrize(
    "line", ["--order environment,,sso", "--duration soon", "--source anonymous", "--order psychic"]
)
def test_options_that_make_no_sense_are_refused(run, line):
    with pytest.raises(InvalidInput) as caught:
        run(f"%s3creds {line}")
    assert len(caught.value.lines()) == 2
