"""The pages of one folder in order; where names are numbered, later pages are asked for before the one ahead came.

A page cannot be asked for by its token before the last one is here. But where names count up, the
name that a later page begins after can be guessed, and a wrong guess is found out: a page is taken
only if everything up to where it begins is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from itertools import pairwise

from s3magic.errors import S3MagicError
from s3magic.store.base import ListPage
from s3magic.url import utf8

AT_ONCE = 8
Ask = Callable[[str, str | None, str | None], ListPage]
"""Asks for a page by prefix and by token or by the key it begins after."""


class Pages:
    """One folder's pages, each name once.

    Parameters
    ----------
    prefix
        The folder.
    executor
        The threads that ask for what is guessed.
    """

    def __init__(self, prefix: str, executor: Executor) -> None:
        self._prefix = prefix
        self._executor = executor
        self._guessed: deque[tuple[str, Future[ListPage]]] = deque()
        self._last: ListPage | None = None
        self._is_guessing = True
        self._reached = b""
        self._token: str | None = None
        self._starts: Iterator[str] = iter(())

    def next(self, ask: Ask) -> ListPage:
        """Return the next page; not to be called after one without a token."""
        if not self._guessed:
            self._starts = guesses(self._last) if self._last is not None and self._is_guessing else iter(())
            if (start := next(self._starts, None)) is None:
                return self._note(ask(self._prefix, self._token, None))
            coming = self._executor.submit(ask, self._prefix, self._token, None)  # first, for all others wait for it
            self._guess(ask, start)
            return self._note(coming.result())
        page = self._take(*self._guessed.popleft())
        if page is not None and page.next_token is not None:
            self._guess(ask, next(self._starts, None))
            return self._note(page)
        for _, other in self._guessed:
            other.cancel()
        self._guessed.clear()
        if page is not None:
            return self._note(page)
        self._is_guessing = False
        return self._note(ask(self._prefix, self._token, None))

    def _guess(self, ask: Ask, start: str | None) -> None:
        """Ask for the page after a key, and for more after it, so that enough are on their way."""
        while start is not None:
            self._guessed.append((start, self._executor.submit(ask, self._prefix, None, start)))
            start = next(self._starts, None) if len(self._guessed) < AT_ONCE - 1 else None

    def _take(self, start: str, coming: Future[ListPage]) -> ListPage | None:
        """Return what a guessed page adds to what is known; None when it may not follow, or adds nothing."""
        if utf8(start) > self._reached:
            return None
        try:
            page = coming.result()
        except S3MagicError:
            return None
        names = [info.key for info in page.objects] + list(page.prefixes)
        if any(utf8(name) <= utf8(start) for name in names):
            return None  # a server that takes no start
        objects = tuple(info for info in page.objects if utf8(info.key) > self._reached)
        prefixes = tuple(prefix for prefix in page.prefixes if utf8(prefix) > self._reached)
        if not objects and not prefixes and page.next_token is not None:
            return None  # it ends before what is known does, and so does its token
        return replace(page, objects=objects, prefixes=prefixes)

    def _note(self, page: ListPage) -> ListPage:
        last = [info.key for info in page.objects[-1:]] + list(page.prefixes[-1:])
        self._reached = max([self._reached, *map(utf8, last)])
        self._token = page.next_token
        self._last = page
        return page


def guesses(page: ListPage) -> Iterator[str]:
    """Return the keys that the pages after the next one will begin after, if names go on counting as they did.

    Examples
    --------
    >>> from itertools import islice
    >>> from s3magic.store.base import ObjectInfo
    >>> names = ["a/0100.nc", "a/0199.nc"]
    >>> page = ListPage(tuple(ObjectInfo("", name, 1, "") for name in names), (), "more")
    >>> list(islice(guesses(page), 2))
    ['a/0299.nc', 'a/0399.nc']
    """
    if len(page.objects) < 2:
        return iter(())
    keys = [info.key for info in page.objects]
    if any(one >= other for one, other in pairwise(keys)):
        return iter(())  # a store that lists in no order
    first, last = keys[0], keys[-1]
    begin = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(last))
    end = begin
    while begin and _is_digit(last[begin - 1]):
        begin -= 1
    while end < len(last) and _is_digit(last[end]):
        end += 1
    number, was = last[begin:end], first[begin:end]
    if not number or len(was) != len(number) or not all(map(_is_digit, was)):
        return iter(())
    before, width, after, step = last[:begin], len(number), last[end:], int(number) - int(was) + 1
    following = range(int(number) + step, 10**width, step)
    return (f"{before}{one:0{width}}{after}" for one in following)  # which holds no page


def _is_digit(letter: str) -> bool:
    return "0" <= letter <= "9"
