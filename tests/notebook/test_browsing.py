"""What the side panel asks of S3, as JSON: pages of folders, links, lights and code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

import s3magic
from s3magic.errors import AccessDenied, InvalidInput, InvalidUrl, NoSuchBucket
from s3magic.notebook import browsing
from s3magic.notebook.expand import split
from s3magic.url import S3Url

HOSTILE = ["<img src=x onerror=alert(1)>.txt", "line\nbreak.txt", "\u202etxt.exe", "[a]?*{b}$HOME.jpg", "é" * 400]


@pytest.fixture
def scratch(connection):
    """A folder of the bucket ``scratch`` for one test; put(name) stores an empty object in it."""
    store = connection.store("scratch")
    folder = f"browsing-{datetime.now(UTC):%H%M%S%f}/"

    def put(*names):
        for name in names:
            store.put(folder + name, b"x")
        return folder

    return put


def become(sandbox, name):
    keys = sandbox.users[name]
    s3magic.connect(
        "keys",
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )


def names(page):
    return [child["name"] for child in page["children"]]


def test_buckets_are_named_in_order_and_paged(connection, monkeypatch):
    assert browsing.buckets() == {"names": ["private", "public", "scratch", "teaching"], "next": None}
    monkeypatch.setattr(browsing, "PAGE", 3)
    first = browsing.buckets()
    assert first == {"names": ["private", "public", "scratch"], "next": "scratch"}
    assert browsing.buckets(after=first["next"]) == {"names": ["teaching"], "next": None}


def test_who_may_not_list_buckets_is_told_so(connection, sandbox):
    become(sandbox, "student")
    with pytest.raises(AccessDenied, match="may not list") as caught:
        browsing.buckets()
    assert "Pin" in caught.value.hint
    assert "photos/" in names(browsing.children("teaching"))


def test_a_folder_tells_sizes_and_dates_and_folders_no_such_thing(connection):
    page = browsing.children("teaching", "photos/")
    child = next(one for one in page["children"] if one["name"] == "alps-at-noon.jpg")
    assert child["size"] == connection.store("teaching").head("photos/alps-at-noon.jpg").size
    assert datetime.fromisoformat(child["modified"]).tzinfo is not None
    assert child["archived"] is False
    assert {"name": "photos/"} in browsing.children("teaching")["children"]


def test_pages_hold_every_name_once_in_the_order_of_s3(scratch, monkeypatch):
    folder = scratch("", "b/1", "b/2", "a.txt", "b.txt", "c/1", "é.txt", "z.txt", "B.txt")
    monkeypatch.setattr(browsing, "PAGE", 3)
    found, token, pages = [], None, 0
    while True:
        page = browsing.children("scratch", folder, token=token)
        assert len(page["children"]) <= 3
        found += names(page)
        token, pages = page["next"], pages + 1
        if token is None:
            break
    assert pages > 2
    assert found == sorted(found, key=str.encode)
    assert sorted(found) == sorted(["b/", "a.txt", "b.txt", "c/", "é.txt", "z.txt", "B.txt"])


def test_names_that_begin_so_are_asked_of_s3(scratch):
    folder = scratch("abc", "abd", "xyz", "ab/1")
    assert names(browsing.children("scratch", folder, beginning="ab")) == ["ab/", "abc", "abd"]


def test_hostile_names_come_as_they_are(scratch):
    folder = scratch(*HOSTILE)
    assert sorted(names(browsing.children("scratch", folder))) == sorted(HOSTILE)


@pytest.mark.parametrize("name", HOSTILE)
def test_code_about_a_hostile_name_is_about_that_object_alone(connection, name):
    key = f"odd folder/{name}"
    for purpose in ("thumbs", "link", "copy"):
        code = browsing.code("teaching", key, purpose)["code"]
        if code.startswith("%"):
            assert "\n" not in code
            word = next(word for word in split(code, {"b": 1, "HOME": 2}) if word.startswith("s3://"))
        else:
            made = compile(code, "cell", "exec")
            word = next(constant for constant in made.co_consts if str(constant).startswith("s3://"))
        url = S3Url.parse(word)
        assert not url.is_prefix
        assert [other for other in (key, "odd folder/other", f"{key}.more") if url.matches(other)] == [key]


def test_code_of_a_folder(connection):
    def code(purpose, key="tiles/"):
        return browsing.code("teaching", key, purpose)["code"]

    assert code("mount") == "%s3mount s3://teaching/tiles/"
    assert code("mount", "tiles/a.laz") == "%s3mount s3://teaching/tiles/"
    assert code("link") == "%s3link add s3://teaching/tiles/ tiles"
    assert code("link", "") == "%s3link add s3://teaching/ teaching"
    assert code("link", "a/../") == "%s3link add s3://teaching/a/../ %2E%2E"
    assert code("thumbs") == "%s3thumbs s3://teaching/tiles/"
    assert code("copy") == "%s3copy s3://teaching/tiles/ tiles"
    assert code("copy", "a b/c.nc") == "%s3copy s3://teaching/a\\ b/c.nc ./"
    assert code("thumbs", "a b[1].jpg") == "%s3thumbs s3://teaching/a\\ b[[]1].jpg"
    assert "os.listdir(m)" in code("read")
    with pytest.raises(InvalidInput):
        code("destroy")


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("a/E1.nc", "iris.load('s3://teaching/a/E1.nc')"),
        ("a/[1].nc", "iris.load(m / '[1].nc')"),
        ("t.CSV", "pd.read_csv(m / 't.CSV')"),
        ("x/noending", "open(m / 'noending', 'rb')"),
        ("w/..", "m / '%2E%2E'"),
    ],
)
def test_code_that_reads_fits_the_type(connection, key, wanted):
    code = browsing.code("teaching", key, "read")["code"]
    compile(code, "cell", "exec")
    assert wanted in code


def test_a_link_opens_without_credentials_and_tells_its_end(connection):
    told = browsing.link("teaching", "photos/alps-at-noon.jpg")
    end = datetime.fromisoformat(told["end"])
    assert timedelta(minutes=55) < end - datetime.now(UTC) <= timedelta(hours=1)
    with urlopen(told["url"]) as answer:  # noqa: S310 - our own sandbox
        assert answer.read(3) == b"\xff\xd8\xff"
        assert "attachment" not in answer.headers.get("Content-Disposition", "")
    with urlopen(browsing.link("teaching", "photos/alps-at-noon.jpg", download=True)["url"]) as answer:  # noqa: S310
        assert answer.headers["Content-Disposition"] == "attachment"


def test_an_anonymous_link_has_no_end(sandbox, connection):
    s3magic.connect("anonymous", endpoint_url=sandbox.endpoint_url, region="us-east-1")
    assert browsing.link("public", "a.jpg") == {"url": f"{sandbox.endpoint_url}/public/a.jpg", "end": None}


def test_the_lights_of_a_place(connection, sandbox):
    become(sandbox, "guest")
    told = browsing.lights("teaching", "photos/")
    assert told["url"] == "s3://teaching/photos/"
    assert [light["name"] for light in told["lights"]] == ["List", "Read", "Write", "Overwrite", "Delete"]
    assert told["lights"][0]["light"] == "denied"
    assert told["lights"][2]["light"] == "unchecked"


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://noaa-goes16", "noaa-goes16", ""),
        (" teaching/photos ", "teaching", "photos/"),
        ("s3://b-1/a/", "b-1", "a/"),
    ],
)
def test_a_pin_is_read_as_people_write_it(connection, text, bucket, prefix):
    assert browsing.pin(text) == {"bucket": bucket, "prefix": prefix}


@pytest.mark.parametrize("text", ["", "s3://", "https://example.org/x", "s3://bucket/*.tif", "two words"])
def test_a_pin_that_is_none_is_refused(text):
    with pytest.raises((InvalidUrl, InvalidInput)):
        browsing.pin(text)


def test_the_pin_of_an_object_is_refused_and_names_its_folder(connection):
    with pytest.raises(InvalidInput, match="one object") as caught:
        browsing.pin("teaching/photos/alps-at-noon.jpg")
    assert caught.value.hint == "Pin its folder: s3://teaching/photos/"


def test_a_bucket_that_is_not_there(connection):
    with pytest.raises(NoSuchBucket):
        browsing.children("no-such-bucket-here")
