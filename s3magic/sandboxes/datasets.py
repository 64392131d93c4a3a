"""The teaching data, made in code: what lies in which bucket under which key, and why; uploads nothing."""

from __future__ import annotations

from collections.abc import Iterator

from s3magic.sandboxes import drawings, film, grids, photos, rasters, tables, tiles, weather
from s3magic.sandboxes.items import Item

ODD_KEYS = (
    "a space.txt",
    "a+plus.txt",
    "100%.txt",
    "%41.txt",
    "Mātātā – 鳥.txt",
    "double//slash.txt",
    "/leading.txt",
    "../up.txt",
    "./here.txt",
    "hash#tag.txt",
    "question?mark.txt",
    "quote'\"quote.txt",
    "curly{a,b}.txt",
    "back\\slash.txt",
)
"""Names under ``odd/`` that S3 takes as they are and that careless programs break on."""


def make() -> Iterator[Item]:
    """Yield everything a fresh sandbox holds, apart from Iris's own sample data.

    Tiles carry a SHA-256, the COPC file one of its single part only, all else CRC-64/NVME, so
    that every way to learn a hash, or not to, can be met.
    """
    laz, grid, pictures = tiles.laz_tiles(), grids.climate(), photos.photos()
    for name, data in laz.items():
        yield Item("teaching", f"tiles/{name}", data, algorithm="SHA256")
    yield Item("teaching", "tiles/hill.las", tiles.las_tile(), algorithm="SHA256")
    yield Item("teaching", "tiles/hill.copc.laz", tiles.copc_file(), in_one_part=True)
    for name, data in rasters.relief().items():
        yield Item("teaching", f"cogs/{name}", data)
    yield Item("teaching", "elevation/coast.tif", rasters.elevation())
    yield Item("teaching", "grids/climate.nc", grid)
    for name, data in pictures.items():
        yield Item("teaching", f"photos/{name}", data)
        if name.endswith(".jpg"):
            yield Item("public", f"photos/{name}", data)
    yield Item("teaching", "tables/stations.csv", tables.stations())
    yield Item("teaching", "tables/observations.parquet", tables.observations())
    yield Item("teaching", "tables/stations.geojson", tables.places())
    for name, data in weather.zarr().items():
        yield Item("teaching", f"weather/climate.zarr/{name}", data)
    yield Item("teaching", "weather/temperature.grib2", weather.grib())
    yield Item("teaching", "drawings/tide.svg", drawings.tide())
    yield Item("teaching", "microscope/cells.ome.tif", drawings.cells())
    yield Item("teaching", "films/flight.webm", film.flight(), "video/webm")
    yield Item("teaching", "archive/stations-1998.csv", tables.stations(), storage_class="GLACIER")
    yield Item("public", "README.txt", _PUBLIC.encode(), "text/plain; charset=utf-8")
    yield Item("private", "exam.txt", _PRIVATE.encode(), "text/plain; charset=utf-8")
    for key in ODD_KEYS:
        yield Item(
            "teaching", f"odd/{key}", f"The key of this object is odd/{key}\n".encode(), "text/plain; charset=utf-8"
        )
    yield from _broken(next(iter(laz.values())), grid)


def _broken(tile: bytes, grid: bytes) -> Iterator[Item]:
    """Yield files that are not what their names say, for every reader meets some."""
    yield Item("teaching", "broken/truncated.laz", tile[: len(tile) // 3])
    yield Item("teaching", "broken/not-a-tiff.tif", b"<html><body>404 Not Found</body></html>\n")
    yield Item("teaching", "broken/truncated.nc", grid[: len(grid) // 2])
    yield Item("teaching", "broken/empty.jpg", b"")


_PUBLIC = """Anybody may list and read this bucket, without credentials:

    box = %s3sandbox
    endpoint = box.endpoint_url
    %s3creds anonymous --endpoint-url $endpoint
    %s3ls s3://public/
"""
_PRIVATE = """Only the teacher can read this.
"""
