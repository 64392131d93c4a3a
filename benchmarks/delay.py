"""A loopback proxy that makes a server far away: a delay for each request, a limit for each connection.

usage: delay.py UPSTREAM_PORT DELAY_MS MEGABYTES_PER_SECOND   (prints its own port)
Bytes are moved by splice(2) and never enter Python, so that the proxy is not what is measured.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import threading
import time
from contextlib import suppress

CHUNK = 512 << 10  # small enough that a limited connection gives its bytes evenly
PIPE = 1 << 20  # pipes of the usual 64 KiB treble the proxy's share of the processor


class Link:
    """One client's connection and the server's behind it."""

    def __init__(self, client: socket.socket, upstream: int, delay: float, rate: float) -> None:
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", upstream))
        self.delay = delay
        self.rate = rate
        self.asked = True
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        """Pump both ways until either end is closed."""
        threading.Thread(target=self._pump, args=(self.client, self.server), daemon=True).start()
        threading.Thread(target=self._pump, args=(self.server, self.client), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        out, into = os.pipe()
        with suppress(PermissionError):  # an ordinary user has pages for some 60 of them
            fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, PIPE)
        free_at = 0.0
        try:
            while moved := os.splice(source.fileno(), into, CHUNK):
                if source is self.client:
                    self.asked = True
                elif self.asked:
                    self.asked = False
                    time.sleep(self.delay)
                now = time.monotonic()
                free_at = max(free_at, now - 0.002) + moved / self.rate
                if free_at - now > 0.001:
                    time.sleep(free_at - now)
                while moved:
                    moved -= os.splice(out, target.fileno(), moved)
        except OSError:
            pass
        finally:
            os.close(out)
            os.close(into)
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Serve until killed."""
    upstream, delay, rate = int(sys.argv[1]), float(sys.argv[2]) / 1e3, float(sys.argv[3]) * 1e6
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        Link(client, upstream, delay, rate).start()


if __name__ == "__main__":
    main()
