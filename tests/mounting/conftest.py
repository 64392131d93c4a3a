"""Mounts that are gone after each test, whatever happened in it."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

BOUND = 20
"""Seconds within which whatever a test waits for must come."""


@pytest.fixture
def eventually():
    """Wait until a condition holds, and fail when it does not come to."""

    def wait(condition, seconds=BOUND):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not come"
            time.sleep(0.02)

    return wait


@pytest.fixture
def room(monkeypatch):
    """A folder of its own for records and mounts."""
    from s3magic.mounting import attach, ending, records

    folder = Path(tempfile.mkdtemp(prefix="s3m-"))
    (folder / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    monkeypatch.chdir(folder)
    yield folder
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    for record in records.all_records():
        ending.end(record, timeout=0, force=True)
    for point in attach.mount_points():
        if point.path.is_relative_to(folder):
            attach.detach(point.path, lazy=True)
    assert not [point for point in attach.mount_points() if point.path.is_relative_to(folder)]
    for copied in [path for path in folder.rglob("*") if path.is_dir()]:
        copied.chmod(0o700)  # copies of a mount's folders are read-only, as they are
    shutil.rmtree(folder)


@pytest.fixture
def bucket(connection):
    """The sandbox's scratch bucket, empty."""
    store = connection.store("scratch")

    def empty():
        for info in store.list_page().objects:
            store.delete(info.key)

    empty()
    yield store
    empty()


@pytest.fixture
def mount(room, connection):
    """Mount a URL on a folder of the room."""
    from s3magic import api

    def make(url, path="m", **options):
        return api.mount(url, None if path is None else room / path, **options)

    return make


@pytest.fixture
def programs():
    """Start programs that stand beside the tests; they are ended afterwards."""
    running = []

    def run(name, *words):
        argv = [sys.executable, str(Path(__file__).with_name(name)), *map(str, words)]
        running.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield run
    for child in running:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


@pytest.fixture
def base(room):
    """The file that the objects of the faulty server are pieces of."""
    from faulty import LARGEST, MIB, SHIFTS

    path, chance = room / "base.bin", random.Random(11)  # noqa: S311
    with path.open("wb") as file:
        for _ in range((LARGEST + SHIFTS) // MIB):
            file.write(chance.randbytes(MIB))
    return path
