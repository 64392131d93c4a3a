"""Things that are drawn rather than measured: a tide table as SVG, and invented cells as an OME-TIFF."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import tifffile

from s3magic.sandboxes.terrain import noise

_WIDTH, _HEIGHT = 480, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 40, 34
_DAYS, _HIGHEST = 3, 2.5
_SIDE, _DEPTHS = 256, 5


def tide() -> bytes:
    """Return the tide of three days as an SVG drawing."""
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(hour: float, height: float) -> str:
        return f"{_LEFT + across * hour / (24 * _DAYS):.1f},{_HEIGHT - _BOTTOM - down * height / _HIGHEST:.1f}"

    def level(hour: float) -> float:
        return 1.2 + (0.85 + 0.12 * hour / 24) * math.cos(2 * math.pi * (hour - 2) / 12.42)

    line = " ".join(place(hour / 2, level(hour / 2)) for hour in range(48 * _DAYS + 1))
    ink, faint = 'fill="#24323d"', 'fill="#5c6b77"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif">',
        '<defs><linearGradient id="sea" x1="0" y1="0" x2="0" y2="1">',
        '<stop stop-color="#7fb8d6"/><stop offset="1" stop-color="#d9ecf5"/></linearGradient></defs>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fbfaf7"/>',
        f'<text x="{_LEFT}" y="25" font-size="16" font-weight="bold" {ink}>Tide at the invented harbour</text>',
    ]
    for height in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
        left, y = place(0, height).split(",")
        parts.append(f'<path d="M{left} {y}h{across}" stroke="#d7dce0" stroke-width="1"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{float(y) + 4}" font-size="11" text-anchor="end" {faint}>{height:g} m</text>'
        )
    shore = f"{place(0, 0)} {line} {place(24 * _DAYS, 0)}"
    parts.append(f'<polygon points="{shore}" fill="url(#sea)"/>')
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f6f9c" stroke-width="2.5"/>')
    for day in range(_DAYS):
        x = place(24 * day + 12, 0).split(",")[0]
        parts.append(
            f'<text x="{x}" y="{_HEIGHT - 12}" font-size="12" text-anchor="middle" {faint}>{1 + day} February</text>'
        )
    return "\n".join([*parts, "</svg>\n"]).encode()


def cells() -> bytes:
    """Return three channels of cells at five depths, with a smaller copy of each."""
    stack = np.stack([_plane(depth) for depth in range(_DEPTHS)])
    out = io.BytesIO()
    kind: dict[str, Any] = {"photometric": "minisblack", "tile": (64, 64), "compression": "zlib"}
    about: dict[str, Any] = {
        "axes": "ZCYX",
        "UUID": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "Channel": {"Name": ["Nuclei", "Actin", "Vesicles"]},
        "PhysicalSizeX": 0.325,
        "PhysicalSizeXUnit": "µm",
    }
    with tifffile.TiffWriter(out, ome=True) as tiff:
        tiff.write(stack, metadata=about, subifds=1, software="s3magic sandbox", **kind)
        tiff.write(stack[..., ::2, ::2], subfiletype=1, **kind)
    return out.getvalue()


def _plane(depth: int) -> Any:
    """Return nuclei, the net around them, and what swims in it, sharp in the middle depth."""
    chance = np.random.default_rng(611)
    y, x = np.mgrid[:_SIDE, :_SIDE]
    blur = 1 + 0.25 * abs(depth - _DEPTHS // 2)
    nuclei, net, dots = (np.zeros((_SIDE, _SIDE)) for _ in range(3))
    for _ in range(22):
        row, column = chance.uniform(0, _SIDE, 2)
        turn, long = chance.uniform(0, np.pi), chance.uniform(11, 17)
        along = (x - column) * np.cos(turn) + (y - row) * np.sin(turn)
        beside = -(x - column) * np.sin(turn) + (y - row) * np.cos(turn)
        away = (along / long) ** 2 + (beside / (0.7 * long)) ** 2
        nuclei += 1 / (1 + np.exp(np.clip((away - 1) * 6 / blur, -30, 30)))
        net += np.exp(-((np.sqrt(away) - 2.1) ** 2) / (0.12 * blur))
        for _ in range(9):
            angle, far = chance.uniform(0, 2 * np.pi), chance.uniform(1.2, 1.9) * long
            down, right = row + far * np.sin(angle), column + far * np.cos(angle)
            beam = [np.exp(-((line - at) ** 2) / (3 * blur**2)) for line, at in ((y[:, 0], down), (x[0], right))]
            dots += np.outer(*beam) / blur
    grain = noise((_SIDE, _SIDE), 612, roughness=0.8, feature=0.06)
    layers = [
        140 + 2600 * np.clip(nuclei, 0, 1.2) * (0.75 + 0.5 * grain),
        120 + 1500 * np.clip(net, 0, 1.5) * (0.5 + grain),
        100 + 2200 * np.clip(dots, 0, 1.5),
    ]
    return np.stack(layers).astype(np.uint16) & 0xFFF0  # what a camera of 12 bits could tell apart
