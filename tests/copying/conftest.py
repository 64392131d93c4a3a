"""A bucket in memory and a folder, and a short way to copy between them."""

from __future__ import annotations

import pytest

from s3magic.copying import sync
from s3magic.copying.down import Down
from s3magic.copying.place import Place
from s3magic.copying.up import Up
from s3magic.url import S3Url


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def down(memory, tmp_path):
    """Copy from memory to ``tmp_path / "there"``: ``down("p/*.nc", delete=True)``."""

    def run(key="", *, store=memory, only=None, **words):
        return sync.copy(Down(store, S3Url("teaching", key), Place(tmp_path / "there", only=only)), **words)

    return run


@pytest.fixture
def up(memory, tmp_path):
    """Copy ``tmp_path / "here"`` to memory: ``up("p/")``."""

    def run(key="p/", *, store=memory, path=tmp_path / "here", **words):
        return sync.copy(Up(path, store, S3Url("teaching", key)), **words)

    return run


@pytest.fixture
def there(tmp_path):
    """The folder that `down` copies to."""
    return tmp_path / "there"


@pytest.fixture
def here(tmp_path):
    """The folder that `up` copies from."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def tree():
    """Return the content of every file below a folder, by relative path."""

    def read(folder):
        files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read


@pytest.fixture
def listed():
    """Return the content of every object of a bucket, by key."""

    def read(store, prefix=""):
        return {info.key: store.get(info.key) for info in store.list_page(prefix).objects}

    return read
