"""Each kind of provider against what it asks in life: token services, metadata, programs, sign-ins; on loopback."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from urllib.parse import parse_qs

import pytest

from s3magic.access import channels
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.errors import (
    AccessDenied,
    ClockSkew,
    ExpiredCredentials,
    InvalidCredentials,
    InvalidInput,
    MissingLibrary,
    NoCredentials,
    Unreachable,
)

ROLE = "arn:aws:iam::123456789012:role/reader"
SECRETS = ("hunter2", "session-token", "sign-in-token", "web-token")


def key_of(connection):
    credentials = connection.credentials()
    return credentials and credentials.access_key_id


def steps_of(connection):
    explained = connection.explain()
    told = repr(explained) + explained._repr_html_() + json.dumps(explained.to_json()) + repr(connection)
    assert not [secret for secret in SECRETS if secret in told]
    return [(step.provider, step.outcome) for step in explained.steps]


def refused(kind, choice, **words):
    with pytest.raises(kind) as caught:
        open_connection(choice, **words)
    assert len(caught.value.lines()) == 2
    assert not [secret for secret in SECRETS if secret in "".join(caught.value.lines())]
    return caught.value


def soon(seconds=7200):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class TokenService:
    """STS as far as it is asked: knows one role, trusts whoever tells the external ID, counts."""

    def __init__(self):
        self.asked = []
        self.error = None
        self.lives = 7200

    def answer(self, _method, _path, headers, body):
        words = {name: values[0] for name, values in parse_qs(body).items()}
        self.asked.append({**words, "signer": headers.get("Authorization", "").partition("Credential=")[2][:8]})
        if self.error:
            code, message = self.error
            return 403, f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        action = words["Action"]
        if action == "GetCallerIdentity":
            fields = f"<Account>123456789012</Account><UserId>U</UserId><Arn>{ROLE}</Arn>"
        else:
            fields = (
                f"<Credentials><AccessKeyId>ASIA{self.count(action):04}</AccessKeyId>"
                "<SecretAccessKey>hunter2</SecretAccessKey><SessionToken>session-token</SessionToken>"
                f"<Expiration>{soon(self.lives)}</Expiration></Credentials>"
            )
        return 200, f"<{action}Response><{action}Result>{fields}</{action}Result></{action}Response>"

    def count(self, action="AssumeRole"):
        return sum(one["Action"] == action for one in self.asked)


@pytest.fixture
def sts(aws, serving):
    """A token service that the configuration names, and keys in the environment to ask it with."""
    service = TokenService()
    with serving(service.answer) as url:
        aws.environ(
            AWS_ENDPOINT_URL_STS=url,
            AWS_ACCESS_KEY_ID="AKIABASE",
            AWS_SECRET_ACCESS_KEY="hunter2",
            AWS_MAX_ATTEMPTS="1",
        )
        yield service


def test_a_role_is_taken_on_once_a_session_with_all_its_words(sts):
    chosen = open_connection(
        Choice("role", role_arn=ROLE, external_id="course-2026", session_name="lesson", duration=3600)
    )

    assert {key_of(chosen) for _ in range(20)} == {"ASIA0001"}
    assert chosen.store("bucket") is chosen.store("bucket")
    assert chosen.identity().arn == ROLE
    with chosen.attach():
        assert chosen.expires > datetime.now(UTC)
    assert sts.count() == 1
    asked = sts.asked[0]
    assert (asked["RoleArn"], asked["ExternalId"]) == (ROLE, "course-2026")
    assert (asked["RoleSessionName"], asked["DurationSeconds"], asked["signer"]) == ("lesson", "3600", "AKIABASE")
    assert ("for the role: environment", "found") in steps_of(chosen)
    assert steps_of(chosen)[-1] == ("role", "found")
    assert ROLE in chosen.explain().steps[-1].detail


def test_a_role_is_renewed_by_botocore_before_it_ends(sts):
    sts.lives = 3
    chosen = open_connection(Choice("role", role_arn=ROLE))
    first = key_of(chosen)

    deadline = datetime.now(UTC) + timedelta(seconds=60)
    while key_of(chosen) == first:
        assert datetime.now(UTC) < deadline

    assert chosen.expires > datetime.now(UTC)


def test_a_role_is_taken_on_with_the_source_that_is_named(sts, aws):
    aws.credentials("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = hunter2\n")

    for choice, secrets, signer in (
        (Choice("role", role_arn=ROLE, profile="work"), None, "AKIAWORK"),
        (Choice("role", role_arn=ROLE, source="profile", profile="work"), None, "AKIAWORK"),
        (Choice("role", role_arn=ROLE, source="environment"), None, "AKIABASE"),
        (Choice("role", role_arn=ROLE, source="keys"), keys("AKIAKEYS", "hunter2"), "AKIAKEYS"),
        (Choice("role", role_arn=ROLE), None, "AKIABASE"),
    ):
        assert key_of(open_connection(choice, secrets=secrets)).startswith("ASIA")
        assert sts.asked[-1]["signer"] == signer


def test_a_role_without_credentials_to_take_it_on_says_so(aws):
    error = refused(NoCredentials, Choice("role", role_arn=ROLE))
    assert "take on the role" in error.message


@pytest.mark.parametrize(
    ("code", "message", "kind", "told"),
    [
        ("AccessDenied", "not authorized", AccessDenied, "external ID"),
        ("SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than 2027", ClockSkew, "clock"),
        ("RequestTimeTooSkewed", "too skewed", ClockSkew, "clock"),
        ("SignatureDoesNotMatch", "the signature does not match", InvalidCredentials, "secret"),
        ("InvalidClientTokenId", "unknown", InvalidCredentials, "unknown"),
        ("ExpiredToken", "expired", ExpiredCredentials, "expired"),
        ("ValidationError", "DurationSeconds exceeds the MaxSessionDuration", InvalidInput, "MaxSessionDuration"),
    ],
)
def test_a_role_that_is_refused_says_why(sts, code, message, kind, told):
    sts.error = (code, message)

    error = refused(kind, Choice("role", role_arn=ROLE))

    assert told in " ".join(error.lines())
    assert "(role)" in error.message or kind is ClockSkew


def test_a_token_service_that_is_down_is_told_of_a_role_too(sts, aws, closed_port):
    aws.environ(AWS_ENDPOINT_URL_STS=f"http://127.0.0.1:{closed_port}")

    refused(Unreachable, Choice("role", role_arn=ROLE))


def test_a_token_file_takes_on_a_role(sts, aws, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "token").write_text("web-token")
    aws.environ(AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"), AWS_ROLE_ARN=ROLE, AWS_ROLE_SESSION_NAME="pod-one")

    chosen = open_connection(Choice("web-identity"))

    assert key_of(chosen) == "ASIA0001"
    assert steps_of(chosen) == [("web identity", "found")]
    asked = sts.asked[0]
    assert (asked["Action"], asked["WebIdentityToken"]) == ("AssumeRoleWithWebIdentity", "web-token")
    assert (asked["RoleArn"], asked["RoleSessionName"], asked["signer"]) == (ROLE, "pod-one", "")

    sts.error = ("InvalidIdentityToken", "no")
    refused(InvalidCredentials, Choice("web-identity"))
    sts.error = ("ExpiredTokenException", "no")
    refused(ExpiredCredentials, Choice("web-identity"))
    (tmp_path / "token").unlink()
    assert "token" in refused(NoCredentials, Choice("web-identity")).message


def test_without_a_token_file_web_identity_says_what_is_missing():
    assert "web identity token file" in refused(NoCredentials, Choice("web-identity")).message


def test_a_program_gives_credentials_alone(aws, tmp_path):
    told = {"Version": 1, "AccessKeyId": "AKIAPROG", "SecretAccessKey": "hunter2", "Expiration": soon()}
    (tmp_path / "told").write_text(json.dumps(told))
    aws.config(
        f"[profile work]\ncredential_process = cat {tmp_path}/told\n[profile broken]\ncredential_process = false\n"
    )
    aws.credentials("[work]\naws_access_key_id = AKIAFILE\naws_secret_access_key = hunter2\n")

    chosen = open_connection(Choice("process", profile="work"))

    assert key_of(chosen) == "AKIAPROG"
    assert steps_of(chosen) == [("credential process", "found")]
    assert len(refused(NoCredentials, Choice("process", profile="broken")).lines()) == 2
    assert "credential_process" in refused(NoCredentials, Choice("process")).message
    assert "work" in refused(InvalidInput, Choice("process", profile="gone")).hint


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("set -x\nSECRET=hunter2\nexit 3", "failed (credential process)"),
        ("""echo '{"Version": 2}'""", "Unsupported version '2'"),
        ("""echo '{"Version": 1, "AccessKeyId": "hunter2"}'""", "Missing required key"),
    ],
)
def test_what_a_program_says_as_it_fails_is_told_to_nobody(aws, tmp_path, lines, said):
    (tmp_path / "give").write_text(lines)
    aws.config(f"[profile work]\ncredential_process = sh {tmp_path}/give\n")
    told = refused(NoCredentials, Choice("process", profile="work"))
    assert said in told.message
    assert "hunter2" not in str(told.lines())
    assert "\n" not in told.message


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own for the broker, where sign-ins are kept."""
    monkeypatch.setenv("HOME", str(tmp_path))
    channels.let_go()
    yield tmp_path
    channels.let_go()


def sign_in(home, ends):
    folder = home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    token = {"startUrl": "https://school.example", "region": "us-east-1", "accessToken": "sign-in-token"}
    name = hashlib.sha1(b"school", usedforsecurity=False).hexdigest()
    (folder / f"{name}.json").write_text(json.dumps({**token, "expiresAt": ends}))


def test_a_sign_in_gives_the_role_of_its_profile(home, aws, serving):
    aws.config(
        "[sso-session school]\nsso_start_url = https://school.example\nsso_region = us-east-1\n"
        "[profile lab]\nsso_session = school\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
        "region = eu-west-2\n"
    )
    asked = []

    def portal(_method, path, headers, _body):
        asked.append((path, headers["x-amz-sso_bearer_token"]))
        if len(asked) > 1:
            return 403, json.dumps({"message": "No access"})
        ends = int((datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1000)
        role = {"accessKeyId": "ASIASSO", "secretAccessKey": "hunter2", "sessionToken": "session-token"}
        return 200, json.dumps({"roleCredentials": {**role, "expiration": ends}})

    with serving(portal) as url:
        aws.environ(AWS_ENDPOINT_URL_SSO=url, AWS_MAX_ATTEMPTS="1")
        none = refused(ExpiredCredentials, Choice("sso", profile="lab"))
        assert "aws sso login --profile lab" in none.hint
        sign_in(home, soon(-60))
        assert "aws sso login --profile lab" in refused(ExpiredCredentials, Choice("sso", profile="lab")).hint
        assert not asked

        sign_in(home, soon())
        chosen = open_connection(Choice("sso", profile="lab"))

        assert key_of(chosen) == "ASIASSO"
        assert chosen.location.region == "eu-west-2"
        assert steps_of(chosen) == [("single sign-on", "found")]
        assert asked[0][1] == "sign-in-token"
        assert "role_name=Reader" in asked[0][0]
        refused(NoCredentials, Choice("sso", profile="lab"))
    assert "sso_session" in refused(NoCredentials, Choice("sso")).message


@contextmanager
def metadata(serving, aws, *, role="node"):
    asked = []

    def answer(method, path, headers, _body):
        asked.append((method, path, headers.get("x-aws-ec2-metadata-token")))
        if method == "PUT":
            return 200, "sign-in-token"
        if path.endswith("security-credentials/"):
            return (200, role) if role else (404, "")
        told = {"Code": "Success", "AccessKeyId": "ASIANODE", "SecretAccessKey": "hunter2", "Token": "session-token"}
        return 200, json.dumps({**told, "Expiration": soon()})

    with serving(answer) as url:
        aws.environ(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
        yield asked


def test_the_metadata_service_is_asked_where_the_variable_says(aws, serving):
    aws.environ(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")
    with metadata(serving, aws) as asked:
        chosen = open_connection(Choice("imds"))

        assert key_of(chosen) == "ASIANODE"
        assert steps_of(chosen) == [("instance role", "found")]
        assert asked[0][:2] == ("PUT", "/latest/api/token")
        assert asked[-1] == ("GET", "/latest/meta-data/iam/security-credentials/node", "sign-in-token")


def test_an_instance_without_a_role_is_told(aws, serving):
    with metadata(serving, aws, role=""):
        refused(NoCredentials, Choice("imds"))
    assert "no instance metadata service" in refused(NoCredentials, Choice("imds")).message
    aws.environ(AWS_EC2_METADATA_DISABLED="true")
    assert "AWS_EC2_METADATA_DISABLED" in refused(NoCredentials, Choice("imds")).message


def test_the_container_endpoint_is_shown_its_token(aws, serving, tmp_path, closed_port):
    (tmp_path / "token").write_text("web-token")
    shown = []

    def answer(_method, _path, headers, _body):
        shown.append(headers.get("Authorization"))
        told = {"AccessKeyId": "ASIABOX", "SecretAccessKey": "hunter2", "Token": "session-token", "Expiration": soon()}
        return 200, json.dumps(told)

    assert "container" in refused(NoCredentials, Choice("ecs")).message
    with serving(answer) as url:
        aws.environ(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/keys",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token"),
        )
        chosen = open_connection(Choice("ecs"))
        assert key_of(chosen) == "ASIABOX"
        assert steps_of(chosen) == [("container role", "found")]
        assert shown == ["web-token"]
    aws.environ(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://127.0.0.1:{closed_port}/keys")
    refused(Unreachable, Choice("ecs"))


def test_a_choice_goes_on_asking_its_own_container_endpoint(aws, serving, monkeypatch):
    def answer(_method, _path, _headers, _body):
        told = {"AccessKeyId": "ASIABOX", "SecretAccessKey": "hunter2", "Token": "session-token", "Expiration": soon(3)}
        return 200, json.dumps(told)

    with serving(answer) as url:
        aws.environ(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/keys")
        chosen = open_connection(Choice("ecs"))
        ends = chosen.expires
        monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        open_connection(Choice("anonymous"))  # by which the broker takes over the new variables

        while datetime.now(UTC) <= ends:
            assert key_of(chosen) == "ASIABOX"
        assert chosen.expires > ends


def test_a_login_asks_for_its_library_and_an_order_goes_past_it(aws):
    if find_spec("awscrt"):
        pytest.skip("the library is installed here")
    aws.config("[profile lab]\nlogin_session = arn:aws:iam::123456789012:user/me\n")

    assert "botocore[crt]" in refused(MissingLibrary, Choice("login", profile="lab")).hint
    refused(MissingLibrary, Choice("default", profile="lab"))

    aws.config(
        "[profile lab]\nlogin_session = arn:aws:iam::123456789012:user/me\n"
        "aws_access_key_id = AKIALAB\naws_secret_access_key = hunter2\n"
    )
    chosen = open_connection(Choice("default", profile="lab"))
    assert key_of(chosen) == "AKIALAB"
    assert ("aws login", "failed") in steps_of(chosen)
    assert "botocore[crt]" in repr(chosen.explain())


def test_an_order_tells_of_each_what_came_of_it(sts, aws, serving):
    aws.config("[default]\ncredential_process = false\n")
    sts.error = ("AccessDenied", "no")
    with metadata(serving, aws):
        chosen = open_connection(
            Choice(order=("process", "role", "ecs", "imds", "anonymous"), role_arn=ROLE, source="environment")
        )

        assert key_of(chosen) == "ASIANODE"
        assert steps_of(chosen) == [
            ("credential process", "failed"),
            ("for the role: environment", "found"),
            ("role", "failed"),
            ("container role", "nothing"),
            ("instance role", "found"),
            ("anonymous", "not asked"),
        ]
        other = open_connection(Choice(order=("imds", "process")))
        assert steps_of(other) == [("instance role", "found"), ("credential process", "not asked")]


def as_student(sandbox, provider, **words):
    student = sandbox.users["student"]
    return open_connection(
        Choice(provider, endpoint_url=sandbox.endpoint_url, region="us-east-1", **words),
        secrets=keys(student.access_key_id, student.secret_access_key) if words.get("source") == "keys" else None,
    )


def test_delegated_access_is_really_enforced(sandbox):
    role = {"role_arn": "arn:aws:iam::123456789012:role/lightly-reader", "source": "keys"}

    chosen = as_student(sandbox, "role", external_id="teaching-2024", session_name="lesson", **role)

    assert chosen.identity().arn == "arn:aws:sts::123456789012:assumed-role/lightly-reader/lesson"
    assert chosen.store("teaching").list_page("photos/").objects
    with pytest.raises(AccessDenied):
        chosen.store("teaching").put("no", b"")
    for words in ({}, {"external_id": "teaching-2023"}):
        with pytest.raises(AccessDenied, match="may not be taken on"):
            as_student(sandbox, "role", **role, **words)


def test_a_role_of_two_seconds_is_read_with_for_longer(sandbox):
    chosen = as_student(
        sandbox, "role", role_arn="arn:aws:iam::123456789012:role/brief-reader", source="keys", session_name="lesson"
    )
    store, ends = chosen.store("teaching"), set()

    while len(ends) < 3:
        assert store.list_page("photos/", max_keys=1).objects
        ends.add(chosen.expires)


def test_a_token_of_the_sandbox_takes_on_its_role(sandbox, aws, tmp_path):
    (tmp_path / "token").write_text(sandbox.web_identity_token())
    aws.environ(
        AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"),
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/web-reader",
        AWS_ENDPOINT_URL=sandbox.endpoint_url,
    )

    chosen = open_connection(Choice("web-identity"))

    assert "assumed-role/web-reader" in chosen.identity().arn
    assert chosen.location.endpoint_url == sandbox.endpoint_url
    (tmp_path / "token").write_text(sandbox.web_identity_token()[:-3] + "xyz")
    refused(InvalidCredentials, Choice("web-identity"))


def test_a_session_token_of_the_environment_is_taken_along(aws):
    aws.environ(AWS_ACCESS_KEY_ID="ASIAENV", AWS_SECRET_ACCESS_KEY="hunter2", AWS_SESSION_TOKEN="session-token")

    chosen = open_connection(Choice("environment"))

    assert chosen.credentials().session_token == "session-token"
    assert steps_of(chosen) == [("environment", "found")]


def test_an_order_to_sign_nothing_says_so_only_where_it_counts(aws):
    aws.environ(AWS_NO_SIGN_REQUEST="true", AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="hunter2")

    signed = open_connection(Choice(order=("role", "environment"), role_arn=ROLE))

    assert key_of(signed) == "AKIAENV"
    assert signed.note == ""
    assert steps_of(signed)[0] == ("for the role: AWS_NO_SIGN_REQUEST", "found")
    assert "AWS_NO_SIGN_REQUEST" in open_connection(Choice(order=("process", "default"))).note


def test_an_order_of_which_none_finds_any_tells_of_all(sts, aws):
    sts.error = ("AccessDenied", "no")

    error = refused(AccessDenied, Choice(order=("process", "role", "imds"), role_arn=ROLE, source="environment"))

    assert error.message.startswith("The role may not be taken on (role); ")
    assert "credential process: the profile names no credential_process" in error.message
    assert "instance role: AWS_EC2_METADATA_DISABLED is true" in error.message
