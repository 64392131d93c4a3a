"""The files of a linked dataset on disk: read, and written whole or not at all by one writer at a time."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from s3magic.errors import LinkError, S3MagicError
from s3magic.linking.records import attributes, journal, local, manifest, pointers
from s3magic.linking.records.disk import flush, sync_folder
from s3magic.linking.records.manifest import DatasetInfo, LinkedTile
from s3magic.linking.records.notes import Notes
from s3magic.linking.records.tiles import Tiles

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock; there nobody keeps a second writer out
    fcntl = None  # type: ignore[assignment]

_BATCH = 2_500  # files flushed together
_LOOKS = 5  # at records that are being replaced
_KEPT = frozenset({".part", ".notes", ".ledger"})  # what the next run goes on with


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
        return journal.record(self.records, self.scratch, "dataset.json").is_file()

    def part(self, tile: LinkedTile) -> Path:
        """Return where a tile's content is gathered until it is whole; another one for other content."""
        content = f"{tile.name}\0{tile.etag}"
        return self.scratch / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.part"

    def place(self, name: str) -> Path:
        """Return where a tile stands; raise `LinkError` when a folder on the way there is a symbolic link."""
        place = self.path / name
        if "/" in name:
            for parent in place.relative_to(self.path).parents:
                if parent.name and (self.path / parent).is_symlink():
                    raise LinkError(
                        f"{self.path / parent} is a symbolic link", "Remove it: tiles are kept below their own folder."
                    )
        return place

    @property
    def learned(self) -> Notes:
        """The hashes that a fetch has learnt and not recorded yet."""
        return Notes(self.scratch / "learned.notes")

    @property
    def drafts(self) -> Path:
        """Where an add keeps the tiles that it has described and not recorded yet."""
        return self.scratch / "described.ledger"

    def info(self) -> DatasetInfo:
        """Read ``dataset.json``."""
        return manifest.parse_dataset(self._record("dataset.json"), ".s3link/dataset.json")

    def tiles(self) -> Tiles:
        """Read all tiles of one state, sorted by name, each to be asked for where it lies now.

        They are held packed and unpacked one by one: walk through them rather than make a list.
        """
        for _ in range(_LOOKS):
            before = journal.state(self.records, self.scratch)
            found = Tiles(self._walk(), self.info().redirects if self.is_dataset else {})
            if journal.state(self.records, self.scratch) == before:
                break
        return found

    def save_tiles(self, tiles: Iterable[LinkedTile]) -> None:
        """Write what was learnt of tiles into the files that hold them."""
        (self.records / "tiles").mkdir(exist_ok=True)
        self.write_all(
            (str(self.records / "tiles" / name), manifest.tiles_text(self._merged(name, fresh)).encode())
            for name, fresh in manifest.shards(tiles).items()
        )

    def replace(self, info: DatasetInfo, fresh: Iterable[LinkedTile]) -> None:
        """Put a new state in place of the old one, in which some tiles are others and all others stay; see `renew`."""

        def shards() -> Iterator[tuple[str, str, str]]:
            for name, tiles in manifest.shards(fresh).items():
                names = {tile.name for tile in tiles}
                old = [tile for tile in self._known(name) if tile.name in names]
                yield name, manifest.tiles_text(self._merged(name, tiles)), manifest.tiles_text(old)

        self.renew(info, shards())

    def renew(
        self, info: DatasetInfo, shards: Iterable[tuple[str, str, str]], *, wrote: Callable[[int], object] = int
    ) -> None:
        """Put a new state of the dataset in place of the old: whole or, when killed before it holds, not at all.

        Parameters
        ----------
        shards
            The files of tiles that change: the name and the new text of each, and the lines of
            those tiles that change or go as they were. All other files stay.
        wrote
            Is told of each pointer that is in its place.
        """
        journal.stage(self.scratch, info, shards)
        self._roll_forward(wrote)

    def _roll_forward(self, wrote: Callable[[int], object] = int) -> None:
        """Bring what is on disk in line with a state that was staged."""
        journal.settle(self.records, self.scratch)
        gone: list[str] = []
        for name, old in journal.replaced(self.scratch):
            now = {tile.name: tile for tile in self._known(name)}
            for was in old:
                local.give_way(self.place(was.name), was, now.get(was.name))
                if was.name not in now:
                    gone.append(was.name)
                    self._prune(was.name)
        names = attributes.Names()

        def named() -> Iterator[LinkedTile]:
            for tile in self._walk():
                names.add(tile.name)
                yield tile

        if self.info().imported:
            deque(named(), maxlen=0)
        else:
            self.write_pointers(named(), wrote)
        self._save_attributes(names, gone)
        journal.close(self.scratch)
        sync_folder(self.path)

    def write_pointers(self, tiles: Iterable[LinkedTile], wrote: Callable[[int], object] = int) -> None:
        """Put the pointer of each hashed tile in its place where nothing is."""
        here = os.fspath(self.path)  # thousands of paths are put together faster as text

        def missing() -> Iterator[tuple[str, bytes]]:
            for tile in tiles:
                pointer = local.pointer_of(tile)
                place = f"{here}/{tile.name}"
                if pointer is None or os.path.lexists(place):
                    continue
                if "/" in tile.name:
                    self.place(tile.name).parent.mkdir(parents=True, exist_ok=True)
                yield place, pointers.to_text(pointer).encode()

        self.write_all(missing(), wrote)

    def _walk(self) -> Iterator[LinkedTile]:
        """Read the tiles file by file, as they are recorded; for the one who writes."""
        for name in journal.record_names(self.records, self.scratch):
            yield from manifest.parse_tiles(self._record(name), f".s3link/{name}")

    def _prune(self, name: str) -> None:
        """Remove the folders of a tile that is no more, as far as they are empty."""
        for parent in self.place(name).relative_to(self.path).parents:
            try:
                if parent.name:
                    (self.path / parent).rmdir()
            except OSError:
                return

    def _known(self, name: str) -> list[LinkedTile]:
        """Return what a file of tiles holds."""
        path = self.records / "tiles" / name
        return manifest.parse_tiles(_text(path), f".s3link/tiles/{name}") if path.exists() else []

    def _merged(self, name: str, fresh: Iterable[LinkedTile]) -> Iterable[LinkedTile]:
        """Return what a file of tiles holds, with what is new."""
        return {tile.name: tile for tile in (*self._known(name), *fresh)}.values()

    def _save_attributes(self, names: attributes.Names, gone: Iterable[str]) -> None:
        """Tell git, in ``.gitattributes``, which files are git-lfs's; other people's lines stay."""
        path = self.path / ".gitattributes"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = attributes.updated(before, names, gone)
        if after != before:
            self.write(path, after.encode())

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

    def write_all(self, files: Iterable[tuple[str, bytes]], wrote: Callable[[int], object] = int) -> None:
        """Put many small files in place, each whole or not at all, in folders that are there.

        They are flushed to the disk together, which is many times faster than one after another.
        ``wrote`` is told of each that is in its place.
        """
        source, beside = iter(files), self.scratch / secrets.token_hex(8)
        while batch := list(islice(source, _BATCH)):
            waiting = [f"{beside}-{number}.new" for number in range(len(batch))]
            try:
                for temporary, (_, data) in zip(waiting, batch, strict=True):
                    _write(temporary, data)
                flush(self.scratch, map(Path, waiting))
                for temporary, (path, _) in zip(waiting, batch, strict=True):
                    os.replace(temporary, path)  # noqa: PTH105 - of thousands
                    wrote(1)
            except BaseException:
                for temporary in waiting:
                    Path(temporary).unlink(missing_ok=True)
                raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for one writer; raise `LinkError` when another has it, or it cannot be written."""
        try:
            with self._held():
                yield
        except (OSError, sqlite3.OperationalError) as error:
            if isinstance(error, S3MagicError):
                raise
            raise LinkError(
                f"Cannot write to {self.path}: {getattr(error, 'strerror', None) or error}",
                "Choose a folder of yours with room in it.",
            ) from error

    @contextmanager
    def _held(self) -> Iterator[None]:
        places = (self.records, self.records / "tiles", self.scratch, journal.staged_tiles(self.scratch))
        for path in (*places, self.path / ".gitattributes"):
            if path.is_symlink():
                raise LinkError(f"{path} is a symbolic link", "Remove it: a dataset keeps its records in itself.")
        self.scratch.mkdir(parents=True, exist_ok=True)
        with _lock(self.records):
            for path in self.scratch.iterdir():
                if path.suffix == ".new" or path.is_symlink():  # a link that came with a clone leads elsewhere
                    path.unlink()
            self.scratch.mkdir(exist_ok=True)
            (self.scratch / ".gitignore").write_text("*\n", encoding="utf-8")
            journal.sweep(self.scratch)
            if journal.is_open(self.scratch):
                self._roll_forward()
            try:
                yield
            finally:
                if not journal.is_open(self.scratch) and not any(
                    path.suffix in _KEPT for path in self.scratch.iterdir()
                ):
                    shutil.rmtree(self.scratch, ignore_errors=True)

    def _record(self, name: str) -> str:
        try:
            return _text(journal.record(self.records, self.scratch, name))
        except LinkError:  # it may just have been moved into its place
            return _text(self.records / name)


def _write(path: str, data: bytes) -> None:
    """Write a new file whole."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if os.write(handle, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(handle)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LinkError(f"{path} is no text", "Restore the file, from git for example.") from error
    except OSError as error:
        raise LinkError(f"Cannot read {path}: {error.strerror or error}", "Look at the folder.") from error


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
