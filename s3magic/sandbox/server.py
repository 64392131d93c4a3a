"""The sandbox's process: serves S3 on 127.0.0.1, takes orders from its parent, and ends with it.

Its parent hands it a socket and a pidfd by number. Over the socket come one JSON line with the
port and everybody's keys, and later orders; each is answered by one JSON line. It ends on SIGTERM,
when the socket is closed, and when the process behind the pidfd is gone.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cheroot.wsgi import Server

from s3magic.errors import S3MagicError
from s3magic.sandbox.backend import Backend
from s3magic.sandbox.gate import Gate
from s3magic.sandbox.seed import Seed
from s3magic.sandbox.users import by_key
from s3magic.store.credentials import Credentials

_THREADS = 16
_IDLE_SECONDS = 75


def main(control: int, parent: int) -> None:
    """Serve until the parent ends, the socket closes or SIGTERM comes."""
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=control) as link, link.makefile("rb") as orders:
        server: Server | None = None
        try:
            settings = json.loads(orders.readline())
            backend = Backend()
            seed = Seed(backend, data=Path(settings["data"]) if settings["data"] else None)
            server = _listen(settings, backend)
            seed.plant()
            threading.Thread(target=server.serve, name="sandbox", daemon=True).start()
            _tell(link, ready=True, port=server.bind_addr[1], buckets=backend.buckets)
            _obey(link, orders, parent, wake, backend, seed)
        except S3MagicError as error:
            _tell(link, error=type(error).__name__, message=error.message, hint=error.hint)
        except OSError as error:
            _tell(link, error="OSError", message=str(error), hint="")
        finally:
            if server is not None:
                server.stop()


def _listen(settings: dict[str, Any], backend: Backend) -> Server:
    users = by_key({name: _credentials(fields) for name, fields in settings["users"].items()})
    server = Server(
        ("127.0.0.1", settings["port"]),
        Gate(backend, users),
        numthreads=_THREADS,
        timeout=_IDLE_SECONDS,
        request_queue_size=128,
        shutdown_timeout=1,
    )
    server.error_log = lambda *_, **__: None
    server.prepare()
    return server


def _obey(link: socket.socket, orders: Any, parent: int, wake: socket.socket, backend: Backend, seed: Any) -> None:
    while True:
        ready, _, _ = select.select([link, parent, wake], [], [])
        if parent in ready or wake in ready:
            return
        line = orders.readline()
        if not line:
            return
        seed.plant()
        _tell(link, ready=True, buckets=backend.buckets)


def _tell(link: socket.socket, **message: object) -> None:
    with suppress(OSError):  # a parent that is gone is learnt of by its pidfd
        link.sendall(json.dumps(message).encode() + b"\n")


def _credentials(fields: dict[str, Any]) -> Credentials:
    expires = fields.pop("expires")
    return Credentials(**fields, expires=datetime.fromisoformat(expires) if expires else None)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
