"""The kernel's side of the JupyterLab panel: tells it what it shows and does what it asks; draws nothing.

Two comms, each for one direction: the kernel opens ``s3magic:panel`` and sends on it alone, a panel opens
``s3magic:rpc``, on which the kernel never sends. A front end's message goes to the subshell that last sent on its comm,
so that with one comm for both ways a click would wait behind a running cell. Everything is done by a few threads of the
bridge's own, and what asks S3 by others; a message's key is never ``state``, which nbclient takes for a widget's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from s3magic.errors import InvalidInput, S3MagicError
from s3magic.notebook import sidebar_status
from s3magic.notebook.mount_table import MountTableWatch
from s3magic.notebook.sidebar_rates import RateWatch

if TYPE_CHECKING:
    from comm.base_comm import BaseComm
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.access.connection import Connection
    from s3magic.access.identity import Identity
    from s3magic.notebook.sidebar_uploads import Uploads

PANEL = "s3magic:panel"
RPC = "s3magic:rpc"
WORKERS = 4
S3_WORKERS = 8
UNMOUNT_TIMEOUT = 5
"""Seconds to try an unmount for: a person is waiting, and the answer of a busy mount names who holds it."""

_bridges: dict[InteractiveShell, CommBridge] = {}

Verb = Callable[..., dict[str, Any]]


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

    Panels get an ``answer`` or a ``failure`` to each request, a ``changed`` when something they show is different
    after a cell, a mount or an unmount (``trouble`` when it cannot be told), and ``rates`` while mounts read.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        from comm import get_comm_manager  # noqa: PLC0415 - ipykernel puts its own in place

        self._manager = get_comm_manager()
        self._events = shell.events
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="s3magic-panel")
        self._far = ThreadPoolExecutor(S3_WORKERS, thread_name_prefix="s3magic-panel-s3")
        self._sending = threading.Lock()
        self._noticing = threading.Event()
        self._telling = threading.Lock()
        self._rpcs: list[BaseComm] = []
        self._told: dict[str, Any] | None = None
        self._asked: tuple[Connection, Identity] | None = None
        self._uploads: Uploads | None = None
        self._closed = False
        self._rates = RateWatch(lambda rates: self._send({"event": "rates", "rates": rates}))
        self._verbs: dict[str, Verb] = {"status": self._status, "unmount": self._unmount}
        self._far_verbs: dict[str, Verb] = {"identity": self._identify, "upload": self._upload}
        self._manager.register_target(RPC, self._on_rpc)
        self._events.register("post_run_cell", self._notice)
        self._panel: BaseComm | None = None
        self._send(None)
        self._watch = MountTableWatch(self._notice)
        self._notice()

    def close(self) -> None:
        """Take everything back."""
        self._watch.close()
        self._rates.close()
        self._events.unregister("post_run_cell", self._notice)
        self._manager.unregister_target(RPC, self._on_rpc)
        with self._sending:
            self._closed = True
            for comm in (self._panel, *self._rpcs):
                if comm is not None:
                    comm.close()
        for pool in (self._pool, self._far):
            pool.shutdown(wait=False, cancel_futures=True)
        if self._uploads is not None:
            self._uploads.close()

    def _on_rpc(self, comm: BaseComm, message: Mapping[str, Any]) -> None:  # noqa: ARG002 - a comm target's signature
        comm.on_msg(self._on_request)
        comm.on_close(lambda _: self._rpcs.remove(comm))
        self._rpcs.append(comm)
        self._notice()

    def _on_request(self, message: Mapping[str, Any]) -> None:
        request = message["content"]["data"]
        name, params = request.get("method"), dict(request.get("params") or {})
        if message.get("buffers"):
            params["data"] = bytes(message["buffers"][0])
        pool = self._pool if name in self._verbs else self._far
        self._submit(pool, self._serve, request["id"], name, params)

    def _serve(self, number: str, method: object, params: Mapping[str, Any]) -> None:
        before = sidebar_status.chosen()
        try:
            message = {"event": "answer", "id": number, "result": self._method(method)(**params)}
        except Exception as error:  # noqa: BLE001 - a panel that gets no answer would wait for ever
            message = {"event": "failure", "id": number, "error": _failure_to_json(error)}
        self._send(message)
        if sidebar_status.chosen() is not before:  # the default, by the first who asked S3
            self._notice()

    def _method(self, name: object) -> Verb:
        from s3magic.notebook import browsing  # noqa: PLC0415 - loads the rooms that ask S3

        verbs = {**browsing.VERBS, **self._far_verbs, **self._verbs}
        if not isinstance(name, str) or name not in verbs:
            raise InvalidInput(f"The panel asked for {name!r}, which this kernel does not know", "Reload the page.")
        return verbs[name]

    def _status(self) -> dict[str, Any]:
        """Return all the panel shows, asking nothing of the network."""
        asked, connection = self._asked, sidebar_status.chosen()
        return sidebar_status.status(asked[1] if asked is not None and asked[0] is connection else None)

    def _identify(self) -> dict[str, Any]:
        connection = sidebar_status.chosen()
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

    def _upload(self, **params: Any) -> dict[str, Any]:
        from s3magic.notebook.sidebar_uploads import Uploads  # noqa: PLC0415 - loaded when asked for

        with self._sending:
            self._uploads = self._uploads or Uploads()
        return self._uploads.take(**params)

    def _notice(self, *_: object) -> None:
        """See in a while whether there is news; once for many calls."""
        if not self._noticing.is_set():
            self._noticing.set()
            self._submit(self._pool, self._tell_news)

    def _submit(self, pool: ThreadPoolExecutor, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # closed meanwhile: nobody waits for an answer any more
            pool.submit(function, *arguments)

    def _tell_news(self) -> None:
        with self._telling:  # else an older state could be told after a newer one
            self._noticing.clear()
            try:
                news = {"event": "changed", "status": self._status()}
            except Exception as error:  # noqa: BLE001 - told rather than lost in a thread
                news = {"event": "trouble", "error": _failure_to_json(error)}
            else:
                self._watch_rates()
            if self._panel is not None and news != self._told:
                self._told = news
                self._send(news)

    def _watch_rates(self) -> None:
        from s3magic import api  # noqa: PLC0415

        self._rates.follow(api.mounts() if self._rpcs else ())

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


def _failure_to_json(error: Exception) -> dict[str, str]:
    if isinstance(error, S3MagicError):
        return {"message": error.message, "hint": error.hint}
    return {"message": f"{type(error).__name__}: {error}", "hint": ""}
