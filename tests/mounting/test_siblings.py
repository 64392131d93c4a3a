"""Which files of a folder come next."""

from __future__ import annotations

import random

import pytest

from s3magic.mounting.siblings import MOST_FILES, NEAR, Walk


def steps(positions):
    """Open files at these positions; return what was fetched before each."""
    walk, fetched = Walk(), []
    for position in positions:
        found = walk.step(position)
        fetched.append(found)
        walk.reached = max(walk.reached, found.stop - 1) if found else walk.reached
    return fetched


def test_a_walk_in_order_fetches_each_file_once_and_before_it_is_opened():
    fetched = steps(range(500))
    ahead = [position for found in fetched for position in found]
    assert ahead == list(range(2, 500 + MOST_FILES))
    assert len(fetched[-1]) == 1


def test_a_walk_by_several_threads_is_one_walk():
    positions = list(range(400))
    chance = random.Random(3)  # noqa: S311
    for at in range(0, 400, 8):
        positions[at : at + 8] = chance.sample(positions[at : at + 8], 8)
    ahead = [position for found in steps(positions) for position in found]
    assert len(set(ahead)) == len(ahead) > 380


@pytest.mark.parametrize(
    "positions", [[5], [5, 5, 5], [1, 100, 200, 300], range(300, 0, -30), range(0, 3000, NEAR + 1)]
)
def test_what_is_no_walk_fetches_nothing(positions):
    assert not any(steps(positions))
