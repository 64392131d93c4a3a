"""Iris led to S3 for one test, in folders of its own, and a bucket to write in."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import NamedTuple

import pytest

iris = pytest.importorskip("iris")
pytest.importorskip("iris.fileformats.netcdf")  # Iris itself imports it when it first loads
iris_sample_data = pytest.importorskip("iris_sample_data")


@pytest.fixture
def source():
    """The sample files on disk, as they lie in the sandbox under ``s3://teaching/iris/``."""
    return Path(iris_sample_data.path)


@pytest.fixture
def room(tmp_path, monkeypatch, own_mounts):
    """A folder to be in; what could not be stored is kept below it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def led(room, connection):
    """Iris, led to S3 until the test ends; the teacher asks."""
    from s3magic import api

    api.enable_iris()
    yield iris
    api.disable_iris()


@pytest.fixture
def store(connection):
    """The bucket to write in."""
    return connection.store("scratch")


@pytest.fixture
def place():
    """A prefix of its own in that bucket."""
    return f"cubes-{uuid.uuid4().hex}/"


class Spot(NamedTuple):
    """One key in that bucket where nothing is."""

    store: object
    key: str
    url: str


@pytest.fixture
def spot(store, place):
    """A key that is awkward to write."""
    key = f"{place}a b+%20ü.nc"
    return Spot(store, key, f"s3://scratch/{key}")


@pytest.fixture
def put(store, place, tmp_path):
    """Store a cube under that prefix without leading Iris there."""

    def store_cube(name, cube, **words):
        path = tmp_path / f"draft{name[name.rindex('.') :]}"
        iris.save(cube, str(path), **words)
        return store.put(place + name, path.read_bytes())

    return store_cube


@pytest.fixture
def as_user(sandbox):
    """Let somebody else of the sandbox ask from now on."""
    import s3magic

    def ask_as(name, box=None):
        keys = (box or sandbox).users[name]
        return s3magic.connect(
            "keys",
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            endpoint_url=(box or sandbox).endpoint_url,
            region="us-east-1",
        )

    return ask_as


@pytest.fixture
def kept(tmp_path):
    """The files that are kept because they could not be stored, and drafts of them."""
    return lambda: sorted(path for path in (tmp_path / "state").rglob("*") if path.is_file())


@pytest.fixture
def field():
    """Make a cube of so many rows, each of which is its number, times a factor."""
    import iris.coord_systems
    import iris.coords
    import iris.cube
    import numpy as np

    def make(rows=3, columns=4, factor=1.0):
        values = np.repeat(np.arange(rows, dtype="f4")[:, None], columns, axis=1) * np.float32(factor)
        earth = iris.coord_systems.GeogCS(6371229)
        words = {"units": "degrees", "coord_system": earth}
        latitude = iris.coords.DimCoord(np.linspace(0, 60, rows, dtype="f4"), "latitude", **words)
        longitude = iris.coords.DimCoord(np.linspace(0, 90, columns, dtype="f8"), "longitude", **words)
        axes = [(latitude, 0), (longitude, 1)]
        return iris.cube.Cube(values, "air_temperature", units="K", dim_coords_and_dims=axes)

    return make
