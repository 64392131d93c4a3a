"""What somebody asks a mount to be, refused where it makes no sense, before anything is changed; looks at no folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.html import bytes_text
from s3magic.mounting.past import time_of
from s3magic.url import S3Url

SMALLEST_MEMORY = 96_000_000
_OLDEST = 1_000_000_000  # the kernel takes no infinity
_ALL_MODES = 0o777
_WORDS = {
    "memory": "another memory",
    "fresh": "another age of listings",
    "looks": "other owners or modes",
    "allow_other": "no other users let in",
    "keep": "an end with its last kernel",
    "cache": "another cache, or none",
}
_MOST_USERS = 2**32 - 1


def check(url: S3Url, *, memory: int, fresh: float) -> None:
    """Refuse what can be no mount."""
    if url.is_pattern:
        raise InvalidInput(f"A pattern cannot be mounted: {url}", f"Mount its folder: s3://{url.bucket}/{url.prefix}")
    if url.version_id and url.is_prefix:
        raise InvalidInput(f"A folder has no version: {url}", "Name one object, or a time: version_at=….")
    if memory < SMALLEST_MEMORY:
        raise InvalidInput(
            f"{bytes_text(memory)} of memory are too few for a mount",
            f"Give it at least {bytes_text(SMALLEST_MEMORY)}.",
        )
    if not 0 <= fresh <= _OLDEST:
        raise InvalidInput(f"Listings cannot be {fresh} s old", f"Give 0 to {_OLDEST:,} seconds.")


def moment(url: S3Url, version_at: datetime | str | None) -> str:
    """Return the time to show a bucket at, in ISO 8601; empty for now."""
    if version_at is None:
        return ""
    if url.version_id:
        raise InvalidInput(f"A version and a time cannot both be shown: {url}", "Leave one of them out.")
    return time_of(version_at).isoformat()


def looks(uid: int | None, gid: int | None, file_mode: int, dir_mode: int) -> list[int]:
    """Return owner, group and modes that files and folders are shown with."""
    for mode in (file_mode, dir_mode):
        if not 0 <= mode <= _ALL_MODES:
            raise InvalidInput(f"Not a mode of files: {mode:o}", "Write it like 440: three digits from 0 to 7.")
    owner = [os.getuid() if uid is None else uid, os.getgid() if gid is None else gid]
    for number in owner:
        if not 0 <= number < _MOST_USERS:
            raise InvalidInput(f"Not the number of a user or group: {number}", "id -u and id -g tell yours.")
    return [*owner, file_mode, dir_mode]


def of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a mount's configuration is asked for beside what is mounted and where."""
    return {name: config[name] for name in _WORDS}


def check_same(asked: Mapping[str, Any], usual: Mapping[str, Any], live: Mapping[str, Any], path: Path) -> None:
    """Refuse to share a live mount that is not as somebody asks; what is not asked for is as it is."""
    for name, words in _WORDS.items():
        if asked[name] != usual[name] and asked[name] != live.get(name):
            raise InvalidInput(f"Mounted already, with {words}: {path}", "Unmount it first, or leave that out.")


def check_cache(cache: Path | None, size: int | None, path: Path) -> None:
    """Refuse what can be no cache of a mount on a folder."""
    if cache is None and size is not None:
        raise InvalidInput("A size of the cache was given, and no folder for it", "Say where to keep it: cache=DIR.")
    if cache is not None and Path(os.path.realpath(cache)).is_relative_to(path):
        raise InvalidInput(f"The cache would be inside the mount: {cache}", "Choose a folder outside of it.")
