"""Whole objects on disk, once reads here and there have cost enough."""

from __future__ import annotations

import os

import pytest

from s3magic.mounting.ahead import UNIT
from s3magic.mounting.filling import FEWEST_LEAPS, SMALL, Costs, Spill


def test_nothing_is_worth_it_before_anything_is_known():
    assert not Costs().is_worth(1, 1000)


def test_it_is_worth_it_when_half_of_the_whole_has_been_paid():
    costs = Costs()
    costs.learn(0.03, 1 << 20, (1 << 20) / 50e6)
    whole = 800_000_000  # a second, by sixteen such connections; a read of 256 KiB takes 35 ms
    assert not costs.is_worth(whole, 14)
    assert costs.is_worth(whole, 15)


def test_a_few_leaps_are_no_reading_here_and_there():
    costs = Costs()
    costs.learn(0.03, 1 << 20, (1 << 20) / 50e6)
    assert costs.is_worth(SMALL, FEWEST_LEAPS - 1)
    assert not costs.is_worth(SMALL + 1, FEWEST_LEAPS - 1)
    assert costs.is_worth(SMALL + 1, FEWEST_LEAPS)


def test_a_slow_link_is_not_filled_with_what_few_reads_ask_for():
    costs = Costs()
    costs.learn(0.03, 1 << 20, 1.0)
    assert not costs.is_worth(1 << 30, 100)
    assert costs.is_in_doubt(1 << 30, 100)


def test_what_was_written_can_be_read_and_the_rest_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    size = 3 * UNIT + 5
    spill = Spill.make(size)
    assert not list(tmp_path.iterdir()), "it has no name"
    data = os.urandom(UNIT + 5)
    spill.write(2 * UNIT, memoryview(data))
    assert spill.has(2 * UNIT + 1, size)
    assert not spill.has(2 * UNIT - 1, size)
    assert spill.read(2 * UNIT + 3, size) == data[3:]


@pytest.mark.parametrize("folder", ["none", "full"])
def test_without_room_on_disk_there_is_none(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("TMPDIR", str(tmp_path / folder))
    (tmp_path / "full").mkdir()
    assert Spill.make(1 << 60) is None
    if folder == "none":
        assert Spill.make(1) is None
