"""Which tile a hash belonged to in any commit, not only in the one checked out; asks no server."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from s3magic.errors import LinkError
from s3magic.linking.git.repository import Repository, anywhere, literal
from s3magic.linking.records import manifest
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import DatasetInfo, LinkedTile
from s3magic.linking.records.redirects import redirected

TILES = anywhere(".s3link/tiles/*.jsonl")
DATASETS = anywhere(".s3link/dataset.json")
_KNOWN = ("name", "url", "etag", "size", "versionId", "oid")
_SCHEMA = """
create table if not exists read (folder text, blob text, primary key (folder, blob)) without rowid;
create table if not exists tile (oid text, folder text, line text, primary key (oid, folder, line)) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Linked:
    """A tile as some commit linked it, and what its dataset says of the way to it."""

    tile: LinkedTile
    info: DatasetInfo


class History:
    """The linked tiles of every commit of a clone, by their hashes; ordinary copies are none.

    What was read once is kept in a small database in the clone's own folder of git: content of a
    commit never changes, so that it cannot grow stale. It is made anew when it is lost.

    Parameters
    ----------
    repository
        The clone.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._infos: dict[str, tuple[DatasetInfo, ...]] = {}
        self._walked = False
        self._database = _open(repository.common / "s3magic" / "tiles.sqlite")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def committed(self, oid: str) -> list[Linked]:
        """Return the tiles of any commit that had a hash (in hexadecimal)."""
        found = self._known(oid)
        if not found and not self._walked:
            self._walk()
            found = self._known(oid)
        return found

    def everywhere(self, oid: str) -> list[Linked]:
        """Return the same, and where there is none those of the work tree, which may not be committed yet."""
        return self.committed(oid) or list(self._uncommitted(oid))

    def of(self, folder: str) -> dict[str, list[Linked]]:
        """Return by hash what any commit linked in one folder, written from the top of the work tree."""
        self._walk()
        rows = self._database.execute("select distinct oid from tile where folder = ?", (folder or ".",)).fetchall()
        found = {oid: self._known(oid) for (oid,) in rows}
        return {oid: linked for oid, linked in found.items() if linked}

    def _known(self, oid: str) -> list[Linked]:
        rows = self._database.execute("select folder, line from tile where oid = ?", (oid,)).fetchall()
        found = []
        for folder, line in rows:
            with suppress(ValueError, LookupError, TypeError, AttributeError):
                found += self._placed(LinkedTile.from_json(json.loads(line)), folder)
        return found

    def _walk(self) -> None:
        """Read the manifests that were not read before."""
        self._walked = True
        read = set(self._database.execute("select folder, blob from read"))
        fresh = {(dataset_of(path), blob) for path, blob in self._repository.versions(TILES)} - read
        folders: dict[str, list[str]] = {}
        for folder, blob in fresh:
            folders.setdefault(folder, []).append(blob)
        with self._database as database:
            for folder, blobs in folders.items():
                seen: set[bytes] = set()  # most lines are the same from commit to commit
                for blob, data in self._repository.blobs(blobs):
                    rows = ((oid, folder, line) for oid, line in _lines(data, seen))
                    database.executemany("insert or ignore into tile values (?, ?, ?)", rows)
                    database.execute("insert or ignore into read values (?, ?)", (folder, blob))

    def _placed(self, tile: LinkedTile, folder: str) -> list[Linked]:
        """Return a tile at every place that its dataset leads to, unless it is one of ordinary copies."""
        if folder not in self._infos:
            said = (self._here(folder), self._newest(folder))
            self._infos[folder] = tuple(info for info in said if info) or (DatasetInfo("file", ()),)
        ways: dict[tuple[object, ...], Linked] = {}
        for info in self._infos[folder]:
            linked = Linked(redirected(tile, info.redirects), info)
            if not info.imported:
                ways.setdefault((linked.tile.source, *sorted(info.access.items(), key=str)), linked)
        return list(ways.values())

    def _here(self, folder: str) -> DatasetInfo | None:
        here = Folder(self._repository.root / folder)
        with suppress(LinkError):
            return here.info() if here.is_dataset else None
        return None

    def _newest(self, folder: str) -> DatasetInfo | None:
        """Return what the newest commit says: while an old one is checked out, only that knows of redirects."""
        path = str(PurePosixPath(folder) / ".s3link" / "dataset.json")
        # commits of one second come in no order of their own: --date-order puts children before their parents
        asked = ("log", "--all", "--date-order", "-1", "--diff-filter=AM", "--format=%H", "--", literal(path))
        newest = self._repository.ask(*asked)
        text = self._repository.ask("cat-file", "blob", f"{newest.decode().strip()}:{path}") if newest else None
        with suppress(LinkError, UnicodeDecodeError):
            return manifest.parse_dataset(text.decode()) if text else None
        return None

    def _uncommitted(self, oid: str) -> Iterator[Linked]:
        listed = self._repository.ask("ls-files", "-z", "--cached", "--others", "--", DATASETS) or b""
        for path in sorted({os.fsdecode(one) for one in listed.split(b"\0") if one}):
            folder = dataset_of(path)
            here = Folder(self._repository.root / folder)
            with suppress(LinkError):
                for tile in here.tiles() if here.is_dataset else ():
                    if tile.pointer_oid == oid:
                        yield from self._placed(replace(tile, moved=None), folder)


def _open(path: Path) -> sqlite3.Connection:
    """Open the database, anew where it is damaged, in memory where it cannot be kept."""
    for _ in range(2):
        try:
            path.parent.mkdir(exist_ok=True)
            database = sqlite3.connect(path, timeout=60)
            database.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                break
            with suppress(OSError):
                path.unlink()
        except OSError:
            break
        else:
            return database
    database = sqlite3.connect(":memory:")
    database.executescript(_SCHEMA)
    return database


def _lines(data: bytes, seen: set[bytes]) -> Iterator[tuple[str, str]]:
    """Yield hash and pins of each tile of a manifest's text; lines that are none, or were seen, are left out."""
    for line in data.split(b"\n"):
        digest = hashlib.blake2b(line, digest_size=16).digest()
        if digest in seen:
            continue
        seen.add(digest)
        with suppress(ValueError, AttributeError):
            record: Mapping[str, object] = json.loads(line)
            oid = record.get("oid")
            if isinstance(oid, str):
                known = {name: record.get(name) for name in _KNOWN}
                yield oid.removeprefix("sha256:"), json.dumps(known, ensure_ascii=False)


def dataset_of(path: str) -> str:
    """Return the folder of the dataset that a path below ``.s3link`` belongs to."""
    parts = PurePosixPath(path).parts
    return str(PurePosixPath(*parts[: len(parts) - 1 - parts[::-1].index(".s3link")]))
