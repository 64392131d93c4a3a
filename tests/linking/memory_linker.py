"""Links objects that are made up as they are asked for: memory_linker.py COUNT FOLDER; prints the most MB it held."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

from s3magic.linking.adding.order import Order
from s3magic.linking.linked import link
from s3magic.store.base import ListPage, ObjectInfo
from s3magic.url import S3Url

PAGE = 1000


class Endless:
    """A bucket of as many objects as are wanted, whose SHA-256 the server knows."""

    bucket = "endless"

    def __init__(self, count):
        self.count = count

    def list_page(self, prefix="", *, token=None, **_options):
        start = int(token or 0)
        stop = min(start + PAGE, self.count)
        objects = tuple(self.head(f"{prefix}{number:07}.bin") for number in range(start, stop))
        return ListPage(objects, (), str(stop) if stop < self.count else None)

    def head(self, key, **_options):
        etag = hashlib.sha256(key.encode()).hexdigest()[:32]
        known = base64.b64encode(hashlib.sha256(key.encode()).digest()).decode()
        told = {"checksums": {"SHA256": known}, "checksum_type": "FULL_OBJECT"}
        return ObjectInfo(f"s3://endless/{key}", key, 100_000, etag, **told)


def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    count, folder = sys.argv[1:]
    store = Endless(int(count))
    order = Order(patterns=(S3Url.parse("s3://endless/tiles/"),))
    made = link(order, Path(folder), opener=lambda _url: store)
    assert len(made.changes.added) == int(count)
    sys.stdout.write(f"{peak()}\n")
