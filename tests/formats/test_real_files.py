"""Files of other people's making; those of iris-sample-data always, more where S3MAGIC_REAL_DATA names their folder."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import iris_sample_data
import pytest

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.linking.adding.describe import HEADER_LIMIT, has_header

IRIS = Path(iris_sample_data.path)
REAL = Path(os.environ.get("S3MAGIC_REAL_DATA", "/nonexistent"))


def paths(folder):
    return sorted(path for path in folder.rglob("*") if registry.find(path.name) and not path.name.startswith("._"))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The folder of real files, archives unpacked."""
    if not REAL.is_dir():
        pytest.skip("S3MAGIC_REAL_DATA is not set")
    folder = tmp_path_factory.mktemp("real")
    for archive in REAL.glob("*.tgz"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    for path in paths(REAL):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize("name", [str(path.relative_to(IRIS)) for path in paths(IRIS) if path.parent.name != "UM"])
def test_the_samples_of_iris(name):
    for question in (registry.find(name).describe, registry.find(name).preview):
        with (IRIS / name).open("rb") as file:
            assert question(file)


def headers_cost(reader, path):
    """Return the requests that linking a file makes for what it says of itself."""
    file = reader(path.read_bytes(), path.name, limit=HEADER_LIMIT)
    registry.describe(file, path.name)
    return file.requests


@pytest.mark.parametrize("name", [str(path.relative_to(IRIS)) for path in paths(IRIS) if path.suffix == ".nc"])
def test_three_requests_describe_the_samples_of_iris(reader, name):
    assert headers_cost(reader, IRIS / name) <= 3


def test_three_requests_describe_all_of_them(real, reader):
    cost = {path.name: headers_cost(reader, path) for path in paths(real) if has_header(path)}
    assert max(cost.values()) <= 3, cost


def test_kart_sees_the_same_point_cloud(real):
    with (real / "laz-auckland" / "auckland_0_0.laz").open("rb") as file:
        info = registry.describe(file, "a.laz")
    assert (info.format, info.point_count) == ("laz-1.2", 4231)
    assert info.native_extent == "1754987.85,1755987.77,5920219.76,5921219.64,-1.66,99.83"


def test_kart_sees_the_same_cog(real):
    with (real / "cog-erosion" / "erorisk_silcdb4.tif").open("rb") as file:
        info = registry.describe(file, "a.tif")
    assert (info.format, info.dimensions) == ("geotiff/cog", "762x790")


def test_laspys_copc(real):
    with (real / "simple.copc.laz").open("rb") as file:
        assert registry.describe(file, "a.copc.laz").format == "laz-1.4/copc-1.0"


def test_all_of_them(real):
    found = paths(real)
    assert len(found) > 20
    for path in found:
        for question in (registry.find(path.name).describe, registry.find(path.name).preview):
            with path.open("rb") as file:
                assert question(file)


def test_all_of_them_cut_short(real):
    for path in paths(real):
        file = io.BytesIO(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(UnreadableFormat):
            registry.describe(file, path.name)
