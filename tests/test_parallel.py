"""Many items at once: outcomes as they come, failures apart, nothing taken too far ahead."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3magic.parallel import each, each_here


@pytest.fixture
def pool():
    with ThreadPoolExecutor(3) as made:
        yield made


def test_every_item_has_its_outcome(pool):
    def halve(number):
        if number == 3:
            raise ValueError("three")
        return number / 2

    outcomes = {outcome.item: outcome for outcome in each(halve, range(10), executor=pool, workers=3)}
    assert len(outcomes) == 10
    assert outcomes[4].value == 2
    assert isinstance(outcomes[3].error, ValueError)
    assert outcomes[3].value is None


def test_an_endless_source_is_taken_only_as_far_as_needed(pool):
    taken = itertools.count()
    results = each(lambda item: item, taken, executor=pool, workers=4)
    for _ in range(10):
        next(results)
    results.close()
    assert next(taken) <= 10 + 2 * 4


def test_an_interrupt_stops_what_has_not_begun(pool):
    begun = []
    gate = threading.Event()

    def work(item):
        begun.append(item)
        gate.wait(10)

    def interrupted():
        for outcome in each(work, range(100), executor=pool, workers=2):
            del outcome
            raise KeyboardInterrupt

    threading.Timer(0, gate.set).start()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(begun) < 100


@pytest.mark.parametrize("to_the_end", [True, False])
def test_what_has_begun_is_waited_for_where_that_is_wanted(pool, to_the_end):
    begun, gate, left, ended = threading.Event(), threading.Event(), threading.Event(), []

    def work(item):
        if item:
            begun.set()
            gate.wait(30)
            ended.append(item)

    def leave():
        results = each(work, range(2), executor=pool, workers=2, to_the_end=to_the_end)
        next(results)
        begun.wait(30)
        results.close()
        left.set()
        after.append(list(ended))

    after = []
    thread = threading.Thread(target=leave)
    thread.start()
    assert begun.wait(30)
    if not to_the_end:
        assert left.wait(30)
    gate.set()
    thread.join(30)
    assert after == [[1] if to_the_end else []]


def test_a_given_executor_is_used_and_left_open():
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        names = {o.value for o in each(lambda _: threading.current_thread().name, range(3), executor=pool)}
        assert all(name.startswith("mine") for name in names)
        assert pool.submit(int).result() == 0


def test_threads_of_its_own_give_the_same_outcomes():
    def halve(number):
        if number == 3:
            raise ValueError("three")
        return number / 2

    outcomes = {outcome.item: outcome for turn in each_here(halve, range(10), workers=3) for outcome in turn}
    assert len(outcomes) == 10
    assert outcomes[4].value == 2
    assert isinstance(outcomes[3].error, ValueError)
    assert list(each_here(halve, ())) == []


def test_threads_of_its_own_are_no_more_than_wanted_and_gone_in_the_end():
    taken, seen = itertools.count(), set()
    results = each_here(lambda _: seen.add(threading.current_thread()), taken, workers=4)
    done = 0
    while done < 100:
        done += len(next(results))
    results.close()
    assert done <= next(taken) <= done + 2 * 4
    assert 0 < len(seen) <= 4
    assert not any(thread.is_alive() for thread in seen)


def test_who_leaves_is_asked_to_and_waited_for():
    begun, told, ended = threading.Event(), threading.Event(), []

    def work(item):
        if item:
            begun.set()
            assert told.wait(30)
            ended.append(item)

    results = each_here(work, range(50), workers=2, leaving=told.set)
    next(results)
    assert begun.wait(30)
    results.close()
    assert 1 <= len(ended) <= 3, "what had begun ended, the rest never began"


def test_what_is_no_error_ends_it_all():
    def work(item):
        raise SystemExit(item)

    with pytest.raises(SystemExit):
        next(each_here(work, range(5), workers=1))
