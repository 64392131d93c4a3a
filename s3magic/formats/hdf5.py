"""NetCDF-4 and HDF5: the variables of all groups, and any part of one; decides nothing.

What lies in other files (external links, external and virtual data) is not followed: a file on S3
has no business naming files of this machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from s3magic.formats.grid import Attributes, Dataset, Index, Variable
from s3magic.formats.watch import WatchedFile

_MOST_VARIABLES = 1000
_DEEPEST = 16
_LARGEST_CHUNK = 1 << 28
_LARGEST_READ = 1 << 28
_LONGEST_ATTRIBUTE = 1 << 20
_DENSEST = 8
"""How much smaller compression is trusted to have made numbers: what is too much even so is not begun."""
_MOST_CHUNKS = 1 << 12
_WANTED = (
    "units", "standard_name", "long_name", "axis", "positive", "coordinates", "bounds", "climatology", "grid_mapping",
    "_FillValue", "missing_value", "scale_factor", "add_offset", "valid_min", "valid_max", "valid_range", "_Unsigned",
    "cf_role",
)  # fmt: skip
_BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"


Address = tuple[int, int]
Span = tuple[int, int]
Axes = Mapping[tuple[Address, int], str]


@contextmanager
def open_hdf5(file: WatchedFile) -> Iterator[Dataset]:
    """Read what variables there are; their numbers can be read while the context lasts."""
    with h5py.File(cast("BinaryIO", file), "r") as root:
        found = list(islice(_datasets(root, "", 0, set()), _MOST_VARIABLES))
        scales = {name: dataset for name, dataset in found if _is_scale(dataset)}
        is_netcdf = "_NCProperties" in root.attrs or bool(scales)
        axes = _axes(scales)
        variables = [
            _variable(name, dataset, axes, file.afford) for name, dataset in found if not _is_bare_dimension(dataset)
        ]
        stored = dict(found)
        yield Dataset(
            "netcdf-4" if is_netcdf else "hdf5",
            tuple(variables),
            _attributes(root.attrs, ("title",)),
            lambda wanted: file.gather([span for one in wanted for span in _spans(stored[one.name])]),
        )


def _datasets(group: h5py.Group, path: str, depth: int, seen: set[Address]) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the datasets below a group that are kept in this file, each once."""
    if depth > _DEEPEST:
        return
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        address = _address(item)
        if address in seen:
            continue
        seen.add(address)
        if isinstance(item, h5py.Dataset):
            yield path + name, item
        elif isinstance(item, h5py.Group):
            yield from _datasets(item, f"{path}{name}/", depth + 1, seen)


def _variable(name: str, dataset: h5py.Dataset, axes: Axes, afford: Callable[[int], None]) -> Variable:
    def read(index: Index) -> NDArray[Any]:
        chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize if dataset.chunks else 0
        if chunk > _LARGEST_CHUNK:
            raise ValueError(f"a chunk of {chunk} bytes is too large")
        if _is_elsewhere(dataset):
            raise ValueError(f"{name} is kept in another file")
        size = math.prod(
            len(range(*one.indices(length)))
            for one, length in zip(index, dataset.shape, strict=True)
            if isinstance(one, slice)
        )
        if size * dataset.dtype.itemsize > _LARGEST_READ:
            raise ValueError(f"a slice of {size} numbers is too large")
        afford(_least_cost(dataset, index))
        return np.asarray(dataset[index])

    wanted = tuple(dataset.attrs) if dataset.shape == () else _WANTED  # a grid mapping is told by all of them
    return Variable(
        name=name,
        dimensions=_dimensions(name, dataset, axes),
        shape=dataset.shape,
        type=dataset.dtype,
        attributes=_attributes(dataset.attrs, wanted),
        read=read,
    )


def _spans(dataset: h5py.Dataset) -> list[Span]:
    """Return where in the file the numbers of a dataset lie, as far as its index tells."""
    spans: list[Span] = []

    def add(chunk: Any) -> bool | None:
        spans.append((chunk.byte_offset, chunk.byte_offset + chunk.size))
        return True if len(spans) == _MOST_CHUNKS else None  # ends the walk

    if dataset.chunks:
        dataset.id.chunk_iter(add)
    elif not _is_elsewhere(dataset) and (start := dataset.id.get_offset()) is not None:
        spans.append((start, start + dataset.id.get_storage_size()))
    return spans


def _is_elsewhere(dataset: h5py.Dataset) -> bool:
    return bool(dataset.external or dataset.is_virtual)


def _least_cost(dataset: h5py.Dataset, index: Index) -> int:
    """Return how many bytes of the file a part takes at least: those of all the chunks that it touches."""
    cells = dataset.chunks or (1,) * len(dataset.shape)
    touched = 1
    for one, length, cell in zip(index, dataset.shape, cells, strict=True):
        if isinstance(one, slice):
            numbers = range(*one.indices(length))
            touched *= len(numbers) if numbers.step >= cell else -(-length // cell)
    whole = touched * math.prod(cells) * dataset.dtype.itemsize
    is_plain = dataset.id.get_create_plist().get_nfilters() == 0
    return int(whole if is_plain else whole // _DENSEST)


def _axes(scales: Mapping[str, h5py.Dataset]) -> Axes:
    """Return the name of each axis that a dimension scale says it belongs to.

    The variables say the same, in attributes of variable length, which a damaged file can make as
    long as it likes.
    """
    found: dict[tuple[Address, int], str] = {}
    for name, scale in scales.items():
        for reference, axis in _attribute(scale.attrs, "REFERENCE_LIST", []):
            found[_address(scale.file[reference]), int(axis)] = name.rpartition("/")[2]
    return found


def _dimensions(name: str, dataset: h5py.Dataset, axes: Axes) -> tuple[str, ...]:
    """Return the names of the axes, empty where the file has none."""
    if _is_scale(dataset) and len(dataset.shape) == 1:
        return (name.rpartition("/")[2],)
    address = _address(dataset)
    return tuple(axes.get((address, axis), "") for axis in range(len(dataset.shape)))


def _address(item: h5py.Dataset | h5py.Group) -> Address:
    """Return where an object lies in its file; h5o.get_info tells it too, but walks the index of all chunks for it."""
    return cast("Address", h5py.h5g.get_objinfo(item.id).objno)


def _attribute(attributes: h5py.AttributeManager, name: str, default: Any = None) -> Any:
    """Return an attribute as it is, the default where it is absent, empty, or too long to be true."""
    if name not in attributes:
        return default
    found = attributes.get_id(name)
    # netCDF writes an empty text as an attribute without a place for it, whose size h5py cannot ask for.
    is_empty = found.get_space().get_simple_extent_type() == h5py.h5s.NULL
    return default if is_empty or found.get_storage_size() > _LONGEST_ATTRIBUTE else attributes[name]


def _is_scale(dataset: h5py.Dataset) -> bool:
    return bool(_attribute(dataset.attrs, "CLASS") == b"DIMENSION_SCALE")


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    """Whether this is a dimension without coordinates, or nothing a variable could be."""
    name = _attribute(dataset.attrs, "NAME", b"") if _is_scale(dataset) else b""
    return dataset.shape is None or (isinstance(name, bytes) and name.startswith(_BARE_DIMENSION))


def _attributes(attributes: h5py.AttributeManager, wanted: tuple[str, ...]) -> Attributes:
    """Return the attributes that matter, as plain text, numbers and lists of them."""
    found: dict[str, Any] = {}
    for name in wanted:
        value = _attribute(attributes, name)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, str | int | float | list):
            found[name] = value
    return found
