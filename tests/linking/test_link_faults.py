"""A server that fails, cuts and lies: every tile is linked and arrives right, or is named with its reason."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from s3magic.errors import TilesFailed
from s3magic.linking.adding.order import Order
from s3magic.linking.linked import link
from s3magic.store.client import Client
from s3magic.store.credentials import Credentials, Location
from s3magic.store.s3 import S3Store
from s3magic.store.tuning import Tuning
from s3magic.url import S3Url

SERVER = Path(__file__).parent.parent / "mounting" / "faulty.py"
MIB = 1 << 20
SIZES = [random.Random(number).randrange(MIB) for number in range(120)]  # noqa: S311
ROUNDS = 10
SHIFTS = 32 * MIB
"""As the server has it."""


@pytest.fixture
def stored(tmp_path):
    """The file that the objects are pieces of."""
    path = tmp_path / "base.bin"
    path.write_bytes(random.Random(3).randbytes(SHIFTS + MIB))  # noqa: S311
    return path


@pytest.fixture
def server(stored):
    """The faulty server: 5 % of requests are told to slow down, 5 % meet another fault."""
    argv = [sys.executable, str(SERVER), str(stored), json.dumps(SIZES), "yes", "0", "0"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def contents(stored):
    """Return what each object holds, by name."""
    base = stored.read_bytes()
    shifts = [index * 1_000_003 % SHIFTS for index in range(len(SIZES))]
    return {f"{index}.bin": base[shift : shift + SIZES[index]] for index, shift in enumerate(shifts)}


def again_and_again(work):
    """Work until nothing fails; return the reasons that were given for each tile on the way."""
    given = {}
    for _ in range(ROUNDS):
        try:
            return work(), given
        except TilesFailed as failed:
            for name, reason in failed.failures:
                given.setdefault(name, []).append(reason)
    pytest.fail(f"after {ROUNDS} rounds there are still failures: {given}")


def test_every_tile_arrives_or_is_named_with_its_reason(server, stored, tmp_path):
    endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
    client = Client(Location(endpoint_url=endpoint), lambda: Credentials("A", "B"), Tuning(initial_delay=0.01))
    store = S3Store("soak", client)
    order, folder = Order(patterns=(S3Url.parse("s3://soak/*.bin"),)), tmp_path / "ds"
    dataset, named = again_and_again(lambda: link(order, folder, opener=lambda _url: store))
    right = contents(stored)
    assert {tile.name: tile.oid for tile in dataset.tiles} == {
        name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in right.items()
    }
    linked = client.traffic.received
    report, unfetched = again_and_again(dataset.fetch)
    assert len(report.fetched) + len(report.present) == len(right)
    assert all((folder / name).read_bytes() == body for name, body in right.items())
    server.stdin.close()
    met = json.loads(server.stdout.readline())
    sys.stdout.write(f"\nserver: {met}\nnamed when linked: {named}\nnamed when fetched: {unfetched}\n")
    assert met["503 SlowDown"]
    assert len(met) > 3, "several kinds of faults were met"
    assert all(reason for reasons in (*named.values(), *unfetched.values()) for reason in reasons)
    assert len(named) + len(unfetched) < len(right) / 4, "most tiles come through at once"
    assert client.traffic.received - linked < 1.5 * sum(SIZES), "what came is not asked for again"
