"""The process behind one mount: ``python -m s3magic.mounting.daemon CHANNEL OWNER``, both inherited descriptors.

Its instructions come as JSON over the channel, with a broker's socket for its credentials, and the
end of its owner by a pidfd. Nothing secret is in its arguments, its environment or a log.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from s3magic.access.wire import BrokerSource
from s3magic.errors import InvalidInput, MountError, MountTaken, NoSuchKey
from s3magic.mounting import attach, control, records, wishes
from s3magic.mounting.disk import DiskCache
from s3magic.mounting.fuse import Connection
from s3magic.mounting.layouts import Looks
from s3magic.mounting.listings import DELIMITER
from s3magic.mounting.operations import FETCHERS, FileSystem
from s3magic.mounting.past import AsOf, Pinned, Source
from s3magic.mounting.records import Record
from s3magic.store import traffic
from s3magic.store.base import ListPage, Store
from s3magic.store.client import Client
from s3magic.store.credentials import Location
from s3magic.store.s3 import S3Store
from s3magic.store.tuning import Tuning
from s3magic.url import S3Url

Move = Callable[[Location, socket.socket], None]

_START_SECONDS = 10
_TURN_SECONDS = 0.001
"""How long one thread may compute while others wait: most have only to pass bytes on."""


class Daemon:
    """One mount from its first request to its end.

    Parameters
    ----------
    config
        ``url``, ``path``, ``location``, ``tuning``, ``memory`` (bytes), ``fresh`` (seconds),
        ``cache`` (folder and bytes, or None), ``looks`` (owner and modes), ``allow_other``, ``keep``
        (whether it outlives its owners), ``version_at`` (a time in ISO 8601, or empty) and
        ``ignore``: a ``.gitignore`` to write beside the mount, or None.
    store
        The bucket.
    owner
        A pidfd of the process the mount is for; more may be adopted.
    move
        Called to ask the store as somebody else: with a location and a broker's socket.

    Attributes
    ----------
    record : Record
        What is written down of it.
    """

    def __init__(self, config: dict[str, Any], store: Store, *, owner: int, move: Move | None = None) -> None:
        url = S3Url.parse(config["url"])
        source = seen(store, url, config["version_at"])
        folder, root = probe(source, url.with_key(url.key[: url.key.rfind("/") + 1]) if url.version_id else url)
        self._url = url if url.version_id else folder
        disk = _disk(config, self._url.bucket)
        self._path = Path(config["path"])
        self._ignore: str | None = config["ignore"]
        self._looks = Looks(*config["looks"])
        self._allow_other: bool = config["allow_other"]
        self._keep: bool = config["keep"]
        self._move = move
        self._began = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._end = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector.register(self._end, selectors.EVENT_READ)
        self._owners: set[int] = set()
        self._is_ending = False
        self._lock = threading.Lock()
        self._adopt(owner)
        self.record = Record(
            url=str(self._url),
            path=self._path,
            location=config["location"],
            pid=os.getpid(),
            started=records.started(os.getpid()) or 0,
            version_at=config["version_at"],
            wishes=wishes.of(config),
        )
        self._files = FileSystem(
            source, folder.key, memory=config["memory"], fresh=config["fresh"], disk=disk, root=root
        )
        self._connection: Connection | None = None

    def start(self) -> None:
        """Mount and begin to answer; return when the kernel and this side have agreed."""
        with records.turn():
            if attach.mount_point_at(self._path) is not None:
                raise MountTaken(f"Something else was mounted on {self._path} meanwhile", "Try again.")
            control.serve(self.record.socket, self._answer)
            try:
                self.record = replace(self.record, created=tuple(_make_folders(self._path, ignore=self._ignore)))
                self.record.write()  # before there is a mount, so that one whose daemon is killed is always known
            except BaseException:
                self._leave_place()
                raise
        try:
            device = attach.attach(self._path, source=str(self._url), allow_other=self._allow_other)
        except BaseException:
            self.finish()
            raise
        agreed = threading.Event()
        self._connection = Connection(device, self._files, started=agreed.set, ended=self.stop, looks=self._looks)
        self._connection.start()
        if not agreed.wait(_START_SECONDS):
            self.finish()
            raise MountError(f"The kernel did not take the mount on {self._path}", "Try again.")

    def stop(self) -> None:
        """Ask for the end, from any thread or a signal handler."""
        os.eventfd_write(self._end, 1)

    def wait(self) -> None:
        """Return when the mount is gone, or asked to end, or the last owner of one that is not kept has gone."""
        while True:
            for key, _ in self._selector.select():
                with self._lock:
                    if key.fd != self._end:
                        self._selector.unregister(key.fd)
                        self._owners.discard(key.fd)
                        os.close(key.fd)
                    if key.fd == self._end or not (self._owners or self._keep):
                        self._is_ending = True
                        return

    def finish(self) -> None:
        """Leave nothing behind: no mount, no record, no folder that was made for it."""
        try:
            with records.turn():
                self._detach()
                self._leave_place()
        except MountError:  # the turn did not come: the mount goes nevertheless, and others clear up the rest
            self._detach()

    def _detach(self) -> None:
        if self.record.mount_point is not None:
            with contextlib.suppress(MountError):
                attach.detach(self._path) or attach.detach(self._path, lazy=True)

    def _leave_place(self) -> None:
        self.record.remove_folders()
        self.record.remove()

    def _adopt(self, owner: int) -> None:
        with self._lock:
            if self._is_ending:
                raise MountError(f"The mount on {self._path} ends just now", "Try again.")
            self._owners.add(owner)
            self._selector.register(owner, selectors.EVENT_READ)

    def _users(self) -> set[int]:
        return {_field(f"/proc/self/fdinfo/{owner}", "Pid") for owner in self._owners}

    def _leave(self, pid: int) -> bool:
        """Tell whether one process is the only owner; nobody else may become one then, for it ends the mount."""
        with self._lock:
            self._is_ending = self._is_ending or (not self._keep and self._users() <= {pid})
            return self._is_ending

    def _answer(self, question: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        match question.get("ask"):
            case "stats":
                return self._stats()
            case "refresh":
                self._files.refresh()
                if self._connection is not None:
                    self._connection.refresh()
                return {}
            case "adopt" if descriptors:
                self._adopt(descriptors[0])
                return {}
            case "move" if descriptors and self._move is not None:
                self._move(Location(**question["location"]), socket.socket(fileno=descriptors[0]))
                self.record = replace(self.record, location=question["location"])
                self.record.write()
                self._files.start_over()
                if self._connection is not None:
                    self._connection.refresh()
                return {}
            case "owners":
                with self._lock:
                    return {"owners": list(self._users())}
            case "leave":
                return {"is_last": self._leave(question["pid"])}
            case unknown:
                raise InvalidInput(
                    f"A mount's daemon knows no {unknown!r}", "It knows stats, refresh, adopt, owners, leave, move."
                )

    def _stats(self) -> dict[str, Any]:
        connection = self._connection
        return {
            **self._files.stats(),
            "traffic": traffic.total().to_json(),
            "memory_bytes": _status("VmRSS") * 1024,
            "memory_peak_bytes": _status("VmHWM") * 1024,
            "uptime": time.monotonic() - self._began,
            "errors": connection.device.errors if connection else 0,
            "last_error": connection.device.last_error if connection else "",
        }


def seen(store: Store, url: S3Url, version_at: str) -> Source:
    """Return what is to be shown of a bucket: all of it now, all of it at one time, or one version of one object."""
    if url.version_id:
        return Pinned(store, url.key, url.version_id)
    if version_at:
        past = AsOf(store, datetime.fromisoformat(version_at))
        past.check(url.key)
        return past
    return store


def probe(store: Source, url: S3Url) -> tuple[S3Url, ListPage]:
    """Return the URL of the folder that a URL names, and the first page of its listing, which proves the right to it.

    Raises what the store raises (no such bucket, no right …), `InvalidInput` when the URL names
    one object, and `NoSuchKey` when nothing is there. An empty bucket is fine.
    """
    folder = url if url.is_prefix or not url.key else url.with_key(f"{url.key}/")
    page = store.list_page(folder.key, delimiter=DELIMITER)
    if not url.key or page.objects or page.prefixes:
        return folder, page
    if not url.is_prefix and any(info.key == url.key for info in store.list_page(url.key, max_keys=1).objects):
        above = url.with_key(url.key[: url.key.rfind("/") + 1])
        raise InvalidInput(f"Only folders can be mounted, and {url} is one object", f"Mount its folder: {above}")
    raise NoSuchKey(f"There is nothing at {folder}", "Check the spelling; %s3ls shows what is there.")


class Shop:
    """The store of a mount, asked by one client whose credentials may be exchanged."""

    def __init__(self) -> None:
        self._source: BrokerSource | None = None
        self._client: Client | None = None

    def open(self, config: dict[str, Any], broker: int) -> Store:
        """Open the bucket of a mount; its broker is asked over a socket."""
        self._source = BrokerSource(socket.socket(fileno=broker))
        tuning = Tuning.from_json(config["tuning"])
        tuning = replace(tuning, request_concurrency=tuning.request_concurrency or FETCHERS)
        self._client = Client(Location(**config["location"]), self._source, tuning)
        return S3Store(S3Url.parse(config["url"]).bucket, self._client)

    def move(self, location: Location, broker: socket.socket) -> None:
        """Ask as somebody else from now on; the former broker need not be there any more."""
        former, self._source = self._source, BrokerSource(broker)
        if self._client is not None:
            self._client.move(location, self._source)
        if former is not None:
            former.close()


def run(channel: socket.socket, owner: int, open_store: Callable[..., Store], move: Move | None = None) -> None:
    """Take the instructions, mount, say so (or why not), and serve until the end.

    ``open_store`` is given the instructions and the descriptors that came with them.
    """
    with channel:
        try:
            config, descriptors = control.take(channel)
            daemon = Daemon(config, open_store(config, *descriptors), owner=owner, move=move)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, _stopper(daemon))
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            daemon.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the starter must hear of it
            control.send(channel, control.error_message(error))
            return
        try:
            control.send(channel, {"record": daemon.record.to_json()})
        except OSError:
            daemon.stop()  # whoever wanted it has given up
    gc.freeze()  # what is here now stays
    sys.setswitchinterval(_TURN_SECONDS)
    daemon.wait()
    daemon.finish()
    os._exit(0)  # threads may still wait for the kernel


def main(arguments: list[str]) -> None:
    """Run as the process of a mount."""
    channel, owner = (int(argument) for argument in arguments)
    for descriptor in (channel, owner):
        os.set_inheritable(descriptor, False)
    shop = Shop()
    run(socket.socket(fileno=channel), owner, shop.open, shop.move)


def _disk(config: dict[str, Any], bucket: str) -> DiskCache | None:
    """Open the cache on disk, if one is asked for; the same bucket of the same endpoint finds its own there."""
    if config["cache"] is None:
        return None
    folder, size = config["cache"]
    return DiskCache.make(Path(folder), size, place=f"{config['location']['endpoint_url']}/{bucket}")


def _make_folders(path: Path, *, ignore: str | None) -> list[Path]:
    """Make a folder and those above it; return the new ones, the outermost first."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()][::-1]
    made: list[Path] = []
    try:
        for folder in missing:
            with contextlib.suppress(FileExistsError):  # a mount beside this one made it just now
                folder.mkdir()
                made.append(folder)
    except OSError as error:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # another's are in it by now
                folder.rmdir()
        raise MountError(f"Cannot make the folder {path}: {error.strerror}", "Choose a folder of your own.") from error
    if ignore is not None and not Path(ignore).exists():
        with contextlib.suppress(OSError):
            Path(ignore).write_text("*\n")
    return made


def _stopper(daemon: Daemon) -> Callable[[int, FrameType | None], None]:
    return lambda _number, _frame: daemon.stop()


def _status(name: str) -> int:
    return _field("/proc/self/status", name)


def _field(path: str, name: str) -> int:
    """Return a number that the kernel tells on a line ``name: number``; -1 when it does not."""
    for line in Path(path).read_text().splitlines():
        title, _, value = line.partition(":")
        if title == name:
            return int(value.split()[0])
    return -1


if __name__ == "__main__":
    main(sys.argv[1:])
