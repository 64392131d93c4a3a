"""Thumbnails on S3: found, judged, put, and never in the place of an object."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from s3magic.access import current
from s3magic.errors import AccessDenied, InvalidInput, Unreachable
from s3magic.formats.base import PLAIN
from s3magic.thumbnails import TEMPLATE
from s3magic.thumbnails.catalogue import Catalogue
from s3magic.thumbnails.decoding import decode
from s3magic.thumbnails.generating import generate
from s3magic.thumbnails.stored import Shelf, is_fresh
from s3magic.url import S3Url

FOLDER = S3Url.parse("s3://teaching/p/")
LIGHTLY = "p/.lightly/thumbnails/"


def picture(colour="red", sides=(300, 200), form="PNG"):
    out = io.BytesIO()
    Image.new("RGB", sides, colour).save(out, form)
    return out.getvalue()


@pytest.fixture
def photos(store):
    """A folder of pictures."""
    for name, colour in (("a.png", "red"), ("b.png", "green"), ("deep/c.png", "blue")):
        store.put(f"p/{name}", picture(colour))
    store.put("p/notes.dat", b"text")
    return store


@pytest.fixture
def make_shelf(photos):
    def make(template=TEMPLATE, place=FOLDER, **options):
        return Shelf(lambda _: photos, FOLDER, place, template, **options)

    return make


@pytest.fixture
def run(photos):
    """Store what is missing of the folder."""

    def run(shelf, **options):
        listed = Catalogue(photos, FOLDER, limit=1000, keep=lambda key: not shelf.holds(key), hidden=shelf.folder).page(
            1
        )
        usual = {"shelf": shelf, "size": 160, "wanted": PLAIN, "decoder": decode}
        return generate(listed, **{**usual, **options})

    return run


def state(store):
    return {info.key: info.etag for info in store.list_page().objects}


@pytest.mark.parametrize(
    ("template", "key", "expected"),
    [
        (TEMPLATE, "p/a.png", "p/.lightly/thumbnails/a_thumb.png"),
        (TEMPLATE, "p/deep/x.y.tif", "p/.lightly/thumbnails/deep/x.y_thumb.tif"),
        (TEMPLATE, "p/README", "p/.lightly/thumbnails/README_thumb"),
        (TEMPLATE, "p/.hidden", "p/.lightly/thumbnails/.hidden_thumb"),
        ("[filename]_small.webp", "p/deep/x.tif", "p/deep/x_small.webp"),
        ("t/[extension]/[filename].png", "p/a.nc", "p/t/nc/a.png"),
    ],
)
def test_where_a_thumbnail_lies(make_shelf, template, key, expected):
    shelf = make_shelf(template)
    assert shelf.key(key) == expected
    assert shelf.holds(expected)
    assert not shelf.holds(key)


@pytest.mark.parametrize(
    "template",
    [
        "thumbs/all.png",
        "[filename].[extension]",
        "[filename]",
        "/x/[filename]",
        "../[filename]",
        "[name].png",
        "[filename]_[x]",
    ],
)
def test_templates_that_would_do_harm_are_refused(make_shelf, template):
    with pytest.raises(InvalidInput):
        make_shelf(template)


def test_what_is_missing_is_stored_once(photos, make_shelf, run):
    before = state(photos)
    first = run(make_shelf())
    assert (first.written, first.kept, first.failed) == (3, 0, 1)
    assert first.failures == (("notes.dat", "no preview of this type"),)
    after = state(photos)
    assert {key: etag for key, etag in after.items() if key in before} == before
    assert set(after) - set(before) == {LIGHTLY + name for name in ("a_thumb.png", "b_thumb.png", "deep/c_thumb.png")}
    head = photos.head(LIGHTLY + "a_thumb.png")
    assert head.content_type == "image/webp"
    assert Image.open(io.BytesIO(photos.get(head.key))).size == (160, 107)
    again = run(make_shelf())
    assert (again.written, again.kept) == (0, 3)
    assert state(photos) == after


def test_only_what_is_no_longer_true_is_made_anew(photos, make_shelf, run):
    run(make_shelf())
    photos.put("p/b.png", picture("yellow"))
    assert (run(make_shelf()).written, run(make_shelf()).kept) == (1, 3)
    shown = Image.open(io.BytesIO(photos.get(LIGHTLY + "b_thumb.png"))).convert("RGB").getpixel((80, 50))
    assert min(shown[:2]) > 200
    assert shown[2] < 60


def test_an_object_is_never_replaced(photos, make_shelf, run):
    photos.put("p/a.json", b'{"an": "object"}')
    shelf = make_shelf("[filename].json")
    before = state(photos)
    # by this template the thumbnail of a.png would be the object a.json
    photos.put("p/a.png", picture("black"))
    found = generate([photos.head("p/a.png")], shelf=shelf, size=160, wanted=PLAIN, decoder=decode)
    assert found.written == 0
    assert state(photos)["p/a.json"] == before["p/a.json"]


def test_what_came_meanwhile_is_left(photos, make_shelf):
    def meanwhile(task, read):
        photos.put(LIGHTLY + "a_thumb.png", b"somebody else's")
        return decode(task, read)

    found = generate([photos.head("p/a.png")], shelf=make_shelf(), size=160, wanted=PLAIN, decoder=meanwhile)
    assert (found.written, found.failed) == (0, 1)
    assert photos.get(LIGHTLY + "a_thumb.png") == b"somebody else's"


def test_two_objects_of_one_thumbnail_are_told_apart(photos, make_shelf, run):
    photos.put("p/a.webp", picture("white", form="WEBP"))
    shelf = make_shelf(".t/[filename].png")
    found = run(shelf)
    assert (found.written, found.failed) == (3, 2)
    assert sum(shelf.find(photos.head(key)) is not None for key in ("p/a.png", "p/a.webp")) == 1


def test_an_interrupt_keeps_what_is_done_and_the_rest_is_done_later(photos, make_shelf, run):
    calls = []

    def decoder(task, read):
        calls.append(task.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return decode(task, read)

    with pytest.raises(KeyboardInterrupt):
        run(make_shelf(), decoder=decoder, executor=ThreadPoolExecutor(1))
    stored = [key for key in state(photos) if key.startswith(LIGHTLY)]
    assert 1 <= len(stored) <= 2
    done = run(make_shelf())
    assert (done.written, done.kept) == (3 - len(stored), len(stored))


def test_a_refusal_ends_it(photos, make_shelf, run, monkeypatch):
    def refuse(*_, **__):
        raise AccessDenied("Not allowed: s3:PutObject")

    monkeypatch.setattr(photos, "put", refuse)
    with pytest.raises(AccessDenied):
        run(make_shelf())


def test_another_place_and_anybody_may_work(photos, make_shelf, run):
    other = S3Url.parse("s3://teaching/out/")
    pool = ThreadPoolExecutor(2)
    assert run(make_shelf(place=other), executor=pool).written == 3
    assert "out/.lightly/thumbnails/deep/c_thumb.png" in state(photos)
    assert pool.submit(int).result() == 0  # it is left open
    pickle.loads(pickle.dumps(Shelf(current.open_store, FOLDER, other)))  # noqa: S301 - ours, for other processes


def test_a_gallery_shows_what_is_stored_and_not_as_objects(photos, make_shelf, run, make_gallery):
    for number in range(2100):
        photos.put(f"{LIGHTLY}z{number:04}_thumb.png", b"")
    run(make_shelf())
    photos.lists = photos.got = 0
    gallery = make_gallery("s3://teaching/p/", shelf=make_shelf()).wait()
    assert [item.name for item in gallery.items] == ["a.png", "b.png", "c.png", "notes.dat"]
    assert photos.lists == 2  # all those thumbnails are leapt over
    assert [item.preview.source for item in gallery.items] == ["stored", "stored", "stored", "icon"]
    assert gallery.items[0].preview.caption == "stored thumbnail"
    assert gallery.bytes_read == photos.got < 1000
    photos.got = 0
    again = make_gallery("s3://teaching/p/", shelf=make_shelf()).wait()
    assert (photos.got, again.items[0].thumbnail) == (0, gallery.items[0].thumbnail)


def test_what_is_not_true_is_not_shown(photos, make_shelf, run, make_gallery):
    run(make_shelf())
    photos.put("p/a.png", picture("yellow"))
    photos.put(LIGHTLY + "b_thumb.png", b"no picture at all")
    gallery = make_gallery("s3://teaching/p/", shelf=make_shelf()).wait()
    assert [item.preview.source for item in gallery.items] == ["whole", "whole", "stored", "icon"]
    assert all(item.error is None for item in gallery.items)


def test_where_the_place_of_thumbnails_fails_the_objects_are_shown(photos, make_shelf, make_gallery):
    def fails(_):
        raise Unreachable("Nobody answers")

    shelf = replace(make_shelf(is_certain=True), opener=fails)
    gallery = make_gallery("s3://teaching/p/", shelf=shelf).wait()
    assert [item.preview.source for item in gallery.items] == ["whole", "whole", "whole", "icon"]
    assert "a.png" in gallery._repr_html_()


def test_none_are_looked_for_where_none_were_met(photos, make_shelf, make_gallery, monkeypatch):
    heads = []
    whole = photos.head
    monkeypatch.setattr(photos, "head", lambda key, **options: heads.append(key) or whole(key, **options))
    make_gallery("s3://teaching/p/", shelf=make_shelf()).wait()
    assert heads == []
    make_gallery("s3://teaching/p/", shelf=make_shelf(is_certain=True), cache=None).wait()
    assert len(heads) == 4


def test_thumbnails_of_others_are_judged_by_their_time(photos, make_shelf):
    photos.put(LIGHTLY + "a_thumb.png", picture(sides=(16, 16)))
    info = photos.head("p/a.png")
    found = make_shelf().find(info)
    assert is_fresh(found, info)
    assert not is_fresh(found, replace(info, last_modified=found.last_modified + timedelta(seconds=1)))


def test_the_whole_is_shown_when_it_is_wanted(photos, make_shelf, run, make_gallery):
    run(make_shelf())
    wanted = replace(PLAIN, whole=True)
    gallery = make_gallery("s3://teaching/p/", shelf=make_shelf(is_certain=True), wanted=wanted).wait()
    assert gallery.items[0].preview.source == "whole"
