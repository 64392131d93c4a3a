"""The sandbox's process: serves S3 on 127.0.0.1, takes orders from its parent, and ends with it.

Its parent hands it a socket and a pidfd by number. Over the socket come one JSON line with the
port and everybody's keys, and later orders; each is answered by one JSON line. It ends on SIGTERM,
when the socket is closed, and when the process behind the pidfd is gone. It writes no log.
"""

from __future__ import annotations

import json
import os
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

from s3magic.errors import InvalidInput, S3MagicError
from s3magic.sandboxes import people, trouble
from s3magic.sandboxes.backend import Backend
from s3magic.sandboxes.gate import Gate
from s3magic.sandboxes.seed import Seed
from s3magic.sandboxes.sts import TokenService
from s3magic.sandboxes.trouble import Trouble
from s3magic.sandboxes.users import Caller
from s3magic.store.credentials import Credentials

_THREADS = 64  # most of them wait, where a delay was asked for
_IDLE_SECONDS = 75
_WAITING = 128


def main(control: int, parent: int) -> None:
    """Serve until the parent ends, the socket closes or SIGTERM comes."""
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=control) as link, link.makefile("rb") as orders:
        try:
            settings = json.loads(orders.readline())
            folders = {name: Path(settings[name]) if settings[name] else None for name in ("data", "cache")}
            backend = Backend()
            door = Trouble(_gate(backend, settings), trouble.read(**settings["weather"]))
            server = _listen(settings["port"], door)
            seed = Seed(backend, **folders)
            seed.plant()
            threading.Thread(target=server.serve, name="sandbox", daemon=True).start()
            _tell(link, port=server.bind_addr[1], buckets=backend.buckets)
            watched: list[Any] = [link, parent, wake]
            while link in select.select(watched, [], [])[0] and (line := orders.readline()):
                order = json.loads(line)
                if "weather" in order:
                    door.weather = trouble.read(**order["weather"])
                elif "reset" in order:
                    seed.plant()
                _tell(link, buckets=backend.buckets, served=door.served.copy())
        except S3MagicError as error:
            _tell(link, error=type(error).__name__, message=error.message, hint=error.hint)


def _listen(port: int, door: Trouble) -> Server:
    server = Server(("127.0.0.1", port), door, numthreads=_THREADS, timeout=_IDLE_SECONDS, request_queue_size=_WAITING)
    try:
        server.prepare()
    except (OSError, OverflowError) as error:
        raise InvalidInput(f"Port {port} cannot be had on 127.0.0.1", "Take another port, or 0 for any.") from error
    return server


def _gate(backend: Backend, settings: dict[str, Any]) -> Gate:
    """Return the door for the people that the parent named, with the keys it made."""
    folk = people.read(settings["people"])
    credentials = {}
    for name, fields in settings["keys"].items():
        expires = fields.pop("expires")
        credentials[name] = Credentials(**fields, expires=datetime.fromisoformat(expires) if expires else None)
    callers: dict[str, Caller] = {**folk.with_keys(credentials)}
    return Gate(backend, callers, TokenService(callers, folk.roles, bytes.fromhex(settings["token_key"])))


def _tell(link: socket.socket, **message: object) -> None:
    with suppress(OSError):  # a parent that is gone is learnt of by its pidfd
        link.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
    # Nothing it holds outlives it, so it goes at once and waits for no idle connection.
    os._exit(0)
