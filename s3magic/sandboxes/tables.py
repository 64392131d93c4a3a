"""Small tables: weather stations and what they measured, as CSV, GeoJSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_STATIONS = (
    ("WN01", "Harbour", -41.285, 174.78, 3),
    ("WN02", "Kelburn Hill", -41.284, 174.767, 125),
    ("WN03", "South Coast", -41.346, 174.76, 8),
    ("CH01", "Māwhero Plain", -43.49, 172.53, 37),
    ("QT01", "Lakeside", -45.03, 168.66, 310),
    ("AU01", "Volcano Road", -36.88, 174.76, 60),
)
_HOURS = 24 * 28


def stations() -> bytes:
    """Return the stations as CSV in UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("station", "name", "latitude", "longitude", "altitude_m"))
    writer.writerows(_STATIONS)
    return out.getvalue().encode()


def places() -> bytes:
    """Return the stations as GeoJSON."""
    names = ("station", "name", "altitude_m")
    features = [
        {
            "type": "Feature",
            "properties": dict(zip(names, (code, name, altitude), strict=True)),
            "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        }
        for code, name, latitude, longitude, altitude in _STATIONS
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1).encode()


def observations() -> bytes:
    """Return four weeks of hourly temperature and wind at every station, as Parquet."""
    rng = np.random.default_rng(501)
    hours = np.arange(_HOURS)
    start = datetime(2024, 2, 1)  # noqa: DTZ001 - a column of UTC without zone, as such files have it
    parts = []
    for code, _, latitude, _, altitude in _STATIONS:
        day = 5 * np.sin(2 * np.pi * (hours - 9) / 24)
        drift = np.cumsum(rng.normal(0, 0.25, _HOURS))
        temperature = 19 + 0.55 * (latitude + 41) - altitude / 150 + day + drift - drift.mean()
        wind = np.abs(rng.normal(6, 3, _HOURS)) + 1.5 * np.sin(2 * np.pi * (hours - 13) / 24)
        parts.append(
            pa.table(
                {
                    "station": [code] * _HOURS,
                    "time": [start + timedelta(hours=int(hour)) for hour in hours],
                    "temperature_c": pa.array(np.round(temperature, 1), pa.float32()),
                    "wind_ms": pa.array(np.round(np.clip(wind, 0, None), 1), pa.float32()),
                }
            )
        )
    out = io.BytesIO()
    pq.write_table(pa.concat_tables(parts), out, compression="zstd")
    return out.getvalue()
