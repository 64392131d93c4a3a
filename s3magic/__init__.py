"""Work with S3 data in a notebook: mount it, link it, look at it.

The public names are loaded when they are first used, so that ``import s3magic`` costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.access.connection import Connection as Connection
    from s3magic.access.identity import Identity as Identity
    from s3magic.access.light import Light as Light
    from s3magic.access.lint import Finding as Finding
    from s3magic.access.permissions import PermissionReport as PermissionReport
    from s3magic.api import check as check
    from s3magic.api import connect as connect
    from s3magic.api import copy as copy
    from s3magic.api import link as link
    from s3magic.api import lint_policy as lint_policy
    from s3magic.api import ls as ls
    from s3magic.api import mount as mount
    from s3magic.api import mounts as mounts
    from s3magic.api import policy as policy
    from s3magic.api import sandbox as sandbox
    from s3magic.api import stats as stats
    from s3magic.api import summary as summary
    from s3magic.api import thumbs as thumbs
    from s3magic.api import unmount as unmount
    from s3magic.copying.report import CopyReport as CopyReport
    from s3magic.errors import S3MagicError as S3MagicError
    from s3magic.linking.dataset import LinkedDataset as LinkedDataset
    from s3magic.linking.records.manifest import LinkedTile as LinkedTile
    from s3magic.listing import Listing as Listing
    from s3magic.listing import Summary as Summary
    from s3magic.mounting.model import Mount as Mount
    from s3magic.sandboxes.process import Sandbox as Sandbox
    from s3magic.store.base import ObjectInfo as ObjectInfo
    from s3magic.store.traffic import Traffic as Traffic
    from s3magic.thumbnails.gallery import Gallery as Gallery
    from s3magic.thumbnails.item import GalleryItem as GalleryItem
    from s3magic.usage import Usage as Usage

__version__ = "0.1.0"

__all__ = [
    "Connection",
    "CopyReport",
    "Finding",
    "Gallery",
    "GalleryItem",
    "Identity",
    "Light",
    "LinkedDataset",
    "LinkedTile",
    "Listing",
    "Mount",
    "ObjectInfo",
    "PermissionReport",
    "S3MagicError",
    "Sandbox",
    "Summary",
    "Traffic",
    "Usage",
    "__version__",
    "check",
    "connect",
    "copy",
    "disable_iris",
    "enable_iris",
    "link",
    "lint_policy",
    "ls",
    "mount",
    "mounts",
    "policy",
    "sandbox",
    "stats",
    "summary",
    "thumbs",
    "unmount",
]

_HOMES = {
    "check": "api",
    "connect": "api",
    "copy": "api",
    "disable_iris": "api",
    "enable_iris": "api",
    "link": "api",
    "lint_policy": "api",
    "ls": "api",
    "mount": "api",
    "mounts": "api",
    "policy": "api",
    "sandbox": "api",
    "stats": "api",
    "summary": "api",
    "thumbs": "api",
    "unmount": "api",
    "Connection": "access.connection",
    "CopyReport": "copying.report",
    "Identity": "access.identity",
    "Finding": "access.lint",
    "Light": "access.light",
    "PermissionReport": "access.permissions",
    "S3MagicError": "errors",
    "LinkedDataset": "linking.dataset",
    "LinkedTile": "linking.records.manifest",
    "Listing": "listing",
    "Summary": "listing",
    "Mount": "mounting.model",
    "Sandbox": "sandboxes.process",
    "ObjectInfo": "store.base",
    "Traffic": "store.traffic",
    "Gallery": "thumbnails.gallery",
    "GalleryItem": "thumbnails.item",
    "Usage": "usage",
}


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 's3magic' has no attribute {name!r}") from None
    value = getattr(import_module(f"s3magic.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics: what ``%load_ext s3magic`` calls."""
    from s3magic.notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take all of it back: what ``%unload_ext s3magic`` calls."""
    from s3magic.notebook.extension import unload

    unload(shell)
