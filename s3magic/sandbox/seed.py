"""Filling the buckets: the teaching data, and a folder of the teacher's own; run at start and at reset."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from pathlib import Path

from s3magic.errors import InvalidInput
from s3magic.sandbox import checksums, datasets
from s3magic.sandbox.backend import Backend, Checked, Part
from s3magic.sandbox.users import BUCKETS, PUBLIC_POLICY


class Seed:
    """What a fresh sandbox holds.

    Parameters
    ----------
    backend
        Where it goes.
    data
        A folder of the teacher's own, copied into a bucket of its name; None for none.
    """

    def __init__(self, backend: Backend, *, data: Path | None = None) -> None:
        self._backend = backend
        self._data = data
        self._items: tuple[datasets.Item, ...] = ()

    def plant(self) -> None:
        """Forget every bucket and fill them anew; the teaching data is made only once."""
        self._items = self._items or tuple(datasets.make())
        with self._backend.lock:
            self._backend.clear()
            for bucket in BUCKETS:
                self._backend.create_bucket(
                    bucket,
                    versioned=bucket == "scratch",
                    policy=PUBLIC_POLICY if bucket == "public" else None,
                )
            for item in self._items:
                self._put(item)
            if self._data is not None:
                self._copy(self._data)

    def _put(self, item: datasets.Item) -> None:
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
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            try:
                data = path.read_bytes()
            except OSError as error:
                raise InvalidInput(f"Cannot read {path}: {error.strerror}", "Give a folder you may read.") from error
            key = path.relative_to(folder).as_posix()
            self._backend.put(bucket, key, data, content_type=guess_type(key), checked=Checked())


def bucket_name(folder: Path) -> str:
    """Return the name of the bucket a folder goes to: its own as far as S3 allows, else ``data``."""
    name = re.sub(r"[^a-z0-9.-]+", "-", folder.resolve().name.lower()).strip("-.")[:63]
    return "data" if len(name) < 3 or name in BUCKETS else name  # noqa: PLR2004 - S3's shortest name


def guess_type(key: str) -> str:
    """Return the media type of a key by its suffix, S3's default if there is none."""
    return mimetypes.guess_type(key)[0] or "binary/octet-stream"
