"""What ``ls`` returns: the objects and folders under a URL, and a summary of them; reads no bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from s3magic import html
from s3magic.errors import InvalidInput, NoSuchKey
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.listing import pages
from s3magic.url import S3Url

SHOWN = 200
_PAGE = 1000
_PAGES = 100
"""Pages of a listing that are looked through beyond those that the limit needs."""


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
        """Return count, bytes, types and storage classes of what is listed."""
        types: Counter[str] = Counter()
        for info in self.objects:
            dot = info.name.rfind(".")
            types[info.name[dot:].lower() if dot > 0 else "(none)"] += 1
        classes = Counter(info.storage_class for info in self.objects)
        return Summary(str(self.url), len(self), self.size, dict(types), dict(classes), self.truncated)

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
        parts = [_counted(len(self.folders), "folder")] if self.folders else []
        parts.append(f"{_counted(len(self), 'object')}, {html.bytes_text(self.size)}")
        if self.truncated:
            parts.append("there are more: raise the limit, or look into a folder")
        return " · ".join(parts)

    def __repr__(self) -> str:
        rows = self._rows()
        shown = [
            "  ".join([f"{size:>10}", f"{when:<16}", *(f"{text:<12}" for text in more), _one_line(name)])
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


@dataclass(frozen=True, slots=True)
class Summary:
    """How much lies under a URL: objects, bytes, file types and storage classes."""

    url: str
    count: int
    size: int
    types: dict[str, int]
    storage_classes: dict[str, int]
    truncated: bool

    def _rows(self) -> list[tuple[str, object]]:
        def told(counts: dict[str, int]) -> str:
            return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda pair: -pair[1])[:8])

        at_least = "at least " if self.truncated else ""
        return [
            ("objects", f"{at_least}{self.count}"),
            ("bytes", at_least + html.bytes_text(self.size)),
            ("types", told(self.types)),
            ("storage classes", told(self.storage_classes)),
        ]

    def __repr__(self) -> str:
        return "\n".join([self.url, *(f"  {name:<16}{value}" for name, value in self._rows())])

    def _repr_html_(self) -> str:
        return html.card(self.url, self._rows())


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
    if limit < 1:
        raise InvalidInput(f"A listing of {limit} objects is none", "Choose a limit of at least 1.")
    if url.version_id:
        if url.is_prefix or url.is_pattern:
            raise InvalidInput(f"Only an object has versions: {url}", "Name one object, or leave the version out.")
        return Listing(url, (store.head(url.key, version_id=url.version_id),), (), truncated=False)
    asked = url
    if not url.is_prefix and not url.is_pattern:
        found = store.list_page(url.key, max_keys=1).objects
        if found and found[0].key == url.key:
            return Listing(url, found, (), truncated=False)
        url = url.with_key(f"{url.key}/")
    objects: list[ObjectInfo] = []
    folders: list[str] = []
    delimiter = "/" if not recursive and not url.is_pattern else ""
    walk = pages(store, url.prefix, delimiter=delimiter, max_keys=_PAGE if url.is_pattern else min(_PAGE, limit + 1))
    truncated = False
    for page in islice(walk, _PAGES + limit // _PAGE):
        objects += [info for info in page.objects if url.matches(info.key) and not _is_marker(info)]
        folders += [f"s3://{url.bucket}/{name}" for name in page.prefixes]
        truncated = page.next_token is not None
        if len(objects) + len(folders) > limit:
            truncated = True
            break
    if asked is not url and not objects and not folders:
        raise NoSuchKey(
            f"No such object or folder: {asked}", "Check the name; %s3ls of its folder shows what is there."
        )
    folders = folders[:limit]
    return Listing(url, tuple(objects[: limit - len(folders)]), tuple(folders), truncated)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _one_line(name: str) -> str:
    """Return a name that moves no cursor: line ends and the like are written as Python writes them."""
    return name if name.isprintable() else repr(name)[1:-1]


def _is_marker(info: ObjectInfo) -> bool:
    """Whether an object only stands for a folder."""
    return info.key.endswith("/") and info.size == 0
