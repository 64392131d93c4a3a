"""An S3 server that lies: a few objects, replaced now and then, behind every fault a network or a proxy may have.

usage: faulty.py BASE SIZES FAULTS SECONDS PORT [CERTIFICATE]
It prints its port, and its counts as JSON when its standard input ends.
Each version of an object is a piece of the file BASE, so that who knows a version knows its bytes.
"""

from __future__ import annotations

import json
import mmap
import random
import re
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

MIB = 1 << 20
LARGEST = 64 * MIB
SHIFTS = 32 * MIB
EPOCH = 1_700_000_000
BUSY = 0.05
"""The share of requests answered by 503 SlowDown; as many again meet one of the other faults."""
FAULTS = (
    "reset",  # before any answer
    "reset in body",
    "cut body",
    "too long",  # more bytes than asked for, and honest about it
    "too short",
    "longer than told",  # bytes after the end of the body
    "shorter than told",  # the body ends early, the connection stays open for a moment
    "other range",
    "range ends early",  # the last bytes are none of what the range names
    "no range",  # the whole object
    "no condition",  # If-Match is passed over
)


def piece(base, index, version, start, stop):
    """Return the bytes of a version of an object."""
    shift = (index * 1_000_003 + version * 7_368_787) % SHIFTS
    return base[shift + start : shift + stop]


class Server:
    """Answers GET and HEAD of objects and LIST of the one bucket."""

    def __init__(self, base, sizes, *, faults, seconds, port, certificate):
        self.base, self.sizes, self.faults = base, sizes, faults
        self.versions = [0] * len(sizes)
        self.counts = Counter()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        threading.Thread(target=self._accept, daemon=True).start()
        if seconds:
            threading.Thread(target=self._replace, args=(seconds,), daemon=True).start()

    def _replace(self, seconds):
        chance = random.Random(5)  # noqa: S311
        while True:
            time.sleep(seconds)
            self.versions[chance.randrange(len(self.sizes))] += 1
            self.counts["objects replaced"] += 1

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection):
        chance = random.Random()  # noqa: S311
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self._answer_all(connection, chance)

    def _answer_all(self, connection, chance):
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            head, _, received = received.partition(b"\r\n\r\n")
            if not self._answer(connection, head.decode("latin-1"), chance):
                return

    def _answer(self, connection, head, chance):
        """Answer one request; False when the connection has to end."""
        self.counts["requests"] += 1
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        parts = urlsplit(first.split(" ")[1])
        if self.faults and chance.random() < BUSY:
            self.counts["503 SlowDown"] += 1
            body = b"" if first.startswith("HEAD") else b"<Error><Code>SlowDown</Code></Error>"
            connection.sendall(_whole("503 Slow Down", body))
            return True
        fault = chance.choice(FAULTS) if self.faults and chance.random() < BUSY else ""
        if fault == "reset":
            self.counts[fault] += 1
            _reset(connection)
            return False
        name = parts.path.strip("/").partition("/")[2]
        if not name:
            connection.sendall(_whole("200 OK", self._list(parse_qs(parts.query).get("prefix", [""])[0])))
            return True
        index = int(name.partition(".")[0])
        if first.startswith("HEAD"):
            connection.sendall(self._head("200 OK", index, self.sizes[index]))
            return True
        return self._give(connection, index, headers, fault)

    def _list(self, prefix):
        entries = []
        for index, size in enumerate(self.sizes):
            version = self.versions[index]
            when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(EPOCH + version))
            if f"{index}.bin".startswith(prefix):
                entries.append(
                    f"<Contents><Key>{index}.bin</Key><LastModified>{when}</LastModified>"
                    f"<ETag>&quot;{index}-{version}&quot;</ETag><Size>{size}</Size></Contents>"
                )
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return f"<ListBucketResult {space}>{''.join(entries)}</ListBucketResult>".encode()

    def _give(self, connection, index, headers, fault):
        size, version = self.sizes[index], self.versions[index]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if fault == "range ends early" and not asked:
            fault = ""  # nobody could tell
        start, stop = (int(asked[1]), int(asked[2] or size - 1) + 1) if asked else (0, size)
        stop = min(stop, size)
        wanted = headers.get("if-match", "").strip('"')
        if wanted and wanted != f"{index}-{version}":
            self.counts["412 replaced"] += 1
            if fault != "no condition":
                connection.sendall(_whole("412 Changed", b"<Error><Code>PreconditionFailed</Code></Error>"))
                return True
        if fault:
            self.counts[fault] += 1
        is_whole = not asked or fault == "no range"
        body, named = self._body(index, version, (0, size) if is_whole else (start, stop), fault)
        length = len(body) + (100 if fault == "shorter than told" else 0)
        more = [] if is_whole else [f"Content-Range: bytes {named[0]}-{named[1] - 1}/{size}"]
        connection.sendall(self._head("200 OK" if is_whole else "206 Partial Content", index, length, *more))
        if fault in {"reset in body", "cut body"}:
            connection.sendall(body[: len(body) // 2])
            if fault == "reset in body":
                _reset(connection)
            return False
        connection.sendall(body)
        if fault == "longer than told":
            connection.sendall(b"\r\nmore\r\n\r\n" * 10)
        return fault != "shorter than told"

    def _head(self, status, index, length, *more):
        version = self.versions[index]
        lines = [
            f"HTTP/1.1 {status}",
            f"Content-Length: {length}",
            f'ETag: "{index}-{version}"',
            f"Last-Modified: {formatdate(EPOCH + version, usegmt=True)}",
            *more,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _body(self, index, version, wanted, fault):
        """Return what is sent for a range, and the range it is said to be."""
        (start, stop), size = wanted, self.sizes[index]
        if fault == "too long":
            stop = min(stop + 1000, size)
        elif fault == "too short":
            stop = start + (stop - start + 1) // 2
        elif fault == "other range":
            length = stop - start
            start = (start + 4096) % max(1, size - length)
            stop = start + length
        body = piece(self.base, index, version, start, stop)
        if fault != "range ends early":
            return body, (start, stop)
        half = (stop - start + 1) // 2
        return body[:half] + bytes(stop - start - half), (start, start + half)


def _whole(status, body):
    return f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def tell(value):
    """Print a value as a line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main():
    path, sizes, faults, seconds, port, *certificate = sys.argv[1:]
    with Path(path).open("rb") as file:
        base = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    options = {
        "faults": faults == "yes",
        "seconds": float(seconds),
        "port": int(port),
        "certificate": "".join(certificate),
    }
    server = Server(base, json.loads(sizes), **options)
    tell(server.listener.getsockname()[1])
    sys.stdin.read()
    tell(server.counts)


if __name__ == "__main__":
    main()
