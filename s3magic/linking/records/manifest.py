"""The text of a linked dataset, to data and back: tiles and ``dataset.json``; touches no file."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from s3magic.errors import LinkError
from s3magic.linking.records.names import unsafe
from s3magic.url import S3Url

FORMAT_VERSION = 1
SIDECAR = "pam"
_UNHASHED = '"oid": null, "oidFrom": null'  # stands in no text of a line: there a quote has its backslash
_LINES = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # made once: that takes longer than a line
_NAMELESS = ("undefined", "unknown")  # as projection libraries write it
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LinkedTile:
    """One linked object: what it is, which bytes are meant, and where on Earth it lies.

    Parameters
    ----------
    name
        File name in the dataset, the last part of the key; with ``keep_prefix`` the path below its folder.
    url
        ``s3://bucket/key``; the key as S3 has it, so that even ``?`` in it is part of the key.
    version_id, etag, size
        The pin: version (None where the bucket keeps none), ETag without quotes, bytes.
    oid
        ``"sha256:…"`` of the whole content; None while unhashed.
    oid_from
        How the hash was learned: ``head``, ``part1``, ``stream``, ``download`` or ``report``.
    crc64nvme
        Base64 CRC-64/NVME where S3 keeps one.
    last_modified
        ``2026-01-31T12:00:00Z``, or None where the server did not say.
    format
        ``laz-1.2``, ``laz-1.4/copc-1.0``, ``geotiff/cog``, ``netcdf-4``, ``file`` …; ``pam`` for a sidecar.
    crs84_extent
        ``(west, south, east, north)`` in degrees; west is the larger across the antimeridian.
    native_extent
        ``"minx,maxx,miny,maxy,minz,maxz"`` for point clouds, ``"minx,maxx,miny,maxy"`` for rasters.
    point_count
        Points of a point cloud.
    dimensions
        ``"762x790"``, width x height in pixels, of a raster.
    sidecars
        Names of other linked files that belong to this one, and are fetched along.
    moved
        Where it lies by the redirects of its dataset; no part of the manifest.
    """

    name: str
    url: str
    etag: str
    size: int
    version_id: str | None = None
    oid: str | None = None
    oid_from: str | None = None
    crc64nvme: str | None = None
    last_modified: str | None = None
    format: str = "file"
    crs84_extent: Box | None = None
    native_extent: str | None = None
    point_count: int | None = None
    dimensions: str | None = None
    sidecars: tuple[str, ...] = ()
    moved: S3Url | None = field(default=None, compare=False, repr=False)

    @property
    def bounds(self) -> Box | None:
        """``(minx, miny, maxx, maxy)`` in the tile's own CRS."""
        if self.native_extent is None:
            return None
        minx, maxx, miny, maxy, *_ = (float(number) for number in self.native_extent.split(","))
        return minx, miny, maxx, maxy

    @property
    def source(self) -> S3Url:
        """The bucket and key to ask; never reads a version out of the key."""
        if self.moved is not None:
            return self.moved
        bucket, _, key = self.url.removeprefix("s3://").partition("/")
        return S3Url(bucket, key)

    @property
    def is_sidecar(self) -> bool:
        """Whether it only belongs to another tile, as the ``.aux.xml`` of a raster does."""
        return self.format == SIDECAR

    @property
    def pointer_oid(self) -> str | None:
        """The hash in hexadecimal, without ``sha256:``."""
        return self.oid.removeprefix("sha256:") if self.oid else None

    def to_json(self) -> dict[str, object]:
        """Return the fields as the manifest names them."""
        record: dict[str, object] = {
            "name": self.name,
            "url": self.url,
            "versionId": self.version_id,
            "etag": self.etag,
            "size": self.size,
            "oid": self.oid,
            "oidFrom": self.oid_from,
            "crc64nvme": self.crc64nvme,
            "lastModified": self.last_modified,
            "format": self.format,
            "crs84Extent": list(self.crs84_extent) if self.crs84_extent else None,
            "nativeExtent": self.native_extent,
        }
        if self.point_count is not None:
            record["pointCount"] = self.point_count
        if self.dimensions is not None:
            record["dimensions"] = self.dimensions
        record["sidecars"] = list(self.sidecars)
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> LinkedTile:
        """Build a tile of a manifest's record; a name that leaves the dataset, or no S3 URL, raises `ValueError`."""
        extent, name = record.get("crs84Extent"), record["name"]
        if unsafe(name):
            raise ValueError(f"{name!r}: {unsafe(name)}")
        S3Url.parse(record["url"])
        return cls(
            name=name,
            url=record["url"],
            etag=record["etag"],
            size=int(record["size"]),
            version_id=record.get("versionId"),
            oid=record.get("oid"),
            oid_from=record.get("oidFrom"),
            crc64nvme=record.get("crc64nvme"),
            last_modified=record.get("lastModified"),
            format=record.get("format", "file"),
            crs84_extent=_box(extent) if extent else None,
            native_extent=record.get("nativeExtent"),
            point_count=record.get("pointCount"),
            dimensions=record.get("dimensions"),
            sidecars=tuple(record.get("sidecars", ())),
        )


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What holds for all tiles of a dataset: the content of ``dataset.json``.

    Parameters
    ----------
    type
        ``point-cloud``, ``raster``, ``grid`` or ``file``.
    sources
        The URLs and patterns that were linked, sorted.
    format
        The format of all tiles, or None where they differ.
    schema
        What tiles must share to fit together, as the format says it.
    crs
        WKT, or None.
    redirects
        Old beginnings of URLs and the new ones.
    access
        ``region``, ``requestPayer``, ``anonymous``, ``endpoint``; never credentials.
    selection
        ``match``, ``bbox``, ``keepPrefix`` and ``split``, as far as they were given.
    imported
        Whether the tiles are ordinary copies rather than links.
    """

    type: str
    sources: tuple[str, ...]
    format: str | None = None
    schema: object = None
    crs: str | None = None
    redirects: Mapping[str, str] = field(default_factory=dict)
    access: Mapping[str, object] = field(default_factory=dict)
    selection: Mapping[str, object] = field(default_factory=dict)
    imported: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the fields as ``dataset.json`` names them."""
        record: dict[str, object] = {
            "s3link": FORMAT_VERSION,
            "type": self.type,
            "sources": list(self.sources),
            "format": self.format,
            "schema": canonical(self.schema),
            "crs": self.crs,
            "redirects": dict(sorted(self.redirects.items())),
            "access": dict(self.access),
        }
        if self.selection:
            record["selection"] = canonical(dict(self.selection))
        if self.imported:
            record["imported"] = True
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> DatasetInfo:
        """Build it of the content of ``dataset.json``."""
        return cls(
            type=record["type"],
            sources=tuple(record["sources"]),
            format=record.get("format"),
            schema=record.get("schema"),
            crs=record.get("crs"),
            redirects=dict(record.get("redirects") or {}),
            access=dict(record.get("access") or {}),
            selection=dict(record.get("selection") or {}),
            imported=bool(record.get("imported")),
        )


def access_record(access: Mapping[str, object] | None) -> dict[str, object]:
    """Return what ``dataset.json`` says of the way to the originals: four facts, never a secret.

    Takes these facts from a `Location`'s words or its own; a name and password in the endpoint
    are left out.
    """
    given = dict(access or {})
    endpoint = given.get("endpoint") or given.get("endpoint_url")
    return {
        "region": given.get("region"),
        "requestPayer": "requester" if given.get("requestPayer") or given.get("requester_pays") else None,
        "anonymous": bool(given.get("anonymous")),
        "endpoint": re.sub(r"^(\w+://)[^/]*@", r"\1", str(endpoint)) if endpoint else None,
    }


def canonical(value: object) -> Any:
    """Return a value as JSON gives it back, keys sorted, so that equal things compare equal.

    Many tiles share one schema: it is kept once, and is not to be changed.
    """
    return _shared(json.dumps(value, sort_keys=True))


@lru_cache(maxsize=64)
def _shared(text: str) -> Any:
    return json.loads(text)


def canonical_text(value: object) -> str:
    """Return a value as one line of JSON, equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def crs_name(wkt: str | None) -> str:
    """Return what people call a CRS: the name its WKT begins with."""
    if not wkt:
        return "an unknown CRS"
    found = re.match(r'\s*\w+\s*\[\s*"([^"]*)"', wkt)
    return found.group(1) if found and found.group(1) not in _NAMELESS else "an unnamed CRS"


def crs_key(wkt: str | None) -> str | None:
    """Return what two texts of one CRS have in common: its EPSG code where they end in one, else the text."""
    found = re.search(r'\b(?:AUTHORITY|ID)\["EPSG",\s*"?(\d+)"?\]\s*\]\s*$', wkt or "")
    return f"EPSG:{found.group(1)}" if found else wkt


def shard(name: str) -> str:
    """Return the file of ``.s3link/tiles`` that holds a tile: ``"a3.jsonl"``."""
    return f"{hashlib.sha256(name.encode()).hexdigest()[:2]}.jsonl"


def tile_line(tile: LinkedTile) -> str:
    """Return a tile as one line of JSON, without its line end."""
    return _LINES.encode(tile.to_json())


def hashed_line(line: str, oid: str, source: str) -> str:
    """Return the line of an unhashed tile with the hash that was learnt."""
    return line.replace(_UNHASHED, f'"oid": "{oid}", "oidFrom": "{source}"', 1)


def tiles_text(tiles: Iterable[LinkedTile]) -> str:
    """Return the text of one file of tiles, sorted by name."""
    return "".join(f"{tile_line(tile)}\n" for tile in sorted(tiles, key=lambda tile: tile.name))


def shards(tiles: Iterable[LinkedTile]) -> dict[str, list[LinkedTile]]:
    """Group tiles by the file that holds them."""
    groups: dict[str, list[LinkedTile]] = {}
    for tile in tiles:
        groups.setdefault(shard(tile.name), []).append(tile)
    return groups


def parse_line(line: str) -> LinkedTile | None:
    """Read one line; None when it is no tile."""
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        return LinkedTile.from_json(json.loads(line))
    return None


def parse_tiles(text: str, origin: str = "the manifest") -> list[LinkedTile]:
    """Read the text of a file of tiles; ``origin`` names it in errors."""
    tiles = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                tiles.append(LinkedTile.from_json(json.loads(line)))
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise LinkError(
                    f"Line {number} of {origin} is no tile", "Restore the file, from git for example, and try again."
                ) from error
    return tiles


def dataset_text(info: DatasetInfo) -> str:
    """Return the text of ``dataset.json``."""
    return json.dumps(info.to_json(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def parse_dataset(text: str, origin: str = "dataset.json") -> DatasetInfo:
    """Read the text of ``dataset.json``; ``origin`` names it in errors."""
    try:
        record = json.loads(text)
        version = record["s3link"]
        if version == FORMAT_VERSION:
            return DatasetInfo.from_json(record)
    except (ValueError, KeyError, TypeError) as error:
        raise LinkError(
            f"{origin} is no description of linked tiles", "Restore the file, from git for example, and try again."
        ) from error
    raise LinkError(
        f"{origin} has version {version!r}, this s3magic knows {FORMAT_VERSION}", "Install a newer s3magic."
    )


def _box(numbers: Iterable[float]) -> Box:
    west, south, east, north = map(float, numbers)
    if not all(map(math.isfinite, (west, south, east, north))):
        raise ValueError(f"{numbers!r} is no extent")
    return west, south, east, north
