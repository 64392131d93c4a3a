"""Whether tiles make one dataset: one type, one CRS, one schema; names the odd ones out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from s3magic.errors import LinkError
from s3magic.linking.records import manifest
from s3magic.linking.records.manifest import DatasetInfo

_LISTED = 10
_LINE = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """What must be equal in all tiles of a dataset, and how many tiles have it.

    Parameters
    ----------
    number
        What it is called where tiles are written down.
    """

    number: int
    type: str
    crs: str | None
    schema: Any
    count: int = 0


Named = Callable[[Collection[int]], Iterator[tuple[str, int]]]
"""Yields name and kind of the tiles of some kinds, in the order of their names."""


def fit(kinds: Iterable[Kind], there: DatasetInfo | None, *, named: Named) -> DatasetInfo:
    """Return what all tiles share: type, CRS and schema; a tile's sidecars have no part in it.

    Parameters
    ----------
    kinds
        The kinds of the new tiles.
    there
        The dataset they join, if there is one.

    Raises
    ------
    LinkError
        They differ in type, CRS or schema; the odd ones are listed.
    """
    groups = grouped(kinds)
    if there is not None:
        usual = key(there)
    elif groups:
        usual = next(iter(groups))
    else:
        return DatasetInfo("file", ())
    model = there or _info(first(groups[usual], named=named))
    odd = {kind.number: kind for name, group in groups.items() if name != usual for kind in group}
    if odd:
        some = islice(named(odd), _LISTED)
        listed = "; ".join(f"{name}: {_difference(odd[number], model)}" for name, number in some)
        count = sum(kind.count for kind in odd.values())
        more = f"; and {count - _LISTED} more" if count > _LISTED else ""
        raise LinkError(
            f"These do not fit the other {model.type} tiles: {listed}{more}",
            "Link each kind into a sub-folder with --split (split=True), or leave them out with a narrower pattern.",
        )
    return model


def grouped(kinds: Iterable[Kind]) -> dict[str, list[Kind]]:
    """Return the kinds whose tiles fit together, by what they share, those of most tiles first."""
    groups: dict[str, list[Kind]] = {}
    for kind in kinds:
        groups.setdefault(key(kind), []).append(kind)
    return dict(sorted(groups.items(), key=lambda item: (-sum(kind.count for kind in item[1]), item[0])))


def first(group: Sequence[Kind], *, named: Named) -> Kind:
    """Return the kind of the first tile of a group: of one CRS there may be several texts."""
    if len(group) == 1:
        return group[0]
    by_number = {kind.number: kind for kind in group}
    _, number = next(named(by_number))
    return by_number[number]


def key(one: Kind | DatasetInfo) -> str:
    """Return what is equal for tiles that fit together."""
    return manifest.canonical_text([one.type, manifest.crs_key(one.crs), one.schema])


def _info(kind: Kind) -> DatasetInfo:
    return DatasetInfo(kind.type, (), None, kind.schema, kind.crs)


def _difference(one: Kind, model: DatasetInfo) -> str:
    if one.type != model.type:
        return f"a {one.type}"
    if manifest.crs_key(one.crs) != manifest.crs_key(model.crs):
        name, other = manifest.crs_name(one.crs), manifest.crs_name(model.crs)
        return f"in {name}, not {other}" if name != other else f"in another {name.removeprefix('an ')}"
    mine, usual = _parts(one.schema), _parts(model.schema)
    more = [label for key, label in mine.items() if key not in usual]
    less = [label for key, label in usual.items() if key not in mine]
    said = {
        "has": [label for label in more if label not in less],
        "lacks": [label for label in less if label not in more],
        "differs in": [label for label in more if label in less],
    }
    return ", ".join(f"{verb} {_brief(labels)}" for verb, labels in said.items() if labels) or "has another field order"


def _parts(schema: Any) -> dict[str, str]:
    """Return what a schema is made of, as text to compare by, with what people call each part."""
    if isinstance(schema, Mapping):
        return {text: text for name, value in schema.items() for text in [f"{name}={manifest.canonical_text(value)}"]}
    parts = schema if isinstance(schema, list) else [schema]
    return {
        manifest.canonical_text(part): str(part["name"])
        if isinstance(part, Mapping) and "name" in part
        else manifest.canonical_text(part)
        for part in parts
    }


def _brief(labels: Sequence[str]) -> str:
    text = ", ".join(labels)
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"
