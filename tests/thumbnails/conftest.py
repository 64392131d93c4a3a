"""A format made for tests, a store that counts, and galleries over it."""

from __future__ import annotations

import struct
import threading
import zlib

import pytest

from s3magic.errors import MissingLibrary, UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.base import PLAIN, Preview, TileInfo
from s3magic.store.credentials import Location
from s3magic.store.memory import MemoryStore
from s3magic.thumbnails.decoding import decode
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.presign import LinkMaker


def tiny_png(shade: int) -> bytes:
    """A grey picture of one pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes((0, shade)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


class WordFormat:
    """Files named ``.word`` that do what their first word says."""

    name = "word file"
    suffixes = (".word",)
    is_folder = False
    gate = threading.Event()

    def describe(self, file):
        file.seek(0)
        word = file.read(8).split()[0].decode()
        return TileInfo("file", f"word/{word}", dimensions="3x2", details={"variables": ["t", "p"]})

    def preview(self, file, *, size=160, look=PLAIN):
        file.seek(0)
        word = file.read(8).split()[0]
        if word == b"broken":
            raise UnreadableFormat(f"Not readable as word file: {file.name}", "It is cut short.")
        if word == b"bug":
            raise KeyError("a slip of the decoder")
        if word == b"library":
            raise MissingLibrary("Reading word files needs the library words", "Install words")
        if word == b"whole":
            file.read()
        if word == b"slow":
            assert self.gate.wait(30)
        return Preview(tiny_png(size % 256), "image/png", 1, 1, f"<{word.decode()}> at {size}", "whole")


class CountingStore(MemoryStore):
    """Counts the bytes that were got, and does before a read what a test wants done."""

    def __init__(self, bucket):
        super().__init__(bucket)
        self.lock = threading.Lock()
        self.got = 0
        self.lists = 0
        self.before = None

    def list_page(self, *args, **kwargs):
        self.lists += 1
        return super().list_page(*args, **kwargs)

    def get(self, key, **kwargs):
        if self.before:
            self.before(key)
        data = super().get(key, **kwargs)
        with self.lock:
            self.got += len(data)
        return data


@pytest.fixture
def words(monkeypatch):
    """The format for ``.word`` files, known to the registry for one test; its slow ones wait for ``words.gate``."""
    known, form = registry.find, WordFormat()
    form.gate = threading.Event()
    monkeypatch.setattr(registry, "find", lambda name: form if name.lower().endswith(".word") else known(name))
    yield form
    form.gate.set()


@pytest.fixture
def store(words):
    """A bucket with something of every kind that can go wrong."""
    bucket = CountingStore("teaching")
    bucket.put("w/a.word", b"fine".ljust(100_000))
    bucket.put("w/b.word", b"broken".ljust(50_000))
    bucket.put("w/c.word", b"bug".ljust(10))
    bucket.put("w/d.word", b"library".ljust(10))
    bucket.put("w/e.word", b"whole".ljust(900_000))
    bucket.put("w/empty.word", b"")
    bucket.put("w/plain.dat", b"x" * 5000)
    return bucket


@pytest.fixture
def make_gallery(store, tmp_path):
    """A gallery over the bucket; cached in a folder of the test."""

    def make(url="s3://teaching/w/", **options):
        signer = LinkMaker(lambda bucket: Location(endpoint_url="http://127.0.0.1:1"), lambda: None)
        usual = {"opener": lambda _: store, "signer": signer, "cache": tmp_path / "cache", "decoder": decode}
        return Gallery(url, **{**usual, **options})

    return make
