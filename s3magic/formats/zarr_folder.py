"""Zarr 2 and 3: its arrays as variables on grids, an OME-Zarr by its smallest level; reads metadata and few chunks.

Conventions: xarray's dimension names, CF 1.11, OME-NGFF 0.4 and 0.5.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from s3magic.formats import grid_info, ome_zarr
from s3magic.formats.base import PLAIN, Folder, Look, Preview, TileInfo
from s3magic.formats.grid import Dataset, Index, Variable
from s3magic.formats.grid_axes import map_axes
from s3magic.formats.grid_look import variable_of
from s3magic.formats.zarr_store import FolderStore

_MOST_ARRAYS, _DEEPEST = 60, 3
_MOST_CHUNKS = 64
_LARGEST_CHUNK = 256 << 20
_MOST_BYTES = 24 << 20  # of all chunks that are read, unpacked


def describe(folder: Folder) -> TileInfo:
    """Return variables, units and place; see `Format.describe`."""
    root = _opened(folder)
    image = ome_zarr.read_image(root)
    if image is not None:
        return ome_zarr.describe(image, version=_version(root))
    return grid_info.describe(_dataset(root, _arrays(root)))


def preview(folder: Folder, *, size: int = 160, look: Look = PLAIN) -> Preview:
    """Return one slice of one variable, its middle where it is too wide; see `Format.preview`."""
    from s3magic.formats import grid_picture  # noqa: PLC0415 - drawing wants libraries that a description does not

    root = _opened(folder)
    image = ome_zarr.read_image(root)
    if image is not None:
        return ome_zarr.draw(image, size=size, look=look, name=folder.name)
    arrays = _arrays(root)
    dataset = _dataset(root, arrays)
    variable = variable_of(dataset, look, folder.name)
    if variable is not None:
        dataset = _cropped(dataset, variable, arrays[variable.name])
    return grid_picture.draw(dataset, size=size, name=folder.name, look=look)


def _opened(folder: Folder) -> Any:
    """Open the group or array that a folder is; asking for what it is first saves a request for all it is not."""
    store = FolderStore(folder)
    said = store.document("zarr.json")
    version: Literal[2, 3] = 2 if said is None else 3
    is_array = store.document(".zarray") is not None if said is None else said.get("node_type") == "array"
    if is_array:
        return zarr.open_array(store, mode="r", zarr_format=version)
    return zarr.open_group(store, mode="r", zarr_format=version)


def _version(root: Any) -> str:
    return f"zarr-{root.metadata.zarr_format}"


def _dataset(root: Any, arrays: Mapping[str, Any]) -> Dataset:
    variables = tuple(_variable(name, array) for name, array in arrays.items())
    return Dataset(_version(root), variables, dict(root.attrs))


def _cropped(dataset: Dataset, variable: Variable, array: Any) -> Dataset:
    """Return a dataset without what lies around the middle, where a slice of a variable has too many chunks."""
    axes = set(map_axes(dataset, variable))
    counts = {axis: -(-variable.shape[axis] // array.chunks[axis]) for axis in axes}
    allowed = min(_MOST_CHUNKS, max(1, _MOST_BYTES // max(1, math.prod(array.chunks) * array.dtype.itemsize)))
    if math.prod(counts.values()) <= allowed:
        return dataset
    parts: dict[int, slice] = {}
    for axis in sorted(axes, key=lambda one: counts[one]):
        left = allowed // math.prod(-(-(part.stop - part.start) // array.chunks[at]) for at, part in parts.items())
        kept = min(counts[axis], max(1, left if len(parts) == len(axes) - 1 else math.isqrt(allowed)))
        start = (counts[axis] - kept) // 2 * array.chunks[axis]
        parts[axis] = slice(start, min(variable.shape[axis], start + kept * array.chunks[axis]))
    named = {variable.dimensions[axis]: part for axis, part in parts.items() if variable.dimensions[axis]}
    variables = []
    for one in dataset.variables:
        if one is variable:
            attributes = {**one.attributes, "long_name": f"{one.title}, the middle of it"}
            variables.append(_part(replace(one, attributes=attributes), parts))
        else:
            own = {axis: named[name] for axis, name in enumerate(one.dimensions) if name in named}
            variables.append(_part(one, own))
    return Dataset(dataset.format, tuple(variables), dataset.attributes)


def _part(variable: Variable, parts: Mapping[int, slice]) -> Variable:
    """Return a variable that begins and ends where the parts of its axes do."""
    whole = [slice(0, length) for length in variable.shape]
    bounds = [parts.get(axis, span) for axis, span in enumerate(whole)]

    def read(index: Index) -> NDArray[Any]:
        moved: list[int | slice] = []
        for one, bound in zip(index, bounds, strict=True):
            if isinstance(one, slice):
                start, stop, step = one.indices(bound.stop - bound.start)
                moved.append(slice(bound.start + start, bound.start + stop, step))
            else:
                moved.append(bound.start + one)
        return variable.read(tuple(moved))

    return replace(variable, shape=tuple(bound.stop - bound.start for bound in bounds), read=read)


def _arrays(root: Any) -> dict[str, Any]:
    if isinstance(root, zarr.Array):
        return {"array": root}
    return dict(islice(_below(root, "", 1), _MOST_ARRAYS))


def _below(group: Any, above: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield arrays with their names: from consolidated metadata without a read, else by a listing a group."""
    for number, (name, member) in enumerate(group.members()):
        if number >= _MOST_ARRAYS:
            return
        if isinstance(member, zarr.Array):
            yield above + name, member
        elif depth < _DEEPEST:
            yield from _below(member, f"{above}{name}/", depth + 1)


def _variable(name: str, array: Any) -> Variable:
    attributes = dict(array.attrs)
    named = attributes.pop("_ARRAY_DIMENSIONS", None)
    if named is None:
        named = getattr(array.metadata, "dimension_names", None)
    elif named != [name.rpartition("/")[2]] and isinstance(array.fill_value, np.generic | int | float):
        attributes.setdefault("_FillValue", np.asarray(array.fill_value).item())  # what xarray means by it
    if isinstance(attributes.get("_FillValue"), str):
        attributes["_FillValue"] = _from_base64(attributes["_FillValue"])
    is_sound = isinstance(named, list | tuple) and len(named) == array.ndim
    dimensions = tuple(str(one or "") for one in named) if is_sound else ("",) * array.ndim
    above = f"{name.rpartition('/')[0]}/" if "/" in name else ""
    dimensions = tuple(f"{above}{one}" if one else "" for one in dimensions)
    if "grid_mapping" in attributes and above:
        attributes["grid_mapping"] = f"{above}{attributes['grid_mapping']}"

    def read(index: Index) -> NDArray[Any]:
        if math.prod(array.chunks) * array.dtype.itemsize > _LARGEST_CHUNK:
            raise ValueError(f"a chunk of {array.chunks} numbers is too large to unpack")
        return np.asarray(array[index])

    return Variable(name, dimensions, tuple(array.shape), np.dtype(array.dtype), attributes, read)


def _from_base64(text: str) -> float | None:
    """Return the number xarray writes as the base64 of a double; None where it is none."""
    try:
        return float(struct.unpack("<d", base64.b64decode(text))[0])
    except (binascii.Error, ValueError, struct.error):
        return None
