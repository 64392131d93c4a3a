"""A choice for one bucket or folder: it alone serves what lies there, and every function asks for it by URL."""

from __future__ import annotations

import pytest

import s3magic
from s3magic import api
from s3magic.access import current, per_url
from s3magic.errors import AccessDenied, InvalidInput
from s3magic.url import S3Url


@pytest.fixture
def as_guest(sandbox, connection):
    """The teacher for everything, and the guest, who may list nothing, for a place of one's choice."""
    guest = sandbox.users["guest"]

    def connect(place):
        return s3magic.connect(
            "keys",
            access_key_id=guest.access_key_id,
            secret_access_key=guest.secret_access_key,
            endpoint_url=sandbox.endpoint_url,
            region="us-east-1",
            for_url=place,
        )

    yield connect
    per_url.clear()


def at(url):
    return current.connection(S3Url.parse(url))


def test_the_longest_place_that_fits_a_url_serves_it(as_guest, connection):
    bucket, folder, inner = map(as_guest, ("s3://teaching/", "s3://teaching/photos", "s3://teaching/photos/old/"))

    assert current.connection() is connection
    for url, chosen in {
        "s3://public/a": connection,
        "s3://teaching2/photos/": connection,
        "s3://teaching": bucket,
        "s3://teaching/photosets/a.jpg": bucket,
        "s3://teaching/pho*": bucket,
        "s3://teaching/photos*/a.jpg": bucket,
        "s3://teaching/photos": folder,
        "s3://teaching/photos/": folder,
        "s3://teaching/photos/a.jpg": folder,
        "s3://teaching/photos/*/a.jpg": folder,
        "s3://teaching/photos/older": folder,
        "s3://teaching/photos/old/*.jpg": inner,
        "s3://teaching/photos/old": inner,
    }.items():
        assert at(url) is chosen, url
    assert list(per_url.chosen()) == ["s3://teaching/", "s3://teaching/photos/", "s3://teaching/photos/old/"]
    assert "s3://teaching/photos/" in repr(folder) + folder._repr_html_()
    assert "s3://" not in repr(connection)


def test_a_place_can_be_chosen_for_again_and_forgotten(as_guest, connection):
    as_guest("s3://teaching/photos/")
    again = as_guest("s3://teaching/photos")
    assert at("s3://teaching/photos/a") is again

    api.forget("s3://teaching/photos")
    assert at("s3://teaching/photos/a") is connection
    with pytest.raises(InvalidInput, match="Nothing was chosen"):
        api.forget("s3://teaching/photos/")


@pytest.mark.parametrize("place", ["s3://teaching/*.jpg", "s3://teaching/a?versionId=x", "teaching"])
def test_what_is_no_place_is_refused_before_anything_changes(as_guest, connection, place):
    with pytest.raises(InvalidInput):
        as_guest(place)
    assert not per_url.chosen()


def test_one_choice_leads_other_libraries_and_not_one_of_many(as_guest):
    with pytest.raises(InvalidInput, match="one choice for everything"):
        s3magic.connect("anonymous", for_url="s3://teaching/", environ=True)
    assert not per_url.chosen()


def test_every_function_asks_as_the_choice_of_its_url(as_guest, sandbox, tmp_path):
    as_guest("s3://teaching/photos/")

    assert len(s3magic.ls("s3://teaching/tiles/"))
    with pytest.raises(AccessDenied):
        list(s3magic.ls("s3://teaching/photos/"))
    assert s3magic.check("s3://teaching/tiles/").list.state == "ok"
    assert s3magic.check("s3://teaching/photos/").list.state == "denied"
    with pytest.raises(AccessDenied):
        s3magic.mount("s3://teaching/photos/", tmp_path / "mount")
    with pytest.raises(AccessDenied):
        s3magic.link("s3://teaching/photos/*.jpg", tmp_path / "linked", hash="never")
    assert not (tmp_path / "linked").exists()


def test_a_gallery_signs_its_links_as_the_choice_of_its_url(as_guest, connection):
    photo = next(iter(s3magic.ls("s3://teaching/photos/")))
    as_guest("s3://teaching/photos/")
    tile = next(iter(s3magic.ls("s3://teaching/tiles/")))

    for url, signer in ((photo.url, "SANDBOXGUEST"), (tile.url, "SANDBOXTEACHER")):
        gallery = s3magic.thumbs(url)
        gallery.wait()
        assert f"Credential={signer}" in "".join(gallery.urls())
