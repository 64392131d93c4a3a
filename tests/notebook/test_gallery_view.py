"""A gallery as a page meets it: by the messages that go to it and come from it."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest

from s3magic.errors import ExpiredCredentials, Unreachable, UnreadableFormat
from s3magic.formats import drawing, registry
from s3magic.formats.base import PLAIN, Preview, TileInfo
from s3magic.notebook import gallery_view, tile_sender
from s3magic.notebook.expand import split
from s3magic.notebook.gallery_view import GalleryView
from s3magic.notebook.hand_over import common_folder, link_line, mount_line
from s3magic.store.credentials import Credentials, Location
from s3magic.store.memory import MemoryStore
from s3magic.thumbnails import icon
from s3magic.thumbnails.decoding import decode
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.presign import LinkMaker
from s3magic.url import S3Url


class DotFormat:
    """Shows every ``.dot`` file as a sheet of paper, once its gate is open; one with a number as a field up to it."""

    name, suffixes, is_folder = "dot", (".dot",), False

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()

    def describe(self, file):
        return TileInfo("picture", "dot", details={"note": "<i>round</i>"})

    def preview(self, file, *, size=160, look=PLAIN):
        assert self.gate.wait(30)
        file.seek(0)
        text = file.read()
        if text == b"!":
            raise UnreadableFormat("Not readable as dot")
        if text != b".":
            values = np.linspace(0, float(text), 100).reshape(10, 10)
            return drawing.field(values, size=size, caption="t", source="slice", quantity="t K", title="t", units="K")
        return Preview(icon.draw("DOT", size), "image/png", size, size, "a dot", "whole")


@pytest.fixture
def dots(monkeypatch):
    form = DotFormat()
    monkeypatch.setattr(registry, "find", lambda name: form if name.endswith(".dot") else None)
    yield form
    form.gate.set()


@pytest.fixture
def make(dots):
    """A maker of galleries of dots, ``make({name: content})``."""

    def galleries(files, **options):
        store = MemoryStore("teaching")
        for name, content in files.items():
            store.put(f"d/{name}", content)
        signer = LinkMaker(lambda _: Location(), lambda: Credentials("AKIDEXAMPLE", "hush-hush"))
        return Gallery("s3://teaching/d/", opener=lambda _: store, signer=signer, decoder=decode, **options)

    return galleries


@pytest.fixture
def gallery(make):
    files = {f"{number}.dot": b"!" if number == 3 else b"." for number in range(7)}
    return make({**files, "<b>.dot": b"."}, limit=6)


class Page:
    """A page that shows a gallery: what it was told, and tiles as it would show them."""

    def __init__(self, gallery, monkeypatch):
        self.view = GalleryView(gallery)
        self.told = []
        self.tiles = {}
        monkeypatch.setattr(self.view.widget, "send", self.hear)
        self.ask("page")
        self.until(lambda: self.last("page"))

    def hear(self, message, buffers=None):
        json.dumps(message)
        self.told.append({**message, "buffers": buffers})
        for one in message.get("tiles", []):
            self.tiles[one["url"].rpartition("/")[2]] = one.get("html", "")

    def ask(self, what, **more):
        self.view.ask({"ask": what, **more})

    def last(self, kind):
        return next((one for one in reversed(self.told) if one["tell"] == kind), None)

    def until(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited too long; told {[one['tell'] for one in self.told]}"
            time.sleep(0.01)
        return found

    def filled(self, count):
        return self.until(lambda: sum("<img" in html for html in self.tiles.values()) == count)


@pytest.fixture
def page(gallery, monkeypatch):
    return Page(gallery, monkeypatch)


def test_tiles_are_told_at_once_and_filled_as_they_come(gallery, dots, monkeypatch):
    dots.gate.clear()
    page = Page(gallery.page(2).page(1), monkeypatch)
    names = [one["name"] for one in page.last("page")["tiles"]]
    assert names == [*(f"{number}.dot" for number in range(6))]
    assert not any("<img" in html for html in page.tiles.values())
    dots.gate.set()
    page.filled(5)
    assert "Not readable as dot" in page.tiles["3.dot"]
    page.until(lambda: page.last("tiles")["ready"] == 6)
    assert "read " in page.last("tiles")["note"]


def test_what_is_out_of_sight_comes_when_it_is_asked_for(make, monkeypatch):
    monkeypatch.setattr(tile_sender, "FIRST", 3)
    page = Page(make({f"{number}.dot": b"." for number in range(9)}), monkeypatch)
    page.filled(3)
    page.until(lambda: page.last("tiles")["ready"] == 9)
    assert sum("<img" in html for html in page.tiles.values()) == 3
    page.ask("pictures", urls=["s3://teaching/d/8.dot", "s3://teaching/d/none.dot"])
    page.filled(4)
    assert "<img" in page.tiles["8.dot"]


def test_pages_are_turned_and_the_selection_stays(page, gallery):
    page.ask("select", urls=["s3://teaching/d/1.dot"], on=True)
    page.ask("page", number=2)
    told = page.until(lambda: page.last("page")["number"] == 2 and page.last("page"))
    assert [one["name"] for one in told["tiles"]] == ["6.dot", "<b>.dot"]
    assert (told["pages"], told["more"], told["count"]) == (2, False, 1)
    page.ask("select", urls=["s3://teaching/d/6.dot"], on=True)
    assert page.last("selected")["count"] == 2
    page.ask("page", number=1)
    told = page.until(lambda: page.last("page")["number"] == 1 and page.last("page"))
    assert [one["name"] for one in told["tiles"] if one["selected"]] == ["1.dot"]
    page.ask("select", urls=["s3://teaching/d/6.dot"], on=False)
    assert page.last("selected")["count"] == 1
    page.ask("page", number=2)
    page.until(lambda: page.last("page")["number"] == 2)
    page.ask("select", urls=None, on=False)
    assert gallery.selected == []


def test_colours_that_widen_are_changed_together(make, dots, monkeypatch):
    dots.gate.clear()
    page = Page(make({"a.dot": b"10", "b.dot": b"20", "c.dot": b"40"}), monkeypatch)
    dots.gate.set()
    page.filled(3)
    page.until(lambda: not page.view._sender._running)
    items = page.view.gallery.items
    for item in items:
        assert page.tiles[item.name].count(drawing_of(item)) == 1
    assert page.last("tiles")["bars"].count("s3m-scale") == 1
    assert "t (K)" in page.last("tiles")["bars"]
    assert sum(len(one["tiles"]) for one in page.told if one["tell"] == "tiles") <= 6


def drawing_of(item):
    import base64

    return base64.b64encode(item.preview.image).decode()


def test_a_click_opens_the_large_view_with_what_the_file_says(page):
    page.filled(5)
    page.ask("open", url="s3://teaching/d/1.dot")
    large = page.until(lambda: (one := page.last("large")) and "&lt;i&gt;round&lt;/i&gt;" in one["said"] and one)
    assert 'width="800"' in large["picture"]
    assert "s3://teaching/d/1.dot" in large["said"]
    assert not large["original"]  # no browser shows a dot


def test_what_a_browser_cannot_fetch_comes_through_the_kernel_and_is_bounded(page):
    page.ask("through", url="s3://teaching/d/1.dot")
    told = page.until(lambda: page.last("through"))
    assert told["buffers"] == [icon.draw("DOT", gallery_view.FULL)]
    assert "through the kernel: 1600 x 1600 pixels" in told["note"]
    page.ask("through", url="s3://teaching/d/3.dot")
    assert page.until(lambda: page.last("trouble"))["lines"][0] == "Not readable as dot"


def test_a_link_is_made_by_a_click_alone_and_is_in_no_state(page, gallery):
    assert "X-Amz-Signature" not in json.dumps(page.told)
    page.ask("link", url="s3://teaching/d/1.dot")
    told = page.until(lambda: page.last("link"))
    assert "X-Amz-Signature" in told["link"]
    assert "until 20" in told["note"]
    page.ask("original", url="s3://teaching/d/1.dot")
    assert "X-Amz-Signature" in page.until(lambda: page.last("original"))["link"]
    state = json.dumps(page.view.widget.get_state(), default=str)
    assert "X-Amz-Signature=" not in state
    assert "AKIDEXAMPLE" not in state
    assert "X-Amz" not in gallery._repr_html_()


def test_what_stops_a_link_or_a_page_is_said(page, gallery, monkeypatch):
    def expired(url, *, expires):
        raise ExpiredCredentials("The credentials have expired", "Sign in again.")

    def unreachable(number):
        raise Unreachable("No answer")

    monkeypatch.setattr(gallery, "_signer", expired)
    monkeypatch.setattr(gallery, "page", unreachable)
    page.ask("link", url="s3://teaching/d/1.dot")
    told = page.until(lambda: page.last("trouble"))
    assert told["lines"] == ["The credentials have expired", "Sign in again."]
    page.ask("page", number=2)
    page.until(lambda: page.last("trouble")["lines"] == ["No answer"])
    page.ask("open", url="s3://teaching/d/of-another-page.dot")
    page.until(lambda: "turned" in page.last("trouble")["lines"][0])
    monkeypatch.setattr(gallery, "link", lambda _: 1 / 0)
    page.ask("link", url="s3://teaching/d/1.dot")
    page.until(lambda: "ZeroDivisionError" in page.last("trouble")["lines"][0])


def test_what_a_page_cannot_ask_does_nothing(page):
    count = len(page.told)
    page.ask("__init__")
    page.ask("shout")
    page.view.ask({})
    page.ask("select", urls=["s3://teaching/d/none.dot"], on=True)
    assert [one["tell"] for one in page.told[count:] if one["tell"] != "tiles"] == ["selected"]
    assert page.view.gallery.selected == []


def test_names_are_only_text(page):
    page.ask("page", number=2)
    page.until(lambda: "<b>.dot" in page.tiles and "<img" in page.tiles["<b>.dot"])
    assert "<b>.dot" not in page.tiles["<b>.dot"]
    page.ask("open", url="s3://teaching/d/<b>.dot")
    large = page.until(lambda: page.last("large"))
    assert "<b>.dot" not in large["said"] + large["picture"]


def test_a_selection_becomes_the_line_of_another_magic(page):
    page.ask("select", urls=["s3://teaching/d/1.dot", "s3://teaching/d/2.dot"], on=True)
    page.ask("line")
    assert page.until(lambda: page.last("line"))["line"] == "%s3link add s3://teaching/d/{1.dot,2.dot} linked"


def test_a_selection_is_mounted_by_one_click(page, monkeypatch):
    from types import SimpleNamespace

    from s3magic import api

    mounted = []
    monkeypatch.setattr(api, "mount", lambda url: mounted.append(str(url)) or SimpleNamespace(path="s3/teaching/d"))
    page.ask("mount")
    told = page.until(lambda: page.last("line"))
    assert mounted == ["s3://teaching/d/"]
    assert told["line"] == "%s3mount s3://teaching/d/"
    assert "s3/teaching/d" in told["note"]


def test_nothing_is_handed_over_where_nothing_is(make, monkeypatch):
    page = Page(make({}), monkeypatch)
    page.ask("line")
    assert page.until(lambda: page.last("trouble"))["lines"][0] == "There is nothing to hand over"


@pytest.mark.parametrize(
    "keys",
    [
        ["a b/c d.tif"],
        ["x/{o}.tif", "x/b.tif"],
        ["x/a[1].tif", "x/b'.tif"],
        ["x/a*", "y/b"],
        ["/lead", "../x"],
        ["x/nc", "x/pp"],
        ["x/$nc.tif", 'x/"quoted".tif'],
        ["what?", "the\\this"],
    ],
)
def test_lines_name_what_was_selected_and_nothing_else(keys):
    urls = [f"s3://teaching/{key}" for key in keys]
    variables = {"nc": "s3://elsewhere/", "pp": 2, "o": 3}
    magic, verb, *patterns, folder = split(link_line(urls), variables)
    assert (magic, verb, folder) == ("%s3link", "add", "linked")
    named = [S3Url.parse(pattern) for pattern in patterns]
    for key in keys:
        assert any(one.matches(key) if one.is_pattern else one.key == key for one in named)
        assert not any(one.matches(f"{key}x") for one in named)
    assert split(mount_line(urls), variables)[1] == str(common_folder(urls))
    assert all(url.startswith(str(common_folder(urls))) for url in urls)


def test_no_more_is_kept_than_a_server_passes_on(make):
    from s3magic.thumbnails import page as html

    gallery = make({f"{number:02}.dot": b"." for number in range(30)}).wait()
    whole, kept = html.part(gallery), html.part(gallery, room=20_000)
    count = kept.count("<figure")
    assert whole.count("<figure") == 30 > count > 1
    assert len(kept) < len(html.STYLE) + 25_000
    assert f"30 objects · read 30 B of 30 B · the first {count} of them here" in kept


def test_what_is_shown_can_be_saved_complete(make, dots, monkeypatch):
    shown, updated = [], threading.Event()
    monkeypatch.setattr(gallery_view, "PATIENCE", 0.01)
    monkeypatch.setattr(gallery_view, "display", lambda bundle, **options: shown.append((bundle, options)))

    def update(bundle, **options):
        shown.append((bundle, options))
        updated.set()

    monkeypatch.setattr(gallery_view, "update_display", update)
    dots.gate.clear()
    gallery_view.show(make({f"{number}.dot": b"." for number in range(5)}))
    (live, _), (early, options) = shown
    assert live["text/plain"] == "<Gallery s3://teaching/d/>"
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert "s3m-tile s3m-pending" in early["text/html"]
    dots.gate.set()
    assert updated.wait(30)
    late, again = shown[-1]
    assert again["display_id"] == options["display_id"]
    assert "s3m-tile s3m-pending" not in late["text/html"]
    assert late["text/html"].count("<img ") == 5
