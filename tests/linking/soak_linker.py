"""Links or fetches until it is killed: soak_linker.py ENDPOINT PHASE FOLDER; begins when a line comes."""

from __future__ import annotations

import sys
from pathlib import Path

import s3magic.formats.las  # noqa: F401 - takes its time, and what came meanwhile would not be looked at
from s3magic import harvest
from s3magic.linking.adding.order import Order
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.linked import link
from s3magic.store.client import Client
from s3magic.store.credentials import Credentials, Location
from s3magic.store.s3 import S3Store
from s3magic.store.tuning import Tuning
from s3magic.url import S3Url

AT_ONCE = 4
"""Requests and tiles under way, so few that there is a time to be killed in."""


def opener_of(endpoint):
    client = Client(Location(endpoint_url=endpoint), lambda: Credentials("A", "B"), Tuning(request_concurrency=AT_ONCE))
    store = S3Store("soak", client)
    return lambda _url: store


def run(phase, opener, folder):
    """Do one of the PHASES; again, it is the same."""
    if phase in {"fetch", "fetch unhashed"}:
        return LinkedDataset(folder, opener=opener).fetch()
    name = "tiles/*.laz" if phase == "describe" else "files/*.bin"
    order = Order(patterns=(S3Url.parse(f"s3://soak/{name}"),), checkout=phase == "checkout")
    return link(order, folder, opener=opener)


if __name__ == "__main__":
    endpoint, phase, folder = sys.argv[1:]
    opener = opener_of(endpoint)
    harvest.WORKERS = AT_ONCE
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    run(phase, opener, Path(folder))
