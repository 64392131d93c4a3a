"""The three lines that git-lfs keeps in place of a file: text to hash and size, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_SIZE = 1024  # git-lfs takes nothing larger for a pointer
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,18})\n"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer says: the SHA-256 of the content in hexadecimal, and its bytes."""

    oid: str
    size: int


def to_text(pointer: Pointer) -> str:
    """Return the pointer as git-lfs writes it; empty content has an empty pointer, as git-lfs has it."""
    if pointer.size == 0:
        return ""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{pointer.oid}\nsize {pointer.size}\n"


def parse(data: bytes) -> Pointer | None:
    """Recognise a pointer in the content of a file; None when it is something else."""
    found = _POINTER.fullmatch(data)
    return Pointer(found.group(1).decode(), int(found.group(2))) if found else None
