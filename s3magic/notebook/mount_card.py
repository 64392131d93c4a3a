"""A mount's card that keeps up to date while it is shown; asks the mount's daemon in a thread, and nothing of S3."""

from __future__ import annotations

import threading
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display

from s3magic.errors import MountError
from s3magic.mounting.model import Mount
from s3magic.notebook import kept

PAUSE = 1.0
"""Seconds between two looks at the daemon."""


_shown: dict[Path, MountCard] = {}


class MountCard:
    """The card of one mount, renewed until the mount ends or the widget is closed.

    Parameters
    ----------
    mount
        What is shown.
    pause
        Seconds between two looks.

    Attributes
    ----------
    widget : ipywidgets.HTML
        What is displayed.
    """

    def __init__(self, mount: Mount, *, pause: float = PAUSE) -> None:
        self.widget = widgets.HTML(mount._repr_html_())
        self._mount = mount
        self._pause = pause
        self._closed = threading.Event()
        self.widget.observe(self._note_closing, "comm")
        self._thread = threading.Thread(target=self._renew, name="s3magic-mount-card", daemon=True)
        self._thread.start()

    @property
    def is_live(self) -> bool:
        """Whether the card is still renewed."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Leave the card as it is."""
        self._closed.set()

    def _note_closing(self, change: dict[str, object]) -> None:
        if change["new"] is None:
            self.close()

    def _renew(self) -> None:
        former = None
        while not self._closed.wait(self._pause):
            try:
                stats = self._mount.stats()
            except MountError:  # the daemon is busy, or gone: the state tells which
                stats = {}
            self.widget.value = self._mount.to_html(stats, former)
            former = stats or None
            if not stats and self._mount.state != "mounted":
                return


def show(mount: Mount) -> None:
    """Display a mount as a live card and, hidden while that lives, as the card that a saved notebook keeps.

    A former card of the same mount is renewed no more.
    """
    former, _shown[mount.path] = _shown.get(mount.path), MountCard(mount)
    if former is not None:
        former.close()
    card, identity = _shown[mount.path].widget, kept.new_identity()
    card.add_class(identity)
    display(kept.live(card, repr(mount)), raw=True)  # type: ignore[no-untyped-call]
    display(kept.page(mount._repr_html_(), identity), raw=True)  # type: ignore[no-untyped-call]
