"""The connection in use by the whole notebook; makes the default one when none was chosen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from s3magic.access import masking, per_url
from s3magic.access.choice import Choice
from s3magic.access.connection import Connection, open_connection

if TYPE_CHECKING:
    from s3magic.store.s3 import S3Store
    from s3magic.url import S3Url

_lock = threading.Lock()
_current: Connection | None = None


def connection(url: S3Url | None = None) -> Connection:
    """Return the connection that serves a URL: one chosen for it, else the one in use, the default at first."""
    global _current  # noqa: PLW0603 - one a notebook
    if url is not None and (own := per_url.find(url)) is not None:
        return own
    with _lock:
        if _current is None:
            _current = open_connection(Choice())
        return _current


def open_store(url: S3Url) -> S3Store:
    """Return the store of a URL's bucket, as the connection in use sees it (a `StoreOpener`)."""
    return connection(url).store(url.bucket)


def chosen() -> Connection | None:
    """Return the connection in use, without making one."""
    with _lock:
        return _current


def use(new: Connection, *, environ: bool = False) -> None:
    """Let a connection serve from now on; the former one stays open for whoever holds it.

    With ``environ`` this process's environment leads every library to it; else what an earlier
    choice did to the environment is taken back.
    """
    global _current  # noqa: PLW0603
    if environ:
        new.lead_environment()
    else:
        masking.restore()
    with _lock:
        _current = new


def forget() -> None:
    """Go back to nothing chosen, and give the environment back as it was."""
    global _current  # noqa: PLW0603
    with _lock:
        _current = None
        masking.restore()
