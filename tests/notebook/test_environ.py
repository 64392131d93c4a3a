"""Other libraries follow what is chosen in a notebook, by the environment, until it is taken back."""

from __future__ import annotations

import os

import pytest

from s3magic.access import current


def aws_variables():
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_") or "proxy" in name.lower()}


@pytest.fixture
def before(loaded):
    """The variables as they are before anything is chosen."""
    yield aws_variables()
    current.forget()


@pytest.fixture
def typed(sandbox, monkeypatch):
    """Somebody who types the teacher's keys whenever they are asked for."""
    teacher = sandbox.users["teacher"]
    words = {"Access": teacher.access_key_id, "Secret": teacher.secret_access_key, "Session": ""}
    monkeypatch.setattr(
        "s3magic.notebook.prompt.getpass",
        lambda asked: next(value for name, value in words.items() if asked.startswith(name)),
    )
    return f"%s3creds keys --region us-east-1 --endpoint-url {sandbox.endpoint_url}"


def test_libraries_follow_a_choice_and_unloading_gives_the_environment_back(run, loaded, before, typed, sandbox):
    run(typed)

    read = "import boto3; boto3.client('s3').get_object(Bucket='private', Key='exam.txt')['Body'].read()"
    assert run(read).startswith(b"Only the teacher")
    assert sandbox.users["teacher"].secret_access_key not in str(aws_variables())
    loaded.extension_manager.unload_extension("s3magic")
    assert aws_variables() == before


def test_the_environment_is_left_alone_where_one_says_so(run, before, typed):
    run(f"{typed} --no-environ")
    assert aws_variables() == before

    run(typed)
    assert aws_variables() != before
    run("%s3creds anonymous --no-environ")
    assert aws_variables() == before


def test_a_choice_for_one_place_leads_no_library(run, before):
    run("%s3creds anonymous --for s3://public/")

    assert aws_variables() == before
    run("%s3creds --for s3://public/ --forget")


def test_a_sandbox_leads_them_and_its_end_leads_them_back(run, before, typed, monkeypatch, own_cache):
    from s3magic.sandboxes import process

    monkeypatch.setattr(process, "_live", [])
    run("%s3creds anonymous --region eu-west-2")
    chosen = aws_variables()
    box = run("%s3sandbox")
    try:
        assert os.environ["AWS_ENDPOINT_URL_S3"] == box.endpoint_url
    finally:
        box.stop()
    assert aws_variables() == chosen


def test_the_panel_leads_them_unless_it_was_told_not_to(before, sandbox):
    from s3magic.notebook.credential_panel import CredentialPanel

    panel = CredentialPanel()
    try:
        for leads in (True, False):
            panel.leads_environment = leads
            panel.fill("anonymous", endpoint_url=sandbox.endpoint_url, region="us-east-1")
            asked = []
            panel._ask_who = asked.append
            panel.use()
            asked[0]()
            assert (os.environ.get("AWS_ENDPOINT_URL_S3") == sandbox.endpoint_url) == leads
    finally:
        panel.close()
    assert aws_variables() == before
