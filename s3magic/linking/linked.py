"""Linking, and what comes of it as objects: a dataset, or several of tiles that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import overload

from s3magic.errors import LinkError
from s3magic.html import bytes_text, counted, table
from s3magic.linking.add import add
from s3magic.linking.adding.order import Order
from s3magic.linking.adding.plan import LinkPlan
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records import manifest
from s3magic.store.base import StoreOpener


def link(
    order: Order,
    path: Path,
    *,
    opener: StoreOpener,
    access: Mapping[str, object] | None = None,
    executor: Executor | None = None,
) -> LinkedDataset | SplitDatasets:
    """Carry out an order, as `add` does, and return the dataset, or the datasets where the order splits it."""
    made = [
        LinkedDataset(one.folder.path, opener=opener, plan=one.plan, changes=one.changes)
        for one in add(order, path, opener=opener, access=access, executor=executor)
    ]
    return SplitDatasets(path, made) if order.split else made[0]


class SplitDatasets(Sequence[LinkedDataset]):
    """The datasets that one add made of tiles that do not fit together, by the names of their sub-folders.

    Parameters
    ----------
    path
        The folder they are in.
    """

    def __init__(self, path: Path, datasets: Sequence[LinkedDataset]) -> None:
        self.path = path
        self._datasets = tuple(sorted(datasets, key=lambda one: one.path.name))

    @property
    def plan(self) -> LinkPlan | None:
        """What the add was going to do in all."""
        return self._datasets[0].plan if self._datasets else None

    @overload
    def __getitem__(self, index: int | str) -> LinkedDataset: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[LinkedDataset, ...]: ...
    def __getitem__(self, index: int | str | slice) -> LinkedDataset | tuple[LinkedDataset, ...]:
        if isinstance(index, str):
            by_name = {one.path.name: one for one in self._datasets}
            if index not in by_name:
                raise LinkError(f"No sub-folder {index!r} in {self.path}", f"There are {', '.join(by_name)}.")
            return by_name[index]
        return self._datasets[index]

    def __len__(self) -> int:
        return len(self._datasets)

    def __iter__(self) -> Iterator[LinkedDataset]:
        return iter(self._datasets)

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'dataset')} in {str(self.path)!r}: {', '.join(one.path.name for one in self)}>"

    def _repr_html_(self) -> str:
        rows = []
        for one in self:
            tiles, info = one.tiles, one.info
            size = bytes_text(sum(tile.size for tile in tiles))
            rows.append((one.path.name, info.type, manifest.crs_name(info.crs), len(tiles), size))
        return table(("sub-folder", "type", "CRS", "tiles", "size"), rows, f"Linked tiles in {self.path}")
