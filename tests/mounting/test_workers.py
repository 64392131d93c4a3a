"""Threads for what may wait."""

from __future__ import annotations

import threading

import pytest

from s3magic.mounting.workers import Workers


@pytest.fixture
def pool():
    made = []

    def make(most):
        made.append(Workers(most, name="test"))
        return made[-1]

    yield make
    for workers in made:
        workers.stop()


def test_what_is_asked_for_goes_before_what_is_foreseen(pool):
    workers, gate, done, order = pool(1), threading.Event(), threading.Event(), []
    workers.submit(gate.wait)
    for number in range(3):
        workers.submit(lambda number=number: order.append(f"later {number}"), later=True)
    workers.submit(lambda: order.append("now"))
    workers.submit(done.set, later=True)
    gate.set()
    assert done.wait(20)
    assert order == ["now", "later 0", "later 1", "later 2"]


def test_as_many_run_at_once_as_are_queued(pool):
    workers, together = pool(4), threading.Barrier(5, timeout=20)
    for _ in range(4):
        workers.submit(together.wait)
    together.wait()


def test_those_that_run_do_the_rest_where_the_machine_allows_no_more(pool, monkeypatch):
    workers, gate, done = pool(3), threading.Event(), threading.Semaphore(0)

    def refuse(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            workers.submit(done.release)
    workers.submit(gate.wait)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        for _ in range(9):
            workers.submit(done.release)
    gate.set()
    assert all(done.acquire(timeout=20) for _ in range(10))
    together = threading.Barrier(4, timeout=20)
    for _ in range(3):
        workers.submit(together.wait)
    together.wait()


def test_no_more_run_than_allowed(pool):
    workers, lock, done = pool(3), threading.Lock(), threading.Semaphore(0)
    running, most = set(), 0

    def task():
        nonlocal most
        with lock:
            running.add(threading.get_ident())
            most = max(most, len(running))
        done.release()

    for _ in range(50):
        workers.submit(task)
    assert all(done.acquire(timeout=20) for _ in range(50))
    assert most <= 3
