"""What is handed to every other engine: its shape, that it holds no secret, that the engine reads by it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s3magic.access import current
from s3magic.access.choice import Choice
from s3magic.access.connection import open_connection
from s3magic.access.exports import ENGINES
from s3magic.errors import InvalidInput

SCRIPT = Path(__file__).parents[2] / "scripts" / "engines.py"
TAKE_KEYS_ALONE = {"s3fs-fuse"}
TAKE_KEYS_OR_THE_ENVIRONMENT = {"pyarrow", "duckdb"}


def secrets_in(exported):
    """Return the plain text of an export, as somebody could save it."""
    return json.dumps(exported, default=repr)


def test_no_export_holds_a_secret_that_its_engine_can_do_without(connection, sandbox):
    secret = sandbox.users["teacher"].secret_access_key
    for engine in ENGINES:
        exported = connection.export(engine)
        assert secret not in repr(exported)
        holds = secret in secrets_in(exported)
        assert holds == (engine in TAKE_KEYS_ALONE | TAKE_KEYS_OR_THE_ENVIRONMENT), engine

    current.use(connection, environ=True)
    for engine in ENGINES:
        assert (secret in secrets_in(connection.export(engine))) == (engine in TAKE_KEYS_ALONE), engine


def test_a_notebook_shows_and_keeps_no_key_of_an_export(connection, sandbox):
    from IPython.lib.pretty import pretty

    for engine in ENGINES:
        assert sandbox.users["teacher"].secret_access_key not in pretty(connection.export(engine))


def test_the_token_is_named_and_never_told(connection):
    token = Path(connection.publish().token_file).read_text()

    for engine in ENGINES:
        assert token not in secrets_in(connection.export(engine))
    assert connection.export("tensorstore")["aws_credentials"]["auth_token_file"] == connection.publish().token_file


def test_an_unknown_engine_is_told_with_those_there_are(connection):
    with pytest.raises(InvalidInput, match="perl") as caught:
        connection.export("perl")
    assert all(engine in caught.value.hint for engine in ENGINES)


def test_nobody_is_exported_as_nobody(sandbox):
    nobody = open_connection(Choice("anonymous", endpoint_url=sandbox.endpoint_url, region="us-east-1"))

    assert nobody.export("tensorstore")["aws_credentials"] == {"type": "anonymous"}
    assert nobody.export("obstore")["skip_signature"]
    assert nobody.export("pyarrow")["anonymous"]
    assert nobody.export("s3fs")["anon"]
    assert "KEY_ID" not in str(nobody.export("duckdb"))
    assert "--no-sign-request" in nobody.export("mountpoint")["options"]
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in nobody.export("environ")


def test_place_and_payer_are_said_in_the_words_of_each():
    there = open_connection(
        Choice("anonymous", endpoint_url="https://store.example", region="eu-west-2", requester_pays=True)
    )

    assert there.export("tensorstore")["endpoint"] == "https://store.example"
    assert there.export("tensorstore")["requester_pays"]
    assert there.export("mountpoint")["options"] == [
        *("--region", "eu-west-2", "--endpoint-url", "https://store.example"),
        *("--force-path-style", "--requester-pays", "--no-sign-request"),
    ]
    sql = str(there.export("duckdb"))
    assert "ENDPOINT 'store.example'" in sql
    assert "USE_SSL true" in sql
    assert there.export("environ")["AWS_ENDPOINT_URL_S3"] == "https://store.example"
    on_aws = open_connection(Choice("anonymous", region="eu-west-2"))
    assert "endpoint" not in on_aws.export("tensorstore")
    assert on_aws.export("mountpoint")["options"] == ["--region", "eu-west-2", "--no-sign-request"]
    assert on_aws.export("s3fs-fuse")["options"][1].startswith("endpoint=eu-west-2,url=https://s3.eu-west-2.amazonaws")


def test_variables_for_another_process_outdo_those_it_would_inherit(connection, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWRONG")
    monkeypatch.setenv("AWS_PROFILE", "gone")

    variables = connection.export("environ")

    assert variables["AWS_ACCESS_KEY_ID"] == ""
    assert variables["AWS_PROFILE"] == "default"
    code = "import boto3; print(boto3.client('s3').get_object(Bucket='private', Key='exam.txt')['Body'].read())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert "Only the teacher" in done.stdout, done.stderr


def test_a_choice_of_addressing_is_in_the_configuration_that_stands_for_the_users(connection, sandbox):
    published = connection.publish()
    assert Path(published.config_file).read_text() == "[default]\n"
    user = sandbox.users["teacher"]

    from s3magic.access.choice import keys

    virtual = open_connection(
        Choice("keys", endpoint_url=sandbox.endpoint_url, addressing_style="virtual"),
        secrets=keys(user.access_key_id, user.secret_access_key),
    )

    assert "addressing_style = virtual" in Path(virtual.publish().config_file).read_text()


@pytest.mark.parametrize(
    "words", [["--only", "keys", "role", "anonymous"], ["--only", "keys", "role", "--apart"]], ids=["led", "apart"]
)
def test_every_engine_reads(words, teaching_data):
    """Real engines, in a process of their own, on a sandbox that checks signatures: keys without and with an end."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--json", "--cache", teaching_data, *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    wrong = {(p, e): told for p, row in results.items() for e, told in row.items() if told != "reads"}
    # boto3 has no variable that stops it from signing
    assert set(wrong) == ({("anonymous", "environ")} if "anonymous" in words else set()), wrong
    assert all(len(row) == 10 for row in results.values())


def test_lines_to_paste_hold_no_secret_and_are_whole(connection, sandbox):
    token = Path(connection.publish().token_file).read_text()
    for engine in ENGINES:
        lines = connection.snippet(engine)
        assert sandbox.users["teacher"].secret_access_key not in lines
        assert token not in lines
        if "import" in lines:
            compile(lines, engine, "exec")
            assert f'export("{engine}")' in lines
        elif engine == "tensorstore":
            assert json.loads(lines)["bucket"] == "BUCKET"
        else:
            subprocess.run(["/bin/sh", "-n"], input=lines, text=True, check=True)


def test_lines_for_a_shell_lead_it_whatever_was_set_there(connection):
    code = "import boto3; print(boto3.client('s3').get_object(Bucket='private', Key='exam.txt')['Body'].read())"
    script = f'{connection.snippet("environ")}\n"{sys.executable}" -c "{code}"\n'
    earlier = {
        "AWS_ACCESS_KEY_ID": "AKIAWRONG",
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/keys",
    }

    done = subprocess.run(
        ["/bin/sh"], input=script, env={**os.environ, **earlier}, capture_output=True, text=True, check=False
    )

    assert "Only the teacher" in done.stdout, done.stderr


def test_lines_ask_the_connection_of_their_place(sandbox):
    import s3magic

    there = s3magic.connect("anonymous", endpoint_url=sandbox.endpoint_url, for_url="s3://public/photos/")

    assert 'api.connection("s3://public/photos/").export("boto3")' in there.snippet("boto3")
    s3magic.api.forget("s3://public/photos/")


def test_reads_go_on_while_credentials_end(sandbox):
    """Sessions of two seconds: what was made with the first reads with those that follow."""
    import boto3
    import s3fs
    import tensorstore
    from obstore.store import S3Store

    import s3magic

    teacher = sandbox.users["teacher"]
    brief = s3magic.connect(
        "role",
        role_arn=sandbox.roles["brief-reader"].arn,
        source="keys",
        access_key_id=teacher.access_key_id,
        secret_access_key=teacher.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
        environ=True,
    )
    bucket, key = "teaching", "tables/stations.csv"
    bare, exported = boto3.client("s3"), boto3.Session(**brief.export("boto3")).client("s3")
    files = s3fs.S3FileSystem()
    store = S3Store(bucket, **brief.export("obstore"))
    array = tensorstore.KvStore.open({**brief.export("tensorstore"), "bucket": bucket}).result()
    seen = set()
    deadline = time.monotonic() + 60

    while len(seen) < 4:
        assert time.monotonic() < deadline
        seen.add(brief.credentials().access_key_id)
        for client in (bare, exported):
            assert client.get_object(Bucket=bucket, Key=key)["ContentLength"]
        assert files.cat_file(f"{bucket}/{key}")
        assert store.get(key).bytes()
        assert array.read(key).result().value
    current.forget()
