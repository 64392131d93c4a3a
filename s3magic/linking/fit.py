"""Whether tiles make one dataset: one type, one CRS, one schema; names the odd ones out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from s3magic.errors import LinkError
from s3magic.linking import manifest
from s3magic.linking.describe import Described
from s3magic.linking.manifest import DatasetInfo

_LISTED = 10
_LINE = 120


def fit(described: Sequence[Described], there: DatasetInfo | None) -> DatasetInfo:
    """Return what all tiles share: type, CRS and schema; a tile's sidecars have no part in it.

    Parameters
    ----------
    described
        The new tiles.
    there
        The dataset they join, if there is one.

    Raises
    ------
    LinkError
        They differ in type, CRS or schema; the odd ones are listed.
    """
    groups = grouped(described)
    if there is not None:
        usual = key(there)
    elif groups:
        usual = next(iter(groups))
    else:
        return DatasetInfo("file", ())
    odd = sorted((one for name, group in groups.items() if name != usual for one in group), key=lambda one: one.name)
    model = there or _info(groups[usual][0])
    if odd:
        listed = "; ".join(f"{one.name}: {_difference(one, model)}" for one in odd[:_LISTED])
        more = f"; and {len(odd) - _LISTED} more" if len(odd) > _LISTED else ""
        raise LinkError(
            f"These do not fit the other {model.type} tiles: {listed}{more}",
            "Link each kind into a sub-folder with --split (split=True), or leave them out with a narrower pattern.",
        )
    return model


def grouped(described: Iterable[Described]) -> dict[str, list[Described]]:
    """Return the tiles that fit together, by what they share, the largest group first; sidecars are left out."""
    groups: dict[str, list[Described]] = {}
    keys: dict[tuple[str, str | None, int], str] = {}  # most tiles share one schema: its text is made once
    for one in described:
        if not one.tile.is_sidecar:
            kind = (one.type, one.crs, id(one.schema))
            if kind not in keys:
                keys[kind] = key(one)
            groups.setdefault(keys[kind], []).append(one)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def key(one: Described | DatasetInfo) -> str:
    """Return what is equal for tiles that fit together."""
    return manifest.canonical_text([one.type, manifest.crs_key(one.crs), one.schema])


def _info(one: Described) -> DatasetInfo:
    return DatasetInfo(one.type, (), one.tile.format, one.schema, one.crs)


def _difference(one: Described, model: DatasetInfo) -> str:
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
