"""Work with S3 data in a notebook: mount it, link it, look at it.

The public names are loaded when they are first used, so that ``import s3magic`` costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"

_HOMES = {
    "connect": "api",
    "check": "api",
    "ls": "api",
    "mount": "api",
    "mounts": "api",
    "unmount": "api",
    "link": "api",
    "thumbs": "api",
    "sandbox": "api",
    "Connection": "access.connection",
    "Identity": "access.identity",
    "Light": "access.permissions",
    "PermissionReport": "access.permissions",
    "Listing": "listing",
    "ObjectInfo": "store.base",
    "Mount": "mount.model",
    "LinkedDataset": "link.dataset",
    "LinkedTile": "link.manifest",
    "Gallery": "thumbs.gallery",
    "GalleryItem": "thumbs.gallery",
    "Sandbox": "sandbox.process",
    "S3MagicError": "errors",
}

__all__ = ["__version__", *_HOMES]


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
