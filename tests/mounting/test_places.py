"""Where mounts are made."""

from __future__ import annotations

import pytest

from s3magic import api


@pytest.mark.parametrize("copy", [False, True])
def test_a_tilde_is_the_home_of_this_user(bucket, room, monkeypatch, copy):
    monkeypatch.setenv("HOME", str(room / "home"))
    bucket.put("p/a", b"a")
    mounted = api.mount("s3://scratch/p/", "~/m", copy=copy)
    assert mounted.path == room / "home/m"
    api.unmount("~/m")
    assert mounted.state == "unmounted"
    assert not (room / "~").exists()
