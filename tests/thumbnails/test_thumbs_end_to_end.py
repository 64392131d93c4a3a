"""Previews and links against the sandbox, over HTTP, with the formats as they are."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

import s3magic
from s3magic.formats import registry
from s3magic.store.credentials import Credentials, Location
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.presign import LinkMaker

PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


@pytest.fixture
def thumbs(connection, own_cache):
    """The public function, with a cache of its own."""
    return s3magic.thumbs


@pytest.fixture
def http():
    with urllib3.PoolManager(retries=False, timeout=20) as pool:
        yield pool


@pytest.mark.parametrize(
    "folder", ["cogs/", "tiles/", "photos/", "iris/*.nc", "weather/", "{drawings,films,microscope,tables}/**"]
)
def test_teaching_data_is_shown_without_reading_it_all(thumbs, connection, folder):
    gallery = thumbs(f"s3://teaching/{folder}").wait()
    assert gallery.items
    for item in gallery.items:
        assert item.error is None, item
        assert item.preview.image.startswith(PICTURES), item
        assert max(item.preview.width, item.preview.height) <= 160
        assert 0 < item.bytes_read <= 4_000_000
        assert item.preview.caption
    assert gallery.bytes_read == sum(item.bytes_read for item in gallery.items)


def test_what_is_counted_is_what_was_sent(thumbs, connection):
    client = connection.store("teaching").client
    gallery = thumbs("s3://teaching/cogs/").wait()
    listed_only = thumbs("s3://teaching/nothing-here/").wait()
    listings = client.traffic.received - gallery.bytes_read
    assert listed_only.bytes_read == 0
    assert 0 < listings < 20_000


def test_a_large_grid_is_seen_through_a_small_part_of_it(thumbs):
    gallery = thumbs("s3://teaching/iris/A1B_north_america.nc").wait()
    (item,) = gallery.items
    assert item.bytes_read < item.size / 3


def test_a_zarr_is_one_tile(thumbs):
    gallery = thumbs("s3://teaching/weather/").wait()
    assert [item.name for item in gallery.items] == ["climate.zarr", "temperature.grib2"]
    assert gallery.found == 2
    assert gallery.items[0].bytes_read < gallery.items[0].size / 5
    assert [link.url.partition("?")[0].rpartition("/")[2] for link in gallery.urls()] == ["temperature.grib2"]
    (alone,) = thumbs("s3://teaching/weather/climate.zarr/").wait().items
    assert alone.preview.caption == gallery.items[0].preview.caption


def test_a_second_look_reads_nothing(thumbs):
    first = thumbs("s3://teaching/{cogs,tiles}/**").wait()
    again = thumbs("s3://teaching/{cogs,tiles}/**").wait()
    assert first.bytes_read > 0
    assert again.bytes_read == 0
    assert [item.thumbnail for item in again.items] == [item.thumbnail for item in first.items]


def test_broken_files_break_nothing(thumbs, tmp_path):
    gallery = thumbs("s3://teaching/broken/").wait()
    known = [item for item in gallery.items if registry.find(item.name)]
    assert len(known) >= 3
    assert all(item.error for item in known)
    assert all(item.thumbnail.startswith(PICTURES) for item in gallery.items)
    assert known[0].error in gallery.to_html(tmp_path / "page.html").read_text()


def test_odd_keys_are_shown_and_linked_as_they_are(thumbs, connection, http):
    gallery = thumbs("s3://teaching/odd/").wait()
    store = connection.store("teaching")
    assert any(".." in item.info.key for item in gallery.items)
    for item, link in zip(gallery.items, gallery.urls(), strict=True):
        _, host, target = link.url.partition(connection.location.endpoint_url)
        # a pool sends the address as it is; a browser would resolve ".." before it asks
        answer = http.connection_from_url(host).urlopen("GET", target)
        assert (answer.status, answer.data) == (200, store.get(item.info.key)), item


def test_a_link_opens_without_credentials_and_without_its_signature_does_not(thumbs, connection, http):
    gallery = thumbs("s3://teaching/cogs/plain.tif")
    (link,) = gallery.urls(expires=60)
    answer = http.request("GET", link.url)
    assert answer.data == connection.store("teaching").get("cogs/plain.tif")
    assert http.request("GET", link.url.partition("?")[0]).status == 403
    assert http.request("GET", link.url.replace("plain.tif", "relief_0_0.tif")).status == 403


def test_a_hostile_page_under_a_harmless_name_is_a_picture_and_any_page_is_a_file(thumbs, connection, http):
    store = connection.store("scratch")
    for name in ("evil.png", "evil.html", "evil.svg"):
        store.put(f"active/{name}", b"<script>alert(document.domain)</script>", content_type="text/html")
    links = {link.url.partition("?")[0].rpartition("/")[2]: link for link in thumbs("s3://scratch/active/").urls()}
    picture = http.request("GET", links["evil.png"].url)
    assert (picture.status, picture.headers["content-type"]) == (200, "image/png")
    for name in ("evil.html", "evil.svg"):
        assert http.request("GET", links[name].url).headers["content-disposition"] == "attachment"


def test_a_link_is_refused_once_its_time_is_over(thumbs, http):
    (link,) = thumbs("s3://teaching/cogs/plain.tif").urls(expires=1)
    deadline = time.monotonic() + 30
    while (status := http.request("GET", link.url).status) == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status == 403
    assert b"expired" in http.request("GET", link.url).data.lower()


def test_an_anonymous_link_is_plain_and_opens(sandbox, http):
    location = Location(endpoint_url=sandbox.endpoint_url)
    link = LinkMaker(lambda _: location, lambda: None)
    anonymous = s3magic.connect("anonymous", endpoint_url=sandbox.endpoint_url)
    gallery = Gallery("s3://public/", opener=lambda url: anonymous.store(url.bucket), signer=link).wait()
    assert gallery.items
    for url in gallery.urls():
        assert "?" not in url.url
        assert http.request("GET", url.url).status == 200


def test_what_may_not_be_read_is_told_on_its_tile(sandbox):
    guest = sandbox.users["guest"]
    keys = Credentials(guest.access_key_id, guest.secret_access_key)
    limited = s3magic.connect(
        "keys",
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
    )
    sign = LinkMaker(lambda _: limited.location, limited.credentials)
    with pytest.raises(s3magic.S3MagicError, match="Not allowed"):
        Gallery("s3://teaching/photos/", opener=lambda url: limited.store(url.bucket), signer=sign)


def test_links_name_the_lifetime_that_was_asked(thumbs):
    (link,) = thumbs("s3://teaching/cogs/plain.tif", expires=120).urls()
    assert parse_qs(urlsplit(link.url).query)["X-Amz-Expires"] == ["120"]


def test_thumbnails_are_stored_elsewhere_used_and_chosen_by_a_file(thumbs, connection, tmp_path):
    from s3magic.thumbnails import TEMPLATE

    connection.store("scratch").put("chosen.txt", b"first-snow.jpg\nred* *.tif")
    output = f"s3://scratch/thumbs-{tmp_path.name}/"
    words = {"filter": "s3://scratch/chosen.txt", "output": output}
    gallery = thumbs("s3://teaching/photos/", generate=True, **words).wait()
    assert str(gallery.generated) == "2 thumbnails stored, 0 were there"
    assert [item.name for item in gallery.items] == ["first-snow.jpg", "red-desert.png"]
    assert {item.preview.source for item in gallery.items} == {"stored"}
    again = thumbs("s3://teaching/photos/", generate=True, suffix=TEMPLATE, **words)
    assert str(again.generated) == "0 thumbnails stored, 2 were there"
    full = thumbs("s3://teaching/photos/", filter=words["filter"], full=True).wait()
    assert {item.preview.source for item in full.items} == {"whole"}


def test_a_dask_cluster_may_do_the_work(thumbs, tmp_path):
    from distributed import Client

    from s3magic.api.cluster import dask_executor

    output = f"s3://scratch/dask-{tmp_path.name}/"
    with pytest.raises(s3magic.S3MagicError, match="no Dask client"):
        dask_executor()
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None):
        gallery = thumbs("s3://teaching/photos/", generate=True, output=output, executor=dask_executor()).wait()
    assert gallery.generated.written == len(gallery.items) > 3
    assert gallery.generated.failed == 0


def test_who_may_not_write_is_told_before_anything_is_read(sandbox, connection, monkeypatch, tmp_path):
    student = sandbox.users["student"]
    limited = s3magic.connect(
        "keys",
        access_key_id=student.access_key_id,
        secret_access_key=student.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
    )
    client = limited.store("teaching").client
    with pytest.raises(s3magic.S3MagicError, match="Not allowed to store thumbnails") as error:
        s3magic.thumbs("s3://teaching/photos/", generate=True)
    assert "s3:PutObject" in error.value.hint
    assert client.traffic.received < 2000
    assert not connection.store("teaching").list_page("photos/.lightly/").objects


@pytest.mark.parametrize(
    "words",
    [
        {"full": True, "generate": True},
        {"suffix": "", "output": "s3://scratch/x/"},
        {"suffix": "[filename].[extension]"},
        {"filter": "/nowhere/at/all.txt"},
        {"sort": "colour"},
        {"generate": True, "size": 1},
        {"executor": ThreadPoolExecutor(1)},
    ],
)
def test_words_that_make_no_sense_are_refused(thumbs, connection, words):
    before = connection.store("teaching").client.traffic.requests
    with pytest.raises(s3magic.S3MagicError) as error:
        thumbs("s3://teaching/photos/", **words)
    assert len(error.value.lines()) == 2
    assert connection.store("teaching").client.traffic.requests == before
