"""Where mounts are made."""

from __future__ import annotations

import pytest

from s3magic import api
from s3magic.errors import MountError


def test_records_may_lie_in_a_folder_with_a_long_name(bucket, room, mount, monkeypatch):
    long = room / ("long" * 50)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    bucket.put("p/a", b"a")
    with mount("s3://scratch/p/") as mounted:
        assert (mounted / "a").read_bytes() == b"a"
        assert mounted.stats()["bytes_served"] == 1
    assert api.mounts() == []


@pytest.mark.parametrize("copy", [False, True])
def test_a_folder_that_nobody_can_look_into_is_told(bucket, mount, room, copy):
    bucket.put("p/a", b"a")
    with pytest.raises(MountError, match="Cannot look into") as refused:
        mount("s3://scratch/p/", "long" * 100, copy=copy)
    assert len(refused.value.lines()) == 2
    assert [path.name for path in room.iterdir()] == ["run"]


@pytest.mark.parametrize("copy", [False, True])
def test_a_tilde_is_the_home_of_this_user(bucket, room, monkeypatch, copy):
    monkeypatch.setenv("HOME", str(room / "home"))
    bucket.put("p/a", b"a")
    mounted = api.mount("s3://scratch/p/", "~/m", copy=copy)
    assert mounted.path == room / "home/m"
    api.unmount("~/m")
    assert mounted.state == "unmounted"
    assert not (room / "~").exists()
