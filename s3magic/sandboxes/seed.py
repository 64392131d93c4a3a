"""Filling the buckets: the teaching data, and a folder of the teacher's own; run at start and at reset."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from s3magic.errors import InvalidInput
from s3magic.html import bytes_text
from s3magic.sandboxes import checksums, items
from s3magic.sandboxes.backend import Backend, Checked, Part
from s3magic.sandboxes.people import PUBLIC_POLICY
from s3magic.sandboxes.users import BUCKETS

LARGEST_FOLDER = 2_000_000_000
_IRIS_SUFFIXES = frozenset({".nc", ".pp"})


class Seed:
    """What a fresh sandbox holds.

    Parameters
    ----------
    backend
        Where it goes.
    data
        A folder of the teacher's own, copied into a bucket of its name; None for none.
    cache
        A folder to keep the teaching data in between starts; None to make it anew each time.
    """

    def __init__(self, backend: Backend, *, data: Path | None = None, cache: Path | None = None) -> None:
        self._backend = backend
        self._data = data
        self._cache = cache
        self._items: tuple[items.Item, ...] = ()

    def plant(self) -> None:
        """Forget every bucket and fill them anew; the teaching data is made only once."""
        self._items = self._items or self._make()
        with self._backend.lock:
            self._backend.clear()
            for bucket in BUCKETS:
                self._backend.create_bucket(
                    bucket,
                    versioned=bucket == "scratch",
                    policy=PUBLIC_POLICY if bucket == "public" else None,
                )
            for item in (*self._items, *iris_samples()):
                self._put(item)
            if self._data is not None:
                self._copy(self._data)

    def _make(self) -> tuple[items.Item, ...]:
        kept = items.load(self._cache) if self._cache else None
        if kept is not None:
            return kept
        from s3magic.sandboxes import datasets  # noqa: PLC0415 - seven libraries, needed only when nothing is kept

        made = tuple(datasets.make())
        if self._cache:
            items.save(made, self._cache)
        return made

    def _put(self, item: items.Item) -> None:
        etag, data = None, item.data
        if item.in_one_part:
            # A multipart upload of one part: the ETag and the SHA-256 are those of a list of parts.
            etag = hashlib.md5(hashlib.md5(data, usedforsecurity=False).digest(), usedforsecurity=False).hexdigest()
            whole = checksums.checksum(data, "SHA256")
            value = checksums.composite([data], "SHA256")
            checked = Checked("SHA256", "COMPOSITE", value, (Part(0, len(data), whole),))
            etag = f"{etag}-1"
        else:
            checked = Checked(item.algorithm)
        self._backend.put(
            item.bucket,
            item.key,
            data,
            content_type=item.content_type or guess_type(item.key),
            checked=checked,
            storage_class=item.storage_class,
            etag=etag,
        )

    def _copy(self, folder: Path) -> None:
        bucket = bucket_name(folder)
        self._backend.create_bucket(bucket)
        left = LARGEST_FOLDER
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = path.relative_to(folder).as_posix()
            try:
                left -= path.stat().st_size
                if left < 0:
                    raise InvalidInput(
                        f"More than {bytes_text(LARGEST_FOLDER)} in {folder}",
                        "The sandbox keeps all in memory: give a smaller folder.",
                    )
                data = path.read_bytes()
                key.encode()
            except (OSError, UnicodeEncodeError) as error:
                raise InvalidInput(f"Cannot take {path!r}: {error}", "Give a folder you may read.") from error
            self._backend.put(bucket, key, data, content_type=guess_type(key), checked=Checked())


def iris_samples() -> Iterator[items.Item]:
    """Yield Iris's own sample data, where it is installed, under the names it has there."""
    spec = find_spec("iris_sample_data")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "sample_data"
    for path in sorted(folder.rglob("*")):
        if path.suffix in _IRIS_SUFFIXES:
            yield items.Item("teaching", f"iris/{path.relative_to(folder).as_posix()}", path)


def bucket_name(folder: Path) -> str:
    """Return the name of the bucket a folder goes to: its own as far as S3 allows, else ``data``."""
    name = re.sub(r"[^a-z0-9.-]+", "-", folder.resolve().name.lower()).strip("-.")[:63]
    return "data" if len(name) < 3 or name in BUCKETS else name


def guess_type(key: str) -> str:
    """Return the media type of a key by its suffix, S3's default if there is none."""
    return mimetypes.guess_type(key)[0] or "binary/octet-stream"
