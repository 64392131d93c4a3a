"""Pages asked for before their turn: the same names, each once, whatever was guessed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.errors import Unreachable
from s3magic.mounting.pages import AT_ONCE, Pages
from s3magic.store.memory import MemoryStore

NAMES = st.one_of(
    st.integers(0, 120).map("{:03}.nc".format),
    st.integers(0, 120).map("{:03}/inside".format),
    st.integers(0, 12).map(str),
    st.sampled_from(["x", "00", "099.nc/a", "1é2", "."]),
)


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


class Asked:
    """What is asked of a store with small pages, and how."""

    def __init__(self, names, *, size=3, deaf=False, fails=False):
        self.store, self.size, self.deaf, self.fails = MemoryStore("b"), size, deaf, fails
        self.by_token = self.by_guess = 0
        for name in names:
            self.store.put(f"p/{name}", b"")

    def __call__(self, prefix, token, start_after):
        self.by_guess += start_after is not None
        self.by_token += start_after is None
        if start_after and self.fails:
            raise Unreachable("no answer")
        after = None if self.deaf else start_after
        return self.store.list_page(prefix, delimiter="/", token=token, start_after=after, max_keys=self.size)


def names_by(ask, executor):
    pages, names = Pages("p/", executor), []
    while True:
        page = pages.next(ask)
        names += [info.key for info in page.objects] + list(page.prefixes)
        if page.next_token is None:
            return names


def plain_names(ask):
    page = ask.store.list_page("p/", delimiter="/")
    return sorted([info.key for info in page.objects] + list(page.prefixes))


@settings(deadline=None, max_examples=300)
@given(st.sets(NAMES, max_size=60), st.integers(1, 7), st.booleans(), st.booleans())
def test_guessing_changes_nothing_of_what_is_found(executor, names, size, deaf, fails):
    ask = Asked(names, size=size, deaf=deaf, fails=fails)
    assert sorted(names_by(ask, executor)) == plain_names(ask)


def test_names_that_count_up_are_mostly_guessed(executor):
    ask = Asked([f"{number:04}.nc" for number in range(160)], size=10)
    assert names_by(ask, executor) == plain_names(ask)
    assert ask.by_token <= 4
    assert ask.by_guess <= 16 + AT_ONCE


def test_a_wrong_guess_is_the_last_one(executor):
    ask = Asked([f"{2**power:013}" for power in range(40)], size=5)
    assert names_by(ask, executor) == plain_names(ask)
    assert ask.by_guess <= AT_ONCE


def test_one_page_alone_asks_for_no_other(executor):
    ask = Asked([f"{number:04}" for number in range(100)], size=10)
    Pages("p/", executor).next(ask)
    assert (ask.by_token, ask.by_guess) == (1, 0)
