"""How fast the mounts read from S3, told while it changes; asks their daemons alone, from a thread of its own.

Told rather than asked for: a question would make the kernel look busy, and never idle to a hub that ends idle ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from s3magic.errors import MountError

if TYPE_CHECKING:
    from s3magic.mounting.model import Mount

PAUSE = 2.0
"""Seconds between two looks at the daemons."""

Rates = dict[str, dict[str, float]]


class RateWatch:
    """Looks at mounts while there are any, and tells when something flows or has stopped flowing.

    Parameters
    ----------
    tell
        Given, by the path of each mount, its ``fetched`` bytes, its ``requests`` and its ``rate`` in bytes a second.
    pause
        Seconds between two looks.
    """

    def __init__(self, tell: Callable[[Rates], object], *, pause: float = PAUSE) -> None:
        self._tell = tell
        self._pause = pause
        self._changed = threading.Condition()
        self._mounts: tuple[Mount, ...] = ()
        self._closed = False
        self._thread: threading.Thread | None = None

    def follow(self, mounts: Sequence[Mount]) -> None:
        """Look at these mounts from now on."""
        with self._changed:
            self._mounts = tuple(mount for mount in mounts if mount.state == "mounted")
            if self._mounts and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._watch, name="s3magic-rates", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Look no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _watch(self) -> None:
        former: dict[str, dict[str, Any]] = {}
        told: Rates = {}
        while True:
            with self._changed:
                mounts = () if self._closed else self._mounts
                if not mounts:
                    self._thread = None
                    return
            stats = {str(mount.path): found for mount in mounts if (found := _stats(mount))}
            rates = {path: _rate(now, former.get(path)) for path, now in stats.items()}
            if rates != told:
                self._tell(rates)
            former, told = stats, rates
            with self._changed:
                self._changed.wait_for(lambda: self._closed, self._pause)


def _stats(mount: Mount) -> dict[str, Any]:
    try:
        return mount.stats()
    except MountError:  # busy or gone; the table of mounts tells which
        return {}


def _rate(now: dict[str, Any], former: dict[str, Any] | None) -> dict[str, float]:
    seconds = now["uptime"] - former["uptime"] if former else 0
    flowed = now["bytes_fetched"] - former["bytes_fetched"] if former else 0
    return {
        "fetched": now["bytes_fetched"],
        "requests": now["requests"],
        "rate": round(flowed / seconds) if seconds > 0 and flowed > 0 else 0,
    }
