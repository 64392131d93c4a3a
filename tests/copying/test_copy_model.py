"""Copies against a model: whatever happened at both ends, they are the same afterwards, both ways."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from s3magic.copying import sync
from s3magic.copying.down import Down
from s3magic.copying.place import Place
from s3magic.copying.up import Up
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url

URL = S3Url("b", "p/")
KEYS = st.sampled_from(("a", "b.nc", "c/d", "c/..", "e//f", "/g"))
EDITS = st.lists(st.tuples(st.sampled_from(("put", "write", "delete", "unlink", "touch")), KEYS, st.binary(max_size=3)))


class Ends:
    """A prefix in memory and a folder, and what is at both."""

    def __init__(self, folder):
        self.store, self.folder, self.place = MemoryStore("b"), folder, Place(folder)
        self.store.put("p/a", b"0")
        self.store.put("q/x", b"not meant")

    @property
    def objects(self):
        return {info.key[2:]: self.store.get(info.key) for info in self.store.list_page("p/").objects}

    @property
    def files(self):
        found = Down(self.store, URL, self.place).find_there((), everything=True)
        return {entry.name: entry.path.read_bytes() for entry in found.values()}

    def edit(self, what, key, body):
        path = self.place.path(key)
        if what == "put":
            self.store.put(f"p/{key}", body)
        elif what == "delete":
            self.store.delete(f"p/{key}")
        elif what == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        elif what == "unlink":
            path.unlink(missing_ok=True)
        elif path.exists():
            os.utime(path, (1_600_000_000, 1_600_000_000))


@settings(max_examples=60, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_both_ends_are_the_same_after_each_copy(rounds):
    with tempfile.TemporaryDirectory() as name:
        ends = Ends(Path(name))
        for number, edits in enumerate(rounds):
            for edit in edits:
                ends.edit(*edit)
            wanted = ends.files if number % 2 else ends.objects
            if not wanted:
                return
            way = Up(ends.folder, ends.store, URL) if number % 2 else Down(ends.store, URL, ends.place)
            sync.copy(way, delete=True)
            assert ends.objects == ends.files == wanted
        assert ends.store.get("q/x") == b"not meant"
