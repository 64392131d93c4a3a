"""What URLs name: the objects that shall be tiles, each under its name, with their sidecars; describes none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from s3magic.errors import AccessDenied, LinkError, NoSuchKey, NotFound
from s3magic.linking import names
from s3magic.linking.selection import fits
from s3magic.linking.work import gather
from s3magic.progress import meter
from s3magic.store.base import ObjectInfo, StoreOpener
from s3magic.store.listing import around
from s3magic.url import S3Url

PAM = ".aux.xml"
_PAGE = 1000
_RASTERS = (".tif", ".tiff", ".gtiff", ".btf")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that is to be linked.

    Parameters
    ----------
    info
        The object, as a listing or HEAD told it.
    name
        The name it gets in the dataset.
    version_id
        The version the user pinned, if any.
    asked
        Whether ``info`` comes from HEAD, so that it knows all S3 does.
    sidecars
        The names of the objects that belong to it.
    is_sidecar
        Whether it belongs to another.
    """

    info: ObjectInfo
    name: str
    version_id: str | None = None
    asked: bool = False
    sidecars: tuple[str, ...] = ()
    is_sidecar: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: objects in the order of their names, the URLs that name them, and how many requests that took."""

    candidates: tuple[Candidate, ...]
    sources: tuple[str, ...]
    lists: int
    heads: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A URL as it is meant: a folder has its slash, a single object is known."""

    url: S3Url
    info: ObjectInfo | None = None
    sidecar: ObjectInfo | None = None
    requests: int = 0


def survey(
    patterns: Sequence[S3Url], *, opener: StoreOpener, match: str | None = None, keep_prefix: bool = False
) -> Survey:
    """List what the patterns name, each object once.

    A raster's ``.aux.xml`` comes along, whether a pattern names it or not.

    Parameters
    ----------
    match
        Take only objects whose name fits a pattern, and their sidecars.
    keep_prefix
        Let names keep their path below the folder that all patterns have in common.

    Raises
    ------
    NoSuchKey
        Nothing has such a name.
    LinkError
        No name fits ``match``, two objects would have one name, or a name can be no file.
    """
    places = _places(patterns, opener)
    urls = tuple(place.url for place in places)
    folder = names.common_folder(urls) if keep_prefix else None
    found: dict[str, Candidate] = {}
    aside: dict[str, Candidate] = {}
    lists = 0
    with meter("Listing", None, " objects") as bar:
        for place in places:
            seen = count = 0
            for info, is_meant in _objects(place, opener):
                bar(1)
                seen += 1
                count += is_meant
                name = names.below(place.url.bucket, info.key, folder) if folder else info.name
                one = Candidate(info, name, place.url.version_id if is_meant else None, asked=place.info is not None)
                if info.key.endswith(PAM):
                    aside.setdefault(info.url, one)
                is_chosen = is_meant and (match is None or fits(match, name))
                if is_chosen and found.setdefault(info.url, one).version_id != one.version_id:
                    raise LinkError(f"Two versions of {info.url}", "Link them into two folders of their own.")
            lists += place.info is None and seen // _PAGE + 1
            if not count:
                raise NoSuchKey(f"Nothing is named {place.url}", "Check the pattern; %s3ls shows what is there.")
    if not found:
        raise LinkError(f"No tile's name fits {match}", "Names are the last part of the key, as in '*_12_*.laz'.")
    ordered = tuple(sorted(_with_sidecars(found, aside), key=lambda one: one.name))
    refuse_clashes(ordered, {})
    return Survey(ordered, tuple(sorted({str(url) for url in urls})), lists, sum(place.requests for place in places))


def _places(patterns: Sequence[S3Url], opener: StoreOpener) -> list[_Place]:
    """Ask what the URLs are that are neither pattern nor folder by their looks."""
    harvest = gather(partial(_place, opener=opener), dict.fromkeys(patterns))
    harvest.raise_stop()
    if harvest.failures:
        raise min(harvest.failures, key=lambda failure: failure[0])[1]
    by_text = {str(asked): place for asked, place in harvest.values}
    return [by_text[str(pattern)] for pattern in dict.fromkeys(patterns)]


def _place(url: S3Url, *, opener: StoreOpener) -> tuple[S3Url, _Place]:
    if url.is_pattern or url.is_prefix:
        return url, _Place(url)
    store = opener(url)
    try:
        info = store.head(url.key, version_id=url.version_id)
    except (NotFound, AccessDenied):
        if url.version_id is None and _is_folder(url, opener):
            return url, _Place(S3Url(url.bucket, f"{url.key}/"), requests=1)
        raise
    if not _is_raster(info):
        return url, _Place(url, info, requests=1)
    try:
        return url, _Place(url, info, store.head(url.key + PAM), requests=2)
    except (NotFound, AccessDenied):
        return url, _Place(url, info, requests=2)


def _is_folder(url: S3Url, opener: StoreOpener) -> bool:
    try:
        return bool(opener(url).list_page(f"{url.key}/", max_keys=1).objects)
    except (NotFound, AccessDenied):
        return False


def _objects(place: _Place, opener: StoreOpener) -> Iterator[tuple[ObjectInfo, bool]]:
    """Yield what lies about a place, and whether the place means it."""
    if place.info is None:
        for info in around(opener(place.url), place.url):
            is_meant = place.url.matches(info.key)
            if is_meant or info.key.endswith(PAM):
                yield info, is_meant
        return
    yield place.info, True
    if place.sidecar is not None:
        yield place.sidecar, False


def _with_sidecars(found: Mapping[str, Candidate], aside: Mapping[str, Candidate]) -> Iterator[Candidate]:
    """Yield tiles that know their sidecars, and the sidecars; what ``match`` left out as such comes back in."""
    taken = set()
    for url, one in found.items():
        if _is_raster(one.info) and url + PAM in aside:
            sidecar = replace(aside[url + PAM], name=one.name + PAM, is_sidecar=True)
            taken.add(url + PAM)
            yield replace(one, sidecars=(sidecar.name,))
            yield sidecar
    yield from (one for url, one in found.items() if url not in taken and url + PAM not in taken)


def _is_raster(info: ObjectInfo) -> bool:
    return info.key.lower().endswith(_RASTERS)


def refuse_clashes(candidates: Iterable[Candidate], known: Mapping[str, str]) -> None:
    """Refuse names that can be no file, two objects of one name, and a file that is another's folder.

    ``known`` are the URLs of names that are given already.
    """
    taken = dict(known)
    folders = {name.rpartition("/")[0]: url for name, url in taken.items() if "/" in name}
    for candidate in candidates:
        url, name = candidate.info.url, candidate.name
        if why := names.unsafe(name):
            raise LinkError(f"{url!r} cannot be a tile: {why}", "Leave it out with a narrower pattern.")
        if (other := taken.setdefault(name, url)) != url:
            raise LinkError(
                f"Two objects have the same file name: {other} and {url}",
                "Keep them apart with --keep-prefix (keep_prefix=True), or link them into two folders of their own.",
            )
        parent = name.rpartition("/")[0]
        while parent and parent not in folders:
            folders[parent] = url
            parent = parent.rpartition("/")[0]
    for parent in folders.keys() & taken.keys():
        raise LinkError(
            f"One object would be the folder of another: {taken[parent]} and {folders[parent]}",
            "Link them into two folders of their own.",
        )
