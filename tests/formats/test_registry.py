from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from format_samples import las

from s3magic.errors import MissingLibrary
from s3magic.formats import registry
from s3magic.formats.base import TileInfo, numbers
from s3magic.formats.crs import crs84_extents


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tile.laz", "LAS or LAZ"),
        ("deep/er/tile.COPC.LAZ", "LAS or LAZ"),
        ("a.TIFF", "TIFF"),
        ("a.nc", "netCDF or HDF5"),
        ("a.h5", "netCDF or HDF5"),
        ("a.pp", "PP"),
        ("photo.JPEG", "JPEG, PNG, WebP or GIF"),
        ("a.webp", "JPEG, PNG, WebP or GIF"),
        ("a.b.csv", "CSV"),
        ("deep.er/a.CSV.GZ", "CSV"),
        ("a.ndjson.gz", "JSON"),
        ("a.geojson", "JSON"),
        ("a.parquet", "Parquet"),
        ("a.svgz", "SVG"),
        ("a.ome.tif", "TIFF"),
        ("a.ome.zarr", "Zarr"),
        ("a.grib2", "GRIB"),
        ("a.webm", "video"),
    ],
)
def test_formats_go_by_their_suffix(name, found):
    assert registry.find(name).name == found


@pytest.mark.parametrize(
    "name", ["README", "a.txt", "", "laz", "a.laz.txt", "a.", "a.gz", "csv.gz", ".csv.d/x", "a.txt.gz"]
)
def test_what_is_not_known_is_a_plain_file(name):
    assert registry.find(name) is None
    assert registry.describe(io.BytesIO(b"anything"), name) == TileInfo("file", "file")


def test_no_suffix_belongs_to_two_formats():
    suffixes = [suffix for format_ in registry.FORMATS for suffix in format_.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_looking_a_format_up_loads_no_library():
    code = """if True:
        import json, sys
        from s3magic.formats import registry
        for format_ in registry.FORMATS:
            registry.find("a" + format_.suffixes[0])
        libraries = "numpy pyproj h5py PIL tifffile lazrs pyarrow zarr eccodes av resvg_py".split()
        print(json.dumps([m for m in libraries if m in sys.modules]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("name", "library", "question", "extra"),
    [
        ("a.las", "pyproj", "describe", "geo"),
        ("a.las", "PIL", "preview", "thumbs"),
        ("a.jpg", "PIL", "describe", "thumbs"),
        ("a.h5", "h5py", "describe", "geo"),
        ("a.parquet", "pyarrow", "describe", "table"),
        ("a.csv", "PIL", "preview", "thumbs"),
        ("a.svg", "resvg_py", "preview", "svg"),
        ("a.grib", "eccodes", "describe", "grib"),
        ("a.mp4", "av", "preview", "video"),
    ],
)
def test_a_missing_library_names_its_extra(tmp_path, name, library, question, extra):
    (tmp_path / "a").write_bytes(b"a,b\n1,2\n" if name.endswith("csv") else las())
    code = f"""if True:
        import sys
        sys.modules[{library!r}] = None
        from s3magic.errors import MissingLibrary
        from s3magic.formats import registry
        with open({str(tmp_path / "a")!r}, "rb") as file:
            try:
                getattr(registry.find({name!r}), {question!r})(file)
            except MissingLibrary as error:
                print(*error.lines())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"s3magic[{extra}]" in done.stdout
    assert library in done.stdout
    assert issubclass(MissingLibrary, ImportError)


def test_numbers_are_as_short_as_they_can_be():
    assert numbers(1754987.85, 1755987.0, -1.66, 1e22) == "1754987.85,1755987.0,-1.66,1e+22"


def test_a_description_is_json():
    info = registry.describe(io.BytesIO(las()), "a.las")
    assert json.loads(json.dumps(info.to_json()))["bounds"] == list(info.bounds)
    assert registry.describe(io.BytesIO(las()), "a.las") == info


def test_extents_of_many_files_can_be_had_at_once():
    info = registry.describe(io.BytesIO(las()), "a.las")
    later = registry.describe(io.BytesIO(las()), "a.las", placed=False)
    assert info.crs84_extent
    assert later == replace(info, crs84_extent=None)
    places = [(later.crs, later.bounds), (None, later.bounds), (later.crs, None), ("no WKT", later.bounds)]
    assert crs84_extents(places) == [info.crs84_extent, None, None, None]


def test_the_callers_file_stays_open_and_its_position_does_not_matter():
    file = io.BytesIO(las())
    file.seek(500)
    assert registry.describe(file, "a.las").point_count == 96 * 96
    assert not file.closed


def test_an_error_of_the_file_comes_through():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise PermissionError("not yours")

    for name in ("a.las", "a.tif", "a.nc", "a.jpg", "a.pp"):
        with pytest.raises(PermissionError):
            registry.describe(Failing(bytes(1000)), name)


def test_a_zarr_without_its_library_names_its_extra():
    code = """if True:
        import sys
        sys.modules["zarr"] = None
        from s3magic.errors import MissingLibrary
        from s3magic.formats import registry
        class Empty:
            name = "a.zarr"
        try:
            registry.find("a.zarr").preview(Empty())
        except MissingLibrary as error:
            print(*error.lines())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "s3magic[zarr]" in done.stdout
