"""Killed at any moment and run again, a dataset is whole, and nothing that was right already is asked for again.

How many kills is set by S3MAGIC_SOAK_KILLS: ``make soak-link-kills`` takes 50.
"""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from soak_linker import AT_ONCE, opener_of

from s3magic.linking.adding.order import Order
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.linked import link
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import local_state
from s3magic.url import S3Url

ROOT = Path(__file__).parent.parent.parent
KILLS = int(os.environ.get("S3MAGIC_SOAK_KILLS", "5"))
PHASES = ("describe", "hash", "checkout", "fetch", "fetch unhashed")
TILES, FILES, SIZE = 40, 16, 400_000
UNDER_WAY = 2 * AT_ONCE
"""Bodies that the server may have sent while nobody had looked at them yet."""
SECONDS = 120


@pytest.fixture(scope="module")
def stored(tmp_path_factory, laz):
    """The objects by name, in a folder that a server can show."""
    data = tmp_path_factory.mktemp("stored")
    chance = random.Random(1)  # noqa: S311
    made = {f"tiles/t{number:02}.laz": laz(1754000.0 + 100 * number, points=4000) for number in range(TILES)}
    made |= {f"files/f{number:02}.bin": chance.randbytes(SIZE + number) for number in range(FILES)}
    for name, body in made.items():
        path = data / "objects" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (data / "expected").mkdir()
    return data, {name.rpartition("/")[2]: body for name, body in made.items()}


@pytest.fixture
def server(stored, tmp_path, monkeypatch):
    """nginx some way off, as the benchmarks have it: its endpoint, and its log."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.mount.server import Far, serve

    (tmp_path / "nginx").mkdir()
    with serve(stored[0], tmp_path / "nginx", Far(5, 8)) as serving:
        yield serving.endpoints["far"], tmp_path / "nginx" / "access.log"


def sent(log, since=0):
    """Return name and bytes of the bodies that the server sent, from some line of its log on."""
    lines = [line.split(" ") for line in log.read_text().splitlines()[since:]]
    return [(unquote(path).rpartition("/")[2], int(size)) for method, path, _, size in lines if method == "GET"]


def right(path, body):
    return path.stat().st_size == len(body) and path.read_bytes() == body


def prepare(phase, endpoint, folder):
    """Make the dataset that a fetch begins with."""
    if phase.startswith("fetch"):
        order = Order(
            patterns=(S3Url.parse("s3://soak/files/*.bin"),), hash="never" if phase == "fetch unhashed" else "auto"
        )
        link(order, folder, opener=opener_of(endpoint))


def undisturbed(endpoint, phase, start, folder):
    """Do it once without a kill; return how long that takes."""
    if start.exists():
        shutil.copytree(start, folder)
    with Linker(endpoint, phase, folder) as process:
        began = time.monotonic()
        assert process.wait(SECONDS) == 0, process.stderr.read()
        return time.monotonic() - began


def assert_whole(phase, folder, bodies):
    """Check every tile against what is stored; that nothing else is left, and that all can still be fetched."""
    tiles = LinkedDataset(folder).tiles
    wanted = {name: body for name, body in bodies.items() if name.endswith(".laz" if phase == "describe" else ".bin")}
    assert {tile.name: tile.oid for tile in tiles} == {
        name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in wanted.items()
    }
    state = "pointer" if phase in {"describe", "hash"} else "file"
    assert {local_state(folder / tile.name, tile) for tile in tiles} == {state}
    assert {path.name for path in folder.iterdir()} == {*wanted, ".s3link", ".gitattributes"}
    assert not Folder(folder).scratch.exists()


class Linker:
    """A process that links, until it ends or is killed."""

    def __init__(self, endpoint, phase, folder):
        argv = [sys.executable, str(Path(__file__).with_name("soak_linker.py")), endpoint, phase, str(folder)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes)
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()

    def __enter__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=SECONDS)


@pytest.mark.parametrize("phase", PHASES)
def test_run_again_after_a_kill_the_dataset_is_whole_and_nothing_comes_twice(phase, server, stored, tmp_path):
    (endpoint, log), (_, bodies) = server, stored
    seed = os.environ.get("S3MAGIC_SOAK_SEED") or secrets.token_hex(4)
    chance = random.Random(seed)  # noqa: S311
    start, folder = tmp_path / "start", tmp_path / "ds"
    prepare(phase, endpoint, start)
    took = undisturbed(endpoint, phase, start, folder)
    told = []
    for number in range(max(1, KILLS // len(PHASES))):
        shutil.rmtree(folder, ignore_errors=True)
        if start.exists():
            shutil.copytree(start, folder)
        before = len(log.read_text().splitlines())
        with Linker(endpoint, phase, folder) as process:
            time.sleep(chance.uniform(0, took))
            process.kill()
        since = len(log.read_text().splitlines())
        here = {name for name, body in bodies.items() if (folder / name).is_file() and right(folder / name, body)}
        came = {name for name, size in sent(log, before) if size == len(bodies.get(name, b""))}
        with Linker(endpoint, phase, folder) as process:
            assert process.wait(SECONDS) == 0, (seed, number, process.stderr.read())
        again = {name for name, size in sent(log, since) if size}
        assert not here & again, (seed, number)
        assert len(came & again) <= UNDER_WAY, (seed, number)
        assert_whole(phase, folder, bodies)
        told.append(len(came - again))
    sys.stdout.write(f"\n{phase}: {len(told)} kills within {took:.2f} s, seed {seed}; kept: {sorted(told)}\n")
