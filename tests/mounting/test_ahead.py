"""What is fetched for a read, and beyond it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from s3magic.mounting.ahead import CALM_WINDOW, EAGER_AFTER, LARGEST_WINDOW, LEAP_EAGER_AFTER, PART, Readers

MIB = 1 << 20
GIB = 1 << 30


def read_on(readers, start, stop, step=128 << 10, room=GIB):
    """Read a range piece by piece, everything asked for being here; return what was fetched ahead."""
    ahead = []
    for at in range(start, stop, step):
        ahead += readers.plan(at, min(at + step, stop), is_here=True, room=room).ahead
    return ahead


def test_the_first_read_takes_the_head_of_the_object():
    assert Readers(GIB).plan(0, 4096, is_here=False, room=GIB).now == (0, MIB)
    assert Readers(1000).plan(0, 10, is_here=False, room=GIB).now == (0, 1000)


def test_a_read_elsewhere_takes_little_more_than_asked():
    plan = Readers(GIB).plan(500 * MIB, 500 * MIB + 10, is_here=False, room=GIB)
    assert plan.now == (500 * MIB, 500 * MIB + (256 << 10))
    assert plan.ahead == ()


def test_random_reads_fetch_nothing_ahead():
    readers = Readers(GIB)
    for at in range(20):
        start = (at * 37 % 20) * 50 * MIB
        assert readers.plan(start, start + 4096, is_here=False, room=GIB).ahead == ()


def test_ranges_ahead_follow_each_other_without_gap_or_overlap():
    ahead = read_on(Readers(GIB), 0, 200 * MIB)
    assert all(one[1] == other[0] for one, other in pairwise(ahead))
    assert max(stop - start for start, stop in ahead) == PART


def test_the_window_grows_with_what_was_consumed():
    readers = Readers(GIB)
    early = read_on(readers, 0, 2 * MIB)[-1][1]
    assert early <= 10 * MIB
    late = read_on(readers, 2 * MIB, 40 * MIB)[-1][1]
    assert 40 * MIB + LARGEST_WINDOW - PART <= late <= 40 * MIB + LARGEST_WINDOW


def test_what_a_reader_in_full_swing_left_behind_is_told_once_but_never_the_head():
    readers, step = Readers(GIB), 128 << 10
    reads = [(at, at + step) for at in range(0, 40 * MIB, step)]
    plans = [readers.plan(*read, is_here=True, room=GIB) for read in reads if not readers.goes_on(*read)]
    passed = [plan.passed for plan in plans if plan.passed[1]]
    assert passed[0][0] == MIB
    assert all(one[1] == other[0] for one, other in pairwise(passed))
    assert 30 * MIB < passed[-1][1] <= 39 * MIB


def test_the_end_of_the_object_is_the_end():
    size = 30 * MIB + 5
    assert read_on(Readers(size), 0, size)[-1][1] == size


def test_two_readers_of_one_object_are_told_apart():
    readers = Readers(GIB)
    first = second = ()
    for step in range(40):
        at = step * 128 << 10
        first = readers.plan(at, at + 1, is_here=True, room=GIB).ahead or first
        second = readers.plan(600 * MIB + at, 600 * MIB + at + 1, is_here=True, room=GIB).ahead or second
    assert first[0][0] < 100 * MIB
    assert second[0][0] > 600 * MIB


@pytest.mark.parametrize("room", [0, 3 * MIB])
def test_no_more_is_fetched_ahead_than_there_is_room(room):
    readers = Readers(GIB)
    read_on(readers, 0, 20 * MIB, room=0)
    plan = readers.plan(20 * MIB, 21 * MIB, is_here=True, room=room)
    assert sum(stop - start for start, stop in plan.ahead) <= room


def test_what_was_dropped_is_fetched_ahead_again():
    readers = Readers(GIB)
    read_on(readers, 0, 20 * MIB)
    plan = readers.plan(20 * MIB, 21 * MIB, is_here=False, room=GIB)
    assert plan.ahead[0][0] == 21 * MIB


def test_a_head_that_tells_where_the_parts_are_is_not_read_beyond_until_its_reader_goes_on():
    readers = Readers(GIB, is_indexed=True)
    head = read_on(readers, 0, 4 * MIB)
    assert head[-1][1] == EAGER_AFTER
    assert read_on(readers, 4 * MIB, 6 * MIB)[-1][1] > 20 * MIB


@pytest.mark.parametrize("size", [2 * MIB, 5 * MIB, 12 * MIB])
def test_a_reader_in_the_middle_gets_no_more_ahead_than_it_took_until_that_is_much(size):
    start = 500 * MIB
    assert read_on(Readers(GIB), start, start + size)[-1][1] <= start + size + max(size, CALM_WINDOW)
    end = start + LEAP_EAGER_AFTER + MIB
    assert read_on(Readers(GIB), start, end)[-1][1] > end + LARGEST_WINDOW // 2


def test_chunks_of_one_size_come_at_once_after_the_second():
    readers, chunk = Readers(GIB), 1_296_000
    for at in (300 * MIB, 500 * MIB, 700 * MIB):
        plan = readers.plan(at, at + 4096, is_here=False, room=GIB)
        reach = plan.ahead[-1][1] if plan.ahead else plan.now[1]
        read_on(readers, at, at + chunk, step=4096)
    assert reach == 700 * MIB + chunk


def test_a_large_read_among_small_ones_makes_no_later_one_large():
    readers = Readers(GIB)
    for number in range(30):
        at = (number * 37 % 30 + 1) * 30 * MIB
        plan = readers.plan(at, at + 4096, is_here=False, room=GIB)
        assert plan.ahead == ()
        if number % 3 == 0:
            read_on(readers, at, at + 3 * MIB)
