"""A Zarr as zarr-python wants it, over a folder of S3 or of anything else; opens no codec that could run code.

Some codecs of version 2 unpickle what they read, and so run what a stranger wrote: metadata that
name any other codec than the known harmless ones are refused before they are understood.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from s3magic.formats.base import Folder

_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
_LARGEST_METADATA = 16_000_000
_CODECS = frozenset({
    "adler32", "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "endian", "fixedscaleoffset",
    "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits", "quantize", "sharding_indexed", "shuffle",
    "transpose", "vlen-array", "vlen-bytes", "vlen-utf8", "zlib", "zstd",
})  # fmt: skip
_CODEC_KEYS = ("codecs", "index_codecs", "filters", "compressor", "compressors")


class FolderStore(Store):
    """A store that is read only, over a folder."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(read_only=True)
        self._folder = folder
        self._known: dict[str, bytes | None] = {}

    def document(self, key: str) -> dict[str, Any] | None:
        """Return a file of metadata; None where there is none."""
        data = self._metadata(key)
        if data is None:
            return None
        found = json.loads(data)
        return found if isinstance(found, dict) else {}

    def _metadata(self, key: str) -> bytes | None:
        """Return a file of metadata that was looked at, read but once: zarr-python asks several times."""
        if key not in self._known:
            data = self._folder.read(key)
            if data is not None:
                _check(data)
            self._known[key] = data
        return self._known[key]

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return a file, or a part of it; None where there is none."""
        if key.rpartition("/")[2] in _METADATA:
            data = await asyncio.to_thread(self._metadata, key)
        else:
            data = await asyncio.to_thread(self._folder.read, key, *_ends(byte_range))
        return None if data is None else prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of several files."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Tell whether there is a file."""
        if key.rpartition("/")[2] in _METADATA:
            return await asyncio.to_thread(self._metadata, key) is not None
        return await asyncio.to_thread(self._folder.read, key, 0, 1) is not None

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield what lies directly below."""
        for name in await asyncio.to_thread(self._folder.names, f"{prefix.rstrip('/')}/" if prefix else ""):
            yield name.rstrip("/")

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refuse: a Zarr may have millions of files."""
        raise NotImplementedError(prefix)
        yield ""

    async def list(self) -> AsyncIterator[str]:
        """Refuse: a Zarr may have millions of files."""
        raise NotImplementedError
        yield ""

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse: nothing is written."""
        raise NotImplementedError(key, value)

    async def delete(self, key: str) -> None:
        """Refuse: nothing is written."""
        raise NotImplementedError(key)

    @property
    def supports_writes(self) -> bool:
        """False."""
        return False

    @property
    def supports_deletes(self) -> bool:
        """False."""
        return False

    @property
    def supports_listing(self) -> bool:
        """True."""
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FolderStore) and other._folder is self._folder

    __hash__ = None  # type: ignore[assignment]


def _ends(part: ByteRequest | None) -> tuple[int, int | None]:
    if isinstance(part, RangeByteRequest):
        return part.start, part.end
    if isinstance(part, OffsetByteRequest):
        return part.offset, None
    if isinstance(part, SuffixByteRequest):
        return -part.suffix, None
    return 0, None


def _check(data: bytes) -> None:
    """Raise `ValueError` where metadata name a codec that is not known to be harmless."""
    if len(data) > _LARGEST_METADATA:
        raise ValueError("its metadata are too large")
    waiting: list[tuple[Any, bool]] = [(json.loads(data), False)]
    while waiting:
        value, is_codec = waiting.pop()
        if isinstance(value, list):
            waiting += [(one, is_codec) for one in value]
        elif isinstance(value, dict):
            name = str(value.get("id", value.get("name", ""))).removeprefix("numcodecs.").lower()
            if is_codec and name not in _CODECS:
                raise ValueError(f"it uses the codec {name[:40] or 'without a name'}, which is not opened here")
            is_node = isinstance(value.get("zarr_format"), int)  # else "attributes" may be the name of an array
            waiting += [(one, key in _CODEC_KEYS) for key, one in value.items() if key != "attributes" or not is_node]
        elif is_codec and isinstance(value, str) and value.removeprefix("numcodecs.").lower() not in _CODECS:
            raise ValueError(f"it uses the codec {value[:40]}, which is not opened here")
