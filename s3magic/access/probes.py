"""Trying to write without touching anything that is there: uploads begun and aborted, scratch objects of its own.

Nothing is left behind. What could not be taken away again is not begun: the right to abort and to
delete is tried first, on names that nothing bears. A probe is finished even when the caller is interrupted.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from s3magic.access import policy
from s3magic.access.light import Light
from s3magic.errors import AccessDenied, S3MagicError, ServerError, Unreachable
from s3magic.store.base import Store
from s3magic.url import S3Url

Result = TypeVar("Result")
_PUT, _ABORT, _DELETE = "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"
_NO_UPLOAD = "s3magic-asks-only-whether-this-is-allowed"


@dataclass(frozen=True, slots=True)
class Writing:
    """What came of trying to write into a folder."""

    write: Light
    overwrite: Light
    delete: Light


def try_upload(store: Store, folder: S3Url, *, partition: str = "aws") -> Light:
    """Begin an upload into a folder and abort it: whether one may write there."""
    return _to_its_end(lambda: _upload(store, folder, policy.arn(folder, partition)))


def try_all(store: Store, folder: S3Url, *, partition: str = "aws") -> Writing:
    """Try to write, overwrite and delete in a folder, on scratch names of our own."""

    def attempt() -> Writing:
        resource = policy.arn(folder, partition)
        write = _upload(store, folder, resource)
        overwrite, delete = _scratch(store, folder, resource, write)
        return Writing(write, overwrite, delete)

    return _to_its_end(attempt)


def _upload(store: Store, folder: S3Url, resource: str) -> Light:
    key = _name(folder)
    try:
        store.abort_upload(key, _NO_UPLOAD)
    except AccessDenied:
        return _never_begun(store, key, resource)
    except ServerError:
        pass  # a store that finds fault with the upload's name has found none with the right
    except S3MagicError as error:
        return Light.error(error)
    try:
        upload_id = store.begin_upload(key)
    except AccessDenied as error:
        return Light.refused(error, _PUT, resource)
    except S3MagicError as error:
        lost = f". Whether an upload to {folder.with_key(key)} was begun is not known"
        return Light("error", Light.error(error).detail + (lost if isinstance(error, Unreachable) else ""))
    try:
        store.abort_upload(key, upload_id)
    except S3MagicError as error:
        return Light(
            "error", f"An upload to {folder.with_key(key)} was begun and not aborted. {Light.error(error).detail}"
        )
    return Light("ok", f"began and aborted an upload in {folder}")


def _never_begun(store: Store, key: str, resource: str) -> Light:
    """Tell, where no upload may be aborted and so none is begun, whether one might: by a part of one that is not."""
    try:
        store.upload_part(key, _NO_UPLOAD, 1, b"")
    except AccessDenied as error:
        return replace(Light.refused(error, _PUT, resource), actions=(_PUT, _ABORT))
    except S3MagicError:
        pass
    why = f"{_ABORT} on {resource}; so no upload was begun, for it could not be taken back"
    return Light("denied", why, (_PUT, _ABORT), resource)


def _scratch(store: Store, folder: S3Url, resource: str, write: Light) -> tuple[Light, Light]:
    """Return the lights Overwrite and Delete; who may not put may not overwrite."""
    key = _name(folder)
    untried, delete = _delete(store, folder, key, resource)
    if write.state == "denied" and write.detail.startswith(_PUT):
        return write, delete
    return (untried, delete) if untried is not None else _overwrite(store, folder, key, resource)


def _delete(store: Store, folder: S3Url, key: str, resource: str) -> tuple[Light | None, Light]:
    """Delete what is not there; return the light Overwrite, where it cannot be tried therefore, and Delete."""
    try:
        marker = store.delete(key)
    except AccessDenied:
        why = f"not tried, for {_DELETE} is denied: a scratch object could not be taken back"
        return Light("unknown", why, (_PUT, _DELETE), resource), Light.denied(_DELETE, resource)
    except S3MagicError as error:
        return Light.error(error), Light.error(error)
    if left := _forget(store, key, [marker]):
        why = "not tried: the bucket keeps versions, and they may not be deleted"
        told = f"deleted in {folder}; the bucket keeps versions, and {left} of {key} stays"
        return Light("unknown", why), Light("ok", told)
    return None, Light("ok", f"deleted a name in {folder} that nothing bears")


def _overwrite(store: Store, folder: S3Url, key: str, resource: str) -> tuple[Light, Light]:
    """Write a scratch object twice and delete it; return the lights Overwrite and Delete."""
    versions: list[str | None] = []
    try:
        versions.append(store.put(key, b"").version_id)
        versions.append(store.put(key, b"").version_id)
        overwrite = Light("ok", f"wrote an object of our own twice in {folder}")
    except AccessDenied as error:
        overwrite = Light.refused(error, _PUT, resource)
    except S3MagicError as error:
        overwrite = Light.error(error)
    try:
        versions.append(store.delete(key))
    except S3MagicError as error:
        return overwrite, Light("error", f"{folder.with_key(key)} is left behind. {Light.error(error).detail}")
    if left := _forget(store, key, versions):
        return overwrite, Light("ok", f"deleted in {folder}; the bucket keeps versions, and {left} of {key} stays")
    return overwrite, Light("ok", f"deleted an object of our own in {folder}")


def _forget(store: Store, key: str, versions: list[str | None]) -> str:
    """Delete versions and markers for good; return what is left, in words, or nothing."""
    left = 0
    for version in filter(None, versions):
        try:
            store.delete(key, version_id=version)
        except S3MagicError:
            left += 1
    return f"{left} old version{'s' if left > 1 else ''}" if left else ""


def _name(folder: S3Url) -> str:
    return f"{folder.key}.s3magic-check-{uuid.uuid4().hex}"


def _to_its_end(attempt: Callable[[], Result]) -> Result:
    """Do something in a thread, which an interrupt does not reach; the interrupt goes on once it is done."""
    with ThreadPoolExecutor(1, thread_name_prefix="s3magic-check") as thread:
        return thread.submit(attempt).result()
