"""A small climate on a globe as netCDF-4, written with h5py; needs neither Iris nor its sample data."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np

from s3magic.sandboxes.terrain import noise

_LATITUDES, _LONGITUDES, _MONTHS = 61, 120, 12
MONTH_DAYS = 30.4375


def climate() -> bytes:
    """Return monthly air temperature and precipitation, 12 × 61 × 120, with CF attributes."""
    latitude = np.linspace(-90, 90, _LATITUDES, dtype=np.float32)
    longitude = np.arange(_LONGITUDES, dtype=np.float32) * 3
    land = noise((_LATITUDES, _LONGITUDES), 401, roughness=2.6, feature=1)
    out = io.BytesIO()
    with h5py.File(out, "w", track_order=True, libver=("v108", "v110")) as file:
        file.attrs.update({"Conventions": "CF-1.8", "title": "An invented climate", "source": "s3magic sandbox"})
        _axis(file, "time", (np.arange(_MONTHS) + 0.5) * MONTH_DAYS, "days since 2001-01-01", "T", calendar="standard")
        _axis(file, "latitude", latitude, "degrees_north", "Y")
        _axis(file, "longitude", longitude, "degrees_east", "X")
        _variable(file, "air_temperature", _temperature(latitude, land), "K", "Air temperature near the surface")
        _variable(file, "precipitation_flux", _rain(latitude, land), "kg m-2 s-1", "Precipitation")
    return out.getvalue()


def temperature() -> tuple[Any, Any, Any]:
    """Return the air temperature of `climate` by month, latitude and longitude, and the last two's places."""
    latitude = np.linspace(-90, 90, _LATITUDES, dtype=np.float32)
    land = noise((_LATITUDES, _LONGITUDES), 401, roughness=2.6, feature=1)
    return _temperature(latitude, land), latitude, np.arange(_LONGITUDES, dtype=np.float32) * 3


def _temperature(latitude: Any, land: Any) -> Any:
    phase = np.cos(2 * np.pi * (np.arange(_MONTHS) - 0.7) / _MONTHS)[:, None, None]
    lat = np.radians(latitude)[None, :, None]
    swing = (4 + 26 * np.clip(land - 0.4, 0, 1))[None] * np.sin(lat)
    return (301 - 52 * np.sin(lat) ** 2 - 16 * np.clip(land - 0.55, 0, 1)[None] - swing * phase).astype(np.float32)


def _rain(latitude: Any, land: Any) -> Any:
    month = np.arange(_MONTHS)[:, None, None]
    belt = latitude[None, :, None] - 11 * np.sin(2 * np.pi * (month - 3.5) / _MONTHS)
    amount = 9 * np.exp(-((belt / 9) ** 2)) + 3 * np.exp(-(((np.abs(latitude)[None, :, None] - 48) / 14) ** 2))
    return (amount * (0.4 + 1.2 * land[None]) / 86_400).astype(np.float32)


def _axis(file: Any, name: str, values: Any, units: str, axis: str, **more: str) -> None:
    made = file.create_dataset(name, data=values)
    made.make_scale(name)
    made.attrs.update({"standard_name": name, "units": units, "axis": axis, **more})


def _variable(file: Any, name: str, values: Any, units: str, title: str) -> None:
    made = file.create_dataset(
        name, data=values, chunks=(1, *values.shape[1:]), compression="gzip", shuffle=True, track_times=False
    )
    for index, dimension in enumerate(("time", "latitude", "longitude")):
        made.dims[index].attach_scale(file[dimension])
    made.attrs.update({"standard_name": name, "long_name": title, "units": units})
