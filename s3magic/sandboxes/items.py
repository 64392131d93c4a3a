"""Objects to be, and how they are kept on disk from one start to the next; makes none itself."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Item:
    """One object to be.

    Parameters
    ----------
    content
        Its bytes, or the file that holds them.
    content_type
        Media type; guessed from the key when None.
    algorithm
        The checksum it is stored with.
    in_one_part
        Stored as a multipart upload of a single part, so that ETag and SHA-256 end in ``-1``.
    """

    bucket: str
    key: str
    content: bytes | Path
    content_type: str | None = None
    algorithm: str = "CRC64NVME"
    in_one_part: bool = False
    storage_class: str = "STANDARD"

    @property
    def data(self) -> bytes:
        """The bytes, read now if they lie in a file."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content

    def to_json(self) -> dict[str, object]:
        """Return all but the content as JSON types."""
        return {
            "bucket": self.bucket,
            "key": self.key,
            "content_type": self.content_type,
            "algorithm": self.algorithm,
            "in_one_part": self.in_one_part,
            "storage_class": self.storage_class,
        }


def fingerprint() -> str:
    """Return a name for what this version of the sandbox would make: it changes with any line of its code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def load(folder: Path) -> tuple[Item, ...] | None:
    """Return the items kept in a folder by this version, or None if there are none or they are damaged."""
    try:
        with zipfile.ZipFile(folder / f"{fingerprint()}.zip") as kept:
            index = json.loads(kept.read(_INDEX))
            return tuple(Item(**fields, content=kept.read(str(number))) for number, fields in enumerate(index))
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError):
        return None


def save(items: Iterable[Item], folder: Path) -> None:
    """Keep items in a folder, in place of what other versions kept; a folder that cannot be written is left alone."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{fingerprint()}.zip"
        descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as kept:
                listed = list(items)
                kept.writestr(_INDEX, json.dumps([item.to_json() for item in listed]))
                for number, item in enumerate(listed):
                    kept.writestr(str(number), item.data)
            Path(temporary).replace(folder / name)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
        for old in folder.glob("*.zip"):
            if old.name != name:
                old.unlink(missing_ok=True)
