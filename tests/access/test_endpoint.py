"""The loopback endpoint: who is let in, what is told, what is left behind; and the broker that serves it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from s3magic.access import channels
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.access.endpoint import Endpoint
from s3magic.errors import ExpiredCredentials
from s3magic.store.credentials import Credentials

SECRET = "hunter2-and-more-of-it"


def expired():
    raise ExpiredCredentials("The credentials expired", "Sign in again.")


SOURCES = {
    "1": lambda: Credentials("AKIALONG", SECRET),
    "2": lambda: Credentials("ASIASHORT", SECRET, "session-token", datetime.now(UTC) + timedelta(seconds=60)),
    "3": lambda: Credentials("ASIALONG", SECRET, "session-token", datetime.now(UTC) + timedelta(hours=6)),
    "4": lambda: None,
    "5": expired,
}


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The folder that the system gives a user for such files."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def endpoint(runtime):
    one = Endpoint(SOURCES.get)
    yield one
    one.close()


def ask(url, *, token=None, method="GET", path=None, host=None, **headers):
    """Ask as clients do, word by word; None for a header leaves it out."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    connection.putrequest(method, path or place.path, skip_host=True, skip_accept_encoding=True)
    named = {"Host": place.netloc if host is None else host, "Authorization": token, **headers}
    for name, value in named.items():
        if value:
            connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, json.loads(body) if body else {}


def token_of(published):
    return Path(published.token_file).read_text()


def test_who_shows_the_token_is_told(endpoint):
    answer, told = ask(endpoint.url("3"), token=token_of(endpoint))

    assert answer.status == 200
    assert (told["AccessKeyId"], told["SecretAccessKey"], told["Token"]) == ("ASIALONG", SECRET, "session-token")
    assert answer.getheader("Cache-Control") == "no-store"
    assert not answer.getheader("Access-Control-Allow-Origin")


@pytest.mark.parametrize(("name", "seconds"), [("1", 240), ("2", 60), ("3", 240)])
def test_an_end_is_told_that_is_near(endpoint, name, seconds):
    _, told = ask(endpoint.url(name), token=token_of(endpoint))

    left = (datetime.strptime(told["Expiration"], "%Y-%m-%dT%H:%M:%S%z") - datetime.now(UTC)).total_seconds()
    assert seconds - 45 < left <= seconds
    assert told["Token"] == ("" if name == "1" else "session-token")


def test_only_the_whole_token_opens(endpoint):
    token = token_of(endpoint)

    for shown in (None, "", "x", token[:-1], token + "x", f"Bearer {token}", token.swapcase(), "ÿ" * len(token)):
        answer, told = ask(endpoint.url("3"), token=shown)
        assert (answer.status, told["code"]) == (401, "WrongToken")
        assert SECRET not in json.dumps(told)


@pytest.mark.parametrize("host", ["evil.example", "localhost:{port}", "evil.example:{port}", "127.0.0.1:1", " "])
def test_no_other_name_of_this_machine_is_answered(endpoint, host):
    port = urlsplit(endpoint.url("3")).port

    answer, told = ask(endpoint.url("3"), token=token_of(endpoint), host=host.format(port=port))

    assert (answer.status, told["code"]) == (403, "WrongHost")


def test_tensorstore_leaves_the_port_out_and_is_answered(endpoint):
    assert ask(endpoint.url("3"), token=token_of(endpoint), host="127.0.0.1")[0].status == 200


@pytest.mark.parametrize(
    "header",
    [{"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Mode": "no-cors"}, {"Referer": "http://x"}],
)
def test_no_web_page_is_answered(endpoint, header):
    answer, told = ask(endpoint.url("3"), token=token_of(endpoint), **header)

    assert (answer.status, told["code"]) == (403, "CrossSite")
    assert SECRET not in json.dumps(told)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"])
def test_nothing_but_get_is_answered(endpoint, method):
    answer, told = ask(endpoint.url("3"), token=token_of(endpoint), method=method)

    assert answer.status == 405
    assert SECRET not in json.dumps(told)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/9", "/v1/3/", "/v1/../v1/3", "/v1/3?x=1", "/v2/3"])
def test_only_a_choice_has_a_path(endpoint, path):
    assert ask(endpoint.url("3"), token=token_of(endpoint), path=path)[0].status == 404


def test_a_choice_that_signs_nothing_or_has_expired_says_so(endpoint):
    answer, told = ask(endpoint.url("4"), token=token_of(endpoint))
    assert (answer.status, told["code"]) == (404, "Anonymous")
    assert "unsigned" in told["message"]

    answer, told = ask(endpoint.url("5"), token=token_of(endpoint))
    assert (answer.status, told["code"]) == (503, "ExpiredCredentials")
    assert told["message"] == "The credentials expired Sign in again."


def test_it_listens_on_loopback_alone(endpoint):
    port = urlsplit(endpoint.url("1")).port

    listening = [one.laddr.ip for one in psutil.Process().net_connections("inet") if one.laddr.port == port]
    assert set(listening) == {"127.0.0.1"}


def test_the_token_is_for_this_user_alone_and_long(endpoint, runtime):
    folder = endpoint.token_file.parent

    assert folder.parent == runtime
    assert stat.S_IMODE(endpoint.token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(token_of(endpoint)) >= 64


def test_nothing_is_left_when_it_closes(runtime):
    one, other = Endpoint(SOURCES.get), Endpoint(SOURCES.get)
    tokens = {token_of(one), token_of(other)}
    assert len(tokens) == 2

    one.close()
    assert [folder.name for folder in runtime.iterdir()] == [other.token_file.parent.name]
    other.close()
    assert not list(runtime.iterdir())


def test_what_killed_brokers_left_is_swept_and_nothing_else(runtime):
    left = runtime / "s3magic-left"
    left.mkdir()
    (left / "token").write_text("old")
    os.mkfifo(runtime / "s3magic-odd")
    (runtime / "s3magic-mine").mkdir()
    lives = Endpoint(SOURCES.get)

    other = Endpoint(SOURCES.get)

    assert not left.exists()
    assert (runtime / "s3magic-mine").is_dir()
    assert ask(lives.url("1"), token=token_of(lives))[0].status == 200
    lives.close()
    other.close()


def test_a_token_that_the_system_cleared_away_is_laid_anew(endpoint, runtime):
    former = endpoint.publish("3", "auto")
    shutil.rmtree(Path(former.token_file).parent)

    published = endpoint.publish("3", "virtual")

    assert published.url == former.url
    assert stat.S_IMODE(Path(published.token_file).stat().st_mode) == 0o600
    assert ask(published.url, token=token_of(published))[0].status == 200
    assert "addressing_style = virtual" in Path(published.config_file).read_text()


def kernel_keys():
    return open_connection(Choice("keys"), secrets=keys("AKIATEACHER", SECRET))


def test_a_connection_is_served_until_it_closes():
    mine = kernel_keys()
    published = mine.publish()
    assert ask(published.url, token=token_of(published))[1]["AccessKeyId"] == "AKIATEACHER"
    assert mine.publish() == published

    other = open_connection(Choice("keys"), secrets=keys("AKIAOTHER", SECRET)).publish()
    assert other.url != published.url
    assert other.token_file == published.token_file
    mine.close()

    deadline = time.monotonic() + 30
    while ask(published.url, token=token_of(published))[0].status != 404:
        assert time.monotonic() < deadline


def test_a_name_leads_to_the_last_that_took_it():
    one, other = kernel_keys(), open_connection(Choice("keys"), secrets=keys("AKIAOTHER", SECRET))
    first = one.publish("shared")
    assert ask(first.url, token=token_of(first))[1]["AccessKeyId"] == "AKIATEACHER"

    assert other.publish("shared").url == first.url

    assert ask(first.url, token=token_of(first))[1]["AccessKeyId"] == "AKIAOTHER"
    assert ask(one.publish().url, token=token_of(first))[1]["AccessKeyId"] == "AKIATEACHER"


def test_nobody_is_not_served():
    assert open_connection(Choice("anonymous")).publish() is None


def test_answers_come_from_memory(aws, tmp_path):
    """A provider that takes a while is asked once, however often the engines ask."""
    told = {
        "Version": 1,
        "AccessKeyId": "ASIAPROG",
        "SecretAccessKey": SECRET,
        "SessionToken": "session-token",
        "Expiration": f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",  # botocore: renew each time
    }
    (tmp_path / "told").write_text(json.dumps(told))
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ncat {tmp_path}/told\n")
    program.chmod(0o755)
    aws.config(f"[profile lab]\ncredential_process = {program}\n")
    published = open_connection(Choice("process", profile="lab")).publish()
    ask(published.url, token=token_of(published))
    before = (tmp_path / "runs").read_text()

    for _ in range(10):
        assert ask(published.url, token=token_of(published))[1]["AccessKeyId"] == "ASIAPROG"

    assert (tmp_path / "runs").read_text() == before


def test_the_token_is_in_nothing_that_others_can_read_or_that_is_shown():
    mine = kernel_keys()
    published = mine.publish()
    token = token_of(published)
    process = Path(f"/proc/{channels.broker().pid}")

    for shown in (repr(published), repr(mine), mine._repr_html_(), repr(mine.explain()), str(dict(os.environ))):
        assert token not in shown
    for file in ("cmdline", "environ"):
        assert token.encode() not in (process / file).read_bytes()
    assert SECRET not in Path(published.config_file).read_text()


def test_the_token_goes_with_the_kernel(tmp_path):
    code = (
        "from s3magic.access.choice import Choice, keys; from s3magic.access.connection import open_connection;"
        "print(open_connection(Choice('keys'), secrets=keys('AKIAKERNEL', 'hunter2')).publish().token_file)"
    )
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)

    assert Path(done.stdout.strip()).parent.parent == tmp_path
    deadline = time.monotonic() + 30
    while list(tmp_path.iterdir()):
        assert time.monotonic() < deadline, "the token is still there"
        time.sleep(0.01)
