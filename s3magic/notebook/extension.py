"""Loading and unloading: what ``%load_ext s3magic`` registers, ``%unload_ext s3magic`` takes back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from s3magic.errors import MountBusy
from s3magic.notebook import comms
from s3magic.notebook.completer import Completer
from s3magic.notebook.magics import S3Magics

if TYPE_CHECKING:
    from IPython.core.formatters import IPythonDisplayFormatter
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.thumbs.gallery import Gallery

_GALLERY = ("s3magic.thumbs.gallery", "Gallery")


def load(shell: InteractiveShell) -> None:
    """Register magics, completion and displays; loading twice is harmless."""
    unload(shell, unmount=False)
    magics = S3Magics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(Completer(magics).match)
    if getattr(shell, "kernel", None) is not None:
        comms.open_bridge(shell)
        _displays(shell).for_type_by_name(*_GALLERY, _show_gallery)  # type: ignore[no-untyped-call]


def unload(shell: InteractiveShell, *, unmount: bool = True) -> None:
    """Take back what `load` registered, and the mounts that were made meanwhile."""
    comms.close_bridge(shell)
    manager = shell.magics_manager
    for table in manager.magics.values():
        ours = [name for name, function in table.items() if isinstance(_owner(function), S3Magics)]
        for name in ours:
            del table[name]
    for magics in [one for one in list(shell.configurables) if isinstance(one, S3Magics)]:
        magics.forget()
        shell.configurables.remove(magics)
    manager.registry.pop(S3Magics.__name__, None)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if not isinstance(_owner(matcher), Completer)]
    _displays(shell).pop(".".join(_GALLERY), None)  # type: ignore[no-untyped-call]
    if unmount:
        _unmount_all()


def _displays(shell: InteractiveShell) -> IPythonDisplayFormatter:
    return cast("IPythonDisplayFormatter", shell.display_formatter.ipython_display_formatter)  # type: ignore[union-attr]


def _owner(function: object) -> object:
    return getattr(function, "__self__", None)


def _show_gallery(gallery: Gallery) -> None:
    from s3magic.notebook import gallery_view  # noqa: PLC0415 - ipywidgets

    gallery_view.show(gallery)


def _unmount_all() -> None:
    if "s3magic.mount.manager" not in sys.modules:
        return  # nothing can be mounted then, and asking would load the room
    from s3magic import api  # noqa: PLC0415

    try:
        api.unmount(all=True, timeout=5)
    except MountBusy:
        api.unmount(all=True, force=True)
