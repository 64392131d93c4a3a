"""One piece of work done in one way, in a process of its own: ``ways.py WAY URL FOLDER``; prints what it took as JSON.

The clock begins when libraries are loaded and a connection is chosen, as they are in a notebook.
Keys and endpoint come in the environment.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.surroundings import cpu, peak, program

CONCURRENCY = 64
KART_THREADS = 8
BODIES = 2_200_000_000
"""Bytes that a fetch or a copy brings at most."""

Work = Callable[[], dict[str, object]]


def link(url: str, folder: Path) -> Work:
    """Link with s3magic."""
    s3magic = _connected()

    def work() -> dict[str, object]:
        return {"tiles": len(s3magic.link(url, folder).changes.added)}

    return work


def kart(url: str, folder: Path) -> Work:
    """Import as Kart does: boto3's ``download_file`` by 8 threads, then hash and metadata, a tile at a time.

    The metadata are read by s3magic's own parser, which is faster than Kart's PDAL; a tile is
    removed when it has been looked at, to spare the memory it lies in.
    """
    import boto3

    from s3magic.formats import registry

    bucket_name, _, pattern = url.removeprefix("s3://").partition("/")
    bucket = boto3.resource("s3").Bucket(bucket_name)
    prefix, _, suffix = pattern.partition("*")
    folder.mkdir()

    def download(key: str) -> Path:
        target = folder / f"{key.rpartition('/')[2]}.download"
        bucket.download_file(key, str(target))
        return target

    def work() -> dict[str, object]:
        keys = [item.key for item in bucket.objects.filter(Prefix=prefix) if item.key.endswith(suffix)]
        with ThreadPoolExecutor(KART_THREADS) as pool:
            for path in pool.map(download, keys):
                digest, size = hashlib.sha256(), path.stat().st_size
                with path.open("rb") as file:
                    while chunk := file.read(1 << 20):
                        digest.update(chunk)
                    file.seek(0)
                    about = registry.describe(file, path.name.removesuffix(".download"))
                pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest.hexdigest()}\nsize {size}\n"
                path.with_suffix("").write_text(f"{pointer}{about.crs84_extent} {about.native_extent}\n")
                path.unlink()
        return {"tiles": len(keys)}

    return work


def status(_url: str, folder: Path) -> Work:
    """Ask for the state of a dataset with s3magic."""
    s3magic = _connected()

    def work() -> dict[str, object]:
        report = s3magic.LinkedDataset(folder).status()
        return {"tiles": len(report), "states": report.remote}

    return work


def fetch(_url: str, folder: Path) -> Work:
    """Fetch the tiles of a dataset with s3magic, every hash checked."""
    s3magic = _connected()
    _warm(folder.parent)

    def work() -> dict[str, object]:
        report = s3magic.LinkedDataset(folder).fetch()
        return {"tiles": len(report.fetched), "size": report.size}

    return work


def s5cmd_ls(url: str, _folder: Path) -> Work:
    """List with s5cmd, ETags too: the least that a comparison takes."""

    def work() -> dict[str, object]:
        done = subprocess.run([program("s5cmd") or "s5cmd", "ls", "--etag", url], check=True, capture_output=True)
        return {"tiles": done.stdout.count(b"\n")}

    return work


def s5cmd_cp(url: str, folder: Path) -> Work:
    """Copy with s5cmd, which checks no hash."""
    folder.mkdir()

    def work() -> dict[str, object]:
        subprocess.run([program("s5cmd") or "s5cmd", "cp", url, f"{folder}/"], check=True, capture_output=True)
        return {"tiles": len(list(folder.iterdir()))}

    return work


WAYS: dict[str, Callable[[str, Path], Work]] = {
    "link": link,
    "kart": kart,
    "status": status,
    "fetch": fetch,
    "s5cmd ls": s5cmd_ls,
    "s5cmd cp": s5cmd_cp,
}


def _connected() -> object:
    import tqdm.auto  # noqa: F401 - what the progress bars load

    import s3magic
    import s3magic.api.data
    import s3magic.formats.las
    import s3magic.linking.linked
    import s3magic.store.s3

    s3magic.connect("environment", request_concurrency=CONCURRENCY)
    return s3magic


def _warm(folder: Path) -> None:
    """Touch as much memory as the bodies will fill: what a virtual machine gave back to its host comes again slowly."""
    path, piece = folder / "warm", bytes(1 << 20)
    with path.open("wb") as file:
        for _ in range(0, BODIES, len(piece)):
            file.write(piece)
    path.unlink()


def main() -> None:
    """Do it, and tell."""
    way, url, folder = sys.argv[1:]
    work = WAYS[way](url, Path(folder))
    began, spent = time.perf_counter(), cpu()
    told = work()
    print(json.dumps({**told, "seconds": time.perf_counter() - began, "cpu": cpu() - spent, "memory": peak()}))


if __name__ == "__main__":
    main()
