"""The lights, on the sandbox's policies and on answers that only AWS gives."""

from __future__ import annotations

import json

import pytest

from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.access.permissions import check
from s3magic.errors import ArchivedObject, InvalidUrl, ServerError, Unreachable
from s3magic.store.memory import MemoryStore

PHOTO = "s3://teaching/photos/"


@pytest.fixture
def lights(sandbox):
    """Check a URL as one of the sandbox's people, or as nobody."""

    def look(name, url):
        place = {"endpoint_url": sandbox.endpoint_url, "region": "us-east-1"}
        if name is None:
            connection = open_connection(Choice("anonymous", **place))
        else:
            user = sandbox.users[name]
            given = keys(user.access_key_id, user.secret_access_key, user.session_token)
            connection = open_connection(Choice("keys", **place), secrets=given)
        return check(connection.store(url.split("/")[2]), url)

    return look


@pytest.fixture
def photo(connection):
    """The URL of a photo that is there."""
    return connection.store("teaching").list_page("photos/", max_keys=1).objects[0].url


def states(report):
    return report.list.state, report.read.state


def test_all_is_well_for_the_teacher(lights, photo):
    for url in (PHOTO, photo, "s3://teaching/", "s3://teaching/photos/*.jpg"):
        assert states(lights("teacher", url)) == ("ok", "ok"), url
    report = lights("teacher", PHOTO)
    assert {report.write.state, report.overwrite.state, report.delete.state} == {"unchecked"}


def test_a_right_bound_to_a_prefix_is_seen(lights):
    assert states(lights("visitor", PHOTO)) == ("ok", "ok")

    report = lights("visitor", "s3://teaching/tiles/")
    assert states(report) == ("denied", "unknown")
    assert report.list.detail == "s3:ListBucket on arn:aws:s3:::teaching with prefix tiles/"


def test_without_list_a_known_object_can_still_be_read(lights, photo):
    assert states(lights("guest", photo)) == ("denied", "ok")
    assert states(lights("guest", PHOTO)) == ("denied", "unknown")


def test_without_list_a_refusal_may_mean_that_nothing_is_there(lights):
    report = lights("guest", "s3://teaching/tiles/hill.las")

    assert states(report) == ("denied", "unknown")
    assert "s3:GetObject on arn:aws:s3:::teaching/tiles/hill.las" in report.read.detail


def test_what_is_listed_but_refused_is_denied(sandbox, lights, connection):
    class ListsOnly(MemoryStore):
        def get(self, key, **_):
            from s3magic.errors import AccessDenied

            raise AccessDenied("Not allowed", "Ask")

    store = ListsOnly("teaching")
    store.put("a b.txt", b"x")

    for url in ("s3://teaching/", "s3://teaching/a b.txt"):
        report = check(store, url)
        assert states(report) == ("ok", "denied")
        assert report.read.detail == "s3:GetObject on arn:aws:s3:::teaching/a b.txt"
    assert states(check(store, "s3://teaching/gone.txt")) == ("ok", "unknown")


def test_a_missing_object_is_not_taken_for_a_missing_right(lights):
    report = lights("teacher", "s3://teaching/photos/nosuch.jpg")

    assert states(report) == ("ok", "unknown")
    assert "No such object" in report.read.detail


def test_a_neighbour_is_not_taken_for_the_object(memory):
    memory.put("tile.laz.bak", b"x")

    report = check(memory, "s3://teaching/tile.laz")

    assert states(report) == ("ok", "unknown")


def test_an_empty_place_can_be_listed_and_nothing_more_is_known(memory):
    assert states(check(memory, "s3://teaching/nothing/")) == ("ok", "unknown")


def test_an_empty_object_can_be_read(lights, connection):
    connection.store("scratch").put("lights/empty.txt", b"")

    assert states(lights("student", "s3://scratch/lights/")) == ("ok", "ok")
    assert states(lights("student", "s3://scratch/lights/empty.txt")) == ("ok", "ok")


def test_odd_keys_are_read_as_they_are(lights, connection):
    for key in ("lights-odd/ a+b%20c#d&.txt", "lights-odd//x/../y", "/lights-odd"):
        connection.store("scratch").put(key, b"x")
        assert states(lights("student", f"s3://scratch/{key}")) == ("ok", "ok")


def test_the_anonymous_see_what_is_public(lights):
    assert states(lights(None, "s3://public/")) == ("ok", "ok")
    assert states(lights(None, PHOTO)) == ("denied", "unknown")


def test_what_is_not_about_permission_is_an_error(lights):
    assert states(lights("teacher", "s3://nosuchbucket/")) == ("error", "error")
    assert "No such bucket" in lights("teacher", "s3://nosuchbucket/").list.detail
    assert states(lights("expired", PHOTO)) == ("error", "error")
    assert "expired" in lights("expired", PHOTO).read.detail


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ArchivedObject("In an archive class", "Restore it first"), "unknown"),
        (ServerError("S3 answered 500", "Try again"), "error"),
        (Unreachable("No answer", "Check"), "error"),
    ],
)
def test_trouble_while_reading_is_told(memory, error, state):
    memory.put("a.txt", b"x")

    def get(*_, **__):
        raise error

    memory.get = get
    report = check(memory, "s3://teaching/a.txt")

    assert states(report) == ("ok", state)
    assert error.message in report.read.detail
    assert error.hint in report.read.detail


def test_an_archived_object_does_not_stand_for_the_others(lights, connection):
    first = connection.store("teaching").list_page(max_keys=1).objects[0]
    assert first.is_archived, "the sandbox begins with an archived object"

    assert states(lights("teacher", "s3://teaching/")) == ("ok", "ok")
    assert states(lights("teacher", first.url)) == ("ok", "unknown")
    assert states(lights("teacher", "s3://teaching/" + first.key.rpartition("/")[0] + "/")) == ("ok", "unknown")


def test_a_pattern_is_tried_on_what_it_names(memory):
    memory.put("tiles/", b"")
    memory.put("tiles/a.txt", b"x")
    memory.put("tiles/b.laz", b"x")

    report = check(memory, "s3://teaching/tiles/*.laz")

    assert report.read.detail == "read one byte of s3://teaching/tiles/b.laz"
    assert check(memory, "s3://teaching/tiles/").read.detail == "read one byte of s3://teaching/tiles/a.txt"


def test_a_pinned_version_is_the_one_that_is_read(memory):
    old = memory.put("a.txt", b"")
    memory.put("a.txt", b"new")
    memory.delete("a.txt")

    assert check(memory, f"s3://teaching/a.txt?versionId={old.version_id}").read.state == "ok"
    assert check(memory, "s3://teaching/a.txt?versionId=other").read.state == "unknown"


def test_nothing_is_written_by_looking(lights, connection):
    store = connection.store("scratch")
    before = [(info.key, info.etag) for info in store.list_page().objects]

    lights("teacher", "s3://scratch/")

    assert [(info.key, info.etag) for info in store.list_page().objects] == before


def test_what_is_no_url_is_refused(memory):
    with pytest.raises(InvalidUrl):
        check(memory, "teaching/photos")


def test_a_report_shows_each_light_in_words(lights):
    report = lights("visitor", "s3://teaching/tiles/")

    lines = repr(report).splitlines()
    assert [line.split()[:2] for line in lines[1:6]] == [
        ["List", "denied"],
        ["Read", "unknown"],
        ["Write", "unchecked"],
        ["Overwrite", "unchecked"],
        ["Delete", "unchecked"],
    ]
    html = report._repr_html_()
    for word in ("denied", "unknown", "unchecked"):
        assert f"</span> {word}</span>" in html
    assert json.loads(json.dumps(report.to_json()))["list"]["state"] == "denied"


def test_html_escapes_what_a_key_may_hold(memory):
    memory.put("<script>.txt", b"x")

    assert "<script>" not in check(memory, "s3://teaching/<script>.txt")._repr_html_()
