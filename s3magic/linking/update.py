"""A new version of a dataset, of what its sources name now; files that were here come anew, none is lost."""

from __future__ import annotations

from concurrent.futures import Executor

from s3magic.errors import LinkError
from s3magic.harvest import raise_failures
from s3magic.linking.add import add
from s3magic.linking.adding.order import READ_LIMIT, renewal
from s3magic.linking.diff import against_s3
from s3magic.linking.fetch import bring
from s3magic.linking.records.changes import Changes
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import quick_state
from s3magic.store.base import StoreOpener


def update(
    folder: Folder,
    *,
    opener: StoreOpener,
    hash: str = "auto",  # noqa: A002 - the public word
    read_limit: int = READ_LIMIT,
    executor: Executor | None = None,
) -> Changes:
    """Link what the sources name now, as the dataset was linked: what changed is read, nothing else.

    Tiles that stood here as files and changed are fetched anew.

    Raises
    ------
    LinkError
        Somebody edited a tile here, or a tile is gone from S3 and its file here is the last of it;
        nothing was changed.
    TilesFailed
        Some tiles failed and stay as they were; the others are up to date.
    """
    if folder.info().selection.get("split"):
        raise LinkError(
            f"{folder.path} is one part of a dataset that was split",
            "Link all parts anew in one go: %s3link add URL DIR --replace --split.",
        )
    differing = against_s3(folder, opener=opener, executor=executor)
    if not differing:
        return Changes(kept=tuple(tile.name for tile in folder.tiles()))
    here = {tile.name for tile in folder.tiles() if quick_state(folder.place(tile.name), tile) == "file"}
    info = folder.info()
    order = renewal(info, hash=hash, read_limit=read_limit)
    (made,) = add(order, folder.path, opener=opener, access=info.access, executor=executor)
    changes = made.changes
    if again := here & set(changes.changed):
        _, failures = bring(folder, opener=opener, only=again, executor=executor)
        raise_failures(failures, len(again) - len(failures), "fetched")
    return changes
