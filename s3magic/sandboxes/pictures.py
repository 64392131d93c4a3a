"""Landscape photographs of places that do not exist, by walking a view over invented mountains.

For each column of a picture the ground is followed from near to far; what rises above all that is
nearer is seen. Light, haze, clouds and still water do the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from s3magic.sandboxes.terrain import light, noise, ramp, ridges, sample, scaled

Color = tuple[float, float, float]
_MAP = 512
_STEPS = 600
_PEAK = 88  # height of the highest mountain, in cells of the map
_HALF_ANGLE = 0.62  # tangent of half the angle of view


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture to take.

    Parameters
    ----------
    zenith, horizon, ground
        Sky above, sky below, and the tint of the haze over distant land, 0 to 255.
    sun
        Where the sun stands: east, south, up.
    glow
        Colour and strength of the light around the sun.
    clouds
        Share of the sky under cloud, 0 to 1.
    water
        Height of the lake's surface, 0 to 1; 0 for no lake.
    snow
        Height above which snow lies, 0 to 1.
    green
        Colours of low ground and slopes.
    relief
        Height of the mountains.
    """

    seed: int
    zenith: Color = (48, 104, 172)
    horizon: Color = (196, 216, 232)
    sun: tuple[float, float, float] = (-0.6, -0.3, 0.55)
    glow: Color = (255, 244, 214)
    clouds: float = 0.4
    water: float = 0.0
    snow: float = 0.62
    green: tuple[Color, Color] = ((74, 96, 44), (104, 112, 66))
    rock: Color = (112, 104, 98)
    relief: float = 1.0
    sunlight: Color = (1.08, 1.02, 0.92)


SCENES: dict[str, Scene] = {
    "alps-at-noon": Scene(103, clouds=0.45),
    "dawn-on-the-lake": Scene(
        134, zenith=(84, 110, 168), horizon=(252, 198, 158), glow=(255, 214, 150), sun=(0.8, -0.2, 0.22),
        water=0.36, clouds=0.35, sunlight=(1.25, 0.96, 0.76), snow=0.7,
    ),
    "evening-ridges": Scene(
        37, zenith=(58, 62, 118), horizon=(250, 150, 104), glow=(255, 180, 92), sun=(-0.9, -0.1, 0.16),
        clouds=0.5, sunlight=(1.3, 0.82, 0.6), snow=0.95, green=((58, 66, 44), (88, 80, 62)),
    ),
    "autumn-valley": Scene(
        41, zenith=(72, 128, 186), horizon=(226, 224, 212), clouds=0.3, snow=0.88,
        green=((150, 104, 36), (132, 62, 30)), rock=(124, 112, 96), relief=0.75,
    ),
    "before-the-storm": Scene(
        186, zenith=(62, 70, 84), horizon=(156, 166, 172), glow=(220, 224, 226), clouds=0.9,
        sunlight=(0.78, 0.82, 0.86), water=0.3, snow=0.74, green=((56, 72, 46), (78, 84, 64)),
    ),
    "first-snow": Scene(
        67, zenith=(96, 138, 190), horizon=(224, 232, 242), clouds=0.25, snow=0.34, rock=(96, 96, 104),
        sun=(0.7, -0.3, 0.4),
    ),
    "red-desert": Scene(
        73, zenith=(58, 118, 186), horizon=(240, 220, 190), clouds=0.08, snow=2.0,
        green=((198, 134, 84), (172, 92, 54)), rock=(150, 78, 48), relief=0.85, sun=(0.65, -0.2, 0.5),
    ),
    "northern-fjord": Scene(
        153, zenith=(70, 120, 170), horizon=(208, 222, 230), water=0.44, clouds=0.6, snow=0.6,
        green=((50, 86, 50), (84, 104, 66)), relief=1.15,
    ),
}  # fmt: skip


def take(scene: Scene, width: int, height: int) -> Any:
    """Return a picture as an array (height, width, 3) of bytes."""
    picture, horizon, lake = _land(scene, width, height)
    if scene.water:
        _reflect(picture, lake, horizon, scene)
    rng = np.random.default_rng(scene.seed)
    picture += rng.normal(0, 2.2, (height, width, 1))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    picture *= (1.03 - 0.2 * (x**2 + y**2) ** 1.5 / 2.8)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _land(scene: Scene, width: int, height: int) -> tuple[Any, int, Any]:
    ground = ridges((_MAP, _MAP), scene.seed)
    level = np.maximum(ground, scene.water)
    colors = _paint(scene, ground, level)
    horizon = int(height * 0.46)
    near, far = 9.0, 420.0
    depth = near * (far / near) ** np.linspace(0, 1, _STEPS)
    across = np.linspace(-_HALF_ANGLE, _HALF_ANGLE, width)
    start = _viewpoint(level)
    x = start[0] + depth[:, None] * across[None, :]
    y = start[1] - depth[:, None] + np.zeros(width)
    # Ground at the viewer's feet sinks away and the far end rises, as in a valley.
    valley = 0.12 + 0.88 * np.clip((depth - 30) / 150, 0, 1)[:, None]
    heights = sample(level, x, y)
    floor = scene.water or 0.3
    lifted = floor + (heights - floor) * valley
    eye = floor + 0.07
    rows = horizon - (lifted - eye) * _PEAK * scene.relief * width / (2 * _HALF_ANGLE) / depth[:, None]
    reach = np.minimum.accumulate(rows, axis=0)
    index = np.stack([np.searchsorted(-reach[:, column], -np.arange(height)) for column in range(width)], axis=1)
    line, column = np.nonzero(index < _STEPS)
    index = index[line, column]
    away = depth[index]
    x, y = start[0] + away * across[column], start[1] - away
    grain = noise((256, 256), scene.seed + 8, roughness=0.9, feature=0.2) - 0.5
    speckle = 1 + (1.5 * sample(grain, 23 * x, 23 * y) + sample(grain, 5 * x, 5 * y)) * np.exp(-away / 90)
    haze = (1 - np.exp(-((away / far) ** 1.25) * 2.1))[:, None]
    near_color = sample(colors, x, y) * speckle[:, None]
    picture = _sky(scene, width, height, horizon)
    picture[line, column] = near_color + (np.array(scene.horizon) * 0.94 - near_color) * haze
    lake = np.zeros((height, width), bool)
    lake[line, column] = heights[index, column] <= (scene.water + 1e-6 if scene.water else -1)
    return picture, horizon, lake


def _viewpoint(level: Any) -> tuple[int, int]:
    """Return a low place to stand: column and row of the map."""
    smooth = sum(np.roll(level, (i, j), (0, 1)) for i in range(-40, 41, 20) for j in range(-40, 41, 20))
    row, column = np.unravel_index(int(np.argmin(smooth)), level.shape)
    return int(column), int(row)


def _paint(scene: Scene, ground: Any, level: Any) -> Any:
    shade = light(level * _PEAK, sun=scene.sun)
    down, right = np.gradient(level * _PEAK)
    steep = np.hypot(down, right)
    grain = noise(ground.shape, scene.seed + 7, roughness=1.2, feature=0.05)
    base = ramp(ground + 0.16 * (grain - 0.5), (0.2, scene.green[0]), (0.55, scene.green[1]), (0.72, scene.rock))
    bare = np.clip((steep - 1.5) / 1.2, 0, 1)[..., None]
    base = base * (1 - bare) + np.array(scene.rock) * (0.8 + 0.4 * grain[..., None]) * bare
    snow = np.clip((ground + 0.12 * (grain - 0.5) - scene.snow) * 14, 0, 1) * np.clip(2.6 - steep, 0.15, 1)
    base = base * (1 - snow[..., None]) + np.array((244, 247, 252)) * snow[..., None]
    lit = (0.34 + 0.92 * shade)[..., None] * np.array(scene.sunlight)
    base = base * lit * (0.82 + 0.36 * grain[..., None])
    if scene.water:
        base[ground <= scene.water] = np.array((40, 62, 78))
    return base


def _sky(scene: Scene, width: int, height: int, horizon: int) -> Any:
    up = np.clip(1 - np.arange(height) / (horizon * 1.05), 0, 1)[:, None]
    sky = np.stack([scene.horizon[i] + (scene.zenith[i] - scene.horizon[i]) * up**0.7 for i in range(3)], axis=-1)
    sky = np.repeat(sky, width, axis=1)
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    sun_x, sun_y = 0.5 + 0.42 * scene.sun[0], 0.46 - 0.42 * scene.sun[2]
    far = np.hypot((x - sun_x) * width / height, y - sun_y)
    glow = np.exp(-((far / 0.34) ** 1.1)) * (1 - 0.75 * scene.clouds)
    disc = np.clip((0.021 - far) * 160, 0, 1) * (scene.clouds < 0.8)
    sky += (np.array(scene.glow) - sky) * np.clip(glow + disc, 0, 1)[..., None]
    # Clouds lie on a plane overhead: they are drawn together towards the horizon.
    cover = noise((256, 256), scene.seed + 3, roughness=2.05, feature=0.3)
    away = 1 / np.clip(0.5 - y, 0.035, None)
    cloud = scaled(cover)
    mass = sample(cloud, (x - 0.5) * 95 * away**0.8 + 60, away * 34)
    edge = np.quantile(cloud, 1 - scene.clouds)
    density = np.clip((mass - edge) * 5.5, 0, 1) * np.clip((0.47 - y) * 9, 0, 1)
    lit = np.clip(1.1 - (mass - edge) * (1.2 + 2.2 * (scene.clouds > 0.7)), 0.45, 1)[..., None]
    white = np.array([min(255.0, 0.62 * 255 + 0.38 * c) for c in scene.glow]) * lit * np.array(scene.sunlight) ** 0.4
    return sky + (white - sky) * (0.9 * density)[..., None]


def _reflect(picture: Any, lake: Any, horizon: int, scene: Scene) -> None:
    """Show the far shore and the sky upside down in still water, broken by small waves."""
    rows, columns = np.nonzero(lake)
    if not len(rows):
        return
    height, width = lake.shape
    depth = (rows - horizon) / (height - horizon)
    rng = np.random.default_rng(scene.seed + 5)
    wave = noise((256, 256), scene.seed + 6, roughness=1.7, feature=0.1) - 0.5
    stretch = 1 / np.clip(depth, 0.02, None)
    ripple = sample(wave, columns * 0.35 * stretch**0.6, 260 * stretch**0.55) * (4 + 42 * depth) * height / 480
    mirrored = np.clip(2 * horizon - rows + ripple, 0, horizon).astype(int)
    sideways = np.clip(columns + ripple * 0.5 + rng.normal(0, 0.4, len(columns)), 0, width - 1).astype(int)
    fresnel = np.clip(0.84 - 0.5 * depth, 0.3, 1)[:, None]
    deep = np.array(scene.zenith) * 0.34 + np.array((6, 20, 22))
    picture[rows, columns] = picture[mirrored, sideways] * fresnel * 0.93 + deep * (1 - fresnel)
