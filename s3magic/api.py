"""The public functions: each composes rooms below it and decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3magic.access import current
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.access.permissions import PermissionReport
    from s3magic.link.dataset import LinkedDataset
    from s3magic.listing import Listing
    from s3magic.mount.model import Mount
    from s3magic.sandbox.process import Sandbox
    from s3magic.store.s3 import S3Store
    from s3magic.thumbs.gallery import Gallery

__all__ = ["check", "connect", "link", "ls", "mount", "mounts", "open_store", "sandbox", "thumbs", "unmount"]


def open_store(url: S3Url | str) -> S3Store:
    """Return the store of a URL's bucket, as the current connection sees it (a `StoreOpener`)."""
    parsed = S3Url.parse(url)
    return current.connection(parsed).store(parsed.bucket)
