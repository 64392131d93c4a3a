"""A fast S3 server to measure readers with: nginx for GET and HEAD, `listing` behind it, and a far side.

Every bucket's name shows the same objects, so that each sample has a bucket of its own and what it
fetched can be told apart in the log. Checks no signature and takes no writes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from benchmarks.surroundings import ROOT

NGINX = which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
START_SECONDS = 20

_CONFIGURATION = """
daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/error.log; {user}
events {{ worker_connections 4096; }}
http {{
  sendfile on; sendfile_max_chunk 1m; tcp_nopush on; tcp_nodelay on; default_type binary/octet-stream;
  keepalive_timeout 300; keepalive_requests 10000000; client_max_body_size 0;
  client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3;
  uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5;
  log_format sample '$request_method $request_uri $status $body_bytes_sent';
  access_log {work}/access.log sample;
  upstream listing {{ server 127.0.0.1:{lister}; keepalive 64; }}
  map_hash_bucket_size 256; map_hash_max_size 65536;
  map $request_method $is_read {{ default 0; GET 1; HEAD 1; }}
  map $http_range $whole {{ "" $key; default ""; }}
  map $whole $sha256 {{ include {data}/sha256[.]map; default ""; }}
  map $sha256 $checksum_type {{ "" ""; default FULL_OBJECT; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 64 16k;
    add_header x-amz-request-id bench always;
    add_header x-amz-checksum-sha256 $sha256; add_header x-amz-checksum-type $checksum_type;
    error_page 404 @missing; error_page 412 @changed;
    location ~ ^/[^/]+/?$ {{ proxy_pass http://listing; }}
    location ~ ^/[^/]+/(?<key>.+)$ {{
      if ($is_read = 0) {{ return 403; }}
      root {objects}; try_files /$key =404;
    }}
    location @missing {{ default_type application/xml; return 404 '<Error><Code>NoSuchKey</Code></Error>'; }}
    location @changed {{ default_type application/xml; return 412 '<Error><Code>PreconditionFailed</Code></Error>'; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Far:
    """How far away the server is: milliseconds a request, MB/s a connection."""

    milliseconds: float
    megabytes_per_second: float


class Traffic:
    """What each bucket was asked for, read from nginx's log as it grows."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0
        self._requests: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def of(self, bucket: str) -> tuple[int, int]:
        """Return the requests for a bucket and the bytes sent for them, up to now."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            lines = log.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            _, path, _, sent = line.split(" ")
            name = path.lstrip("/").partition("?")[0].partition("/")[0]
            self._requests[name] += 1
            self._bytes[name] += int(sent)
        return self._requests[bucket], self._bytes[bucket]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its endpoints by name (``near``, ``far``) and what was fetched from it."""

    endpoints: dict[str, str]
    traffic: Traffic


@contextmanager
def serve(data: Path, work: Path, far: Far) -> Iterator[Server]:
    """Serve ``data/objects`` until left.

    Parameters
    ----------
    data
        As `data.prepare` made it; a ``sha256.map`` in it holds the checksums that are told of keys.
    work
        An empty folder for logs and the like.
    far
        What the endpoint named ``far`` adds.
    """
    if NGINX is None:
        raise SystemExit("nginx is missing: scripts/system-packages nginx-light")
    with ExitStack() as stack:
        lister = _port_of(stack.enter_context(_running([sys.executable, "-m", "benchmarks.mount.listing", str(data)])))
        port = _free_port()
        configuration = work / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        configuration.write_text(
            _CONFIGURATION.format(work=work, user=user, port=port, lister=lister, data=data, objects=data / "objects")
        )
        argv = [NGINX, "-p", str(work), "-e", "stderr", "-c", str(configuration)]
        stack.enter_context(_running(argv))
        _wait_for(port)
        words = [str(port), str(far.milliseconds), str(far.megabytes_per_second)]
        proxy = [sys.executable, str(ROOT / "benchmarks" / "delay.py"), *words]
        ports = {"far": _port_of(stack.enter_context(_running(proxy))), "near": port}
        endpoints = {name: f"http://127.0.0.1:{number}" for name, number in ports.items()}
        yield Server(endpoints, Traffic(work / "access.log"))


@contextmanager
def _running(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside this one, out of the reach of Ctrl-C, and end it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(argv, **pipes, text=True, start_new_session=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()


def _port_of(process: subprocess.Popen[str]) -> int:
    """Return the port that a server prints when it is ready."""
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(map(str, process.args))} did not start")
    return int(line)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise SystemExit("nginx did not start") from None
            time.sleep(0.02)
        else:
            return
