"""A disk that is too small or fills up: told before anything comes, or of each tile that found no room."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

import pytest

from s3magic.errors import LinkError, TilesFailed
from s3magic.linking.adding.ledger import Ledger
from s3magic.linking.dataset import LinkedDataset
from s3magic.store.memory import MemoryStore

MIB = 1 << 20
NAMES = [f"{number}.bin" for number in range(6)]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MiB."""
    if os.getuid():
        pytest.skip("only root can make a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


class Watched(MemoryStore):
    """Counts the bodies that are asked for, and lets something happen in the middle of the first."""

    def __init__(self):
        super().__init__("teaching")
        self.asked, self.meanwhile = 0, None

    @contextmanager
    def stream(self, key, **options):
        self.asked += 1
        with super().stream(key, **options) as chunks:
            yield self._chunks(chunks)

    def _chunks(self, chunks):
        yield next(chunks)
        if self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        yield from chunks


@pytest.fixture
def store():
    made = Watched()
    for name in NAMES:
        made.put(f"x/{name}", name.encode()[:1] * (2 * MIB))
    return made


def test_a_fetch_that_cannot_fit_is_refused_before_it_begins(small_disk, store, link):
    dataset = link("x/*", store=store, path=small_disk / "ds")
    with pytest.raises(LinkError, match=r"12\.6 MB to fetch, [78]\.\d MB free"):
        dataset.fetch()
    assert store.asked == 0
    assert len(dataset.fetch(match="[0-2]*").fetched) == 3


def test_a_disk_that_fills_up_meanwhile_costs_the_tiles_that_find_no_room(small_disk, store, link):
    dataset = link("x/*", store=store, path=small_disk / "ds")
    store.meanwhile = lambda: (small_disk / "of somebody else").write_bytes(bytes(5 * MIB))
    with pytest.raises(TilesFailed, match=r"[0-2]\.bin: No space left on device") as caught:
        dataset.fetch(match="[0-2]*")
    failed = {name for name, _ in caught.value.failures}
    for name in NAMES[:3]:
        is_pointer = (dataset.path / name).read_bytes().startswith(b"version https://git-lfs")
        assert is_pointer == (name in failed)
    (small_disk / "of somebody else").unlink()
    LinkedDataset(dataset.path, opener=lambda _url: store).fetch(match="[0-2]*")
    assert all((dataset.path / name).read_bytes() == name.encode()[:1] * (2 * MIB) for name in NAMES[:3])
    assert not (dataset.path / ".s3link" / "partial").exists()


def test_a_folder_of_temporary_files_without_room_is_told():
    def note():
        with Ledger() as ledger:
            ledger.write("pragma temp.max_page_count = 20")
            ledger.write_all("insert into failed values (?)", ((f"{number}.bin" * 100,) for number in range(1000)))

    with pytest.raises(LinkError, match="disk is full") as caught:
        note()
    assert "TMPDIR" in caught.value.hint
