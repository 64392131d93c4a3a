"""Iris reads through a mount just what it reads from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

iris = pytest.importorskip("iris")
iris_sample_data = pytest.importorskip("iris_sample_data")

SOURCE = Path(iris_sample_data.path)
FILES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*") if path.suffix in {".nc", ".pp"})


@pytest.mark.filterwarnings("ignore")  # what Iris has to say of its own sample files
def test_every_netcdf_and_pp_file_loads_as_from_disk(mount):
    mounted = mount("s3://teaching/iris/")
    assert len(FILES) > 100
    for name in FILES:
        assert iris.load(mounted / name) == iris.load(SOURCE / name), name
    assert mounted.stats()["errors"] == 0


@pytest.mark.filterwarnings("ignore")
def test_lazy_data_is_read_when_it_is_wanted(mount):
    mounted = mount("s3://teaching/iris/")
    (cube,) = iris.load(mounted / "E1_north_america.nc")
    assert cube.has_lazy_data()
    (same,) = iris.load(SOURCE / "E1_north_america.nc")
    assert (cube[3].data == same[3].data).all()
    assert mounted.stats()["bytes_fetched"] <= (SOURCE / "E1_north_america.nc").stat().st_size
