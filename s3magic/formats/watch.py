"""Files and folders that remember why a read failed, since libraries swallow or rename errors; decodes nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from s3magic.formats.base import Folder


class WatchedFile(io.RawIOBase):
    """Passes reads on to a seekable binary file.

    Attributes
    ----------
    error : BaseException or None
        The first error that the file raised while it was read.
    name : str
        The file's name, ``"the file"`` where it has none.
    size : int
        Length in bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.error: BaseException | None = None
        name = getattr(file, "name", "")
        self.name = name if isinstance(name, str) and name else "the file"
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)

    def read_at(self, start: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``start`` on; raise `EOFError` where there are fewer."""
        if start < 0 or length < 0 or start + length > self.size:
            raise EOFError(f"bytes {start} to {start + length} of {self.size} are missing")
        self.seek(start)
        data = self.read(length)
        if len(data) != length:
            raise EOFError(f"only {len(data)} of {length} bytes came")
        return data

    def afford(self, size: int) -> None:
        """Raise what the file raises when so many bytes more would be more than it gives; nothing is read."""
        try:
            getattr(self._file, "afford", lambda _: None)(size)
        except BaseException as error:
            self.error = self.error or error
            raise

    def gather(self, spans: Sequence[tuple[int, int]]) -> bool:
        """Let the file bring parts together that will be read; return False where they are more than it gives."""
        try:
            return bool(getattr(self._file, "gather", lambda _: True)(spans))
        except BaseException as error:
            self.error = self.error or error
            raise

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position in bytes."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to ``size`` bytes, never asking for more than there are."""
        left = max(0, self.size - self._file.tell())
        try:
            return self._file.read(left if size is None or size < 0 else min(size, left))
        except BaseException as error:
            self.error = self.error or error
            raise

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read(-1)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer from the position on; return how many bytes came."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class WatchedFolder:
    """Passes reads on to a folder.

    Attributes
    ----------
    error : BaseException or None
        The first error that the folder raised while it was read.
    name : str
        The folder's name.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.error: BaseException | None = None
        self.name = folder.name

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """See `Folder.read`."""
        try:
            return self._folder.read(path, start, stop)
        except BaseException as error:
            self.error = self.error or error
            raise

    def names(self, path: str = "") -> list[str]:
        """See `Folder.names`."""
        try:
            return self._folder.names(path)
        except BaseException as error:
            self.error = self.error or error
            raise

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
