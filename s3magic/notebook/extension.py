"""Loading and unloading: what ``%load_ext s3magic`` registers, ``%unload_ext s3magic`` takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from s3magic.api import cubes
from s3magic.loaded import loaded
from s3magic.notebook import comms
from s3magic.notebook.completer import Completer
from s3magic.notebook.magic import friendly
from s3magic.notebook.magics import S3Magics
from s3magic.usage import cells

if TYPE_CHECKING:
    from IPython.core.formatters import IPythonDisplayFormatter
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.mounting.model import Mount
    from s3magic.thumbnails.gallery import Gallery

_GALLERY = ("s3magic.thumbnails.gallery", "Gallery")
_MOUNT = ("s3magic.mounting.model", "Mount")


def load(shell: InteractiveShell) -> None:
    """Register magics, completion and displays; loading twice is harmless."""
    unload(shell, unmount=False)
    magics = S3Magics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(Completer(magics).match)
    cubes.await_iris(lambda: friendly(verbose=magics.verbose_errors, interrupts=False))
    shell.events.register("pre_run_cell", _begin_cell)
    shell.events.register("post_run_cell", _end_cell)
    cells.begin()
    if getattr(shell, "kernel", None) is not None:
        comms.open_bridge(shell)
        _displays(shell).for_type_by_name(*_GALLERY, _show_gallery)  # type: ignore[no-untyped-call]
        _displays(shell).for_type_by_name(*_MOUNT, _show_mount)  # type: ignore[no-untyped-call]


def unload(shell: InteractiveShell, *, unmount: bool = True) -> None:
    """Take back what `load` registered, and what was done meanwhile: mounts, and the environment."""
    comms.close_bridge(shell)
    cubes.disable_iris()
    manager = shell.magics_manager
    for kind, names in S3Magics.magics.items():
        table = manager.magics[kind]
        for name in names:
            if isinstance(_owner(table.get(name)), S3Magics):
                del table[name]
    for magics in [one for one in list(shell.configurables) if isinstance(one, S3Magics)]:
        magics.forget()
        shell.configurables.remove(magics)
    manager.registry.pop(S3Magics.__name__, None)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if not isinstance(_owner(matcher), Completer)]
    for shown in (_GALLERY, _MOUNT):
        _displays(shell).pop(".".join(shown), None)  # type: ignore[no-untyped-call]
    for moment, called in (("pre_run_cell", _begin_cell), ("post_run_cell", _end_cell)):
        if called in shell.events.callbacks[moment]:
            shell.events.unregister(moment, called)
    cells.forget()
    if unmount:
        _unmount_ours()
        _stop_workers()
        _restore_environment()


def _begin_cell(_info: object) -> None:
    cells.begin()


def _end_cell(_result: object) -> None:
    cells.end()


def _displays(shell: InteractiveShell) -> IPythonDisplayFormatter:
    return cast("IPythonDisplayFormatter", shell.display_formatter.ipython_display_formatter)  # type: ignore[union-attr]


def _owner(function: object) -> object:
    return getattr(function, "__self__", None)


def _show_gallery(gallery: Gallery) -> None:
    try:
        from s3magic.notebook import gallery_view  # noqa: PLC0415 - anywidget
    except ImportError:
        _show_page(repr(gallery), gallery._repr_html_())
    else:
        gallery_view.show(gallery)


def _show_mount(mount: Mount) -> None:
    try:
        from s3magic.notebook import mount_card  # noqa: PLC0415 - ipywidgets
    except ImportError:
        _show_page(repr(mount), mount._repr_html_())
    else:
        mount_card.show(mount)


def _show_page(words: str, html: str) -> None:
    from IPython.display import display  # noqa: PLC0415

    display({"text/plain": words, "text/html": html}, raw=True)  # type: ignore[no-untyped-call]


def _restore_environment() -> None:
    masking = loaded("s3magic.access.masking")
    if masking is not None:  # else nothing was chosen
        masking.restore()


def _stop_workers() -> None:
    workers = loaded("s3magic.thumbnails.workers")
    if workers is not None:  # else nothing was decoded
        workers.stop()


def _unmount_ours() -> None:
    manager = loaded("s3magic.mounting.manager")
    if manager is not None:  # else nothing was mounted, and asking would load the room
        manager.unmount_ours()
