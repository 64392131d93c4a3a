"""The hook that git runs before a commit: refuses edits of linked tiles, and datasets that are half written.

Run as ``python -m s3magic.linking.git.guard`` by the hook that `clone.install` writes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from s3magic.errors import S3MagicError
from s3magic.linking.git.history import DATASETS, dataset_of
from s3magic.linking.git.repository import Repository, literal
from s3magic.linking.records import journal, local, manifest, pointers
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import LinkedTile

REFUSED = 3
_LISTED = 10


@dataclass(frozen=True, slots=True)
class Edit:
    """A linked tile that would be committed as something else: its path from the top, and what is wrong."""

    path: str
    what: str


def edits(repository: Repository) -> list[Edit]:
    """Return the linked tiles that are staged otherwise than they are linked, as far as it is this commit's doing."""
    datasets = _datasets(repository)
    touched: dict[str, set[str]] = {}
    for path in _changed(repository):
        home = _home(path, datasets)
        if home is not None:
            touched.setdefault(home, set()).add(_below(path, home))
    return sorted((edit for home in touched for edit in _look(repository, home, touched[home])), key=lambda e: e.path)


def unfinished(repository: Repository) -> list[str]:
    """Return the folders that this commit touches while old and new records stand side by side in them."""
    folders = {folder for path in _changed(repository) for folder in PurePosixPath(path).parents}
    return sorted(str(one) for one in folders if journal.is_open(Folder(repository.root / one).scratch))


def main() -> int:
    """Judge what is staged; return ``REFUSED`` when it must not be committed, after saying why."""
    try:
        repository = Repository.here()
        complaint = _complaint(repository) if repository is not None else []
    except S3MagicError as error:
        complaint = ["s3magic cannot tell whether linked tiles were edited:", *error.lines()]
    sys.stderr.write("".join(f"{line}\n" for line in complaint))
    return REFUSED if complaint else 0


def _complaint(repository: Repository) -> list[str]:
    if folders := unfinished(repository):
        return [
            f"A new version is half in place, because that was interrupted or goes on still: {', '.join(folders)}",
            "Run the same %s3link again, which finishes it, then git add DIR and commit.",
        ]
    if not (found := edits(repository)):
        return []
    more = [f"  and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    return [
        "Linked tiles cannot be edited: git keeps where their bytes lie on S3, not the bytes.",
        *(f"  {edit.path}: {edit.what}" for edit in found[:_LISTED]),
        *more,
        "git restore --staged --worktree FILE takes an edit back, git add DIR stages a whole dataset.",
        "A tile that changed belongs on S3: put it there, then %s3link update DIR.",
    ]


def _changed(repository: Repository) -> Iterator[str]:
    """Yield the paths that this commit would change."""
    base = "HEAD"
    if repository.ask("rev-parse", "--verify", "--quiet", "HEAD") is None:
        base = repository.read("hash-object", "-t", "tree", "--stdin").decode().strip()
    told = repository.read("diff-index", "--cached", "--name-only", "--no-renames", "--no-relative", "-z", base, "--")
    yield from (os.fsdecode(path) for path in told.split(b"\0") if path)


def _datasets(repository: Repository) -> set[str]:
    """Return the folders of linked tiles; ordinary copies may be edited."""
    staged = repository.staged(DATASETS)
    texts = dict(repository.blobs(set(staged.values())))
    return {
        dataset_of(path)
        for path, blob in staged.items()
        if not manifest.parse_dataset(texts[blob].decode("utf-8", "replace"), path).imported
    }


def _home(path: str, datasets: set[str]) -> str | None:
    return next((str(one) for one in PurePosixPath(path).parents if str(one) in datasets), None)


def _below(path: str, home: str) -> str:
    return path if home == "." else path.removeprefix(f"{home}/")


def _look(repository: Repository, home: str, names: Iterable[str]) -> Iterator[Edit]:
    """Compare the tiles of a dataset that were touched, or whose records were, with what is staged of them."""
    staged = {
        _below(path, home): blob for path, blob in repository.staged(literal("" if home == "." else home)).items()
    }
    records = {PurePosixPath(name).name for name in names if name.startswith(".s3link/tiles/")}
    tiles = _tiles(repository, staged, records | {manifest.shard(name) for name in names})
    for name, tile in tiles.items():
        blob, path = staged.get(name), name if home == "." else f"{home}/{name}"
        if blob is None:
            if name in names and tile.oid:
                yield Edit(path, "it was deleted, but is linked still")
            continue
        pointer = local.pointer_of(tile)
        if pointer is None:
            yield Edit(path, "it was not fetched, so that its content is not known yet")
        elif blob != repository.blob_id(pointers.to_text(pointer).encode(), like=blob):
            yield Edit(path, "it is not the content that is linked")


def _tiles(repository: Repository, staged: Mapping[str, str], records: Iterable[str]) -> dict[str, LinkedTile]:
    wanted = {staged[path]: path for name in records if (path := f".s3link/tiles/{name}") in staged}
    tiles = {}
    for blob, data in repository.blobs(wanted):
        for tile in manifest.parse_tiles(data.decode("utf-8", "replace"), wanted[blob]):
            tiles[tile.name] = tile
    return tiles


if __name__ == "__main__":
    sys.exit(main())
