"""Thumbnails kept on S3, as `thumbs` wants them: where they lie, who may write them, which objects; makes none."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from s3magic.api.copies import is_object
from s3magic.errors import AccessDenied, InvalidInput, S3MagicError
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.formats.base import Look
    from s3magic.store.base import ObjectInfo
    from s3magic.thumbnails.choosing import Choice
    from s3magic.thumbnails.generating import Generated
    from s3magic.thumbnails.stored import Shelf

_LONGEST_FILTER = 64 << 20


def folder_of(url: S3Url) -> S3Url:
    """Return the folder that a URL is about: its own, or the one that the objects it names lie in."""
    if not (url.is_pattern or url.is_prefix or is_object(url)):
        return url.with_key(url.key + "/")
    return url.with_key(url.prefix[: url.prefix.rfind("/") + 1])


def shelf(root: S3Url, *, suffix: str | None, output: S3Url | str | None, is_certain: bool) -> Shelf:
    """Return where the thumbnails of the objects of a folder lie, or shall lie."""
    from s3magic.access import current
    from s3magic.access.policy import output_folder
    from s3magic.thumbnails import TEMPLATE
    from s3magic.thumbnails.stored import Shelf

    place = root if output is None else output_folder(output)
    is_certain = is_certain or suffix is not None or output is not None
    return Shelf(current.open_store, root, place, TEMPLATE if suffix is None else suffix, is_certain)


def choice(source: str | PathLike[str], root: S3Url) -> Choice:
    """Read a filter file, from disk or from S3, that is about a folder."""
    from s3magic.access import current
    from s3magic.thumbnails.choosing import Choice

    place = fspath(source)
    try:
        if place.startswith("s3://"):
            named = S3Url.parse(place)
            data = current.open_store(named).get(named.key, stop=_LONGEST_FILTER, version_id=named.version_id)
        else:
            data = Path(place).expanduser().read_bytes()
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, S3MagicError):
            raise
        raise InvalidInput(f"Cannot read the filter {place}", "Name a text file that is there.") from error
    return Choice(text, root.key)


def generate(
    url: S3Url,
    shelf: Shelf,
    *,
    match: str | None,
    choice: Choice | None,
    size: int,
    wanted: Look,
    executor: Executor | None,
) -> Generated:
    """Store the thumbnails that are missing of all that a URL names; asks first whether one may.

    Raises
    ------
    AccessDenied
        When one may not write there; nothing has been read then.
    """
    from s3magic.access import current, permissions
    from s3magic.access.policy import partition_of
    from s3magic.thumbnails.generating import generate

    store = current.open_store(shelf.target)
    light = permissions.check_output(store, shelf.target, partition=partition_of(store.client.location.region))
    if light.state == "denied":
        raise AccessDenied(f"Not allowed to store thumbnails at {shelf.target}", f"It wants {light.detail}.")
    if light.state != "ok":
        raise InvalidInput(f"Thumbnails cannot be stored at {shelf.target}", light.detail or "Name another place.")
    return generate(_objects(url, shelf, match, choice), shelf=shelf, size=size, wanted=wanted, executor=executor)


def _objects(url: S3Url, shelf: Shelf, match: str | None, choice: Choice | None) -> Iterator[ObjectInfo]:
    """List everything that a URL names, thumbnails left out."""
    from s3magic.access import current
    from s3magic.thumbnails.catalogue import Catalogue

    listed = Catalogue(
        current.open_store(url),
        url,
        limit=1000,
        match=match,
        keep=lambda key: not shelf.holds(key) and (choice is None or choice(key)),
        hidden=shelf.folder,
        within=choice.prefix if choice else "",
    )
    number = 1
    while listed.has(number):
        yield from listed.page(number)
        number += 1
