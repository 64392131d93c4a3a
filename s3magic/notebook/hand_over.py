"""A selection of objects as the line of another magic: what to mount, what to link; runs nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from s3magic.notebook.expand import protect
from s3magic.url import S3Url

_WILD = "*?[{"
_IN_BRACES = set(",{}")


def common_folder(urls: Sequence[str]) -> S3Url:
    """Return the deepest folder that holds all objects.

    Examples
    --------
    >>> str(common_folder(["s3://teaching/photos/a.jpg", "s3://teaching/photos/old/b.jpg"]))
    's3://teaching/photos/'
    """
    first = _literal(urls[0])
    shared = os.path.commonprefix([_literal(url).key for url in urls])  # noqa: RUF071 - keys are no paths
    return first.with_key(shared[: shared.rfind("/") + 1])


def mount_line(urls: Sequence[str]) -> str:
    """Return the line that mounts the folder of some objects."""
    return f"%s3mount {protect(str(common_folder(urls)))}"


def link_line(urls: Sequence[str], folder: str = "linked") -> str:
    """Return the line that links some objects, as one pattern where they lie together.

    Examples
    --------
    >>> link_line(["s3://teaching/tiles/a.laz", "s3://teaching/tiles/b.laz"])
    '%s3link add s3://teaching/tiles/{a.laz,b.laz} linked'
    """
    parent = common_folder(urls)
    names = [_literal(url).key[len(parent.key) :] for url in urls]
    if len(names) > 1 and not any(set(name) & _IN_BRACES for name in names):
        words = [f"{escaped(str(parent))}{{{','.join(escaped(name) for name in names)}}}"]
    else:
        words = [escaped(url) for url in urls]
    return " ".join(["%s3link add", *(_protected(word) for word in words), protect(folder)])


def thumbs_line(url: str) -> str:
    """Return the line that shows previews of an object or a folder."""
    return f"%s3thumbs {protect(escaped(url))}"


def copy_line(url: str, into: str) -> str:
    """Return the line that copies an object or a folder to disk."""
    return f"%s3copy {protect(escaped(url))} {protect(into)}"


def fetch_line(folder: str) -> str:
    """Return the line that fetches the tiles of a linked dataset, whose folder is written as short as it can be."""
    path = Path(folder)
    with suppress(FileNotFoundError, ValueError):  # somebody deleted the folder we are in, or we are elsewhere
        path = path.relative_to(Path.cwd())
    return f"%s3link fetch {protect(str(path))}"


def escaped(text: str) -> str:
    """Write what would be a wildcard so that it stands for itself."""
    return "".join(f"[{letter}]" if letter in _WILD else letter for letter in text)


def _literal(url: str) -> S3Url:
    """Return the URL of an object, whose key may look like a pattern."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return S3Url(bucket, key)


def _protected(word: str) -> str:
    """Quote a word where a magic would read it otherwise; a plain pattern stays as it is."""
    plain = word.replace("{", "").replace("}", "")
    return word if protect(plain) == plain and "{" in word else protect(word)
