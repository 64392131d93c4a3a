"""The kernel's side of the JupyterLab panel: tells it what it shows and does what it asks; draws nothing.

Two comms, each for one direction: the kernel opens ``s3magic:panel`` and sends on it alone, a panel opens
``s3magic:rpc``, on which the kernel never sends. A front end's message goes to the subshell that last sent on its comm,
so that with one comm for both ways a click would wait behind a running cell. Everything is done by a few threads of the
bridge's own; a message's key is never ``state``, which nbclient takes for a widget's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3magic.errors import InvalidInput, S3MagicError
from s3magic.notebook.mount_table import MountTableWatch

if TYPE_CHECKING:
    from comm.base_comm import BaseComm
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.access.connection import Connection
    from s3magic.access.identity import Identity
    from s3magic.mounting.model import Mount

PANEL = "s3magic:panel"
RPC = "s3magic:rpc"
WORKERS = 4
UNMOUNT_TIMEOUT = 5
"""Seconds to try an unmount for: a person is waiting, and the answer of a busy mount names who holds it."""

_bridges: dict[InteractiveShell, CommBridge] = {}


def open_bridge(shell: InteractiveShell) -> None:
    """Let panels talk to this kernel; a shell without a kernel has nobody to talk to."""
    if getattr(shell, "kernel", None) is not None and shell not in _bridges:
        _bridges[shell] = CommBridge(shell)


def close_bridge(shell: InteractiveShell) -> None:
    """Tell the panels that s3magic is not loaded any more."""
    bridge = _bridges.pop(shell, None)
    if bridge is not None:
        bridge.close()


class CommBridge:
    """The comms of one kernel, open from the beginning.

    Panels get an ``answer`` or a ``failure`` to each request, and a ``changed`` when something they show is different
    after a cell, a mount or an unmount (``trouble`` when it cannot be told).
    """

    def __init__(self, shell: InteractiveShell) -> None:
        from comm import get_comm_manager  # noqa: PLC0415 - ipykernel puts its own in place

        self._manager = get_comm_manager()
        self._events = shell.events
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="s3magic-panel")
        self._sending = threading.Lock()
        self._noticing = threading.Event()
        self._rpcs: list[BaseComm] = []
        self._told: dict[str, Any] | None = None
        self._asked: tuple[Connection, Identity] | None = None
        self._closed = False
        self._manager.register_target(RPC, self._on_rpc)
        self._events.register("post_run_cell", self._notice)
        self._panel: BaseComm | None = None
        self._send(None)
        self._watch = MountTableWatch(self._notice)
        self._notice()

    def close(self) -> None:
        """Take everything back."""
        self._watch.close()
        self._events.unregister("post_run_cell", self._notice)
        self._manager.unregister_target(RPC, self._on_rpc)
        with self._sending:
            self._closed = True
            for comm in (self._panel, *self._rpcs):
                if comm is not None:
                    comm.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _on_rpc(self, comm: BaseComm, message: Mapping[str, Any]) -> None:  # noqa: ARG002 - a comm target's signature
        comm.on_msg(self._on_request)
        comm.on_close(lambda _: self._rpcs.remove(comm))
        self._rpcs.append(comm)

    def _on_request(self, message: Mapping[str, Any]) -> None:
        request = message["content"]["data"]
        self._submit(self._serve, request["id"], request.get("method"), request.get("params") or {})

    def _serve(self, number: str, method: object, params: Mapping[str, Any]) -> None:
        try:
            message = {"event": "answer", "id": number, "result": self._method(method)(**params)}
        except Exception as error:  # noqa: BLE001 - a panel that gets no answer would wait for ever
            message = {"event": "failure", "id": number, "error": _failure_to_json(error)}
        self._send(message)

    def _method(self, name: object) -> Callable[..., dict[str, Any]]:
        match name:
            case "status":
                return self._status
            case "identity":
                return self._identify
            case "unmount":
                return self._unmount
        raise InvalidInput(f"The panel asked for {name!r}, which this kernel does not know", "Reload the page.")

    def _status(self) -> dict[str, Any]:
        """Return all the panel shows, asking nothing of the network."""
        from s3magic import api  # noqa: PLC0415 - loads the rooms of mounts

        connection = _chosen()
        asked = self._asked
        identity = asked[1] if asked is not None and asked[0] is connection else None
        return {
            "connection": None if connection is None else _connection_to_json(connection),
            "identity": None if identity is None else identity.to_json(),
            "mounts": [_mount_to_json(mount) for mount in api.mounts()],
            "sandbox": _sandbox(),
            "home": str(Path.home()),
        }

    def _identify(self) -> dict[str, Any]:
        connection = _chosen()
        if connection is not None:
            self._asked = connection, connection.identity()
            self._notice()
        return self._status()

    def _unmount(self, path: str) -> dict[str, Any]:
        from s3magic import api  # noqa: PLC0415

        if any(str(mount.path) == path for mount in api.mounts()):
            api.unmount(path, timeout=UNMOUNT_TIMEOUT)
            self._notice()
        return self._status()

    def _notice(self, *_: object) -> None:
        """See in a while whether there is news; once for many calls."""
        if not self._noticing.is_set():
            self._noticing.set()
            self._submit(self._tell_news)

    def _submit(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # closed meanwhile: nobody waits for an answer any more
            self._pool.submit(function, *arguments)

    def _tell_news(self) -> None:
        self._noticing.clear()
        try:
            news = {"event": "changed", "status": self._status()}
        except Exception as error:  # noqa: BLE001 - told rather than lost in a thread
            news = {"event": "trouble", "error": _failure_to_json(error)}
        if self._panel is not None and news != self._told:
            self._told = news
            self._send(news)

    def _send(self, message: dict[str, Any] | None) -> None:
        """Send to every panel, opening the comm where no one is left: a page without a panel closes it for all."""
        from comm import create_comm  # noqa: PLC0415

        with self._sending:
            if self._closed:
                return
            if self._panel is None:
                self._panel = create_comm(target_name=PANEL)
                self._panel.on_close(self._on_panel_closed)
            if message is not None:
                self._panel.send(message)

    def _on_panel_closed(self, message: Mapping[str, Any]) -> None:  # noqa: ARG002 - a comm callback's signature
        self._panel = None


def _chosen() -> Connection | None:
    """Return the connection in use; its room is not even loaded before the first choice."""
    current: Any = sys.modules.get("s3magic.access.current")
    return None if current is None else current.chosen()


def _failure_to_json(error: Exception) -> dict[str, str]:
    if isinstance(error, S3MagicError):
        return {"message": error.message, "hint": error.hint}
    return {"message": f"{type(error).__name__}: {error}", "hint": ""}


def _connection_to_json(connection: Connection) -> dict[str, Any]:
    try:
        expires, note = connection.expires, connection.note
    except S3MagicError as error:  # the broker is gone, or the credentials are: the panel says so
        expires, note = None, error.message
    return {
        "provider": connection.provider,
        "profile": connection.choice.profile,
        "region": connection.location.region,
        "endpoint_url": connection.location.endpoint_url,
        "expires": expires.isoformat() if expires else None,
        "note": note,
    }


def _mount_to_json(mount: Mount) -> dict[str, Any]:
    return {
        "url": str(mount.url),
        "path": str(mount.path),
        "backend": mount.backend,
        "read_only": mount.read_only,
        "condition": mount.state,
    }


def _sandbox() -> dict[str, str] | None:
    process: Any = sys.modules.get("s3magic.sandboxes.process")
    running = None if process is None else process.running()
    return None if running is None else {"endpoint_url": running.endpoint_url}
