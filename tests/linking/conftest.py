"""Tiny tiles, and a short way to link them."""

from __future__ import annotations

import io
import os
import shutil

import pytest

from s3magic import process
from s3magic.url import S3Url


@pytest.fixture(scope="session")
def laz():
    """Make a LAZ of a few points: ``laz(x, y, epsg=2193, point_format=0)``."""
    import laspy
    import numpy
    from pyproj import CRS

    def make(x=1754000.0, y=5920000.0, *, epsg=2193, point_format=0, points=20):
        header = laspy.LasHeader(point_format=point_format, version="1.4" if point_format > 5 else "1.2")
        header.offsets, header.scales = [x, y, 0.0], [0.01] * 3
        if epsg:
            header.add_crs(CRS.from_epsg(epsg))
        cloud = laspy.LasData(header)
        cloud.x, cloud.y = numpy.linspace(x, x + 100, points), numpy.linspace(y, y + 100, points)
        cloud.z = numpy.random.default_rng(7).uniform(0, 50, points)
        file = io.BytesIO()
        cloud.write(file, do_compress=True)
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def tif():
    """Make a GeoTIFF in degrees: ``tif(west, north, degrees=1, bands=1)``."""
    import numpy
    import tifffile

    def make(west=5.0, north=55.0, *, degrees=1.0, bands=1):
        keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)
        tags = [
            (33550, "d", 3, (degrees / 16, degrees / 8, 0.0), True),
            (33922, "d", 6, (0.0, 0.0, 0.0, west, north, 0.0), True),
            (34735, "H", len(keys), keys, True),
        ]
        file = io.BytesIO()
        pixels = numpy.zeros((8, 16, bands) if bands > 1 else (8, 16), "uint8")
        tifffile.imwrite(file, pixels, extratags=tags, photometric="rgb" if bands > 1 else "minisblack", metadata=None)
        return file.getvalue()

    return make


@pytest.fixture
def link(memory, tmp_path):
    """Link what is in memory into ``tmp_path / "ds"``: ``link("tiles/*.laz", hash="never")``."""
    from s3magic.linking import linked
    from s3magic.linking.add import plan
    from s3magic.linking.adding.order import Order

    def run(*patterns, path=None, store=memory, access=None, executor=None, dry_run=False, **words):
        order = Order(patterns=tuple(S3Url.parse(f"s3://teaching/{pattern}") for pattern in patterns), **words)
        folder, opener = path or tmp_path / "ds", lambda url: store
        if dry_run:
            return plan(order, folder, opener=opener)
        return linked.link(order, folder, opener=opener, access=access, executor=executor)

    run.path = tmp_path / "ds"
    return run


@pytest.fixture
def clouds(memory, laz):
    """Put five LAZ tiles under ``tiles/``; the bytes by file name."""
    made = {f"t{number}.laz": laz(1754000.0 + 100 * number) for number in range(5)}
    for name, data in made.items():
        memory.put(f"tiles/{name}", data)
    return made


@pytest.fixture
def texts(memory):
    """Put four plain files under ``texts/``; the bytes by file name."""
    made = {f"n{number}.txt": f"note {number}\n".encode() * 5 for number in range(4)}
    for name, data in made.items():
        memory.put(f"texts/{name}", data)
    return made


@pytest.fixture
def git(tmp_path):
    """Run git in ``tmp_path / "repository"``, knowing nothing of this machine's configuration."""
    if not (shutil.which("git") and shutil.which("git-lfs")):
        pytest.skip("git and git-lfs are not installed")
    home, repository = tmp_path / "home", tmp_path / "repository"
    home.mkdir()
    repository.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*argv, cwd=repository):
        done = process.run(["git", *argv], cwd=cwd, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("config", "--global", "user.name", "A")
    run("config", "--global", "user.email", "a@example.org")
    run("config", "--global", "init.defaultBranch", "main")
    run("init")
    run("lfs", "install")
    run.path = repository
    return run


def tree(folder):
    """Return the content of every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(name="tree")
def _tree():
    return tree
