"""Tiles that do not fit together, each kind in a sub-folder of its own: what is there, and what it is called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from s3magic.errors import LinkError
from s3magic.linking.adding import fit
from s3magic.linking.adding.fit import Kind, Named
from s3magic.linking.adding.order import Order
from s3magic.linking.records import manifest
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import DatasetInfo


def homes(kinds: Iterable[Kind], there: Mapping[str, DatasetInfo], *, named: Named) -> dict[str, list[Kind]]:
    """Return kinds by the sub-folder that their tiles fit into, those that are there first."""
    known = {fit.key(info): name for name, info in there.items()}
    groups: dict[str, list[Kind]] = {}
    for key, group in fit.grouped(kinds).items():
        if key not in known:
            known[key] = _name(fit.first(group, named=named), key, taken={*known.values()})
        groups[known[key]] = group
    return groups


def subfolders(folder: Folder, order: Order, sources: tuple[str, ...]) -> dict[str, DatasetInfo]:
    """Return the datasets that an order goes on with, by sub-folder, a single one in ``""``.

    Raises `LinkError` when the folder holds others.
    """
    if not order.split:
        return {"": _info(folder, order, sources)} if folder.is_dataset else {}
    if folder.is_dataset:
        raise LinkError(
            f"{folder.path} is one dataset, its tiles are not split", "Choose another folder, or leave --split out."
        )
    places = sorted(path.parent for path in folder.path.glob("*/.s3link") if Folder(path.parent).is_dataset)
    return {place.name: _info(Folder(place), order, sources) for place in places}


def _info(folder: Folder, order: Order, sources: tuple[str, ...]) -> DatasetInfo:
    info = folder.info()
    if info.imported != order.import_:
        held = "ordinary copies" if info.imported else "links"
        raise LinkError(f"{folder.path} holds {held} of its tiles", "Choose another folder for these.")
    if not order.replace and info.sources != sources:
        raise LinkError(
            f"{folder.path} links other tiles already: {', '.join(info.sources)}",
            "Choose another folder for these, or make them its new version with --replace (replace=True).",
        )
    if not order.replace and manifest.canonical(dict(info.selection)) != manifest.canonical(order.selection):
        chosen = ", ".join(f"{name}={value}" for name, value in info.selection.items()) or "all of them"
        raise LinkError(
            f"{folder.path} links another choice of these tiles already: {chosen}",
            "Choose another folder, or make this its new version with --replace (replace=True).",
        )
    return info


def _name(one: Kind, key: str, *, taken: set[str]) -> str:
    """Return what a sub-folder is called: type and CRS, and a mark of the schema where that is not enough."""
    code = manifest.crs_key(one.crs)
    crs = "" if code is None else code if code.startswith("EPSG:") else manifest.crs_name(one.crs).removeprefix("an ")
    plain = re.sub(r"[^a-z0-9]+", "-", f"{one.type} {crs}".lower()).strip("-")[:80]
    return plain if plain not in taken else f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:6]}"
