"""The teaching data, made in code: what lies in which bucket under which key, and why; uploads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

IRIS_SUFFIXES = (".nc", ".pp")


@dataclass(frozen=True, slots=True)
class Item:
    """One object to be.

    Parameters
    ----------
    algorithm
        The checksum it is stored with.
    in_one_part
        Stored as a multipart upload of a single part, so that ETag and SHA-256 end in ``-1``.
    """

    bucket: str
    key: str
    data: bytes
    content_type: str | None = None
    algorithm: str = "CRC64NVME"
    in_one_part: bool = False
    storage_class: str = "STANDARD"


def make() -> Iterator[Item]:
    """Yield everything a fresh sandbox holds."""
    yield from _odd()
    yield from _iris()


def _odd() -> Iterator[Item]:
    for key in ODD_KEYS:
        yield Item("teaching", f"odd/{key}", f"The key of this object is odd/{key}\n".encode(), "text/plain")


ODD_KEYS = (
    "a space.txt",
    "a+plus.txt",
    "100%.txt",
    "%41.txt",
    "Mātātā – 鳥.txt",
    "double//slash.txt",
    "/leading.txt",
    "../up.txt",
    "./here.txt",
    "hash#tag.txt",
    "question?mark.txt",
    "quote'\"quote.txt",
    "curly{a,b}.txt",
    "back\\slash.txt",
    "ends with a slash/",
)


def _iris() -> Iterator[Item]:
    spec = find_spec("iris_sample_data")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "sample_data"
    for path in sorted(folder.rglob("*")):
        if path.suffix in IRIS_SUFFIXES:
            yield Item("teaching", f"iris/{path.relative_to(folder).as_posix()}", path.read_bytes())
