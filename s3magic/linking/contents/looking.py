"""What stands on disk for many tiles: a quick look at each, then the files read whole that could be right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from s3magic.errors import S3MagicError
from s3magic.linking.contents.bytewise import gather_bytes
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import Local, local_state, quick_state
from s3magic.linking.records.manifest import LinkedTile


@dataclass(slots=True)
class Look:
    """A look at the files of a folder: `at` each tile in turn, then `read`.

    Parameters
    ----------
    told
        Is told the number of a tile and its state, as in `local_state`, in the calling thread.
    failures
        The tiles whose files could not be looked at, and why.
    """

    folder: Folder
    told: Callable[[int, Local], object]
    failures: list[tuple[str, Exception]] = field(default_factory=list)
    _files: dict[str, int] = field(default_factory=dict)
    _size: int = 0

    def at(self, number: int, tile: LinkedTile) -> None:
        """Tell of a tile what can be told without reading its content."""
        try:
            place = self.folder.place(tile.name) if "/" in tile.name else f"{self.folder.path}/{tile.name}"
            state = quick_state(place, tile)
        except (S3MagicError, OSError) as error:
            self.failures.append((tile.name, error))
            return
        if state == "file" and tile.oid:
            self._files[tile.name] = number
            self._size += tile.size
        else:
            self.told(number, "unknown" if state == "file" else state)

    def read(self, tiles: Sequence[LinkedTile]) -> None:
        """Read the files that are as long as the tiles with these numbers."""

        def state(tile: LinkedTile, *, report: Callable[[int], None] | None) -> Local:
            return local_state(self.folder.place(tile.name), tile, report=report)

        files = (tiles[number] for number in self._files.values())
        done = gather_bytes(
            state,
            files,
            "Looking at files",
            count=len(self._files),
            size=self._size,
            on_value=lambda tile, now: self.told(self._files[tile.name], now),
            keep=False,
        )
        done.raise_stop()
        self.failures += done.failures


def look_at_files(
    folder: Folder, tiles: Sequence[LinkedTile], told: Callable[[int, Local], object]
) -> list[tuple[str, Exception]]:
    """Tell by number what stands on disk for each tile; return the tiles whose files could not be looked at."""
    look = Look(folder, told)
    for number, tile in enumerate(tiles):
        look.at(number, tile)
    look.read(tiles)
    return look.failures
