"""How bytes should come: the two ways of s3magic's client beside obstore and boto3, over HTTP and TLS, near and far.

A file of 256 MiB, served by nginx on loopback, is read in ranges of 4 MiB by 32 threads; the
programs take turns, and the median of five runs counts. "Far" adds 30 ms to each request and
limits each connection to 90 MB/s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from s3magic.store.client import Client
from s3magic.store.credentials import Credentials, Location
from s3magic.store.s3 import S3Store

SIZE, PART, THREADS, RUNS = 256 << 20, 4 << 20, 32, 5
DELAY_MS, MEGABYTES_PER_SECOND = 30, 90
HERE = Path(__file__).parent
NGINX = which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin") or "nginx"

Reader = Callable[[int], int]


def _store(endpoint: str, certificate: str) -> S3Store:
    os.environ["AWS_CA_BUNDLE"] = certificate
    return S3Store("bucket", Client(Location(endpoint_url=endpoint), lambda: Credentials("key", "secret")))


def get_reader(endpoint: str, certificate: str) -> Reader:
    """Return a reader through `S3Store.get`, as previews and links read."""
    store = _store(endpoint, certificate)
    return lambda start: len(store.get("big.bin", start=start, stop=start + PART))


def receive_reader(endpoint: str, certificate: str) -> Reader:
    """Return a reader through `S3Store.receive`, as mounts read: into buffers that are used again."""
    store, kept = _store(endpoint, certificate), threading.local()

    def read(start: int) -> int:
        into = kept.__dict__.setdefault("buffer", memoryview(bytearray(PART)))
        came: list[int] = []
        store.receive("big.bin", into, start=start, arrived=came.append)
        return sum(came)

    return read


def obstore_reader(endpoint: str, certificate: str) -> Reader:
    """Return a reader through obstore."""
    import obstore
    from obstore.store import S3Store as ObstoreS3

    del certificate
    store = ObstoreS3(
        "bucket",
        endpoint=endpoint,
        access_key_id="key",
        secret_access_key="secret",
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, "allow_invalid_certificates": True},
    )
    return lambda start: len(obstore.get_range(store, "big.bin", start=start, end=start + PART))


def boto3_reader(endpoint: str, certificate: str) -> Reader:
    """Return a reader through boto3."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        verify=certificate,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
        config=Config(max_pool_connections=THREADS, response_checksum_validation="when_required"),
    )

    def read(start: int) -> int:
        answer = client.get_object(Bucket="bucket", Key="big.bin", Range=f"bytes={start}-{start + PART - 1}")
        return len(answer["Body"].read())

    return read


READERS = {"get": get_reader, "receive": receive_reader, "obstore": obstore_reader, "boto3": boto3_reader}


def megabytes_per_second(read: Reader) -> float:
    """Read the whole file once."""
    with ThreadPoolExecutor(THREADS) as pool:
        begun = time.perf_counter()
        total = sum(pool.map(read, range(0, SIZE, PART)))
        took = time.perf_counter() - begun
    if total != SIZE:
        raise SystemExit(f"read {total} bytes instead of {SIZE}")
    return SIZE / 1e6 / took


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """Serve the file four ways; yield the endpoints by name."""
    folder.chmod(0o755)  # nginx's worker is another user when it is started as root
    (folder / "bucket").mkdir()
    with (folder / "bucket" / "big.bin").open("wb") as file:
        for _ in range(0, SIZE, PART):
            file.write(os.urandom(PART))
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-nodes"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            *subject,
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
        events {{ worker_connections 1024; }}
        http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;
          client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
          server {{ root {folder}; listen 127.0.0.1:19180; }}
          server {{ root {folder}; listen 127.0.0.1:19143 ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; }}
        }}"""
    )
    started = [subprocess.Popen([NGINX, "-p", str(folder), "-c", "nginx.conf"])]
    try:
        far = {}
        for scheme, port in (("http", 19180), ("https", 19143)):
            arguments = [str(HERE / "delay.py"), str(port), str(DELAY_MS), str(MEGABYTES_PER_SECOND)]
            proxy = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
            started.append(proxy)
            far[f"{scheme}, far"] = f"{scheme}://127.0.0.1:{proxy.stdout.readline().strip()}"
        time.sleep(0.5)
        yield {"http, near": "http://127.0.0.1:19180", "https, near": "https://127.0.0.1:19143", **far}
    finally:
        for process in started:
            process.terminate()
            process.wait()


def main() -> None:
    """Print a table of medians in MB/s."""
    print(f"{'':14}" + "".join(f"{name:>20}" for name in READERS) + "   MB/s, median (min-max)")
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as endpoints:
        for where, endpoint in endpoints.items():
            readers = {who: make(endpoint, str(Path(name) / "cert.pem")) for who, make in READERS.items()}
            speeds: dict[str, list[float]] = {who: [] for who in readers}
            for read in readers.values():
                megabytes_per_second(read)
            for _ in range(RUNS):
                for who, read in readers.items():
                    speeds[who].append(megabytes_per_second(read))
            cells = [f"{statistics.median(s):.0f} ({min(s):.0f}-{max(s):.0f})" for s in speeds.values()]
            print(f"{where:14}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
