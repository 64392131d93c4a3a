"""The ways to a page of thumbnails, each run as a process of its own.

usage: python -m benchmarks.thumbnails.ways WAY ENDPOINT BUCKET NAME WORK
It gets ready, says so, begins when a line comes on standard input, and prints one JSON line: when
the first and the last picture was there, how many there were, what the process and its children
computed, and how much memory it held.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.surroundings import cpu

THREADS, SIZE = 16, 160
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}

Way = Callable[[], dict[str, Any]]


def gallery(endpoint: str, bucket: str, name: str, work: Path, *, again: bool = False) -> Way:
    """S3magic's gallery, as `s3magic.thumbs` makes it; ``again``: a second time, from its cache."""
    from s3magic.store.client import Client
    from s3magic.store.credentials import Credentials, Location
    from s3magic.store.s3 import S3Store
    from s3magic.thumbnails.gallery import Gallery
    from s3magic.thumbnails.presign import LinkMaker

    location, keys = Location(endpoint_url=endpoint), Credentials("key", "secret")
    store = S3Store(bucket, Client(location, lambda: keys))
    signer = LinkMaker(lambda _: location, lambda: keys)

    def look() -> dict[str, Any]:
        done: list[float] = []
        begun = time.perf_counter()
        shown = Gallery(
            f"s3://{bucket}/{name}/", opener=lambda _: store, signer=signer, size=SIZE, limit=1000, cache=work / "cache"
        )
        for item in shown.items:
            shown.when_ready(item, lambda _: done.append(time.perf_counter()))
        seen = [item.preview for item in shown.wait().items]
        took = time.perf_counter() - begun
        failed = {thumbnail.error for thumbnail in seen if thumbnail.error}
        return {
            "first": min(done) - begun,
            "all": took,
            "pictures": sum(bool(thumbnail.image) for thumbnail in seen),
            "said": ", ".join(sorted(failed)) or seen[0].caption,
            "counted": shown.bytes_read,
        }

    if again:
        look()
    return look


def paging(endpoint: str, bucket: str, name: str, work: Path) -> Way:
    """S3magic's gallery, from its first page to its last; what it holds in between."""
    from s3magic.store.client import Client
    from s3magic.store.credentials import Credentials, Location
    from s3magic.store.s3 import S3Store
    from s3magic.thumbnails.gallery import Gallery
    from s3magic.thumbnails.presign import LinkMaker

    location, keys = Location(endpoint_url=endpoint), Credentials("key", "secret")
    store = S3Store(bucket, Client(location, lambda: keys))
    signer = LinkMaker(lambda _: location, lambda: keys)

    def look() -> dict[str, Any]:
        begun = time.perf_counter()
        shown = Gallery(f"s3://{bucket}/{name}/", opener=lambda _: store, signer=signer, cache=work / "cache").wait()
        first, count, held = time.perf_counter() - begun, len(shown.items), []
        while shown.has_more:
            shown.page(shown.number + 1).wait()
            count += sum(bool(item.preview.image) for item in shown.items)
            held.append(_resident())
        at = len(held) // 20
        return {
            "first": first,
            "all": time.perf_counter() - begun,
            "pictures": count,
            "said": f"{shown.number} pages; {held[at]:.0f} MB held on page {at + 2}, {held[-1]:.0f} MB on the last",
        }

    return look


def plain(endpoint: str, bucket: str, name: str, _: Path) -> Way:
    """The plain way: download each object and make it small with Pillow, 16 at once."""
    import urllib3
    from PIL import Image

    pool = urllib3.PoolManager(maxsize=THREADS)

    def thumbnail(key: str) -> bytes:
        body = pool.request("GET", f"{endpoint}/{bucket}/{key}").data
        with Image.open(io.BytesIO(body)) as image:
            image.thumbnail((SIZE, SIZE))
            out = io.BytesIO()
            image.convert("RGB").save(out, "JPEG")
            return out.getvalue()

    return _each(thumbnail, endpoint, bucket, name)


def studio(endpoint: str, bucket: str, name: str, _: Path, *, makes_small: bool = True) -> Way:
    """LightlyStudio's way to a thumbnail: the whole object by s3fs, all of it decoded, made small by Pillow.

    With its settings as they come it leaves the making small to the browser: then the object alone.
    """
    import s3fs
    from PIL import Image, ImageOps

    files = s3fs.S3FileSystem(key="key", secret="secret", client_kwargs={"endpoint_url": endpoint})

    def thumbnail(key: str) -> bytes:
        body = files.cat_file(f"{bucket}/{key}")
        if not makes_small:
            return body
        with Image.open(io.BytesIO(body)) as image:
            upright = ImageOps.exif_transpose(image)
            scale = min(SIZE / upright.width, SIZE / upright.height)
            small = upright.resize((round(upright.width * scale), round(upright.height * scale)), Image.BILINEAR)
            out = io.BytesIO()
            small.save(out, "JPEG", quality=75, optimize=True)
            return out.getvalue()

    return _each(thumbnail, endpoint, bucket, name)


def rasters(endpoint: str, bucket: str, name: str, _: Path) -> Way:
    """GDAL's own way by rasterio: a small window of the whole, which it takes from an overview."""
    import rasterio

    _for_gdal(endpoint)

    def thumbnail(key: str) -> bytes:
        with rasterio.open(f"/vsis3/{bucket}/{key}") as file:
            scale = SIZE / max(file.width, file.height)
            return file.read(1, out_shape=(round(file.height * scale), round(file.width * scale))).tobytes()

    return _each(thumbnail, endpoint, bucket, name)


def clouds(endpoint: str, bucket: str, name: str, _: Path) -> Way:
    """Laspy's own way: the root of a COPC file, read through s3fs."""
    import laspy
    import s3fs

    files = s3fs.S3FileSystem(key="key", secret="secret", client_kwargs={"endpoint_url": endpoint})

    def thumbnail(key: str) -> bytes:
        with files.open(f"{bucket}/{key}", block_size=256 << 10) as file, laspy.CopcReader(file) as reader:
            return bytes(reader.query(level=0).x.array.data)

    return _each(thumbnail, endpoint, bucket, name)


def grids(endpoint: str, bucket: str, name: str, _: Path) -> Way:
    """The usual way: the first map by h5py through s3fs."""
    import h5py
    import s3fs

    files = s3fs.S3FileSystem(key="key", secret="secret", client_kwargs={"endpoint_url": endpoint})

    def thumbnail(key: str) -> bytes:
        with files.open(f"{bucket}/{key}", block_size=256 << 10) as file, h5py.File(file) as opened:
            return opened["t2m"][0].tobytes()

    return _each(thumbnail, endpoint, bucket, name)


WAYS: dict[str, Callable[..., Way]] = {
    "s3magic": gallery,
    "again": lambda *place: gallery(*place, again=True),
    "paging": paging,
    "plain": plain,
    "studio": studio,
    "studio-raw": lambda *place: studio(*place, makes_small=False),
    "rasterio": rasters,
    "laspy": clouds,
    "h5py": grids,
}


def _each(thumbnail: Callable[[str], bytes], endpoint: str, bucket: str, name: str) -> Way:
    """Do one thing to every object of a listing, 16 at once."""

    def look() -> dict[str, Any]:
        begun = time.perf_counter()
        first, count = 0.0, 0
        with ThreadPoolExecutor(THREADS) as pool:
            for done in as_completed([pool.submit(thumbnail, key) for key in _keys(endpoint, bucket, name)]):
                first = first or time.perf_counter() - begun
                count += bool(done.result())
        return {"first": first, "all": time.perf_counter() - begun, "pictures": count, "said": ""}

    return look


def _keys(endpoint: str, bucket: str, name: str) -> Iterable[str]:
    from xml.etree import ElementTree

    import urllib3

    answer = urllib3.request("GET", f"{endpoint}/{bucket}?list-type=2&prefix={name}/")
    return [node.text for node in ElementTree.fromstring(answer.data).iter() if node.tag.endswith("}Key")]


def _for_gdal(endpoint: str) -> None:
    os.environ |= {
        "AWS_S3_ENDPOINT": endpoint.removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    }


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Run one way once."""
    name, *place, work = sys.argv[1:]
    os.environ |= KEYS
    way = WAYS[name](*place, Path(work))
    print("ready", flush=True)
    sys.stdin.readline()
    before = cpu()
    found = way()
    if name in ("s3magic", "again", "paging"):
        from s3magic.thumbnails import workers

        workers.stop()  # so that what they computed counts
    print(json.dumps({**found, "cpu": cpu() - before, "memory": _resident()}), flush=True)


if __name__ == "__main__":
    main()
