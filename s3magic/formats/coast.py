"""Coastlines over a picture, where cartopy is installed and Natural Earth's are on this disk; fetches nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from s3magic.formats.colours import INK, SHADOW
from s3magic.formats.drawing import Overlay
from s3magic.formats.grid_map import Window

_WIDE, _NARROW = 90.0, 20.0  # degrees of longitude
_METRES = 111_320.0  # in a degree
_FULL_CIRCLE = 360.0
_LARGE = 480  # pixels from which on a line may be wider

Line = NDArray[np.float64]


def overlay(window: Window | None) -> Overlay | None:
    """Return what draws the coasts in a window; None where it is nowhere on earth, or there are no coastlines."""
    if window is None:
        return None
    try:
        crs = CRS(window.crs) if window.crs else None
        in_degrees = crs is None or crs.is_geographic
        span = (window.right - window.left) / (1 if in_degrees else _METRES)
        # Where a window is small, coarse coasts would lie beside the true ones.
        lines = _coastlines(("110m", "50m") if span > _WIDE else ("50m", "110m") if span > _NARROW else ("50m",))
        placed = _placed(lines, crs, in_degrees=in_degrees)
    except (CRSError, ProjError):
        return None
    if not placed:
        return None

    def draw(picture: Image.Image) -> None:
        paths = [path for line in placed for path in _paths(line, window, picture.width, picture.height)]
        pen, is_large = ImageDraw.Draw(picture), max(picture.size) >= _LARGE
        for entry, width in ((SHADOW, 4 if is_large else 2), (INK, 2 if is_large else 1)):
            for path in paths:
                pen.line(path, fill=entry, width=width)

    return draw


def _placed(lines: Sequence[Line], crs: CRS | None, *, in_degrees: bool) -> list[Line]:
    """Return the lines in the measure of a CRS, or in degrees of the earth."""
    placed = list(lines)
    if crs is not None:
        to_window = Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
        placed = [np.column_stack(to_window.transform(line[:, 0], line[:, 1])) for line in lines]
    # A window may begin at 0° as well as at 180° west, and reach beyond either.
    turns = (-1, 0, 1) if in_degrees else (0,)
    return [line + np.array((turn * _FULL_CIRCLE, 0)) for line in placed for turn in turns]


def _paths(line: Line, window: Window, width: int, height: int) -> list[list[tuple[float, float]]]:
    """Return the parts of a line that are in the picture, in pixels."""
    with np.errstate(all="ignore"):
        x = (line[:, 0] - window.left) / (window.right - window.left) * width
        y = (window.top - line[:, 1]) / (window.top - window.bottom) * height
        inside = np.isfinite(x) & np.isfinite(y) & (np.abs(x) < 3 * width) & (np.abs(y) < 3 * height)
    paths = []
    for run in np.split(np.arange(len(x)), np.flatnonzero(inside[1:] != inside[:-1]) + 1):
        if not inside[run[0]] or len(run) < 2:
            continue
        across, down = x[run], y[run]
        if across.max() < 0 or across.min() > width or down.max() < 0 or down.min() > height:
            continue
        # Where a projection tears the earth apart, a line leaps across.
        torn = np.flatnonzero(np.hypot(np.diff(across), np.diff(down)) > math.hypot(width, height) / 2) + 1
        paths += [
            [(float(across[at]), float(down[at])) for at in part]
            for part in np.split(np.arange(len(run)), torn)
            if len(part) > 1
        ]
    return paths


@lru_cache(maxsize=4)
def _coastlines(resolutions: tuple[str, ...]) -> tuple[Line, ...]:
    """Return the first coastlines on this disk: longitude and latitude of each point, in a row."""
    try:
        import cartopy  # noqa: PLC0415 - one library among others that a picture can do without
        import shapefile  # noqa: PLC0415
    except ImportError:
        return ()
    folders = [Path(cartopy.config[name]) for name in ("pre_existing_data_dir", "data_dir", "repo_data_dir")]
    for resolution in resolutions:
        for folder in folders:
            path = folder / "shapefiles" / "natural_earth" / "physical" / f"ne_{resolution}_coastline.shp"
            if path.is_file():
                return _read(path, shapefile)
    return ()


def _read(path: Path, shapefile: object) -> tuple[Line, ...]:
    """Return the lines of a shape file; none where it is broken."""
    lines: list[Line] = []
    try:
        with shapefile.Reader(str(path)) as reader:  # type: ignore[attr-defined]
            for shape in reader.iterShapes():
                lines += np.split(np.array(shape.points, float), list(shape.parts)[1:])
    except Exception:  # noqa: BLE001 - a picture without coasts is better than none
        return ()
    return tuple(line for line in lines if len(line) > 1)
