"""Where mounts are made: the folder that is meant where nobody names one, and which folders will do."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from s3magic.errors import FolderNotEmpty, InvalidInput, MountError
from s3magic.mounting import attach, records
from s3magic.naming import file_name
from s3magic.url import S3Url

_DEFAULT_FOLDER = "s3"


def default_path(url: S3Url, version_at: str = "") -> Path:
    """Return where a URL is mounted when nobody says where: ``./s3/<bucket>/<prefix>``, a version beside the bucket."""
    segments = url.key.removesuffix("/").split("/") if url.key else []
    names = [file_name(segment) for segment in segments]
    known = [name for name in names if name is not None]
    version = url.version_id or ""
    if version_at:
        version = datetime.fromisoformat(version_at).astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    bucket = f"{url.bucket}@{version}" if version else url.bucket
    if len(known) < len(names) or file_name(bucket) != bucket or "/" in bucket:
        raise InvalidInput(f"No folder can be called like {url}", "Say where to mount it.")
    return Path(_DEFAULT_FOLDER, bucket, *known)


def ignore_file() -> Path:
    """Return the file that keeps git from swallowing what is mounted where nobody says where."""
    return Path(os.path.realpath(_DEFAULT_FOLDER), ".gitignore")


def check(path: Path) -> None:
    """Refuse a folder that no mount can be made on; clear away what a daemon that was killed left there.

    Raises `MountError`, `InvalidInput` or `FolderNotEmpty`.
    """
    with records.turn():
        point = attach.mount_point_at(path)
        if point is not None:
            written = records.at(path)
            if (written is not None and written.is_alive) or not attach.is_stale(path):
                raise MountError(f"Already a mount of {point.source}: {path}", "Unmount it, or choose another folder.")
            attach.detach(path, lazy=True)
    for record in records.live():
        if path.is_relative_to(record.path):
            raise InvalidInput(f"{path} is inside the mount of {record.url}", "Choose a folder outside of it.")
    check_empty(path)
    if path.exists() and not os.access(path, os.W_OK):
        raise MountError(f"You may not write in {path}", "Choose a folder of your own.")


def check_empty(path: Path) -> None:
    """Refuse what is no folder, a folder that holds anything, and what nobody can tell of; a new one will do.

    Raises `InvalidInput`, `FolderNotEmpty` or `MountError`.
    """
    try:
        is_there, is_folder = path.exists(), path.is_dir()
        is_used = is_folder and any(path.iterdir())
    except OSError as error:
        raise MountError(f"Cannot look into {path}: {error.strerror}", "Choose a folder of your own.") from error
    if is_there and not is_folder:
        raise InvalidInput(f"Not a folder: {path}", "Choose another one.")
    if is_used:
        raise FolderNotEmpty(f"The folder is not empty: {path}", "Choose an empty or a new folder.")
