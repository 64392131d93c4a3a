"""Iris loads from URLs what it loads from disk, lazily, and says clearly what it cannot."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import s3magic
from s3magic.errors import (
    AccessDenied,
    ArchivedObject,
    ExpiredCredentials,
    FuseUnavailable,
    InvalidInput,
    InvalidUrl,
    NoSuchBucket,
    NoSuchKey,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # what Iris has to say of its own sample files

AIR = "E1_north_america.nc"


def test_every_way_to_load_gives_what_it_gives_from_disk(led, source):
    seen = []

    def callback(cube, field, filename):
        seen.append(filename)
        cube.attributes["file"] = filename.rpartition("/")[2]

    words = {"callback": callback}
    constraint = led.Constraint(air_temperature=lambda cell: cell > 0) & led.Constraint(latitude=lambda cell: cell > 40)
    url, path = f"s3://teaching/iris/{AIR}", str(source / AIR)
    assert led.load(url, **words) == led.load(path, **words)
    assert led.load_cube(url, "air_temperature", **words) == led.load_cube(path, "air_temperature", **words)
    assert led.load_cubes(url, ["air_temperature"], **words) == led.load_cubes(path, ["air_temperature"], **words)
    assert led.load_raw(url, led.Constraint(latitude=lambda cell: cell > 40)) == led.load_raw(
        path, led.Constraint(latitude=lambda cell: cell > 40)
    )
    assert led.load("s3://teaching/iris/air_temp.pp") == led.load(str(source / "air_temp.pp"))
    assert len({name for name in seen if "teaching" in name}) == 1
    with pytest.raises(led.exceptions.ConstraintMismatchError):
        led.load_cube(url, constraint & led.Constraint("nothing_of_that_name"))


def test_patterns_lists_and_paths_go_together(led, source, put, place, field):
    put("a b+%20.nc", field())
    put("deep/er/ü [1].pp", field(factor=2))
    root = f"s3://scratch/{place}"
    assert len(led.load_raw(f"{root}**.{{nc,pp}}")) == 2
    assert len(led.load_raw(f"{root}*.nc")) == 1
    mixed = [f"{root}deep/**.pp", str(source / "air_temp.pp"), f"s3://teaching/iris/{AIR}", source / AIR]
    assert len(led.load_raw(mixed)) == 4
    assert len(s3magic.mounts()) == 2, "one mount a bucket"


def test_few_bytes_are_read_until_data_are_wanted(led, put, place, field):
    size = put("big.nc", field(6000, 1000), chunksizes=(100, 1000)).size
    assert size > 20_000_000
    cube = led.load_cube(f"s3://scratch/{place}big.nc")
    (mounted,) = s3magic.mounts()
    assert cube.has_lazy_data()
    assert (cube[5007].data == 5007).all()
    assert cube.has_lazy_data()
    assert mounted.stats()["bytes_served"] < size / 2
    assert cube.data[2, 0] == 2
    assert mounted.stats()["bytes_served"] > size


def test_one_version_is_what_it_was(led, put, place, field):
    first = put("a.nc", field())
    put("a.nc", field(factor=5))
    url = f"s3://scratch/{place}a.nc"
    old = led.load_cube(f"{url}?versionId={first.version_id}")
    assert (old.data[2] == 2).all()
    assert (led.load_cube(url).data[2] == 10).all()


def test_what_was_just_stored_is_loaded(led, put, place, field):
    url = f"s3://scratch/{place}"
    put("a.nc", field())
    assert led.load_cube(f"{url}a.nc").shape == (3, 4)
    put("b.nc", field(5))
    assert led.load_cube(f"{url}b.nc").shape == (5, 4), "although the folder was listed a moment ago"
    put("a.nc", field(9))
    assert led.load_cube(f"{url}a.nc").shape == (9, 4)
    assert len(led.load_raw(f"{url}*.nc")) == 2


def test_a_live_mount_is_used_and_ones_own_is_in_nobodys_way(led, put, place, field):
    put("in/a.nc", field())
    put("b.nc", field())
    mine = s3magic.mount(f"s3://scratch/{place}in/", "mine")
    led.load_cube(f"s3://scratch/{place}in/a.nc")
    assert [mount.path for mount in s3magic.mounts()] == [mine.path]
    led.load_cube(f"s3://scratch/{place}b.nc")
    assert sorted(mount.url for mount in s3magic.mounts()) == ["s3://scratch/", mine.url]
    asked = s3magic.mount(f"s3://scratch/{place}")
    assert asked.path == Path.cwd() / "s3/scratch" / place.rstrip("/")


def test_data_end_clearly_with_their_mount_and_come_back_with_it(led, put, place, field):
    put("a.nc", field(60, 1000))
    url = f"s3://scratch/{place}a.nc"
    cube = led.load_cube(url)
    assert cube.has_lazy_data()
    s3magic.unmount(all=True)
    with pytest.raises(FileNotFoundError):
        cube.data  # noqa: B018
    led.load_cube(url)
    assert (cube.data[2] == 2).all()


def test_another_process_reads_what_this_one_loaded(led, put, place, field, tmp_path):
    put("a.nc", field())
    (tmp_path / "cube").write_bytes(pickle.dumps(led.load_cube(f"s3://scratch/{place}a.nc")))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).data.sum())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, tmp_path / "cube"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "12.0\n", done.stderr


@pytest.mark.parametrize(
    ("user", "url", "error"),
    [
        ("teacher", "s3://no-such-bucket/a.nc", NoSuchBucket),
        ("teacher", "s3://no-such-bucket/*.nc", NoSuchBucket),
        ("teacher", "s3://teaching/iris/none.nc", NoSuchKey),
        ("teacher", "s3://teaching/iris/*.zip", NoSuchKey),
        ("teacher", "s3://teaching/iris/", InvalidInput),
        ("teacher", "s3://teaching", InvalidInput),
        ("teacher", f"S3://teaching/iris/{AIR}", InvalidUrl),
        ("teacher", f"s3://teaching/iris/{AIR}?versionId=none", NoSuchKey),
        ("teacher", "s3://teaching/archive/stations-1998.csv", ArchivedObject),
        ("guest", f"s3://teaching/iris/{AIR}", AccessDenied),
        ("expired", f"s3://teaching/iris/{AIR}", ExpiredCredentials),
    ],
)
def test_what_cannot_be_loaded_is_told_before_anything_is_mounted(led, as_user, user, url, error):
    as_user(user)
    with pytest.raises(error) as caught:
        led.load([f"s3://teaching/iris/{AIR}", url] if user == "teacher" else url)
    assert caught.value.hint
    assert s3magic.mounts() == []


def test_without_fuse_the_way_out_is_named_and_leads_there(led, put, place, field, monkeypatch):
    from s3magic.mounting import attach

    monkeypatch.setattr(attach, "DEVICE", Path("no-fuse"))
    put("a.nc", field())
    url = f"s3://scratch/{place}a.nc"
    with pytest.raises(FuseUnavailable) as caught:
        led.load(url)
    assert f"%s3mount --copy s3://scratch/{place} " in caught.value.hint
    copied = s3magic.mount(f"s3://scratch/{place}", copy=True)
    assert led.load_cube(url).shape == (3, 4)
    put("a.nc", field(9, 900))
    with pytest.raises(FuseUnavailable):
        led.load(url)
    copied.refresh()
    assert led.load_cube(url).shape == (9, 900)
    assert led.load(f"s3://scratch/{place}*.nc")[0].shape == (9, 900)


@pytest.fixture(scope="module")
def guarded(teaching_data):
    """A sandbox where one may list only a folder, and another only read."""
    from s3magic.sandboxes import process

    def policy(*statements):
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}

    read = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::teaching/iris/*"}
    inside = {"StringLike": {"s3:prefix": "iris/*"}}
    listing = {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::teaching", "Condition": inside}
    users = {"users": {"inside": policy(read, listing), "reader": policy(read)}}
    with process.start(users=users, cache=teaching_data) as box:
        yield box


def test_what_may_be_listed_is_mounted(led, guarded, as_user):
    as_user("inside", guarded)
    assert len(led.load(f"s3://teaching/iris/{AIR}")) == 1
    assert [mount.url for mount in s3magic.mounts()] == ["s3://teaching/iris/"]
    as_user("reader", guarded)
    s3magic.unmount(all=True)
    with pytest.raises(AccessDenied, match="may not be listed") as caught:
        led.load(f"s3://teaching/iris/{AIR}")
    assert "s3:ListBucket" in caught.value.hint
    as_user("teacher", guarded)
    led.load(f"s3://teaching/iris/{AIR}")
    as_user("inside", guarded)  # the bucket stays mounted, and now shows what this one sees
    with pytest.raises(AccessDenied, match="through its mount") as caught:
        led.load(f"s3://teaching/iris/{AIR}")
    assert "%s3umount" in caught.value.hint
