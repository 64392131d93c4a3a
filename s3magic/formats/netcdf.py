"""NetCDF of all kinds, and plain HDF5: opens a file by what it begins with; the rest is in grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from s3magic.formats import grid_info
from s3magic.formats.base import GRID_HEADER, PLAIN, Look, Preview, TileInfo
from s3magic.formats.grid import Dataset
from s3magic.formats.watch import WatchedFile


def describe(file: WatchedFile) -> TileInfo:
    """Return variables, units and place; see `Format.describe`."""
    with _opened(file) as dataset:
        return grid_info.describe(dataset)


def preview(file: WatchedFile, *, size: int = 160, look: Look = PLAIN) -> Preview:
    """Return one slice of one variable; see `Format.preview`."""
    from s3magic.formats import grid_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    with _opened(file) as dataset:
        return grid_picture.draw(dataset, size=size, name=file.name, look=look)


@contextmanager
def _opened(file: WatchedFile) -> Iterator[Dataset]:
    file.gather([(0, GRID_HEADER)])
    if file.read_at(0, 3) == b"CDF":
        from s3magic.formats.netcdf3 import open_classic  # noqa: PLC0415 - wants no h5py

        yield open_classic(file)
        return
    from s3magic.formats.hdf5 import open_hdf5  # noqa: PLC0415 - half of the files want no h5py

    file.seek(0)
    with open_hdf5(file) as dataset:
        yield dataset
