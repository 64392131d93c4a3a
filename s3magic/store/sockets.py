"""Bodies received from a socket straight into a buffer: the plain case of a GET or HEAD, and nothing but that.

Whatever is not plain (an error, chunks, a proxy, no answer at all) it leaves to `client.Client`,
which asks again in the usual way and knows what each failure means.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import SplitResult

from s3magic.store import sigv4

CONNECT_SECONDS, READ_SECONDS = 5, 30
IDLE = 64
"""Connections kept open while nobody uses them."""
PIECE = 1 << 20
_HEADER = 64 << 10
_PORTS = {"http": 80, "https": 443}
_GOOD = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT})


class BodyCutShort(OSError):
    """The connection ended before the body did."""


@dataclass(frozen=True, slots=True)
class Head:
    """The status and the headers of an answer, their names in lower case."""

    status: int
    headers: Mapping[str, str]


class Body:
    """The body of an answer, received once: into a buffer or in pieces.

    Closed in the middle, it closes the connection; closed at its end, it leaves it for the next request.
    """

    def __init__(
        self,
        head: Head,
        connection: socket.socket,
        first: bytes,
        length: int,
        keep: Callable[[socket.socket], None],
    ) -> None:
        self.head = head
        self._connection = connection
        self._first = first
        self._left = length
        self._keep = keep
        self._whole = 0 if isinstance(connection, ssl.SSLSocket) else socket.MSG_WAITALL

    def receive(self, into: memoryview, arrived: Callable[[int], None]) -> None:
        """Put it into a buffer that is long enough; ``arrived`` is told of the bytes that came."""
        into, at = into[: self._left], len(self._first)
        into[:at] = self._first
        self._left -= at
        arrived(at)
        while self._left:
            count = self._connection.recv_into(into[at : at + PIECE], 0, self._whole)
            if not count:
                raise BodyCutShort
            self._left -= count
            at += count
            arrived(count)

    def __iter__(self) -> Iterator[memoryview]:
        """Yield it in pieces that lie in one buffer: each is gone when the next is asked for.

        A body that ends too early raises an `OSError`.
        """
        buffer = memoryview(bytearray(min(PIECE, self._left)))
        at = len(self._first)
        buffer[:at] = self._first
        while self._left:
            end = min(len(buffer), self._left)
            while at < end and (count := self._connection.recv_into(buffer[at:end], 0, self._whole)):
                at += count
                if self._whole:  # the kernel has waited for the rest already
                    break
            if not at:
                raise BodyCutShort
            self._left -= at
            yield buffer[:at]
            at = 0

    def close(self) -> None:
        """Let go of the connection."""
        if self._left or self.head.headers.get("connection", "").lower() == "close":
            self._connection.close()
        else:
            self._keep(self._connection)


class Sockets:
    """Connections to servers, kept open between requests; safe to use from many threads."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], deque[socket.socket]] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._idle)
        self._tls: ssl.SSLContext | None = None

    def receive(
        self,
        address: SplitResult,
        headers: Mapping[str, str],
        into: memoryview,
        *,
        begun: Callable[[Head], None],
        arrived: Callable[[int], None],
    ) -> bool:
        """Send a GET and receive its body into a buffer; False when the answer is not a plain one.

        ``begun`` is told the head before the first byte counts, and may refuse by raising;
        ``arrived`` is told of the bytes that came, piece by piece. A body that ends too early
        raises an `OSError`.
        """
        body = self.begin(address, headers, most=len(into))
        if body is None:
            return False
        with closing(body):
            begun(body.head)
            body.receive(into, arrived)
        return True

    def begin(self, address: SplitResult, headers: Mapping[str, str], *, most: int | None = None) -> Body | None:
        """Send a GET; return its answer, to be closed, or None when it is not a plain one of at most ``most`` bytes."""
        answer = self._answer("GET", address, headers)
        if answer is None:
            return None
        connection, head, first = answer
        length = _length(head)
        if length is None or len(first) > length or (most is not None and length > most):
            connection.close()
            return None
        return Body(head, connection, first, length, partial(self._keep, address))

    def head(self, address: SplitResult, headers: Mapping[str, str]) -> Head | None:
        """Send a HEAD and return what was answered, good or bad; None when nothing plain was."""
        answer = self._answer("HEAD", address, headers)
        if answer is None:
            return None
        connection, head, more = answer
        is_plain = head.status >= HTTPStatus.OK and not more
        with closing(Body(head, connection, b"", 0 if is_plain else 1, partial(self._keep, address))):
            return head if is_plain else None

    def _answer(
        self, method: str, address: SplitResult, headers: Mapping[str, str]
    ) -> tuple[socket.socket, Head, bytes] | None:
        """Send a request; return the connection, the head and what came behind it, or None where nothing did."""
        request = _request(method, address, headers)
        if request is None:
            return None
        try:
            connection, received = self._ask(address, request)
        except OSError:
            return None
        return connection, *_parse(received)

    def _ask(self, address: SplitResult, request: bytes) -> tuple[socket.socket, bytes]:
        """Return a connection and what came over it, the head at least; one kept too long is passed over."""
        while kept := self._kept(address):
            try:
                return kept, _send(kept, request)
            except (BlockingIOError, TimeoutError):  # another one would be waited for as long
                kept.close()
                raise
            except OSError:
                kept.close()
        connection = self._connect(address)
        try:
            return connection, _send(connection, request)
        except OSError:
            connection.close()
            raise

    def _kept(self, address: SplitResult) -> socket.socket | None:
        with self._lock:
            idle = self._idle.get(address[:2])
            return idle.pop() if idle else None

    def _keep(self, address: SplitResult, connection: socket.socket) -> None:
        with self._lock:
            idle = self._idle.setdefault(address[:2], deque())
            if len(idle) < IDLE:
                idle.append(connection)
                return
        connection.close()

    def _connect(self, address: SplitResult) -> socket.socket:
        host = address.hostname or ""
        connection = socket.create_connection((host, address.port or _PORTS[address.scheme]), CONNECT_SECONDS)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.scheme == "https":  # the kernel's time would be waited for again and again
                connection.settimeout(READ_SECONDS)
                return self._context().wrap_socket(connection, server_hostname=host)
            # The kernel keeps the time: a socket that Python keeps it for cannot wait for a whole piece at once.
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", READ_SECONDS, 0))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", READ_SECONDS, 0))
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
            return self._tls


def _close(idle: Mapping[tuple[str, str], deque[socket.socket]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()


def _request(method: str, address: SplitResult, headers: Mapping[str, str]) -> bytes | None:
    """Return the bytes of a request; None where a header cannot be sent as it is."""
    host = sigv4.host(f"{address.scheme}://{address.netloc}")
    lines = [f"{method} {address.path}{'?' if address.query else ''}{address.query} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        return None
    try:
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    except UnicodeEncodeError:
        return None


def _send(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(_HEADER)
        if not piece or len(received) > _HEADER:
            raise BodyCutShort
        received += piece
    return received


def _parse(received: bytes) -> tuple[Head, bytes]:
    text, _, body = received.partition(b"\r\n\r\n")
    first, *lines = text.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = int(rest[:3]) if version == "HTTP/1.1" and rest[:3].isdecimal() else 0
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Head(status, headers), body


def _length(head: Head) -> int | None:
    """Return how long the body of a plain answer is; None for any other answer."""
    length = head.headers.get("content-length", "")
    is_coded = not head.headers.keys().isdisjoint({"transfer-encoding", "content-encoding"})
    return int(length) if head.status in _GOOD and length.isdecimal() and not is_coded else None
