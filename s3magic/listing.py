"""What ``ls`` returns: the objects and folders under a URL, and a summary of them; reads no bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

from s3magic import html
from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey
from s3magic.naming import one_line
from s3magic.progress import meter
from s3magic.store.base import ListPage, ObjectInfo, Store
from s3magic.store.listing import alone, pages
from s3magic.url import S3Url

SHOWN = 200
_PAGE = 1000
_PAGES = 100
"""Pages of a listing that are looked through beyond those that the limit needs."""
_MOST_TYPES = 1000  # names that end in .000001 and so on must not fill the memory
_SHOWN_TYPES = 8


@dataclass(frozen=True, slots=True)
class Summary:
    """How much lies under a URL: objects, bytes, file types and storage classes.

    Parameters
    ----------
    url
        What was counted.
    count, size
        Objects, and their bytes.
    types, storage_classes
        Objects by the end of their names, and by class; of very many types the late ones are ``(other)``.
    truncated
        Whether there is more.
    interrupted
        Whether that is because the counting was interrupted.
    """

    url: str
    count: int
    size: int
    types: dict[str, int]
    storage_classes: dict[str, int]
    truncated: bool
    interrupted: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return asdict(self)

    def _rows(self) -> list[tuple[str, object]]:
        def told(counts: dict[str, int]) -> str:
            most = sorted(counts.items(), key=lambda pair: -pair[1])
            more = [f"and {len(most) - _SHOWN_TYPES} more"] if len(most) > _SHOWN_TYPES else []
            return ", ".join([*(f"{name} {n:,}" for name, n in most[:_SHOWN_TYPES]), *more])

        bound = ", so far: interrupted" if self.interrupted else ", and there are more" if self.truncated else ""
        kinds = (("types", self.types), ("storage classes", self.storage_classes))
        return [
            ("objects", f"{self.count:,}{bound}"),
            ("bytes", html.bytes_text(self.size)),
            *((label, told(counts)) for label, counts in kinds if counts),
        ]

    def __repr__(self) -> str:
        return "\n".join([self.url, *(f"  {name:<16}{value}" for name, value in self._rows())])

    def _repr_html_(self) -> str:
        return html.card(self.url, self._rows())


class _Counted:
    """Objects as they are counted."""

    def __init__(self) -> None:
        self.count = self.size = 0
        self._types: Counter[str] = Counter()
        self._classes: Counter[str] = Counter()

    def add(self, info: ObjectInfo) -> None:
        """Count one."""
        self.count += 1
        self.size += info.size
        name = info.name
        dot = name.rfind(".")
        kind = name[dot:].lower() if dot > 0 else "(none)"
        self._types[kind if kind in self._types or len(self._types) < _MOST_TYPES else "(other)"] += 1
        self._classes[info.storage_class] += 1

    def summary(self, url: S3Url, *, truncated: bool = False, interrupted: bool = False) -> Summary:
        """Return what was counted."""
        classes = dict(self._classes)
        return Summary(str(url), self.count, self.size, dict(self._types), classes, truncated, interrupted)


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects under a URL, in key order; iterating gives each as an `ObjectInfo`.

    Parameters
    ----------
    url
        What was listed.
    objects
        The objects found, up to the limit.
    folders
        URLs of the prefixes one level down; empty for a recursive listing.
    truncated
        Whether there is more than the limit let through.
    long
        Whether it shows storage classes and ETags too.
    """

    url: S3Url
    objects: tuple[ObjectInfo, ...]
    folders: tuple[str, ...]
    truncated: bool
    long: bool = field(default=False, compare=False)

    def __iter__(self) -> Iterator[ObjectInfo]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def size(self) -> int:
        """Bytes of the objects listed."""
        return sum(info.size for info in self.objects)

    def summary(self) -> Summary:
        """Return count, bytes, types and storage classes of what is listed; `summarise` counts what is not, too."""
        counted = _Counted()
        for info in self.objects:
            counted.add(info)
        return counted.summary(self.url, truncated=self.truncated)

    def to_json(self) -> dict[str, object]:
        """Return all fields as JSON types."""
        return {
            "url": str(self.url),
            "objects": [info.to_json() for info in self.objects],
            "folders": list(self.folders),
            "truncated": self.truncated,
        }

    def _rows(self) -> list[tuple[str, ...]]:
        base = len(f"s3://{self.url.bucket}/{self.url.prefix}")
        more = ("", "") if self.long else ()
        rows: list[tuple[str, ...]] = [(url[base:], "", "folder", *more) for url in self.folders]
        for info in self.objects:
            when = f"{info.last_modified:%Y-%m-%d %H:%M}" if info.last_modified else ""
            more = (info.storage_class, info.etag) if self.long else ()
            rows.append((info.url[base:] or info.name, html.bytes_text(info.size), when, *more))
        return rows

    def _note(self) -> str:
        parts = [html.counted(len(self.folders), "folder")] if self.folders else []
        parts.append(f"{html.counted(len(self), 'object')}, {html.bytes_text(self.size)}")
        if self.truncated:
            parts.append("there are more: raise the limit, or look into a folder")
        return " · ".join(parts)

    def __repr__(self) -> str:
        rows = self._rows()
        shown = [
            "  ".join([f"{size:>10}", f"{when:<16}", *(f"{text:<12}" for text in more), one_line(name)])
            for name, size, when, *more in rows[:SHOWN]
        ]
        left = [f"… and {len(rows) - SHOWN} more rows"] if len(rows) > SHOWN else []
        return "\n".join([str(self.url), *shown, *left, self._note()])

    def _repr_html_(self) -> str:
        rows = self._rows()
        left = f"{len(rows) - SHOWN} more rows not shown · " if len(rows) > SHOWN else ""
        head = f'<div class="s3m s3m-title">{html.cell(self.url)}</div>'
        headers = ["Name", "Size", "Modified", *(["Class", "ETag"] if self.long else [])]
        return head + html.table(headers, rows[:SHOWN], left + self._note())


def list_objects(store: Store, url: S3Url, *, recursive: bool = False, limit: int = 1000) -> Listing:
    """List what a URL names: a prefix one level deep, or all below it, a pattern, one object, or one version of it.

    A URL that names no object but a folder without its closing slash is read as the folder. Of a
    huge bucket a pattern is looked for in the first hundred thousand keys or so; the listing is
    ``truncated`` then, and a larger limit walks further.

    Raises
    ------
    InvalidInput
        When the limit is not positive, or a folder is given a version.
    NoSuchKey
        When the URL names one object and it is not there.
    """
    _check(url, limit)
    alone, asked = _alone(store, url), url
    if alone is not None:
        return Listing(url, (alone,), (), truncated=False)
    url = _folder(url)
    objects: list[ObjectInfo] = []
    folders: list[str] = []
    truncated = False
    size = _PAGE if url.is_pattern else min(_PAGE, limit + 1)
    for page in islice(_walk(store, url, recursive=recursive, max_keys=size), _PAGES + limit // _PAGE):
        objects += [info for info in page.objects if url.matches(info.key) and not _is_marker(info)]
        if not url.is_pattern:
            folders += [f"s3://{url.bucket}/{name}" for name in page.prefixes]
        truncated = page.next_token is not None
        if len(objects) + len(folders) > limit:
            truncated = True
            break
    if not objects and not folders:
        _refuse_nothing(asked)
    folders = folders[:limit]
    return Listing(url, tuple(objects[: limit - len(folders)]), tuple(folders), truncated)


def summarise(store: Store, url: S3Url, *, limit: int | None = None) -> Summary:
    """Count what a URL names and all that is below it, page by page; no more than a page is held.

    Shows a progress bar. An interrupt ends it, and what was counted so far is returned.

    Parameters
    ----------
    limit
        Objects that are counted at most; all of them when None.

    Raises
    ------
    InvalidInput, NoSuchKey
        As `list_objects` does.
    """
    _check(url, limit)
    alone, asked, counted = _alone(store, url), url, _Counted()
    if alone is not None:
        counted.add(alone)
        return counted.summary(url)
    url = _folder(url)
    try:
        with meter("Counting", None, " objects") as bar:
            for page in _walk(store, url, recursive=True, max_keys=_PAGE):
                before = counted.count
                for info in page.objects:
                    if url.matches(info.key) and not _is_marker(info):
                        if counted.count == limit:
                            return counted.summary(url, truncated=True)
                        counted.add(info)
                bar.note(html.bytes_text(counted.size))
                bar(counted.count - before)
    except KeyboardInterrupt:
        return counted.summary(url, truncated=True, interrupted=True)
    if not counted.count:
        _refuse_nothing(asked)
    return counted.summary(url)


def _check(url: S3Url, limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise InvalidInput(f"A listing of {limit} objects is none", "Choose a limit of at least 1.")
    if url.version_id and (url.is_prefix or url.is_pattern):
        raise InvalidInput(f"Only an object has versions: {url}", "Name one object, or leave the version out.")


def _alone(store: Store, url: S3Url) -> ObjectInfo | None:
    """Return the one object, or version of it, that a URL names; None where it names a folder or a pattern."""
    if url.version_id or url.is_prefix or url.is_pattern:
        return alone(store, url)
    try:
        found = store.list_page(url.key, max_keys=1).objects
    except AccessDenied:  # who may read it is told of it nevertheless
        return alone(store, url)
    return found[0] if found and found[0].key == url.key else None


def _folder(url: S3Url) -> S3Url:
    return url if url.is_prefix or url.is_pattern else url.with_key(f"{url.key}/")


def _walk(store: Store, url: S3Url, *, recursive: bool, max_keys: int) -> Iterator[ListPage]:
    """Yield pages of no more than what begins as all that a URL names does."""
    is_level = url.is_flat if url.is_pattern else not recursive
    return pages(store, url.stem, delimiter="/" if is_level else "", max_keys=max_keys)


def _refuse_nothing(asked: S3Url) -> None:
    """Refuse a name that nothing bears; an empty folder and a pattern that nothing fits are fine."""
    if not asked.is_prefix and not asked.is_pattern:
        raise NoSuchKey(
            f"No such object or folder: {asked}", "Check the name; %s3ls of its folder shows what is there."
        )


def _is_marker(info: ObjectInfo) -> bool:
    """Whether an object only stands for a folder."""
    return info.key.endswith("/") and info.size == 0
