"""Which format a file name stands for; loads a format when it is first used and guards what it raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, BinaryIO, cast

from s3magic.errors import MissingLibrary, S3MagicError, UnreadableFormat
from s3magic.formats.base import PLAIN, Folder, Format, Look, Preview, TileInfo
from s3magic.formats.watch import WatchedFile, WatchedFolder


@dataclass(frozen=True, slots=True)
class LazyFormat:
    """A format whose decoder is imported when it is first asked something.

    The decoder is a module of this package with the functions ``describe(file)`` and
    ``preview(file, *, size, look)`` over a `WatchedFile`, or a `WatchedFolder` where ``is_folder``
    says that many files are one thing. They may raise what their libraries raise:
    here it becomes `UnreadableFormat`, unless the file itself could not be read, which is told
    as it was.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    extra: str
    is_folder: bool = False

    def describe(self, file: BinaryIO, *, placed: bool = True) -> TileInfo:
        """See `Format.describe`."""
        with self._guard(file, self.extra) as watched:
            info: TileInfo = self._decoder().describe(watched)
            return _placed(info) if placed else info

    def preview(self, file: BinaryIO, *, size: int = 160, look: Look = PLAIN) -> Preview:
        """See `Format.preview`."""
        with self._guard(file, "thumbs" if self.extra == "geo" else self.extra) as watched:
            return cast("Preview", self._decoder().preview(watched, size=size, look=look))

    def _decoder(self) -> Any:
        return import_module(f"s3magic.formats.{self.module}")

    @contextmanager
    def _guard(self, file: BinaryIO, extra: str) -> Iterator[WatchedFile | WatchedFolder]:
        watched = WatchedFolder(cast("Folder", file)) if self.is_folder else WatchedFile(file)
        try:
            yield watched
        except BaseException as error:
            if watched.error is not None and isinstance(error, Exception):
                raise watched.error from None
            if isinstance(error, ModuleNotFoundError):
                raise MissingLibrary(
                    f"Reading {self.name} needs the library {error.name}",
                    f'Install it with: pip install "s3magic[{extra}]"',
                ) from error
            # A panic of a library written in Rust is no Exception, but means a broken file just the same.
            if isinstance(error, S3MagicError | MemoryError) or not (isinstance(error, Exception) or _is_panic(error)):
                raise
            raise UnreadableFormat(
                f"Not readable as {self.name}: {watched.name}",
                f"The file is cut short, or is something else under this name ({_reason(error)}).",
            ) from error
        finally:
            watched.close()
        if watched.error is not None:
            raise watched.error


FORMATS: tuple[Format, ...] = (
    LazyFormat("LAS or LAZ", (".las", ".laz"), "las", "geo"),
    LazyFormat("TIFF", (".tif", ".tiff", ".gtiff", ".btf"), "geotiff", "geo"),
    LazyFormat("PP", (".pp",), "pp", "geo"),
    LazyFormat("JPEG, PNG, WebP or GIF", (".jpg", ".jpeg", ".png", ".webp", ".gif"), "picture", "thumbs"),
    LazyFormat("netCDF or HDF5", (".nc", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5", ".he5"), "netcdf", "geo"),
    LazyFormat("Parquet", (".parquet", ".geoparquet", ".pq"), "parquet", "table"),
    LazyFormat("CSV", (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz"), "delimited", "thumbs"),
    LazyFormat(
        "JSON",
        (".json", ".geojson", ".ndjson", ".jsonl", ".geojsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz"),
        "json_text",
        "thumbs",
    ),
    LazyFormat("GRIB", (".grib", ".grib1", ".grib2", ".grb", ".grb1", ".grb2"), "grib", "grib"),
    LazyFormat("Zarr", (".zarr",), "zarr_folder", "zarr", is_folder=True),
    LazyFormat("SVG", (".svg", ".svgz"), "svg", "svg"),
    LazyFormat("video", (".mp4", ".m4v", ".mov", ".webm", ".mkv"), "video", "video"),
)

_BY_SUFFIX = {suffix: format_ for format_ in FORMATS for suffix in format_.suffixes}


def find(name: str) -> Format | None:
    """Return the format of a file name by its ending, whatever its case; None for one not known.

    Examples
    --------
    >>> find("tiles/auckland_0_0.copc.laz").name
    'LAS or LAZ'
    """
    _, *endings = name.rpartition("/")[2].lower().split(".")
    for count in (2, 1):  # what is packed ends in two: .csv.gz
        found = _BY_SUFFIX.get("".join(f".{one}" for one in endings[-count:]))
        if found:
            return found
    return None


def describe(file: BinaryIO, name: str, *, placed: bool = True) -> TileInfo:
    """Return what a file says of itself, see `Format.describe`; a plain ``"file"`` where its name tells no format."""
    format_ = find(name)
    return TileInfo("file", "file") if format_ is None else format_.describe(file, placed=placed)


def _placed(info: TileInfo) -> TileInfo:
    """Return a description with the extent in degrees that its CRS and bounds tell, where it has none of its own."""
    if info.crs84_extent or not info.crs or not info.bounds:
        return info
    from s3magic.formats.crs import crs84_extent  # noqa: PLC0415 - costs pyproj

    return replace(info, crs84_extent=crs84_extent(info.crs, info.bounds))


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:119] + "…"
