"""``%s3stats``: what the cells of a real shell asked of S3."""

from __future__ import annotations

import pytest

from s3magic.usage import Usage


@pytest.fixture
def asked(run, connection):
    """Run cells as the sandbox's teacher."""
    return run


def test_the_last_cell_that_used_s3_is_told_of(asked):
    asked("listing = %s3ls s3://teaching/photos/")
    asked("1 + 1")
    usage = asked("%s3stats")
    assert isinstance(usage, Usage)
    assert usage.what == "S3 in the last cell that used it"
    assert (usage.traffic.lists, usage.traffic.reads) == (1, 0)
    assert asked("import s3magic; s3magic.api.connection().last_cell") == usage.traffic
    so_far = asked("listing = %s3ls s3://teaching/photos/\n%s3ls s3://teaching/tiles/\n%s3stats")
    assert (so_far.what, so_far.requests) == ("S3 in this cell so far", 2)
    assert asked("s3magic.stats()").requests == 2
    assert asked("%s3stats --all").requests >= 3


def test_a_cell_that_fails_is_told_of_too(asked, loaded):
    assert not loaded.run_cell("%s3ls s3://teaching/nothing-here").success
    assert asked("%s3stats").requests > 0


def test_a_mount_for_one_cell_counts(asked):
    asked("%%s3mount s3://teaching/iris/ m\nfrom pathlib import Path\nlen(Path('m/E1.2098.pp').read_bytes())")
    usage = asked("%s3stats")
    assert list(usage.mounts) == ["s3://teaching/iris/"]
    assert "s3://teaching/iris/: " in repr(usage)


def test_unloading_stops_the_counting(loaded, run):
    before = {name: len(called) for name, called in loaded.events.callbacks.items()}
    run("%reload_ext s3magic")
    assert {name: len(called) for name, called in loaded.events.callbacks.items()} == before
    run("%unload_ext s3magic")
    after = {name: len(called) for name, called in loaded.events.callbacks.items()}
    assert after == {**before, "pre_run_cell": before["pre_run_cell"] - 1, "post_run_cell": before["post_run_cell"] - 1}
