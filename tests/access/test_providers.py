"""Which provider is taken and why, against configuration files of our own and servers on loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.errors import (
    CredentialsError,
    ExpiredCredentials,
    InvalidCredentials,
    InvalidInput,
    NoCredentials,
    Unreachable,
)


def key_of(connection):
    credentials = connection.credentials()
    return credentials and credentials.access_key_id


def outcomes(connection):
    return {step.provider: step.outcome for step in connection.explain().steps}


def refused(kind, choice, **words):
    with pytest.raises(kind) as caught:
        open_connection(choice, **words)
    assert len(caught.value.lines()) == 2
    return caught.value


KEYS = "aws_access_key_id = {0}\naws_secret_access_key = hunter2\n"


def test_default_takes_the_environment_before_the_files(aws):
    aws.credentials("[default]\n" + KEYS.format("AKIAFILE"))
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")

    chosen = open_connection(Choice())

    assert key_of(chosen) == "AKIAENV"
    assert chosen.provider == "environment"
    found = outcomes(chosen)
    assert list(found)[:2] == ["AWS_NO_SIGN_REQUEST", "environment"]
    assert found["environment"] == "found"
    assert found["credentials file"] == "not asked"


def test_default_goes_on_to_the_files_and_tells_what_it_passed(aws):
    aws.credentials("[default]\n" + KEYS.format("AKIAFILE"))

    chosen = open_connection(Choice())

    assert key_of(chosen) == "AKIAFILE"
    assert outcomes(chosen)["environment"] == "nothing"
    assert "AWS_ACCESS_KEY_ID is not set" in repr(chosen.explain())
    assert "hunter2" not in repr(chosen.explain()) + str(chosen.explain().to_json())


def test_default_without_any_is_unsigned_and_says_so():
    chosen = open_connection(Choice())

    assert key_of(chosen) is None
    assert chosen.provider == "anonymous"
    assert "found" not in outcomes(chosen).values()
    for told in (chosen.explain().note, chosen.identity().note, repr(chosen), chosen._repr_html_()):
        assert "unsigned" in told


@pytest.mark.parametrize("value", ["1", "true", "YES", "On"])
def test_no_sign_request_keeps_default_from_signing(aws, value):
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2", AWS_NO_SIGN_REQUEST=value)

    chosen = open_connection(Choice())

    assert key_of(chosen) is None
    assert "AWS_NO_SIGN_REQUEST" in chosen.identity().note
    assert key_of(open_connection(Choice("environment"))) == "AKIAENV"


@pytest.mark.parametrize("value", ["0", "false", "no", ""])
def test_no_sign_request_must_be_true(aws, value):
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2", AWS_NO_SIGN_REQUEST=value)

    assert key_of(open_connection(Choice())) == "AKIAENV"


def test_variables_changed_since_count_for_the_next_choice_and_not_for_the_last(aws):
    aws.environ(AWS_ACCESS_KEY_ID="AKIAONE", AWS_SECRET_ACCESS_KEY="hunter2")
    one = open_connection(Choice("environment"))
    aws.environ(AWS_ACCESS_KEY_ID="AKIATWO")
    two = open_connection(Choice("environment"))

    assert [key_of(one), key_of(two)] == ["AKIAONE", "AKIATWO"]


def test_relative_paths_count_from_the_kernels_folder(aws, tmp_path, monkeypatch):
    aws.credentials("[default]\n" + KEYS.format("AKIAFILE"))
    monkeypatch.chdir(tmp_path)
    aws.environ(AWS_SHARED_CREDENTIALS_FILE="credentials")

    assert key_of(open_connection(Choice("profile"))) == "AKIAFILE"


def test_a_profile_is_taken_past_the_environment(aws):
    aws.credentials("[work]\n" + KEYS.format("AKIAWORK"))
    aws.config("[profile work]\nregion = eu-west-2\n")
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")

    chosen = open_connection(Choice("profile", profile="work"))

    assert key_of(chosen) == "AKIAWORK"
    assert chosen.location.region == "eu-west-2"
    assert "work" in repr(chosen)
    assert "environment" not in outcomes(chosen)


def test_the_profile_of_aws_profile_is_taken_when_none_is_named(aws):
    aws.credentials("[work]\n" + KEYS.format("AKIAWORK") + "[default]\n" + KEYS.format("AKIADEFAULT"))
    assert key_of(open_connection(Choice("profile"))) == "AKIADEFAULT"

    aws.environ(AWS_PROFILE="work")

    assert key_of(open_connection(Choice("profile"))) == "AKIAWORK"
    assert key_of(open_connection(Choice())) == "AKIAWORK"


def test_an_unknown_profile_is_told_with_those_there_are(aws):
    aws.credentials("[work]\n" + KEYS.format("AKIAWORK"))

    error = refused(InvalidInput, Choice("profile", profile="play"))
    assert "'play'" in error.message
    assert "work" in error.hint

    aws.environ(AWS_PROFILE="gone")
    assert "AWS_PROFILE" in refused(InvalidInput, Choice()).message


def test_a_stale_aws_profile_does_not_stop_who_needs_no_profile(aws):
    aws.environ(AWS_PROFILE="gone", AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")

    assert key_of(open_connection(Choice("environment"))) == "AKIAENV"
    assert key_of(open_connection(Choice("anonymous"))) is None


def test_a_broken_configuration_is_told(aws):
    aws.config("this is no configuration\n")

    refused(InvalidInput, Choice("profile", profile="work"))


def test_a_provider_that_finds_nothing_says_what_it_looked_for(aws):
    assert "AWS_ACCESS_KEY_ID" in refused(NoCredentials, Choice("environment")).message

    aws.config("[profile empty]\nregion = eu-west-2\n")
    assert "'empty' holds no credentials" in refused(NoCredentials, Choice("profile", profile="empty")).message


def test_half_a_key_is_told(aws):
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV")

    assert "AWS_SECRET_ACCESS_KEY" in refused(InvalidCredentials, Choice("environment")).message.upper()


def test_keys_that_expired_in_the_environment_are_told(aws):
    ended = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2", AWS_CREDENTIAL_EXPIRATION=ended)

    refused(ExpiredCredentials, Choice("environment"))
    refused(ExpiredCredentials, Choice())


def test_the_first_of_an_order_that_finds_any_is_taken(aws):
    aws.credentials("[default]\n" + KEYS.format("AKIAFILE"))

    assert key_of(open_connection(Choice(order=("environment", "profile")))) == "AKIAFILE"
    assert key_of(open_connection(Choice(order=("environment", "anonymous")))) is None
    by_keys = open_connection(Choice(order=("environment", "keys")), secrets=keys("AKIAGIVEN", "hunter2"))
    assert key_of(by_keys) == "AKIAGIVEN"

    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")
    first = open_connection(Choice(order=("environment", "profile")))
    assert key_of(first) == "AKIAENV"
    assert outcomes(first)["credentials file"] == "not asked"


def test_a_profile_named_in_an_order_does_not_hide_the_environment(aws):
    aws.credentials("[work]\n" + KEYS.format("AKIAWORK"))
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")

    assert key_of(open_connection(Choice(order=("environment", "profile"), profile="work"))) == "AKIAENV"


def test_an_order_goes_past_what_fails_and_tells_it(aws):
    aws.config("[default]\ncredential_process = false\n")

    chosen = open_connection(Choice(order=("profile", "anonymous")))

    assert key_of(chosen) is None
    assert outcomes(chosen)["credential process"] == "failed"
    refused(CredentialsError, Choice("profile"))
    refused(CredentialsError, Choice())


def test_a_program_of_the_profile_gives_credentials(aws):
    ends = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    told = {"Version": 1, "AccessKeyId": "AKIAPROG", "SecretAccessKey": "x", "Expiration": ends.isoformat()}
    aws.config(f"[profile work]\ncredential_process = echo '{json.dumps(told)}'\n")

    chosen = open_connection(Choice("profile", profile="work"))

    assert key_of(chosen) == "AKIAPROG"
    assert chosen.expires == ends
    assert "expire in 1 h 59 min" in repr(chosen)


@pytest.mark.parametrize(
    ("variables", "config", "endpoint"),
    [
        ({}, "", None),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "", "http://127.0.0.1:9"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:7"},
            "",
            "http://127.0.0.1:7",
        ),
        ({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}, "", None),
        ({}, "endpoint_url = http://127.0.0.1:9/", "http://127.0.0.1:9"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "", None),
    ],
)
def test_the_configured_endpoint_is_honoured_unless_one_is_chosen(aws, variables, config, endpoint):
    aws.config(f"[default]\n{config}\n")
    aws.environ(**variables)

    assert open_connection(Choice("anonymous")).location.endpoint_url == endpoint
    chosen = open_connection(Choice("anonymous", endpoint_url="http://127.0.0.1:5"))
    assert chosen.location.endpoint_url == "http://127.0.0.1:5"


def test_region_and_addressing_come_from_the_choice_then_the_configuration(aws):
    assert open_connection(Choice("anonymous")).location.region == "us-east-1"
    aws.environ(AWS_REGION="ap-southeast-2")
    assert open_connection(Choice("anonymous")).location.region == "ap-southeast-2"
    aws.config("[default]\nregion = eu-west-2\ns3 =\n  addressing_style = path\n")

    location = open_connection(Choice("anonymous", requester_pays=True)).location
    assert (location.region, location.addressing_style, location.requester_pays) == ("eu-west-2", "path", True)
    location = open_connection(Choice("anonymous", region="us-west-2", addressing_style="virtual")).location
    assert (location.region, location.addressing_style) == ("us-west-2", "virtual")


def test_a_metadata_service_that_is_not_there_or_silent_holds_nobody_up(aws, closed_port):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (closed_port, silent.getsockname()[1]):
            aws.environ(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=f"http://127.0.0.1:{port}")
            chosen = open_connection(Choice())

            assert key_of(chosen) is None
            assert chosen.explain().steps[-1].outcome == "nothing"
            assert "asked once" in chosen.explain().steps[-1].detail


@pytest.fixture
def container(aws):
    """A container credentials endpoint whose keys never live longer than a few seconds."""

    class Handler(BaseHTTPRequestHandler):
        answers = 0
        down = False

        def do_GET(self):
            if Handler.down:
                self.send_error(500)
                return
            Handler.answers += 1
            ends = datetime.now(UTC) + timedelta(seconds=4)
            told = {"AccessKeyId": f"AKIA{Handler.answers}", "SecretAccessKey": "x", "Token": "t"}
            body = json.dumps({**told, "Expiration": ends.isoformat()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        aws.environ(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://127.0.0.1:{server.server_port}/keys")
        try:
            yield Handler
        finally:
            server.shutdown()
            thread.join()


def test_credentials_of_a_server_are_refreshed_before_they_end(container):
    chosen = open_connection(Choice())
    assert chosen.provider == "container role"
    seen = []

    deadline = time.monotonic() + 60
    while len({credentials.access_key_id for credentials in seen}) < 3:
        assert time.monotonic() < deadline
        seen.append(chosen.credentials())
        assert not seen[-1].expire_within()
        time.sleep(0.02)

    assert chosen.expires > datetime.now(UTC)


def test_when_the_server_is_gone_the_keys_are_used_until_they_end(container):
    chosen = open_connection(Choice())
    in_hand = chosen.credentials()

    container.down = True

    def use_until_refused():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert not chosen.credentials().expire_within()
            time.sleep(0.02)

    with pytest.raises(CredentialsError) as caught:
        use_until_refused()

    assert len(caught.value.lines()) == 2
    assert datetime.now(UTC) >= in_hand.expires


def test_a_token_service_that_is_down_is_told(aws, closed_port):
    aws.config(
        f"[profile base]\n{KEYS.format('AKIABASE')}\n[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\n"
        f"source_profile = base\nregion = us-east-1\n"
    )
    aws.environ(AWS_ENDPOINT_URL_STS=f"http://127.0.0.1:{closed_port}", AWS_MAX_ATTEMPTS="1")

    refused(Unreachable, Choice("profile", profile="role"))
