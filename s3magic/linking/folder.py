"""The files of a linked dataset on disk: read, and written whole or not at all by one writer at a time."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from s3magic.errors import LinkError, S3MagicError
from s3magic.linking import manifest
from s3magic.linking.manifest import DatasetInfo, LinkedTile
from s3magic.linking.notes import Notes
from s3magic.linking.redirects import redirected

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock; there nobody keeps a second writer out
    fcntl = None  # type: ignore[assignment]

BY_NAME = 10_000  # above so many tiles .gitattributes names their endings: git's work grows with lines x files
_BATCH = 10_000  # files flushed together
_KEPT = frozenset({".part", ".notes"})  # what the next run goes on with
_ATTRIBUTES = "filter=lfs diff=lfs merge=lfs -text"


@dataclass(frozen=True, slots=True)
class Folder:
    """One dataset folder.

    Parameters
    ----------
    path
        The folder the tiles are in; ``.s3link`` below it holds what is known of them.
    """

    path: Path

    @property
    def records(self) -> Path:
        """``.s3link``."""
        return self.path / ".s3link"

    @property
    def scratch(self) -> Path:
        """Where half-written files wait; gone when nothing is left to go on with."""
        return self.records / "partial"

    @property
    def is_dataset(self) -> bool:
        """Whether a dataset was recorded here."""
        return (self.records / "dataset.json").is_file()

    def part(self, tile: LinkedTile) -> Path:
        """Return where a tile's content is gathered until it is whole; another one for other content."""
        content = f"{tile.name}\0{tile.etag}"
        return self.scratch / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.part"

    @property
    def learned(self) -> Notes:
        """The hashes that a fetch has learnt and not recorded yet."""
        return Notes(self.scratch / "learned.notes")

    def info(self) -> DatasetInfo:
        """Read ``dataset.json``."""
        return manifest.parse_dataset(self._text(self.records / "dataset.json"), ".s3link/dataset.json")

    def tiles(self) -> tuple[LinkedTile, ...]:
        """Read all tiles, sorted by name, each to be asked for where it lies now."""
        redirects = self.info().redirects if self.is_dataset else {}
        found = []
        for path in sorted((self.records / "tiles").glob("??.jsonl")):
            found += manifest.parse_tiles(self._text(path), f".s3link/tiles/{path.name}")
        found = [redirected(tile, redirects) for tile in found] if redirects else found
        return tuple(sorted(found, key=lambda tile: tile.name))

    def save_info(self, info: DatasetInfo) -> None:
        """Write ``dataset.json``."""
        self.write(self.records / "dataset.json", manifest.dataset_text(info).encode())

    def save_tiles(self, tiles: Iterable[LinkedTile]) -> None:
        """Write tiles into the files that hold them, in place of older records of the same names."""
        (self.records / "tiles").mkdir(exist_ok=True)
        self.write_all(self._merged(name, fresh) for name, fresh in manifest.shards(tiles).items())

    def _merged(self, name: str, fresh: Iterable[LinkedTile]) -> tuple[Path, bytes]:
        path = self.records / "tiles" / name
        known = manifest.parse_tiles(self._text(path), f".s3link/tiles/{name}") if path.exists() else []
        merged = {tile.name: tile for tile in (*known, *fresh)}
        return path, manifest.tiles_text(merged.values()).encode()

    def save_attributes(self, tiles: Iterable[LinkedTile]) -> None:
        """Tell git, in ``.gitattributes``, which files are git-lfs's; other people's lines stay."""
        path = self.path / ".gitattributes"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        known = set(before.split("\n"))
        missing = [line for line in attribute_lines(tile.name for tile in tiles) if line not in known]
        if missing:
            start = f"{before}\n" if before and not before.endswith("\n") else before
            self.write(path, (start + "".join(f"{line}\n" for line in missing)).encode())

    def write(self, path: Path, data: bytes) -> None:
        """Put a whole file in place: written beside, flushed to the disk, renamed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.scratch / f"{secrets.token_hex(8)}.new"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def write_all(self, files: Iterable[tuple[Path, bytes]], wrote: Callable[[int], object] = int) -> None:
        """Put many small files in place, each whole or not at all, in folders that are there.

        They are flushed to the disk together, which is many times faster than one after another.
        ``wrote`` is told of each that is in its place.
        """
        source, word = iter(files), secrets.token_hex(8)
        while batch := list(islice(source, _BATCH)):
            waiting = [(self.scratch / f"{word}-{number}.new", path) for number, (path, _) in enumerate(batch)]
            try:
                for (temporary, _), (_, data) in zip(waiting, batch, strict=True):
                    temporary.write_bytes(data)
                _flush(self.scratch, [temporary for temporary, _ in waiting])
                for temporary, path in waiting:
                    temporary.replace(path)
                    wrote(1)
            except BaseException:
                for temporary, _ in waiting:
                    temporary.unlink(missing_ok=True)
                raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for one writer; raise `LinkError` when another has it, or it cannot be written."""
        try:
            with self._held():
                yield
        except OSError as error:
            if isinstance(error, S3MagicError):
                raise
            raise LinkError(
                f"Cannot write to {self.path}: {error.strerror or error}",
                "Choose a folder of yours with room in it.",
            ) from error

    @contextmanager
    def _held(self) -> Iterator[None]:
        for path in (self.records, self.records / "tiles", self.scratch, self.path / ".gitattributes"):
            if path.is_symlink():
                raise LinkError(f"{path} is a symbolic link", "Remove it: a dataset keeps its records in itself.")
        self.scratch.mkdir(parents=True, exist_ok=True)
        with _lock(self.records):
            for path in self.scratch.iterdir():
                if path.suffix == ".new" or path.is_symlink():  # a link that came with a clone leads elsewhere
                    path.unlink()
            self.scratch.mkdir(exist_ok=True)
            (self.scratch / ".gitignore").write_text("*\n", encoding="utf-8")
            try:
                yield
            finally:
                if not any(path.suffix in _KEPT for path in self.scratch.iterdir()):
                    shutil.rmtree(self.scratch, ignore_errors=True)

    @staticmethod
    def _text(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise LinkError(f"{path} is no text", "Restore the file, from git for example.") from error
        except OSError as error:
            raise LinkError(f"Cannot read {path}: {error.strerror or error}", "Look at the folder.") from error


def attribute_lines(names: Iterable[str]) -> list[str]:
    """Return the lines of ``.gitattributes`` that give exactly these files to git-lfs.

    Above ``BY_NAME`` names they are told by their endings.
    """
    wanted = sorted(set(names))
    if len(wanted) > BY_NAME:
        patterns = sorted({f"*{_pattern(_ending(name))}" if _ending(name) else _pattern(name) for name in wanted})
    else:
        patterns = [_pattern(name) for name in wanted]
    return [f"/{pattern} {_ATTRIBUTES}" for pattern in patterns]


def _flush(folder: Path, files: Iterable[Path]) -> None:
    """Flush files of a folder to the disk: all of its file system at once where the system can."""
    if sys.platform == "linux":
        with _opened(folder) as handle:
            if not ctypes.CDLL(None).syncfs(handle):
                return
    for path in files:
        with path.open("r+b") as file:
            os.fsync(file.fileno())


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    with suppress(OSError), _opened(path) as handle:
        os.fsync(handle)


def access_record(access: Mapping[str, object] | None) -> dict[str, object]:
    """Return what ``dataset.json`` says of the way to the originals: four facts, never a secret.

    Takes these facts from a `Location`'s words or its own; a name and password in the endpoint
    are left out.
    """
    given = dict(access or {})
    endpoint = given.get("endpoint") or given.get("endpoint_url")
    return {
        "region": given.get("region"),
        "requestPayer": "requester" if given.get("requestPayer") or given.get("requester_pays") else None,
        "anonymous": bool(given.get("anonymous")),
        "endpoint": re.sub(r"^(\w+://)[^/]*@", r"\1", str(endpoint)) if endpoint else None,
    }


def _ending(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return dot + suffix if stem else ""


def _pattern(name: str) -> str:
    """Write a name so that git and git-lfs take each character for itself."""
    out = []
    for character in name:
        if character in " \t\n\v\f\r":
            out.append("[[:space:]]")
        elif character in "*?[\\":
            out.append(f"\\{character}")
        elif ord(character) < ord(" ") or character in '"\x7f':
            out.append("?")
        elif character.isspace():  # several bytes to git, and the end of a pattern to git-lfs
            out.append("*")
        else:
            out.append(character)
    return "".join(out)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    if fcntl is None:  # pragma: no cover
        yield
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LinkError(
                f"Somebody else is writing to {path.parent}", "Wait until that add or fetch is done, and try again."
            ) from None
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough where a worker process was forked meanwhile
    finally:
        os.close(handle)
