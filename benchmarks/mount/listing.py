"""The part of the bench server that nginx cannot do: LIST, as a process of its own behind nginx.

usage: listing.py DATA    (prints its port; ends with its standard input)
Writes nothing, checks no signature; ETags are those nginx gives: ``"<mtime hex>-<size hex>"``.
"""

from __future__ import annotations

import sys
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from benchmarks.mount.data import MILLION, TREE, expected

PAGE = 1000
LAST = "\U0010ffff"
NAMES = {
    MILLION: lambda number: f"{MILLION}/{number:07}.nc",
    TREE: lambda number: f"{TREE}/{number // 1000:03}/{number % 1000:03}/data.nc",
}
SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Keys(Sequence[str]):
    """All keys in order: those of files, and in between such as are nowhere stored but made when asked for."""

    def __init__(self, files: Sequence[str], made: Mapping[str, int]) -> None:
        self._files = files
        self._made = [(bisect_left(files, f"{name}/"), name, made[name]) for name in sorted(made)]

    def __len__(self) -> int:
        return len(self._files) + sum(count for _, _, count in self._made)

    def __getitem__(self, index: int) -> str:
        for at, name, count in self._made:
            if index < at:
                break
            if index < at + count:
                return NAMES[name](index - at)
            index -= count
        return self._files[index]


class Bucket:
    """The folder nginx serves, as LIST shows it; the same under every bucket's name."""

    def __init__(self, data: Path) -> None:
        objects = data / "objects"
        stats = {path.relative_to(objects).as_posix(): path.stat() for path in objects.rglob("*") if path.is_file()}
        self._entries = {key: (stat.st_size, int(stat.st_mtime)) for key, stat in stats.items()}
        made = {name: expected(data, name)["count"] for name in NAMES if (data / "expected" / f"{name}.json").exists()}
        self._keys = Keys(sorted(self._entries), made)
        self._born = int(time.time())
        self.page = lru_cache(maxsize=32)(self._page)

    def _page(self, prefix: str, delimiter: str, after: str, most: int, version: int) -> bytes:
        keys = self._keys
        if delimiter and after.endswith(delimiter):  # a group: go on behind all of it
            after += LAST
        at = max(bisect_left(keys, prefix), bisect_right(keys, after) if after else 0)
        contents: list[str] = []
        groups: list[str] = []
        last = ""
        while at < len(keys) and len(contents) + len(groups) < most and keys[at].startswith(prefix):
            last = keys[at]
            end = last.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                contents.append(self._entry(last))
                at += 1
                continue
            last = last[: end + len(delimiter)]
            groups.append(f"<CommonPrefixes><Prefix>{escape(last)}</Prefix></CommonPrefixes>")
            at = bisect_left(keys, last + LAST)
        more = at < len(keys) and keys[at].startswith(prefix)
        token = ("NextMarker", "NextContinuationToken")[version - 1]
        return "".join(
            (
                f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult {SPACE}><Name>bench</Name>',
                f"<Prefix>{escape(prefix)}</Prefix><Delimiter>{escape(delimiter)}</Delimiter><MaxKeys>{most}</MaxKeys>",
                f"<KeyCount>{len(contents) + len(groups)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>",
                f"<{token}>{escape(last)}</{token}>" if more else "",
                *contents,
                *groups,
                "</ListBucketResult>",
            )
        ).encode()

    def _entry(self, key: str) -> str:
        size, modified = self._entries.get(key, (0, self._born))
        when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified))
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{when}</LastModified>"
            f"<ETag>&quot;{modified:x}-{size:x}&quot;</ETag><Size>{size}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )


class Server(ThreadingHTTPServer):
    """Answers nginx."""

    request_queue_size = 512

    def __init__(self, data: Path) -> None:
        self.bucket = Bucket(data)
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection from nginx."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        """List, or answer the questions that a client asks of a bucket before it trusts it."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        asked = {name: values[0] for name, values in query.items()}
        if "location" in asked:
            self._answer(f"<LocationConstraint {SPACE}>us-east-1</LocationConstraint>".encode())
        elif "versioning" in asked:
            self._answer(f"<VersioningConfiguration {SPACE}/>".encode())
        else:
            after = asked.get("continuation-token") or asked.get("start-after") or asked.get("marker") or ""
            most = min(int(asked.get("max-keys") or PAGE), PAGE)
            version = 2 if "list-type" in asked else 1
            bucket = self.server.bucket
            self._answer(bucket.page(asked.get("prefix", ""), asked.get("delimiter", ""), after, most, version))

    def do_HEAD(self) -> None:
        """Say that there is a bucket."""
        self._answer(b"")

    def do_PUT(self) -> None:
        """Refuse: rows only read."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(b"<Error><Code>AccessDenied</Code></Error>", status=403)

    do_POST = do_DELETE = do_PUT  # noqa: N815

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Keep silent; nginx keeps the log."""


def main() -> None:
    """Serve until standard input ends."""
    server = Server(Path(sys.argv[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
