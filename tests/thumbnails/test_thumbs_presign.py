from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from s3magic.errors import ExpiredCredentials, InvalidInput
from s3magic.store.credentials import Credentials, Location
from s3magic.thumbnails.presign import LinkMaker, SignedUrl
from s3magic.url import S3Url

OBJECT = S3Url("teaching", "photos/a b.jpg")


def maker(*, expires=None, location=None, anonymous=False):
    keys = None if anonymous else Credentials("AKIDEXAMPLE", "hush-hush", "session-secret", expires)
    return LinkMaker(lambda bucket: location or Location(region="eu-west-2"), lambda: keys)


def lifetime(link):
    return int(parse_qs(urlsplit(link).query)["X-Amz-Expires"][0])


def test_a_link_is_signed_for_the_buckets_own_region():
    link = maker()(OBJECT, expires=600)
    assert link.startswith("https://teaching.s3.eu-west-2.amazonaws.com/photos/a%20b.jpg?")
    assert "eu-west-2" in parse_qs(urlsplit(link).query)["X-Amz-Credential"][0]
    assert lifetime(link) == 600
    assert abs(link.expires_at - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=60)


@pytest.mark.parametrize(
    "name", ["a.html", "a.svg", "a.htm", "a.xml", "a.pdf", "a", "a.png.html", "a.js", ".png/a.svg", "a.tif/"]
)
def test_what_a_browser_might_run_is_downloaded(name):
    query = parse_qs(urlsplit(maker()(S3Url("teaching", f"x/{name}"), expires=600)).query)
    assert query["response-content-disposition"] == ["attachment"]
    assert "response-content-type" not in query


@pytest.mark.parametrize(
    ("name", "kind"), [("a.PNG", "image/png"), ("a.html.jpg", "image/jpeg"), ("b.mp4", "video/mp4")]
)
def test_pictures_are_shown_as_pictures_whatever_they_were_stored_as(name, kind):
    query = parse_qs(urlsplit(maker()(S3Url("teaching", name), expires=600)).query)
    assert query["response-content-type"] == [kind]
    assert "response-content-disposition" not in query


def test_a_link_is_text_and_its_repr_shows_no_signature():
    link = maker()(OBJECT, expires=600)
    assert isinstance(link, str)
    assert "X-Amz-Signature" in link.url == str(link)
    for said in (repr(link), repr([link]), repr({"a": link})):
        assert "X-Amz" not in said
        assert "session-secret" not in said
    assert f"until {link.expires_at:%Y-%m-%d %H:%M} UTC" in repr(link)


def test_a_link_dies_with_its_credentials_and_says_so():
    end = datetime.now(UTC) + timedelta(minutes=5)
    link = maker(expires=end)(OBJECT, expires=3600)
    assert 200 < lifetime(link) <= 300
    assert end - timedelta(seconds=60) < link.expires_at <= end


def test_no_link_from_credentials_at_their_end():
    with pytest.raises(ExpiredCredentials, match="expired"):
        maker(expires=datetime.now(UTC) + timedelta(milliseconds=500))(OBJECT, expires=3600)


def test_without_credentials_the_address_is_plain():
    link = maker(anonymous=True)(OBJECT, expires=3600)
    assert link == "https://teaching.s3.eu-west-2.amazonaws.com/photos/a%20b.jpg"
    assert link.expires_at is None
    assert repr(link) == f"SignedUrl({str(link)!r})"


@pytest.mark.parametrize("expires", [0, -1, 7 * 24 * 3600 + 1, 1.5, True, "1h"])
def test_a_lifetime_s3_would_not_honour_is_refused(expires):
    with pytest.raises(InvalidInput, match="cannot live"):
        maker(anonymous=True)(OBJECT, expires=expires)


def test_seven_days_are_allowed():
    assert lifetime(maker()(OBJECT, expires=7 * 24 * 3600)) == 604800


def test_a_plain_link_is_a_signed_url_without_an_end():
    assert SignedUrl("https://x/y").expires_at is None
