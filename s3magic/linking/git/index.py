"""Telling git that tiles which were filled or emptied are no change, as git-lfs itself does after a pull."""

from __future__ import annotations

import os
from collections.abc import Iterable

from s3magic.linking.git.repository import Repository, literal
from s3magic.linking.records import local, pointers
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import LinkedTile


def settle(folder: Folder, tiles: Iterable[LinkedTile]) -> None:
    """Let git look anew at tiles whose pointers are staged; nothing else of the index changes.

    git takes any file of another size for modified until it has looked at it. git-lfs looks: it
    hashes the file and keeps its content in its own cache, for other branches and commits.
    """
    repository = _filtered(folder)
    if repository is None:
        return
    top = repository.inside(folder.path)
    told = repository.ask("diff-files", "--name-only", "--no-relative", "-z", "--", literal(top)) or b""
    suspects = {os.fsdecode(path) for path in told.split(b"\0") if path}
    staged = repository.staged(literal(top)) if suspects else {}
    paths = []
    for tile in tiles:
        pointer, path = local.pointer_of(tile), f"{top}/{tile.name}" if top else tile.name
        if pointer is not None and path in suspects:
            blob = staged[path]
            if blob == repository.blob_id(pointers.to_text(pointer).encode(), like=blob):
                paths.append(os.fsencode(path))
    if paths:
        repository.ask("update-index", "-q", "-z", "--stdin", data=b"".join(path + b"\0" for path in paths))


def keeps_copies(folder: Folder) -> bool:
    """Tell whether git-lfs will keep a copy of each tile that stands in a folder."""
    return _filtered(folder) is not None


def uses_lfs(repository: Repository) -> bool:
    """Tell whether git-lfs filters what this clone stages; without it, contents would go into git itself."""
    return bool(repository.settings(r"^filter\.lfs\.(clean|process)$"))


def _filtered(folder: Folder) -> Repository | None:
    repository = Repository.around(folder.path)
    return repository if repository is not None and uses_lfs(repository) else None
