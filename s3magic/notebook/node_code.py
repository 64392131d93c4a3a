"""Code about one bucket, folder or object, as a person would write it; runs nothing.

What a magic's line cannot hold (a key with a line break) is written as Python.
"""

from __future__ import annotations

from collections.abc import Callable

from s3magic.naming import file_name
from s3magic.notebook import hand_over
from s3magic.url import S3Url

_IRIS = ("nc", "nc4", "cdf", "pp", "grib", "grib2", "grb", "grb2")
_READERS = {
    "csv": ("import pandas as pd", "table = pd.read_csv({})\ntable"),
    "parquet": ("import pandas as pd", "table = pd.read_parquet({})\ntable"),
    "json": ("import json", "with open({}, encoding='utf-8') as file:\n    found = json.load(file)"),
    "geojson": ("import json", "with open({}, encoding='utf-8') as file:\n    found = json.load(file)"),
    **dict.fromkeys(_IRIS, ("import iris", "cubes = iris.load({})\ncubes")),
    **dict.fromkeys(("h5", "hdf5"), ("import h5py", "file = h5py.File({})\nlist(file)")),
    **dict.fromkeys(("tif", "tiff"), ("import rasterio", "raster = rasterio.open({})\nraster.profile")),
    **dict.fromkeys(("las", "laz"), ("import laspy", "cloud = laspy.read({})\ncloud")),
    **dict.fromkeys(("jpg", "jpeg", "png", "webp", "gif"), ("from PIL import Image", "Image.open({})")),
    **dict.fromkeys(
        ("txt", "md", "xml", "yaml", "yml"), ("", "with open({}, encoding='utf-8') as file:\n    text = file.read()")
    ),
}
_ANY = ("", "with open({}, 'rb') as file:\n    beginning = file.read(1000)")


def mount(place: S3Url) -> str:
    """Return the line that mounts a folder, or the folder that an object is in."""
    folder = _folder(place)
    return _line(
        place, lambda: hand_over.mount_line([str(folder)]), f"import s3magic\nm = s3magic.mount({str(folder)!r})\nm"
    )


def link(place: S3Url) -> str:
    """Return the line that links an object, or every object of a folder, into a new folder beside the notebook."""
    url, name = str(place), file_name(_folder(place).name or place.bucket) or "linked"
    return _line(
        place,
        lambda: hand_over.link_line([url], name),
        f"import s3magic\ns3magic.link({hand_over.escaped(url)!r}, {name!r})",
    )


def copy(place: S3Url) -> str:
    """Return the line that copies an object beside the notebook, or a folder into one of its name there."""
    url, into = str(place), "./"
    if place.is_prefix:
        into = file_name(place.name or place.bucket) or "copied"
    return _line(
        place,
        lambda: hand_over.copy_line(url, into),
        f"import s3magic\ns3magic.copy({hand_over.escaped(url)!r}, {into!r})",
    )


def thumbs(place: S3Url) -> str:
    """Return the line that shows previews of an object, or of what lies in a folder."""
    return _line(
        place,
        lambda: hand_over.thumbs_line(str(place)),
        f"import s3magic\ns3magic.thumbs({hand_over.escaped(str(place))!r})",
    )


def read(place: S3Url) -> str:
    """Return code that opens an object with the library of its type, or lists a folder, through a mount."""
    folder = _folder(place)
    first = f"m = s3magic.mount({str(folder)!r})"
    if place.is_prefix:
        return f"import os\n\nimport s3magic\n\n{first}\nos.listdir(m)"
    ending = place.key.rpartition(".")[2].lower()
    needs, code = _READERS.get(ending, _ANY)
    if ending in _IRIS and place.key.isprintable() and hand_over.escaped(place.key) == place.key:
        return f"import iris\n\ncubes = iris.load({str(place)!r})\ncubes"
    name = file_name(place.key[len(folder.key) :]) or place.name
    head = f"{needs}\nimport s3magic" if needs else "import s3magic"
    return f"{head}\n\n{first}\n{code.format(f'm / {name!r}')}"


def _folder(place: S3Url) -> S3Url:
    return place if place.is_prefix else place.with_key(place.key[: place.key.rfind("/") + 1])


def _line(place: S3Url, magic: Callable[[], str], python: str) -> str:
    return magic() if place.key.isprintable() else python
