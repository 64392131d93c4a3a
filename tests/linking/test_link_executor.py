"""Linking and fetching in processes of the user's: what goes there and what comes back can be sent."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest

from s3magic.errors import TilesFailed
from s3magic.linking.adding.describe import Described
from s3magic.linking.adding.drafts import Drafts
from s3magic.linking.adding.ledger import Ledger
from s3magic.linking.adding.order import Order
from s3magic.linking.linked import link
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url


@cache
def store():
    """The same bucket in every process."""
    made = MemoryStore("teaching")
    for number in range(6):
        made.put(f"x/{number}.txt", b"%d" % number * 1000)
    made.put("x/none.laz", b"no LAZ")
    return made


def opener(url):
    return store()


def test_processes_of_the_users_do_the_work(tmp_path):
    urls = (S3Url.parse("s3://teaching/x/*.txt"), S3Url.parse("s3://teaching/x/none.laz"))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        with pytest.raises(TilesFailed, match=r"none\.laz: Not readable as LAS or LAZ"):
            link(Order(patterns=urls, hash="read"), tmp_path / "ds", opener=opener, executor=executor)
        dataset = link(Order(patterns=urls[:1], replace=True), tmp_path / "ds", opener=opener, executor=executor)
        assert len(dataset.changes.kept) == 6
        assert len(dataset.fetch(executor=executor).fetched) == 6
    assert (Path(dataset.path) / "3.txt").read_bytes() == b"3" * 1000


def test_what_comes_from_another_process_is_of_one_kind(tmp_path):
    schema = [{"name": "X", "dataType": "int32"}]
    with Ledger(tmp_path / "ledger") as ledger:
        drafts = Drafts(ledger, hash="auto")
        tiles = [LinkedTile(f"{number}.laz", f"s3://teaching/x/{number}.laz", "e", 1) for number in range(3)]
        drafts.add([Described(tile, "point-cloud", "EPSG:2193", deepcopy(schema)) for tile in tiles])
        assert ledger.row("select count(*), min(number), max(number) from kind") == (1, 1, 1)
        assert ledger.row("select min(kind), max(kind) from described") == (1, 1)
