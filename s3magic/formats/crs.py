"""Coordinate reference systems: GeoTIFF keys to WKT, extents to longitude and latitude; reads no files.

A file's own WKT is kept as it is. From GeoTIFF keys WKT 1 in GDAL's dialect is made: every GIS reads
it and, unlike WKT 2, it holds no texts that change from one release of the EPSG database to the
next; WKT 2 stands in where the older form cannot say it.

Keys and codes: OGC GeoTIFF 1.1 (19-008r4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from pyproj import CRS, Transformer
from pyproj.crs import CompoundCRS, ProjectedCRS
from pyproj.exceptions import CRSError, ProjError

from s3magic.formats.base import Extent
from s3magic.formats.projecting import in_one_thread

_USER_DEFINED = 32767
_POLAR_STEREOGRAPHIC = 15
_PROJECTIONS = {
    1: "tmerc", 7: "merc", 8: "lcc", 9: "lcc", 10: "laea", 11: "aea", 12: "aeqd", 14: "stere", 15: "stere",
    16: "sterea", 17: "eqc", 18: "cass", 20: "mill", 22: "poly", 23: "robin", 24: "sinu", 28: "cea",
}  # fmt: skip
_PARAMETERS = {
    3078: "lat_1", 3079: "lat_2", 3080: "lon_0", 3081: "lat_0", 3082: "x_0", 3083: "y_0", 3084: "lon_0", 3085: "lat_0",
    3086: "x_0", 3087: "y_0", 3088: "lon_0", 3089: "lat_0", 3090: "x_0", 3091: "y_0", 3092: "k_0", 3093: "k_0",
    3095: "lon_0",
}  # fmt: skip
_UNITS = {9001: ("m", 1.0), 9002: ("ft", 0.3048), 9003: ("us-ft", 1200 / 3937)}

GeoKeys = Mapping[int, Any]


def geo_keys(directory: Sequence[int], doubles: Sequence[float] = (), text: str = "") -> GeoKeys:
    """Return the keys of a GeoKeyDirectory with their values looked up; broken entries are left out."""
    keys: dict[int, Any] = {}
    for at in range(4, min(len(directory) - 3, 4 + 4 * directory[3] if len(directory) > 3 else 0), 4):
        key, location, count, value = directory[at : at + 4]
        if location == 0:
            keys[key] = value
        elif location == 34736 and value + count <= len(doubles):
            found = tuple(doubles[value : value + count])
            keys[key] = found[0] if count == 1 else found
        elif location == 34737:
            keys[key] = text[value : value + count].rstrip("|\0")
    return keys


def wkt_of_keys(keys: GeoKeys) -> str | None:
    """Return the CRS that GeoTIFF keys describe, as WKT; None where they describe none we understand."""
    return _wkt_of_keys(tuple(sorted(keys.items())))


def crs84_extent(wkt: str | None, bounds: Extent | None) -> Extent | None:
    """Return bounds in a CRS as ``(west, south, east, north)`` in degrees, 7 decimals.

    None where the CRS is not known, not tied to the earth, or undefined over these bounds.
    """
    return crs84_extents([(wkt, bounds)])[0]


@in_one_thread
def crs84_extents(places: Sequence[tuple[str | None, Extent | None]]) -> list[Extent | None]:
    """Return the same of many CRSs and bounds, for the way to the thread that projects and back is twice the work."""
    return [_crs84_extent(wkt, bounds) for wkt, bounds in places]


def _crs84_extent(wkt: str | None, bounds: Extent | None) -> Extent | None:
    if wkt is None or bounds is None or not all(math.isfinite(value) for value in bounds):
        return None
    transformer = _to_crs84(wkt)
    with suppress(ProjError):
        return None if transformer is None else degrees_extent(*transformer.transform_bounds(*bounds))
    return None


def degrees_extent(west: float, south: float, east: float, north: float) -> Extent | None:
    """Return an extent in degrees with longitudes in -180 to 180 and 7 decimals.

    Longitudes may come from any range, 0 to 360 for instance. West is greater than east in the
    answer where the extent crosses the antimeridian.
    """
    if not all(math.isfinite(value) for value in (west, south, east, north)):
        return None
    south, north = max(-90.0, south), min(90.0, north)
    if east - west >= 360 - 1e-9:
        west, east = -180.0, 180.0
    elif west < -180 or east > 180:
        width = east - west
        west = (west + 180) % 360 - 180
        east = west + width if west + width <= 180 else west + width - 360
    return (_rounded(west), _rounded(south), _rounded(east), _rounded(north))


@lru_cache(maxsize=256)
@in_one_thread
@lru_cache(maxsize=256)  # again: many threads may ask the same at first
def crs_name(wkt: str) -> str:
    """Return the name of a CRS for people, with its EPSG code where the WKT holds it."""
    crs = _crs(wkt)
    if crs is None:
        return "not understood"
    codes = [_id(part) for part in (crs.sub_crs_list if crs.is_compound else [crs])]
    return f"{crs.name} ({' + '.join(codes)})" if all(codes) else str(crs.name)


@lru_cache(maxsize=256)
def _crs(wkt: str) -> Any:

    try:
        return CRS.from_wkt(wkt)
    except CRSError:
        return None


@lru_cache(maxsize=256)
def _to_crs84(wkt: str) -> Any:

    crs = _crs(wkt)
    if crs is None:
        return None
    flat = crs.sub_crs_list[0] if crs.is_compound else crs
    try:
        return Transformer.from_crs(flat, "OGC:CRS84", always_xy=True)
    except ProjError:
        return None


@lru_cache(maxsize=256)
@in_one_thread
@lru_cache(maxsize=256)
def _wkt_of_keys(items: tuple[tuple[int, Any], ...]) -> str | None:

    try:
        crs = _with_height(_horizontal(dict(items)), dict(items))
        try:
            return str(crs.to_wkt("WKT1_GDAL"))
        except CRSError:
            return str(crs.to_wkt("WKT2_2019"))
    except (CRSError, KeyError, TypeError, ValueError):
        return None


def _horizontal(keys: GeoKeys) -> Any:

    projected = _code(keys, 3072)
    if projected:
        return CRS.from_epsg(projected)
    if keys.get(1024) == 2 or 3075 not in keys:
        return CRS.from_epsg(_code(keys, 2048))
    return _user_defined(keys)


def _user_defined(keys: GeoKeys) -> Any:
    """Build a projected CRS from its method and parameters."""
    base = _code(keys, 2048)
    geodetic: Any
    if base:
        geodetic = CRS.from_epsg(base)
    else:
        axes = {"a": keys[2057], **({"rf": keys[2059]} if 2059 in keys else {"b": keys[2058]})}
        geodetic = CRS.from_dict({"proj": "longlat", **axes})
    method = int(keys[3075])
    parameters = {name: keys[key] for key, name in _PARAMETERS.items() if key in keys}
    if method == _POLAR_STEREOGRAPHIC:  # its latitude is where the scale is true, not the origin
        true_scale = float(parameters["lat_0"])
        parameters |= {"lat_ts": true_scale, "lat_0": math.copysign(90.0, true_scale)}
    unit, metres = _UNITS[int(keys.get(3076, 9001))]
    for name in ("x_0", "y_0"):  # keys give them in the unit of the axes, PROJ wants metres
        parameters[name] = float(parameters.get(name, 0)) * metres
    ellipsoid = {"a": geodetic.ellipsoid.semi_major_metre, "b": geodetic.ellipsoid.semi_minor_metre}
    flat = CRS.from_dict({"proj": _PROJECTIONS[method], **parameters, **ellipsoid, "units": unit})
    name = str(keys.get(3073) or keys.get(1026) or "unnamed")
    return ProjectedCRS(flat.coordinate_operation, name, flat.coordinate_system, geodetic)


def _with_height(horizontal: Any, keys: GeoKeys) -> Any:

    try:
        height = CRS.from_epsg(_code(keys, 4096))
    except CRSError:
        return horizontal
    if not height.is_vertical:
        return horizontal
    code = horizontal.to_epsg(min_confidence=100)
    if code:  # by codes the parts keep their authority
        return CRS.from_user_input(f"EPSG:{code}+{height.to_epsg()}")
    return CompoundCRS(f"{horizontal.name} + {height.name}", [horizontal, height])


def _code(keys: GeoKeys, key: int) -> int:
    """Return an EPSG code, 0 where the key is absent, user-defined or nonsense."""
    value = keys.get(key, 0)
    return value if isinstance(value, int) and 0 < value < _USER_DEFINED else 0


def _id(crs: Any) -> str:
    found = crs.to_json_dict().get("id")
    return f"{found['authority']}:{found['code']}" if found else ""


def _rounded(degrees: float) -> float:
    return round(float(degrees), 7) + 0.0  # no minus zero
