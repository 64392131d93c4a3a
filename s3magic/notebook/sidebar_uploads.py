"""Files that come from the browser in pieces, put onto S3 once they are whole; never over what is there.

A file waits on disk, never in memory. What was given up on is deleted when the next one begins, or with the panel.
"""

from __future__ import annotations

import mimetypes
import os
import secrets
import shutil
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3magic import api
from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey, ObjectChanged
from s3magic.html import bytes_text
from s3magic.store.upload import upload
from s3magic.url import S3Url

_MARGIN = 100 << 20  # bytes that are left free on the disk
_WAITING = 8
"""Uploads under way at once; the oldest of more is given up on."""


@dataclass(slots=True)
class _Arriving:
    place: S3Url
    size: int
    path: Path


class Uploads:
    """The files that are arriving; safe to use from several threads, each piece of a file after the other."""

    def __init__(self) -> None:
        self._waiting = tempfile.TemporaryDirectory(prefix="s3magic-upload-", ignore_cleanup_errors=True)
        self._folder = Path(self._waiting.name)  # deleted at the latest when the kernel ends
        self._lock = threading.Lock()
        self._arriving: dict[str, _Arriving] = {}

    def close(self) -> None:
        """Forget all of them."""
        self._waiting.cleanup()

    def take(
        self,
        *,
        bucket: str = "",
        key: str = "",
        size: int = 0,
        upload_id: str = "",
        data: bytes = b"",
        is_given_up: bool = False,
    ) -> dict[str, Any]:
        """Begin an upload, take the next piece of one, or give it up; the last piece stores the object.

        Parameters
        ----------
        bucket, key, size
            What it is to be: given to begin one, whose first piece may come along.
        upload_id
            What the beginning returned: given to go on.
        data
            The next bytes.

        Returns
        -------
        dict
            ``upload_id``, ``received`` bytes, and ``is_stored``.

        Raises
        ------
        ObjectChanged
            When there is an object of that key already; it is left as it is.
        """
        if not upload_id:
            upload_id = self._begin(S3Url(bucket, key), size)
        with self._lock:
            arriving = self._arriving.get(upload_id)
        if arriving is None:
            raise InvalidInput("This upload was given up", "Choose the file again.")
        if is_given_up:
            self._drop(upload_id)
            return {"upload_id": upload_id, "received": 0, "is_stored": False}
        with arriving.path.open("ab") as file:
            file.write(data)
            received = file.tell()
        is_whole = received >= arriving.size
        if is_whole:
            try:
                _store(arriving, received)
            finally:
                self._drop(upload_id)
        return {"upload_id": upload_id, "received": received, "is_stored": is_whole}

    def _begin(self, place: S3Url, size: int) -> str:
        if place.is_prefix:
            raise InvalidInput(f"Not the name of an object: {place}", "Choose a file that has a name.")
        S3Url.parse(str(place))  # refuses keys that S3 could not hold
        _look(place)
        free = shutil.disk_usage(self._folder).free
        if size + _MARGIN > free:
            told = f"{bytes_text(size)} do not fit on the kernel's disk: {bytes_text(free)} are free"
            raise InvalidInput(told, "Free some room, or upload it with another program.")
        upload_id = secrets.token_hex(8)
        path = self._folder / upload_id
        path.touch(mode=0o600)
        with self._lock:
            oldest = [*self._arriving][: max(0, len(self._arriving) - _WAITING + 1)]
            self._arriving[upload_id] = _Arriving(place, size, path)
        for one in oldest:
            self._drop(one)
        return upload_id

    def _drop(self, upload_id: str) -> None:
        with self._lock:
            arriving = self._arriving.pop(upload_id, None)
        if arriving is not None:
            arriving.path.unlink(missing_ok=True)


def _look(place: S3Url) -> None:
    """Refuse early what the condition of the upload would refuse at the end."""
    with suppress(NoSuchKey, AccessDenied):  # who may not look is told at the end
        api.connection(place).store(place.bucket).head(place.key)
        raise _there(place)


def _there(place: S3Url) -> ObjectChanged:
    return ObjectChanged(f"There is an object of this name already: {place}", "It was left as it is; rename the file.")


def _store(arriving: _Arriving, received: int) -> None:
    if received != arriving.size:
        raise InvalidInput(f"{received} bytes came of a file of {arriving.size}", "Choose the file again.")
    place = arriving.place
    kind = mimetypes.guess_type(os.path.basename(place.key))[0]  # noqa: PTH119 - a key is no path
    try:
        store = api.connection(place).store(place.bucket)
        upload(store, place.key, arriving.path, content_type=kind, if_none_match=True)
    except ObjectChanged as error:
        raise _there(place) from error
