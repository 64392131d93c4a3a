"""What URLs name: the objects that shall be tiles, each under its name, with their sidecars; describes none of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from s3magic.errors import AccessDenied, LinkError, NoSuchKey, NotFound
from s3magic.harvest import gather
from s3magic.linking.adding.ledger import Ledger
from s3magic.linking.records import names
from s3magic.linking.records.manifest import shard
from s3magic.progress import Meter, meter
from s3magic.store.base import ObjectInfo, StoreOpener
from s3magic.store.listing import around
from s3magic.url import S3Url, fits

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

    ledger: Ledger
    sources: tuple[str, ...]
    lists: int
    heads: int

    @property
    def candidates(self) -> Iterator[Candidate]:
        """The objects, in the order of their names."""
        return candidates(self.ledger)

    @property
    def fresh(self) -> Iterator[Candidate]:
        """Those that are not recorded as they are."""
        return candidates(self.ledger, "is_fresh")

    @property
    def count(self) -> int:
        """How many objects there are."""
        return int(self.ledger.row("select count(*) from found")[0])

    @property
    def size(self) -> int:
        """Their bytes."""
        return int(self.ledger.row("select coalesce(sum(size), 0) from found")[0])


@dataclass(frozen=True, slots=True)
class _Place:
    """A URL as it is meant: a folder has its slash, a single object is known."""

    url: S3Url
    info: ObjectInfo | None = None
    sidecar: ObjectInfo | None = None
    requests: int = 0


def survey(
    patterns: Sequence[S3Url],
    *,
    opener: StoreOpener,
    match: str | None = None,
    keep_prefix: bool = False,
    ledger: Ledger,
) -> Survey:
    """List what the patterns name, each object once.

    A raster's ``.aux.xml`` comes along, whether a pattern names it or not.

    Parameters
    ----------
    match
        Take only objects whose name fits a pattern, and their sidecars.
    keep_prefix
        Let names keep their path below the folder that all patterns have in common.
    ledger
        Where what is found is written down, and read from.

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
    lists = 0
    with meter("Listing", None, " objects") as bar:
        for place in sorted(places, key=lambda one: one.info is not None):  # what HEAD told is more than a listing
            listing = _Listing(place, opener, bar)
            if place.info is not None:
                _refuse_two_versions(place.info, place.url.version_id, ledger)
            ledger.write_all(_FIND, listing.rows(folder, match))
            lists += place.info is None and listing.seen // _PAGE + 1
            if not listing.meant:
                raise NoSuchKey(f"Nothing is named {place.url}", "Check the pattern; %s3ls shows what is there.")
    if not ledger.some("select 1 from found where is_chosen"):
        raise LinkError(f"No tile's name fits {match}", "Names are the last part of the key, as in '*_12_*.laz'.")
    for statement in _PAIR:
        ledger.write(statement)
    for url, name in ledger.rows("select url, name from found where is_sidecar"):
        _refuse_unsafe(url, name)
    refuse_clashes(ledger)
    return Survey(ledger, tuple(sorted({str(url) for url in urls})), lists, sum(place.requests for place in places))


class _Listing:
    """The objects about a place, on their way into a ledger.

    Attributes
    ----------
    seen, meant : int
        How many there were so far, and how many of them the place means.
    """

    def __init__(self, place: _Place, opener: StoreOpener, bar: Meter) -> None:
        self.seen = self.meant = 0
        self._place, self._opener, self._bar = place, opener, bar

    def rows(self, folder: tuple[str | None, str] | None, match: str | None) -> Iterator[tuple[object, ...]]:
        """Yield the objects as rows of the table ``found``."""
        place = self._place
        for info, is_meant in _objects(place, self._opener):
            self._bar(1)
            self.seen += 1
            self.meant += is_meant
            name = names.below(place.url.bucket, info.key, folder) if folder else info.name
            is_chosen = is_meant and (match is None or fits(match, name))
            is_pam = info.key.endswith(PAM)
            if not is_chosen and (not is_pam or names.unwritable(info.url)):
                continue
            if is_chosen:
                _refuse_unsafe(info.url, name)
            yield (
                info.url,
                name,
                shard(name),
                info.size,
                info.etag,
                info.last_modified.isoformat() if info.last_modified else None,
                info.storage_class,
                info.version_id,
                info.checksum_type,
                json.dumps(dict(info.checksums)) if info.checksums else "{}",
                json.dumps(info.algorithms) if info.algorithms else "[]",
                place.url.version_id if is_meant else None,
                place.info is not None,
                is_chosen,
                _is_raster(info),
                info.url.removesuffix(PAM) if is_pam else None,
            )


_FIND = """
insert into found (url, name, shard, size, etag, modified, class, version, checksum_type, checksums, algorithms, pin,
    is_asked, is_chosen, is_raster, owner)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (url) do update set
    (size, etag, modified, class, version, checksum_type, checksums, pin, is_asked, is_chosen) =
    (excluded.size, excluded.etag, excluded.modified, excluded.class, excluded.version, excluded.checksum_type,
    excluded.checksums, excluded.pin, excluded.is_asked, max(is_chosen, excluded.is_chosen))
where excluded.is_asked or (excluded.is_chosen and not is_chosen)
"""
"""Objects are told once, but for what HEAD knows."""
_PAIR = (
    """update found set is_sidecar = 1, is_chosen = 1
        where owner in (select url from found where is_chosen and is_raster)""",
    f"""update found set sidecars = json_array(name || '{PAM}')
        where is_raster and is_chosen and url in (select owner from found where is_sidecar)""",
    "delete from found where not is_chosen",
    "create index found_name on found (name)",
)
_COLUMNS = """name, url, size, etag, modified, class, version, checksum_type, checksums, algorithms, pin, is_asked,
    sidecars, is_sidecar"""


def candidates(ledger: Ledger, which: str = "true") -> Iterator[Candidate]:
    """Yield objects that were found, in the order of their names; ``which`` is a condition of SQL."""
    return map(_candidate, ledger.pages(f"select {_COLUMNS} from found where name > ? and {which} order by name"))


def _candidate(row: tuple[Any, ...]) -> Candidate:
    """Read a row of the table ``found``."""
    name, url, size, etag, modified, storage_class, version_id, checksum_type, checksums, algorithms, *rest = row
    pin, is_asked, sidecars, is_sidecar = rest
    info = ObjectInfo(
        url=url,
        key=url.split("/", 3)[3],
        size=size,
        etag=etag,
        last_modified=datetime.fromisoformat(modified) if modified else None,
        storage_class=storage_class,
        version_id=version_id,
        checksums=_read(checksums),
        checksum_type=checksum_type,
        algorithms=tuple(_read(algorithms)),
    )
    return Candidate(info, name, pin, bool(is_asked), tuple(_read(sidecars)), bool(is_sidecar))


@lru_cache(maxsize=16)
def _read(text: str) -> Any:
    """Read JSON that mostly says the same; what it says is not to be changed."""
    return json.loads(text)


def _refuse_unsafe(url: str, name: str) -> None:
    if why := names.unsafe(name) or names.unwritable(url):
        raise LinkError(f"{url!r} cannot be a tile: {why}", "Leave it out with a narrower pattern.")


def _refuse_two_versions(info: ObjectInfo, pin: str | None, ledger: Ledger) -> None:
    if ledger.some("select 1 from found where url = ? and is_chosen and pin is not ?", info.url, pin):
        raise LinkError(f"Two versions of {info.url}", "Link them into two folders of their own.")


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


def _is_raster(info: ObjectInfo) -> bool:
    return info.key.lower().endswith(_RASTERS)


def refuse_clashes(ledger: Ledger) -> None:
    """Refuse two objects of one name, and a file that is another's folder, among those found and those recorded."""
    everything = "(select name, url from found union all select name, url from state)"
    alike = f"select min(url), max(url) from {everything} group by name having min(url) <> max(url) order by name"
    for one, other in ledger.rows(f"{alike} limit 1"):
        raise LinkError(
            f"Two objects have the same file name: {one} and {other}",
            "Keep them apart with --keep-prefix (keep_prefix=True), or link them into two folders of their own.",
        )
    below = ledger.rows(f"select name, url from {everything} where name like '%/%' order by name")
    ledger.write_all("insert or ignore into folder values (?, ?)", _folders(below))
    for one, other in ledger.rows(f"select e.url, folder.url from {everything} as e join folder using (name) limit 1"):
        raise LinkError(
            f"One object would be the folder of another: {one} and {other}",
            "Link them into two folders of their own.",
        )


def _folders(names_: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the folders that names lie in, each with the URL of what lies there."""
    last = ""
    for name, url in names_:
        parent = name.rpartition("/")[0]
        if parent != last:
            last = parent
            parts = parent.split("/")
            yield from (("/".join(parts[:depth]), url) for depth in range(len(parts), 0, -1))
