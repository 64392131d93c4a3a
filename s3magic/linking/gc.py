"""Freeing what S3 gives again: half-written files, git-lfs's copies, and files where asked; never the last copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from s3magic.errors import LinkError
from s3magic.harvest import gather, reason
from s3magic.html import bytes_text, counted, table
from s3magic.linking.contents.standing import ask
from s3magic.linking.git import index, sharing
from s3magic.linking.git.claims import idle
from s3magic.linking.git.history import History
from s3magic.linking.git.repository import Repository
from s3magic.linking.records import pointers
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import file_hash, local_state, pointer_of
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.selection import select
from s3magic.progress import meter
from s3magic.store.base import StoreOpener

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class GcReport:
    """What was freed, or would be.

    Parameters
    ----------
    freed
        ``(what, bytes)`` of each thing.
    kept
        ``(what, why)`` of what could not go.
    dry_run
        Whether nothing was freed yet.
    """

    freed: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, str], ...]
    dry_run: bool

    @property
    def size(self) -> int:
        """Bytes that were freed, or would be."""
        return sum(size for _, size in self.freed)

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"freed": [list(one) for one in self.freed], "kept": [list(one) for one in self.kept], "size": self.size}

    def __str__(self) -> str:
        word = "would be freed" if self.dry_run else "freed"
        reasons = {why for _, why in self.kept}
        why = f": {reasons.pop()}" if len(reasons) == 1 else ""
        return f"{bytes_text(self.size)} in {counted(len(self.freed), 'file')} {word}, {len(self.kept):,} kept{why}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def _repr_html_(self) -> str:
        word = "would be freed" if self.dry_run else "freed"
        rows: list[Sequence[object]] = [(what, "kept", why) for what, why in self.kept]
        rows += [(what, word, bytes_text(size)) for what, size in self.freed]
        more = f" (the first {_SHOWN} are shown)" if len(rows) > _SHOWN else ""
        return table(("file", "", ""), rows[:_SHOWN], f"{self}{more}")


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file with the content of a tile: git-lfs's own, or the tile's."""

    path: Path
    tiles: tuple[LinkedTile, ...]
    is_file: bool
    stamp: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it is called in the report."""
        return self.tiles[0].name if self.is_file else f"git-lfs's copy of {self.tiles[0].name}"


def gc(
    folder: Folder,
    *,
    opener: StoreOpener,
    files: bool = False,
    match: str | None = None,
    bbox: Sequence[float] | None = None,
    dry_run: bool = False,
    executor: Executor | None = None,
) -> GcReport:
    """Free copies of linked bytes that S3 still gives, each asked for by HEAD before it goes.

    Parameters
    ----------
    files
        Turn the tiles' own files into pointers too, which `fetch` fills again.
    match, bbox
        Which of those files.
    dry_run
        Tell what would be freed, and free nothing.
    """
    if not files and (match is not None or bbox is not None):
        raise LinkError("match and bbox choose among the tiles' own files", "Free those with files=True, or --files.")
    with folder.writing():
        if folder.info().imported:
            raise LinkError(
                f"{folder.path} holds ordinary copies", "They are yours to keep or delete; nothing links them."
            )
        repository = Repository.around(folder.path)
        copies = [*_files(folder, match, bbox)] if files else []
        if repository is not None:
            copies += _cached(folder, repository)
        with meter("Asking S3", len(copies)) as bar:
            harvest = gather(
                partial(_judge, opener=opener), copies, executor=executor, on_value=lambda _copy, _value: bar(1)
            )
        harvest.raise_stop()
        judged = [(copy, why or _changed(copy)) for copy, why in harvest.values]  # asking S3 takes its time
        freed = [(copy.name, copy.path.stat().st_size) for copy, why in judged if not why]
        kept = [(copy.name, why) for copy, why in judged if why]
        kept += [(name, reason(error)) for name, error in harvest.failures]
        halves = [path for path in _halves(folder, repository) if path.is_file()]
        freed += [(path.name, path.stat().st_size) for path in halves]
        if not dry_run:
            for path in halves:
                path.unlink(missing_ok=True)
            _free(folder, [copy for copy, why in judged if not why])
    return GcReport(tuple(sorted(freed)), tuple(sorted(kept)), dry_run)


def _files(folder: Folder, match: str | None, bbox: Sequence[float] | None) -> Iterator[_Copy]:
    for tile in select(folder.tiles(), match=match, bbox=bbox):
        path = folder.place(tile.name)
        pointer = pointer_of(tile)
        is_larger = pointer is not None and tile.size > len(pointers.to_text(pointer))
        stamp = _stamp(path)
        if is_larger and path.is_file() and local_state(path, tile) == "file":
            yield _Copy(path, (tile,), is_file=True, stamp=stamp)


def _cached(folder: Folder, repository: Repository) -> Iterator[_Copy]:
    """Yield git-lfs's copies of what any commit linked here, where no LFS server is to get them from this clone."""
    if sharing.look(folder.path).way != "agent":
        return
    with closing(History(repository)) as history:
        for oid, linked in history.of(repository.inside(folder.path)).items():
            path = repository.lfs_object(oid)
            if path.is_file():
                yield _Copy(path, tuple(one.tile for one in linked), is_file=False, stamp=_stamp(path))


def _halves(folder: Folder, repository: Repository | None) -> Iterator[Path]:
    yield from folder.scratch.glob("*.part")
    if repository is not None:
        yield from idle(repository.lfs_storage / "tmp" / sharing.NAME)


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what is another when a file was changed; nothing where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _changed(copy: _Copy) -> str:
    return "" if copy.stamp == _stamp(copy.path) else "somebody changed it meanwhile"


def _judge(copy: _Copy, *, opener: StoreOpener) -> tuple[_Copy, str]:
    """Tell why a copy must stay; an empty word when S3 gives its bytes again."""
    why = ""
    for tile in copy.tiles:
        standing = ask(tile, opener=opener)
        if standing.linked is None or standing.remote == "wrong":
            why = f"S3 has these bytes no more: {standing.detail}"
        elif standing.linked.is_archived:
            why = "the object is archived and cannot be fetched as it is"
        elif not copy.is_file and f"sha256:{file_hash(copy.path)}" != tile.oid:
            why = "it is not the linked content"
        else:
            return copy, ""
    return copy, why


def _free(folder: Folder, copies: Sequence[_Copy]) -> None:
    emptied = []
    for copy in copies:
        pointer = pointer_of(copy.tiles[0])
        if copy.is_file and pointer is not None:
            folder.write(copy.path, pointers.to_text(pointer).encode())
            emptied.append(copy.tiles[0])
    if emptied:
        index.settle(folder, emptied)
    for copy in copies:  # last, for git-lfs copies whatever git looks at
        if not copy.is_file:
            copy.path.unlink(missing_ok=True)
