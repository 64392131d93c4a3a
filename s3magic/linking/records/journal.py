"""A new state of a dataset that takes the place of the old one whole: staged beside it, then rolled forward.

A state is staged in a folder that gets its name only when it is complete. From then on readers see
the new state, whatever has been moved into place; the next writer finishes what a kill left open.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from s3magic.linking.records import disk, manifest
from s3magic.linking.records.manifest import DatasetInfo, LinkedTile

_STAGED = "next"
_BUILDING = "next.building"
_OLD = "old"


def record(records: Path, scratch: Path, name: str) -> Path:
    """Return where a record is read: the staged one where a new state has not been rolled forward whole."""
    staged = scratch / _STAGED / name
    return staged if staged.exists() else records / name


def record_names(records: Path, scratch: Path) -> list[str]:
    """Return the names of all files of tiles, sorted."""
    found = {path.name for place in (staged_tiles(scratch), records / "tiles") for path in place.glob("??.jsonl")}
    return [f"tiles/{name}" for name in sorted(found)]


def staged_tiles(scratch: Path) -> Path:
    """Return the folder that holds the files of tiles of a new state."""
    return scratch / _STAGED / "tiles"


def state(records: Path, scratch: Path) -> tuple[object, ...]:
    """Return what differs when records have been moved meanwhile."""
    found: list[object] = []
    for path in (scratch / _STAGED, records / "tiles"):
        try:
            seen = path.stat()
            found.append((seen.st_ino, seen.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)


def is_open(scratch: Path) -> bool:
    """Tell whether a new state has been staged and not rolled forward whole."""
    return (scratch / _STAGED).is_dir()


def stage(scratch: Path, info: DatasetInfo, shards: Iterable[tuple[str, str, str]]) -> None:
    """Stage a new state; it holds from the moment this returns.

    Parameters
    ----------
    shards
        The files of tiles that change: the name and the text of each, and the lines of those tiles
        that change or go as they were: what stands for them on disk gives way.
    """
    building = scratch / _BUILDING
    shutil.rmtree(building, ignore_errors=True)
    for folder in (building / "tiles", building / _OLD):
        folder.mkdir(parents=True)
    for name, text, old in shards:
        (building / "tiles" / name).write_text(text, encoding="utf-8")
        if old:
            (building / _OLD / name).write_text(old, encoding="utf-8")
    (building / "dataset.json").write_text(manifest.dataset_text(info), encoding="utf-8")
    disk.flush(building, (path for path in building.rglob("*.json*") if path.is_file()))
    for folder in (building / "tiles", building / _OLD, building):
        disk.sync_folder(folder)
    building.rename(scratch / _STAGED)
    disk.sync_folder(scratch)


def settle(records: Path, scratch: Path) -> None:
    """Move what is staged into place.

    The stage stays until `close`, so that a kill at any moment is made good by doing it all again.
    """
    staged = scratch / _STAGED
    (records / "tiles").mkdir(exist_ok=True)
    for path in sorted(staged_tiles(scratch).glob("??.jsonl")):
        _settle(path, records / "tiles" / path.name)
    disk.sync_folder(records / "tiles")
    if (staged / "dataset.json").exists():
        _settle(staged / "dataset.json", records / "dataset.json")


def replaced(scratch: Path) -> Iterator[tuple[str, list[LinkedTile]]]:
    """Yield, by the files they were in, the tiles that changed or went with what is staged, as they were."""
    for path in sorted((scratch / _STAGED / _OLD).glob("??.jsonl")):
        yield path.name, manifest.parse_tiles(path.read_text(encoding="utf-8"), f"{_OLD}/{path.name}")


def close(scratch: Path) -> None:
    """Clear the stage: everything is in its place."""
    shutil.rmtree(scratch / _STAGED)


def sweep(scratch: Path) -> None:
    """Remove what was not staged to the end."""
    shutil.rmtree(scratch / _BUILDING, ignore_errors=True)


def _settle(staged: Path, place: Path) -> None:
    """Move one record into place; an empty file of tiles is none."""
    if staged.is_symlink() or not staged.stat().st_size:
        place.unlink(missing_ok=True)
        staged.unlink()
    else:
        staged.replace(place)
