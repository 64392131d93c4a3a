"""Whose the files of a mount are, and who may come in."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from s3magic.errors import InvalidInput

SOMEBODY = 65534
AS_SOMEBODY = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]


def reads(path):
    """Tell whether somebody else can read a file."""
    return subprocess.run([*AS_SOMEBODY, "cat", path], check=False, capture_output=True).returncode == 0


def test_owner_and_modes_are_shown_as_asked(bucket, mount):
    bucket.put("f/a", b"x")
    plain = mount("s3://scratch/", "plain")
    looks = [(plain / "f").stat(), (plain / "f/a").stat()]
    assert [stat.S_IMODE(one.st_mode) for one in looks] == [0o555, 0o444]
    assert {(one.st_uid, one.st_gid) for one in looks} == {(os.getuid(), os.getgid())}
    other = mount("s3://scratch/", "other", uid=1, gid=2, file_mode=0o440, dir_mode=0o551)
    looks = [other.path.stat(), (other / "f").stat(), (other / "f/a").stat()]
    assert [stat.S_IMODE(one.st_mode) for one in looks] == [0o551, 0o551, 0o440]
    assert {(one.st_uid, one.st_gid) for one in looks} == {(1, 2)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_others_come_in_where_they_may(bucket, mount, room):
    room.chmod(0o755)
    bucket.put("a", b"x")
    assert not reads(mount("s3://scratch/", "closed") / "a")
    assert reads(mount("s3://scratch/", "open", allow_other=True) / "a")
    assert not reads(mount("s3://scratch/", "half", allow_other=True, file_mode=0o400) / "a")


@pytest.mark.parametrize("options", [{"file_mode": 0o1777}, {"dir_mode": -1}, {"uid": -1}, {"gid": 2**32}])
def test_what_no_file_can_have_is_refused_before(bucket, mount, room, options):
    with pytest.raises(InvalidInput):
        mount("s3://scratch/", **options)
    assert not (room / "m").exists()
