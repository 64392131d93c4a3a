"""The linked datasets that a process has opened: counted, counted anew when something changed, forgotten when gone."""

from __future__ import annotations

import os
import shutil
import time

import pytest

import s3magic
from s3magic.linking import opened


@pytest.fixture
def dataset(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "_opened", {})  # other tests open datasets, too
    return s3magic.link("s3://teaching/tiles/*.laz", tmp_path / "tiles")


def tally(dataset):
    return next((one for one in opened.tallies() if one.path == str(dataset.path)), None)


def settle(dataset):
    """Let the folders be older than the file system's tick, so that a count is kept."""
    old = time.time_ns() - 10_000_000_000
    for folder in (dataset.path, *(path for path in dataset.path.rglob("*") if path.is_dir())):
        os.utime(folder, ns=(old, old))


def test_tiles_are_counted_and_what_is_fetched(dataset):
    told = tally(dataset)
    assert (told.kind, told.tiles, told.here) == ("point-cloud", len(dataset.tiles), 0)
    assert told.size == sum(tile.size for tile in dataset.tiles)
    settle(dataset)
    assert tally(dataset).here == 0
    name = dataset.tiles[0].name
    dataset.fetch(match=name)
    assert tally(dataset).here == 1
    settle(dataset)
    (dataset.path / name).unlink()
    assert tally(dataset).here == 0


def test_what_has_not_changed_is_not_read_again(dataset, monkeypatch):
    settle(dataset)
    first = tally(dataset)
    monkeypatch.setattr(opened, "Folder", None)  # reading the manifest would raise
    assert tally(dataset) is first


def test_a_dataset_that_is_gone_is_told_no_more(dataset):
    assert tally(dataset)
    shutil.rmtree(dataset.path)
    assert tally(dataset) is None
