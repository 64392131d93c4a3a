"""The s3magic command, as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import s3magic


@pytest.fixture
def runtime(monkeypatch):
    """Mounts apart from all others of this user, in a folder with a short name: sockets have no long ones."""
    folder = tempfile.mkdtemp(prefix="s3m-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def command(tmp_path, runtime, own_cache):
    """Run the command in a folder and a cache of its own, where nobody else's mounts are seen or taken away."""

    def run(*arguments, **environ):
        return subprocess.run(
            [sys.executable, "-m", "s3magic", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environ},
        )

    return run


def mounted(folder):
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]


@pytest.mark.usefixtures("connection")
def test_the_demo_passes_and_leaves_nothing(command, tmp_path):
    with s3magic.mount("s3://teaching/photos/", tmp_path / "mine") as mine:
        done = command("demo", "--html", str(tmp_path / "page.html"), TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert [mount.path for mount in s3magic.mounts()] == [mine.path]
    assert "✗" not in done.stdout
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/") > 20
    assert "X-Amz-Signature" not in page
    assert not mounted(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("s3magic-demo-")] == []


FAILING = """
from s3magic import api, demo
from s3magic.errors import LinkError

def refuse(*args, **options):
    raise LinkError("No tiles today", "Come back tomorrow.")

api.link = refuse
raise SystemExit(0 if demo.run() else 1)
"""


@pytest.mark.usefixtures("runtime", "own_cache")
def test_a_step_that_fails_ends_the_demo_and_nothing_is_left(tmp_path):
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 1
    assert "✗ Link tiles" in done.stdout
    assert "    Come back tomorrow." in done.stdout
    assert not mounted(tmp_path)


def test_the_doctor_names_what_is_there_and_no_secret(command):
    done = command("doctor", AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="not-a-real-secret")
    assert done.returncode == 0
    assert "AWS_ACCESS_KEY_ID" in done.stdout
    assert "iris" in done.stdout
    assert "AKIAEXAMPLE" not in done.stdout
    assert "not-a-real-secret" not in done.stdout


def test_the_sandbox_serves_the_command_beside_it(command):
    code = "import s3magic, json; print(json.dumps([i.key for i in s3magic.ls('s3://teaching/photos/')]))"
    done = command("sandbox", "--exec", sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "photos/alps-at-noon.jpg" in json.loads(done.stdout)
    assert command("sandbox", "--exec", sys.executable, "-c", "raise SystemExit(7)").returncode == 7
    assert command("sandbox", "--exec").stderr.startswith("--exec was given no command")


def test_mistakes_get_two_lines(command):
    done = command("sandbox", "--data", "/nonexistent")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 2
    assert command("umount").returncode == command("umount", "--all", "somewhere").returncode == 2
    done = command("demo", "--html", "/proc/nowhere/page.html")
    assert (done.returncode, done.stdout, len(done.stderr.strip().splitlines())) == (1, "", 2)
    assert command("umount", "--all").returncode == 0
    assert command("nonsense").returncode == 2


CHOICES = """
import s3magic
from s3magic import api

before = s3magic.connect("anonymous", region="eu-west-1")
box = s3magic.sandbox()
s3magic.connect("anonymous", region="eu-west-2")
assert s3magic.sandbox() is box
assert api.connection() is box.connection
box.stop()
assert api.connection() is before

box = s3magic.sandbox()
mine = s3magic.connect("anonymous", region="eu-west-3")
box.stop()
assert api.connection() is mine
"""


@pytest.mark.usefixtures("own_cache")
def test_a_sandbox_that_stops_gives_back_the_choice_before_it_and_takes_no_later_one():
    done = subprocess.run([sys.executable, "-c", CHOICES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
