"""Work on many things at once: every value is told once, whatever else comes of the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import pytest

from s3magic.errors import NoCredentials
from s3magic.harvest import gather


@dataclass(frozen=True)
class Thing:
    number: int

    @property
    def name(self):
        return str(self.number)


def things(count):
    return [Thing(number) for number in range(count)]


@pytest.mark.parametrize("is_theirs", [False, True], ids=["threads of its own", "an executor"])
def test_values_are_told_as_they_come_each_once(is_theirs):
    def halve(thing):
        if thing.number % 10 == 3:
            raise ValueError("three")
        return thing.number / 2

    told = []
    with ThreadPoolExecutor(2) as pool:
        executor = pool if is_theirs else None
        harvest = gather(halve, things(50), executor=executor, on_values=told.append, keep=False)
    values = [value for some in told for value in some]
    assert sorted(values) == [number / 2 for number in range(50) if number % 10 != 3]
    assert min(harvest.failures, key=lambda one: int(one[0]))[0] == "3"
    assert (len(harvest.failures), harvest.values) == (5, [])


def test_what_came_before_the_end_of_it_all_is_told():
    done, told = Event(), []

    def work(thing):
        if thing.number == 1:
            assert done.wait(30)
            raise NoCredentials("None", "Get some.")
        done.set()
        return thing.number

    harvest = gather(work, things(2), workers=2, on_values=told.extend)
    assert isinstance(harvest.stopped, NoCredentials)
    assert told == harvest.values == [0]
