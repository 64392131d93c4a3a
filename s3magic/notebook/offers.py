"""What may be completed or chosen: profiles, buckets, keys, mount points; reads, and never signs in anybody."""

from __future__ import annotations

import os
from configparser import Error, RawConfigParser
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from s3magic import api
from s3magic.loaded import loaded
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection

_SHOWN = 200
_NOT_PROFILES = ("sso-session ", "services ")
_numbers: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
_fresh = count()


def profiles() -> list[str]:
    """Return the profiles of the AWS configuration by name, ``default`` first."""
    found: set[str] = set()
    for variable, usual in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        parser = RawConfigParser(strict=False)
        path = Path(os.environ.get(variable) or Path("~/.aws", usual)).expanduser()
        try:
            parser.read(path, encoding="utf-8")
        except (Error, OSError, UnicodeDecodeError):
            continue  # whoever uses the file is told what is wrong with it
        found |= {name.removeprefix("profile ").strip(" '\"") for name in parser.sections() if _is_profile(name)}
    return sorted(found, key=lambda name: (name != "default", name))


def _is_profile(section: str) -> bool:
    return not section.startswith(_NOT_PROFILES)


def saved() -> list[str]:
    """Return the names of the choices that were kept."""
    from s3magic.access import saved as kept  # noqa: PLC0415 - loaded when asked for

    return kept.names(api.saved_choices())


def asker() -> tuple[int, ...]:
    """Return the numbers of the connections in use, so that no answer outlives them; no two ever have the same."""
    current, per_url = (loaded(f"s3magic.access.{name}") for name in ("current", "per_url"))
    if current is None or per_url is None:
        return ()
    used = [current.chosen(), *per_url.chosen().values()]
    return tuple(_numbers.setdefault(one, next(_fresh)) for one in used if one is not None)


def buckets() -> list[str]:
    """Return URLs of the buckets that the connection in use may list; asks S3, but for our own sandbox."""
    connection = api.connection()
    sandbox = loaded("s3magic.sandboxes.process")
    box = sandbox.running() if sandbox is not None else None
    if box is not None and connection.location.endpoint_url == box.endpoint_url:
        return [f"s3://{name}/" for name in box.buckets]
    return [f"s3://{name}/" for name in connection.buckets()]


def keys(beginning: str) -> list[str]:
    """Return URLs one level below a beginning, folders first; asks S3 for one page."""
    url = S3Url.parse(beginning)
    page = api.connection(url).store(url.bucket).list_page(url.key, delimiter="/", max_keys=_SHOWN)
    names = [*page.prefixes, *(info.key for info in page.objects)]
    return [f"s3://{url.bucket}/{name}" for name in names if name != url.key]


def mount_points() -> list[str]:
    """Return the folders that are mounted, as short as they can be written from here."""
    here = Path.cwd()
    paths = [Path(mount.path) for mount in api.mounts()]
    return [str(path.relative_to(here)) if path.is_relative_to(here) else str(path) for path in paths]
