"""Tiles as listings tell of them: runs of neighbouring keys, each listed from its first to its last; asks no HEAD."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from s3magic.errors import AccessDenied, NotFound, ServerError, Unreachable
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import StoreOpener
from s3magic.store.listing import between
from s3magic.url import S3Url

_MOST = 4000  # tiles of a run: four pages, so that strangers among them seldom cost more than a page in four
_OPEN = 64  # folders whose runs are gathered at the same time
_BY_HEAD = 4  # so few tiles of a folder are not worth a listing


@dataclass(frozen=True, slots=True)
class Run:
    """Tiles whose objects lie in one folder, in the order of their keys.

    Parameters
    ----------
    bucket
        The folder's bucket.
    keys, etags, numbers
        Of each tile: its key, the linked ETag, and its number among all tiles.
    """

    bucket: str
    keys: list[str] = field(default_factory=list)
    etags: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is called where it fails."""
        return f"s3://{self.bucket}/{self.keys[0]}"

    def add(self, number: int, tile: LinkedTile) -> None:
        """Take in a tile."""
        self.keys.append(tile.source.key)
        self.etags.append(tile.etag)
        self.numbers.append(number)


def runs(tiles: Iterable[LinkedTile]) -> Iterator[Run]:
    """Yield tiles, as they come, in runs."""
    begun: dict[tuple[str, str], Run] = {}
    for number, tile in enumerate(tiles):
        source = tile.source
        place = source.bucket, source.key.rpartition("/")[0]
        run = begun.get(place)
        if run is not None and (len(run.keys) >= _MOST or source.key <= run.keys[-1]):
            yield begun.pop(place)
            run = None
        if run is None:
            if len(begun) >= _OPEN:
                yield begun.pop(next(iter(begun)))
            run = begun[place] = Run(source.bucket)
        run.add(number, tile)
    yield from begun.values()


@dataclass(frozen=True, slots=True)
class Rest:
    """The tiles of a run that no listing settled.

    Parameters
    ----------
    etags
        By the number of a tile: another ETag than was linked, or None where the object was not listed.
    why
        Why nobody can tell; where it is empty, a HEAD may.
    """

    etags: dict[int, str | None]
    why: str = ""


def unsettled(run: Run, *, opener: StoreOpener) -> Rest:
    """List a run, as far as that is allowed and worth it, and return the tiles that are not there as they were linked.

    A listing that takes as many requests as HEADs would is given up.
    """
    found: dict[str, str] = {}
    why = ""
    if len(run.keys) > _BY_HEAD:
        try:
            found = _listed(run, opener)
        except (AccessDenied, NotFound, ServerError):
            pass
        except Unreachable as error:
            why = error.message
    told = zip(run.numbers, run.etags, map(found.get, run.keys), strict=True)
    return Rest({number: now for number, linked, now in told if now != linked}, why)


def _listed(run: Run, opener: StoreOpener) -> dict[str, str]:
    """Return the ETags of a run's objects by their keys."""
    first, last, keys = run.keys[0], run.keys[-1], set(run.keys)
    prefix = os.path.commonprefix([first, last])  # noqa: RUF071 - letter by letter is meant: keys are no paths
    before = first[:-1]  # so close that hardly a stranger is between
    found: dict[str, str] = {}
    walk = between(opener(S3Url(run.bucket, first)), prefix, after=before, until=last, delimiter="/")
    for count, page in enumerate(walk, start=1):
        found |= {info.key: info.etag for info in page.objects if info.key in keys}
        if count >= len(keys):
            break
    return found
