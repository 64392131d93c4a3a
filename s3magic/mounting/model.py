"""A mount as a user holds it: where it is, how it does, and how it ends; makes none."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from s3magic.errors import MountError
from s3magic.html import bytes_text, card, table
from s3magic.mounting import control, ending
from s3magic.mounting.records import Record


class Mount(ABC):
    """A folder of S3 as a folder of files, or a folder inside one.

    Works wherever a path does: ``open(m / "a.nc")``, ``os.listdir(m)``. Leaving it as a context
    manager unmounts it.

    Parameters
    ----------
    url
        What is shown: ``s3://bucket/prefix/``.
    path
        Where.
    backend
        Which engine shows it.
    read_only
        Whether nothing can be written.
    """

    __slots__ = ()
    url: str
    path: Path
    backend: str
    read_only: bool

    @property
    @abstractmethod
    def state(self) -> str:
        """``"mounted"``, ``"stale"`` (its daemon was killed) or ``"unmounted"``."""

    @abstractmethod
    def stats(self) -> dict[str, Any]:
        """Return what is counted; a copy (``backend="copy"``) counts less.

        Returns
        -------
        dict
            ``requests``, ``bytes_fetched``, ``bytes_served``, ``cache_bytes``, ``cache_limit``,
            ``disk_bytes``, ``disk_limit``, ``disk_served``, ``disk_trouble`` (why nothing more is kept
            on disk, or empty), ``memory_bytes``, ``memory_peak_bytes``, ``open_files``, ``inodes``, ``hidden`` (keys
            that can be no file, as far as they were listed), ``errors``, ``last_error``, and
            ``uptime`` in seconds; ``traffic``, the counts of a `Traffic`.
        """

    @abstractmethod
    def refresh(self) -> None:
        """Forget all listings, so that the next look shows what S3 has now; a copy brings what changed."""

    @abstractmethod
    def unmount(self, *, timeout: float = 30, force: bool = False) -> None:
        """Take the mount away; for a folder inside one, the whole of it.

        Doing so twice is harmless. Raises `MountBusy` when it is still used after ``timeout``
        seconds; with ``force`` whoever uses it gets errors instead. The files of a copy stay.
        """

    def to_json(self) -> dict[str, object]:
        """Return the public fields as JSON types."""
        return {
            "url": self.url,
            "path": str(self.path),
            "backend": self.backend,
            "read_only": self.read_only,
            "state": self.state,
        }

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, other: str | os.PathLike[str]) -> Path:
        return self.path / other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unmount()

    def __repr__(self) -> str:
        return f"<Mount {self.url} on {self.path}: {self.state}>"

    def _repr_html_(self) -> str:
        try:
            stats = self.stats() if self.state == "mounted" else {}
        except MountError as error:
            return card(self.url, [*self._rows(), ("daemon", error.message)])
        return self.to_html(stats)

    @abstractmethod
    def to_html(self, stats: dict[str, Any], former: dict[str, Any] | None = None) -> str:
        """Return a card with `stats` that are at hand; with the rate since ``former`` ones where there are any."""

    def _rows(self) -> list[tuple[str, object]]:
        access = "read-only" if self.read_only else "read and write"
        return [("folder", self.path), ("engine", self.backend), ("state", self.state), ("access", access)]


@dataclass(frozen=True, slots=True, repr=False)
class DaemonMount(Mount):
    """A mount that a daemon answers for, through FUSE.

    Parameters
    ----------
    url, path, backend, read_only
        See `Mount`.
    record
        What is written down of it.
    """

    url: str
    path: Path
    record: Record = field(compare=False)
    backend: str = "builtin"
    read_only: bool = True

    @property
    def state(self) -> str:
        """See `Mount.state`."""
        point = self.record.mount_point
        if point is None:
            return "unmounted"
        return "mounted" if self.record.is_alive else "stale"

    def stats(self) -> dict[str, Any]:
        """See `Mount.stats`."""
        return control.ask(self.record.socket, {"ask": "stats"})

    def refresh(self) -> None:
        """See `Mount.refresh`."""
        control.ask(self.record.socket, {"ask": "refresh"}, seconds=60)

    def unmount(self, *, timeout: float = 30, force: bool = False) -> None:
        """See `Mount.unmount`."""
        if self.state == "stale":
            ending.clear(self.record)
        elif self.state == "mounted" or self.record.is_alive:
            ending.end(self.record, timeout=timeout, force=force)

    def to_html(self, stats: dict[str, Any], former: dict[str, Any] | None = None) -> str:
        """See `Mount.to_html`."""
        at = self.record.version_at
        rows = [*self._rows(), *([("as it stood at", at)] if at else [])]
        if self.record.wishes.get("keep"):
            rows.append(("stays", "until it is unmounted"))
        return card(self.url, [*rows, *(_stats_rows(stats, former) if stats else [])])


class MountTable(list[Mount]):
    """Mounts, shown as a table."""

    def __init__(self, mounts: Iterable[Mount] = ()) -> None:
        super().__init__(mounts)

    def __repr__(self) -> str:
        return "\n".join(f"{mount.url} on {mount.path}: {mount.state}" for mount in self) or "nothing is mounted"

    def _repr_html_(self) -> str:
        rows = [(mount.url, mount.path, mount.backend, mount.state) for mount in self]
        return table(("URL", "folder", "engine", "state"), rows, "" if rows else "Nothing is mounted.")


def _stats_rows(stats: dict[str, Any], former: dict[str, Any] | None) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    seconds = stats["uptime"] - former["uptime"] if former else 0
    if former and seconds > 0:
        rates = [(stats[name] - former[name]) / seconds for name in ("bytes_fetched", "bytes_served", "requests")]
        fetched, served, requests = (max(0.0, rate) for rate in rates)
        pace = f"{bytes_text(fetched)}/s fetched, {bytes_text(served)}/s read, {requests:.0f} requests a second"
        rows.append(("rate", pace))
    rows.append(("fetched", f"{bytes_text(stats['bytes_fetched'])} in {stats['requests']} requests"))
    rows.append(("read", bytes_text(stats["bytes_served"])))
    rows.append(("cache", f"{bytes_text(stats['cache_bytes'])} of {bytes_text(stats['cache_limit'])}"))
    if stats["disk_limit"]:
        kept = f"{bytes_text(stats['disk_bytes'])} of {bytes_text(stats['disk_limit'])}"
        rows.append(("on disk", f"{kept}, {bytes_text(stats['disk_served'])} read from it"))
    if stats["disk_trouble"]:
        rows.append(("nothing is kept on disk", stats["disk_trouble"]))
    rows.append(("memory", f"{bytes_text(stats['memory_bytes'])}, at most {bytes_text(stats['memory_peak_bytes'])}"))
    if stats["hidden"]:
        rows.append(("hidden", f"{stats['hidden']} keys that can be no file name"))
    if stats["last_error"]:
        rows.append(("last error", stats["last_error"]))
    return rows
