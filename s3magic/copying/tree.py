"""The files below a folder that are to be uploaded, by the keys they get; links are no trap."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from s3magic.copying.entry import RECORDS, Entry, Found
from s3magic.naming import segment_of

_LONGEST_KEY = 1024


def find_files(root: Path, base: str) -> Found:
    """Return the files below a folder, whose keys begin with a base.

    A link to a file inside the folder is followed; one to a folder, or to anything outside, is
    left out and named, and so is what is neither file nor folder.
    """
    found = Found()
    top = Path(os.path.realpath(root))
    folders = [(top, "")]
    while folders:
        folder, name = folders.pop()
        try:
            with os.scandir(folder) as scan:
                inside = sorted(scan, key=lambda one: one.name)
        except OSError as error:
            found.failures.append((name.removesuffix("/") or str(root), error))
            continue
        for one in inside:
            key = name + segment_of(one.name)
            if one.is_dir(follow_symlinks=False):
                if one.name != RECORDS:
                    folders.append((Path(one.path), f"{key}/"))
                continue
            try:
                if why := _why_not(one, top, base + key):
                    found.left_out.append((key, why))
                else:
                    found.entries.append(Entry.of_file(key, Path(one.path)))
            except OSError as error:
                found.failures.append((key, error))
    return found


def _why_not(one: os.DirEntry[str], top: Path, key: str) -> str | None:
    """Tell why something in a folder cannot be uploaded."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "its name is no text"
    if size > _LONGEST_KEY:
        return f"its key would have {size} bytes; S3 takes {_LONGEST_KEY}"
    path = Path(one.path)
    if one.is_symlink():
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(top):
            return "a link that leads out of the folder"
        if real.is_dir():
            return "a link to a folder"
        if not real.exists():
            return "a link that leads nowhere, or in a circle"
        path = real
    return None if stat.S_ISREG(path.lstat().st_mode) else "no file, but a device, a pipe or a socket"
