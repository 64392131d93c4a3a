from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from format_samples import las

from s3magic.errors import MissingLibrary
from s3magic.formats import registry
from s3magic.formats.base import TileInfo, numbers


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
    ],
)
def test_formats_go_by_their_suffix(name, found):
    assert registry.find(name).name == found


@pytest.mark.parametrize("name", ["README", "a.txt", "", "laz", "a.laz.txt", "a."])
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
        for name in ("a.laz", "a.tif", "a.nc", "a.jpg", "a.pp"):
            registry.find(name)
        print(json.dumps([m for m in ("numpy", "pyproj", "h5py", "PIL", "tifffile", "lazrs") if m in sys.modules]))
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
    ],
)
def test_a_missing_library_names_its_extra(tmp_path, name, library, question, extra):
    (tmp_path / "a").write_bytes(las())
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
