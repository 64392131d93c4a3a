"""Never wrong bytes: random reads by many threads while the server fails, lies and replaces objects.

How many reads is set by S3MAGIC_SOAK_READS: ``make soak-reads`` takes a million.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter

import pytest
from faulty import LARGEST, MIB

import s3magic
from s3magic import api
from s3magic.access import current

READS = int(os.environ.get("S3MAGIC_SOAK_READS", "20000"))
READERS, THREADS = 4, 4
SIZES = [20_000, 128 << 10, MIB, 2 * MIB + 1, 4 * MIB - 7, 8 * MIB, 16 * MIB + 4095, 32 * MIB, LARGEST - 1, LARGEST]
REPLACED_SECONDS = 0.25


@pytest.fixture
def faulty(base, programs):
    """The faulty server, in use."""
    server = programs("faulty.py", base, json.dumps(SIZES), "yes", REPLACED_SECONDS, 0)
    endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
    s3magic.connect("keys", access_key_id="A", secret_access_key="B", endpoint_url=endpoint, region="us-east-1")
    yield server
    current.forget()


def test_a_read_gives_the_bytes_of_the_version_that_was_opened_or_an_error(faulty, base, room, programs):
    server = faulty
    mounted = api.mount("s3://soak/", room / "m", memory=100_000_000, fresh=1)
    seed, began = random.randrange(1 << 30), time.monotonic()  # noqa: S311
    words = (mounted.path, base, json.dumps(SIZES), READS // READERS, THREADS)
    readers = [programs("soak_reader.py", *words, f"{seed}-{number}") for number in range(READERS)]
    told = [json.loads(reader.stdout.readline()) for reader in readers]
    took = time.monotonic() - began
    stats = mounted.stats()
    mounted.unmount()
    server.stdin.close()
    met = json.loads(server.stdout.readline())
    counts = sum((Counter(one["counts"]) for one in told), Counter())
    errors = sum((Counter(one["errors"]) for one in told), Counter())
    sys.stdout.write(
        f"\n{counts['reads']} reads of {counts['bytes'] / 1e9:.2f} GB by {READERS * THREADS} threads in {took:.0f} s, "
        f"seed {seed}\nerrors: {dict(errors)}\nserver: {met}\nretries: {met['requests'] - stats['requests']}; "
        f"daemon: {stats['requests']} requests, {stats['bytes_fetched'] / 1e9:.2f} GB fetched, "
        f"at most {stats['memory_peak_bytes'] / 1e6:.0f} MB of memory; last error: {stats['last_error']}\n"
    )
    assert not [wrong for one in told for wrong in one["wrong"]]
    assert counts["reads"] >= READS
    assert sum(errors.values()) < counts["reads"] / 10, "most reads come through"
    assert met["503 SlowDown"]
    assert met["objects replaced"] or took < REPLACED_SECONDS
