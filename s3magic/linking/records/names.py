"""What a tile is called in its dataset: a file name, or a path below the folder that no key can lead out of."""

from __future__ import annotations

import os
from collections.abc import Sequence

from s3magic.url import S3Url

MAX_NAME = 255  # bytes, on every common file system
_SPECIAL = {"": "%2F", ".": "%2E", "..": "%2E%2E"}
_NO_TEXT = "it is no Unicode text"
_RESERVED = (".s3link", ".git", ".lfsconfig")


def unsafe(name: str) -> str | None:
    """Tell why a name can be no file of a dataset; None when it can. ``/`` parts folders."""
    return next(filter(None, map(_unsafe, name.split("/"))), None)


def unwritable(text: str) -> str | None:
    """Tell why a manifest cannot hold a text; None when it can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _NO_TEXT
    return None


def common_folder(urls: Sequence[S3Url]) -> tuple[str | None, str]:
    """Return the bucket and the folder that all URLs lie in; no bucket where they lie in several."""
    folders = [(url.bucket, *url.prefix.split("/")[:-1]) for url in urls]
    shared = os.path.commonprefix(folders)  # noqa: RUF071 - part by part is meant
    return (shared[0], "".join(f"{part}/" for part in shared[1:])) if shared else (None, "")


def below(bucket: str, key: str, folder: tuple[str | None, str]) -> str:
    """Return the path of a key below a folder that `common_folder` gave.

    The parts that no folder can hold, ``..`` for one, are written with percent signs.

    Examples
    --------
    >>> below("b", "a/x//../y.laz", ("b", "a/"))
    'x/%2F/%2E%2E/y.laz'
    """
    shared, prefix = folder
    parts = key.split("/") if shared is None else key[len(prefix) :].split("/")
    path = "/".join(_SPECIAL.get(part, part) for part in parts)
    return f"{bucket}/{path}" if shared is None else path


def _unsafe(part: str) -> str | None:
    if not part or part in {".", ".."}:
        return "it is no file name"
    if "\0" in part or os.sep in part:
        return "it holds a path separator or NUL"
    if part.casefold().startswith(_RESERVED):
        return "that name is kept for s3magic and git"
    try:
        return f"it is longer than {MAX_NAME} bytes" if len(part.encode()) > MAX_NAME else None
    except UnicodeEncodeError:
        return _NO_TEXT
