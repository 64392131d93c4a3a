"""Iris saves to URLs: one whole object or an error, nothing overwritten unseen, nothing lost."""

from __future__ import annotations

from unittest.mock import patch

import pytest

import s3magic
from s3magic.errors import AccessDenied, InvalidInput, InvalidUrl, NoSuchBucket, ObjectChanged, Unreachable

pytestmark = pytest.mark.filterwarnings("ignore")


def factor(led, url):
    """Return what the last row of a field says it was multiplied with."""
    return float(led.load_cube(url).data[2, 0]) / 2


def test_what_was_saved_is_there_and_can_be_saved_again(led, spot, field, kept):
    led.save(field(), spot.url)
    assert factor(led, spot.url) == 1
    head = spot.store.head(spot.key)
    assert (head.content_type, head.checksum_type) == ("application/x-netcdf", "FULL_OBJECT")
    for times in (2, 3):
        led.save(led.load_cube(spot.url) * times, spot.url)
    led.save(field(factor=7), spot.url)
    assert factor(led, spot.url) == 7
    assert kept() == []


def test_data_that_were_not_read_yet_are_those_of_what_was_saved_over_them(led, spot, field):
    led.save(field(60, 1000), spot.url)
    lazy = led.load_cube(spot.url)
    assert lazy.has_lazy_data()
    led.save(lazy.copy(data=lazy.core_data() + 1), spot.url)
    assert (lazy[2].data == 3).all()


def test_every_saver_is_chosen_as_for_files(led, place, field):
    root = f"s3://scratch/{place}"
    led.save([field(), field(factor=2)], f"{root}two.pp")
    assert len(led.load_raw(f"{root}two.pp")) == 2
    led.save(field(factor=3), f"{root}two.pp", append=True)
    assert [cube.data[2, 0] for cube in led.load_raw(f"{root}two.pp")] == [2, 4, 6]
    led.save(field(), f"{root}new.pp", append=True)
    assert len(led.load_raw(f"{root}new.pp")) == 1
    led.save(field(), f"{root}three.nc", netcdf_format="NETCDF3_CLASSIC")
    led.save(field(), f"{root}no-ending", saver="nc")
    led.save(led.cube.CubeList([field()]), f"{root}by-function", saver=led.fileformats.netcdf.save)
    assert len(led.load_raw([f"{root}three.nc", f"{root}no-ending", f"{root}by-function"])) == 3


def test_a_format_that_iris_does_not_know_is_told_in_two_lines(led, store, place, field, kept):
    for name, words in (("a.xyz", {}), ("a", {}), ("a.nc", {"saver": "xyz"})):
        with pytest.raises(InvalidInput, match="no format for") as caught:
            led.save(field(), f"s3://scratch/{place}{name}", **words)
        assert ".nc, .pp or .grib2" in caught.value.hint
    assert kept() == []
    assert store.list_page(place).objects == ()


def test_a_saver_of_ones_own_makes_its_ending_known(led, place, field, monkeypatch):
    def save(cube, target):
        led.fileformats.netcdf.save(cube, target)

    monkeypatch.setitem(led.io._savers, "mine", save)
    led.save(field(), f"s3://scratch/{place}a.mine")
    assert led.load_cube(f"s3://scratch/{place}a.mine").shape == (3, 4)


def test_grib_is_saved_and_loaded_with_iris_grib(led, place, source):
    pytest.importorskip("iris_grib")
    cube = led.load_cube(str(source / "air_temp.pp"))
    cube.cell_methods = ()  # GRIB has no words for both of them
    for name in ("time", "forecast_period"):
        cube.coord(name).bounds = None
    url = f"s3://scratch/{place}field.grib2"
    led.save(cube, url)
    led.save(cube, url, append=True)
    first, second = led.load_raw(url)
    assert abs(first.data - cube.data).max() < 0.01
    assert (first.data == second.data).all()


def test_a_large_file_goes_up_in_parts(led, store, place, field):
    led.save(field(2500, 1000), f"s3://scratch/{place}large.nc")
    assert store.head(f"{place}large.nc").etag.endswith("-2")


def test_a_lost_update_is_an_error_and_both_survive(led, spot, field, kept):
    led.save(field(), spot.url)
    mine = led.load_cube(spot.url) * 2
    theirs = spot.store.put(spot.key, b"somebody else was quicker")
    for times in (1, 2):
        with pytest.raises(ObjectChanged, match="Somebody else wrote") as caught:
            led.save(mine, spot.url)
        assert spot.store.head(spot.key).etag == theirs.etag
        assert len(kept()) == times
    file = next(path for path in kept() if str(path) in caught.value.hint)
    assert (led.load_cube(str(file)).data == mine.data).all()
    with pytest.raises(led.exceptions.TranslationError):  # it is no cube, and known by now
        led.load(spot.url)
    led.save(mine, spot.url)
    assert factor(led, spot.url) == 2


def test_what_appears_meanwhile_is_not_overwritten(led, spot, field, kept):

    for message in ("already", "Somebody else wrote"):

        def slow(cube, target, theirs=message):
            led.fileformats.netcdf.save(cube, target)
            spot.store.put(spot.key, theirs.encode())

        with pytest.raises(ObjectChanged, match=message):
            led.save(field(), spot.url, saver=slow)
        assert spot.store.get(spot.key) == message.encode()
        with pytest.raises(led.exceptions.TranslationError):  # it is no cube, and known by now
            led.load(spot.url)
    assert len(kept()) == 2


@pytest.mark.parametrize("before", [b"", b"never loaded"])
def test_what_appears_at_the_last_moment_is_not_overwritten(led, spot, field, kept, before):
    from s3magic.store.s3 import S3Store

    put, message = S3Store.put, "Somebody else wrote" if before else "already"
    if before:
        spot.store.put(spot.key, before)

    def beaten(self, key, data, **words):
        put(self, key, b"somebody else was quicker")
        return put(self, key, data, **words)

    with patch.object(S3Store, "put", beaten), pytest.raises(ObjectChanged, match=message):
        led.save(field(), spot.url)
    with pytest.raises(ObjectChanged, match=message):  # the same line again
        led.save(field(), spot.url)
    assert spot.store.get(spot.key) == b"somebody else was quicker"
    assert len(kept()) == 2
    with pytest.raises(led.exceptions.TranslationError):  # it is no cube, and known by now
        led.load(spot.url)
    led.save(field(), spot.url)
    assert factor(led, spot.url) == 1


def test_a_large_upload_that_would_be_in_vain_is_not_begun(led, spot, field, kept, monkeypatch):
    from s3magic.cubes import saving

    def slow(cube, target):
        led.fileformats.netcdf.save(cube, target)
        spot.store.put(spot.key, b"somebody else was quicker")

    monkeypatch.setattr(saving, "upload", lambda *_, **__: pytest.fail("must not be begun"))
    with pytest.raises(ObjectChanged):
        led.save(field(), spot.url, saver=slow)
    assert len(kept()) == 1


def test_what_was_deleted_meanwhile_can_be_saved_anew(led, spot, field):
    led.save(field(), spot.url)
    cube = led.load_cube(spot.url)
    spot.store.delete(spot.key)
    led.save(cube, spot.url)
    assert factor(led, spot.url) == 1


def test_what_may_not_be_stored_is_kept(led, as_user, field, kept):
    as_user("student")
    with pytest.raises(AccessDenied, match="PutObject") as caught:
        led.save(field(), "s3://teaching/not-mine.nc")
    (file,) = kept()
    assert str(file) in caught.value.hint
    assert led.load_cube(str(file)).shape == (3, 4)


def test_an_interrupt_loses_nothing_that_is_whole(led, spot, field, kept, monkeypatch):
    from s3magic.store.s3 import S3Store

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        led.save(field(), spot.url, saver=interrupt_after(led))
    assert kept() == []
    with monkeypatch.context() as patched:
        patched.setattr(S3Store, "put", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            led.save(field(), spot.url)
    (file,) = kept()
    assert str(file) in "".join(caught.value.__notes__)
    assert spot.store.list_page(spot.key).objects == ()


def interrupt_after(led):
    def saver(cube, target):
        with open(target, "wb") as file:  # noqa: PTH123 - as savers do
            file.write(b"half a fi")
        raise KeyboardInterrupt

    return saver


@pytest.mark.parametrize(
    ("url", "words", "error"),
    [
        ("s3://scratch/", {}, InvalidInput),
        ("s3://scratch/x/", {}, InvalidInput),
        ("s3://scratch/*.nc", {}, InvalidInput),
        ("s3://scratch/a.nc?versionId=1", {}, InvalidInput),
        ("s3://scratch/a.nc", {"compute": False}, InvalidInput),
        ("S3://scratch/a.nc", {}, InvalidUrl),
        ("s3://no-such-bucket/a.nc", {}, NoSuchBucket),
    ],
)
def test_what_can_be_no_object_is_refused_before_anything_is_computed(led, url, words, error, kept):
    with pytest.raises(error) as caught:
        led.save(None, url, saver=lambda *_: pytest.fail("must not be asked"), **words)
    assert caught.value.hint
    assert kept() == []


def test_a_store_that_cannot_be_reached_is_told_first(led, field, kept):
    s3magic.connect("anonymous", endpoint_url="http://127.0.0.1:9", region="us-east-1", max_retries=0)
    with pytest.raises(Unreachable):
        led.save(field(), "s3://scratch/a.nc")
    assert kept() == []


def test_saving_needs_no_mount(led, spot, field, monkeypatch, tmp_path):
    from s3magic.mounting import attach

    monkeypatch.setattr(attach, "DEVICE", tmp_path / "no-fuse")
    led.save(field(), spot.url)
    assert s3magic.mounts() == []


def test_without_a_place_to_write_it_says_which_to_set(led, spot, field, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(InvalidInput, match="No file can be written") as caught:
        led.save(field(), spot.url)
    assert "XDG_STATE_HOME" in caught.value.hint
