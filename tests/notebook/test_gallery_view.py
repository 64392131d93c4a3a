from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import ipywidgets as widgets
import pytest

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.base import Preview, TileInfo
from s3magic.notebook import gallery_view
from s3magic.notebook.gallery_view import GalleryView
from s3magic.store.credentials import Credentials, Location
from s3magic.store.memory import MemoryStore
from s3magic.thumbnails import icon
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.presign import LinkMaker


class DotFormat:
    """Shows every ``.dot`` file as a sheet of paper, once its gate is open."""

    name, suffixes, is_folder = "dot", (".dot",), False

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()

    def describe(self, file):
        return TileInfo("picture", "dot", details={"note": "<i>round</i>"})

    def preview(self, file, *, size=160):
        assert self.gate.wait(30)
        if file.read(1) == b"!":
            raise UnreadableFormat("Not readable as dot")
        return Preview(icon.draw("DOT", size), "image/png", size, size, "a dot", "whole")


@pytest.fixture
def dots(monkeypatch):
    form = DotFormat()
    monkeypatch.setattr(registry, "find", lambda name: form if name.endswith(".dot") else None)
    yield form
    form.gate.set()


@pytest.fixture
def gallery(dots):
    store = MemoryStore("teaching")
    for number in range(7):
        store.put(f"d/{number}.dot", b"!" if number == 3 else b".")
    store.put("d/<b>.dot", b".")
    keys = Credentials("AKIDEXAMPLE", "hush-hush")
    signer = LinkMaker(lambda _: Location(), lambda: keys)
    return Gallery("s3://teaching/d/", opener=lambda _: store, signer=signer, limit=6)


def found(widget, kind):
    """Every widget of a kind below one, in order."""
    here = [widget] if isinstance(widget, kind) else []
    return here + [one for child in getattr(widget, "children", ()) for one in found(child, kind)]


def button(view, words):
    (one,) = [one for one in found(view.widget, widgets.Button) if one.description == words]
    return one


def html(view):
    return "\n".join(one.value for one in found(view.widget, widgets.HTML))


def state(view):
    """All that the widgets share with a page, and a notebook may save."""
    shown = [view.widget, *found(view.widget, widgets.Widget)]
    return json.dumps([one.get_state() for one in shown], default=str)


@contextmanager
def within(seconds=30):
    """Wait for a condition: yields a function that goes on asking."""
    deadline = time.monotonic() + seconds

    def until(condition):
        while not condition():
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.01)

    yield until


def test_tiles_come_without_being_waited_for(gallery, dots):
    dots.gate.clear()
    dots_view = GalleryView(Gallery(str(gallery.url), opener=lambda _: gallery._store, signer=gallery._signer, limit=6))
    assert html(dots_view).count("s3m-tile s3m-pending") == 6
    dots.gate.set()
    with within() as until:
        until(lambda: "s3m-tile s3m-pending" not in html(dots_view))
    assert html(dots_view).count("<img ") == 5
    assert "Not readable as dot" in html(dots_view)


def test_more_brings_the_next_page(gallery):
    view = GalleryView(gallery)
    assert "6 of 8 objects" in html(view)
    button(view, "More").click()
    with within() as until:
        until(lambda: "<figure" in html(view) and html(view).count("<figure") == 8)
        until(lambda: button(view, "More").layout.display == "none")
    assert "8 objects" in html(view)


def test_what_a_script_asked_for_is_shown_by_more(gallery):
    view = GalleryView(gallery)
    gallery.more()
    gallery.select(gallery.items[-1:])
    button(view, "Select all shown").click()
    assert [item.name for item in gallery.selected] == [f"{number}.dot" for number in range(6)] + ["<b>.dot"]
    button(view, "Select none").click()
    assert [item.name for item in gallery.selected] == ["<b>.dot"]
    button(view, "More").click()
    with within() as until:
        until(lambda: html(view).count("<figure") == 8)
        until(lambda: button(view, "More").layout.display == "none")
    assert [box.value for box in found(view.widget, widgets.Checkbox)] == [False] * 7 + [True]


def test_the_filter_hides_what_it_does_not_name(gallery):
    view = GalleryView(gallery)
    (text,) = found(view.widget, widgets.Text)
    for words, names in [("2", ["2.dot"]), ("[0-1].dot", ["0.dot", "1.dot"]), ("zzz", []), ("DOT", None)]:
        text.value = words
        shown = [item.name for item in view.shown()]
        assert shown == ([item.name for item in gallery.items] if names is None else names)
        assert html(view).count(f".{view.identity} .s3m-n") == len(gallery.items) - len(shown)


def test_boxes_and_buttons_select(gallery):
    view = GalleryView(gallery)
    boxes = found(view.widget, widgets.Checkbox)
    boxes[1].value = True
    assert gallery.selected == [gallery.items[1]]
    assert "1 selected" in html(view)
    button(view, "Select all shown").click()
    assert gallery.selected == gallery.items
    assert all(box.value for box in boxes)
    button(view, "Select none").click()
    assert gallery.selected == []
    assert not any(box.value for box in boxes)


def test_a_click_opens_the_large_view_with_what_the_file_says(gallery):
    view = GalleryView(gallery.wait())
    button(view, "Open 1.dot").click()
    with within() as until:
        until(lambda: "&lt;i&gt;round&lt;/i&gt;" in html(view))
    assert 'width="800"' in html(view)
    assert "s3://teaching/d/1.dot" in html(view)
    button(view, "Close").click()
    assert 'width="800"' not in html(view)


def test_next_and_previous_go_round_what_is_shown(gallery):
    view = GalleryView(gallery.wait())
    first, last = gallery.items[0], gallery.items[-1]
    button(view, f"Open {first.name}").click()
    button(view, "Previous").click()
    assert last.info.etag in html(view)
    assert f'<div class="s3m-where">{last.url}</div>' in html(view)
    button(view, "Next").click()
    assert f'<div class="s3m-where">{first.url}</div>' in html(view)


def test_a_link_is_made_by_a_click_alone_and_is_gone_afterwards(gallery):
    view = GalleryView(gallery.wait())
    button(view, "Open 1.dot").click()
    assert "X-Amz-Signature" not in state(view)
    button(view, "Get link").click()
    assert "X-Amz-Signature" in state(view)
    assert "until 20" in html(view)
    button(view, "Next").click()
    assert "X-Amz-Signature" not in state(view)
    button(view, "Get link").click()
    button(view, "Close").click()
    assert "X-Amz-Signature" not in state(view)


def test_a_link_left_alone_is_taken_away(gallery, monkeypatch):
    monkeypatch.setattr(gallery_view, "LINK_SHOWN", 0.01)
    view = GalleryView(gallery.wait())
    button(view, "Open 1.dot").click()
    button(view, "Get link").click()
    with within() as until:
        until(lambda: "X-Amz-Signature" not in state(view))


def test_what_stops_a_link_or_a_page_is_said(gallery):
    from s3magic.errors import ExpiredCredentials, Unreachable

    def expired(url, *, expires):
        raise ExpiredCredentials("The credentials have expired", "Sign in again.")

    def unreachable(*args, **kwargs):
        raise Unreachable("No answer")

    gallery._signer = expired
    gallery.more = unreachable
    view = GalleryView(gallery.wait())
    button(view, "Open 1.dot").click()
    button(view, "Get link").click()
    assert "The credentials have expired Sign in again." in html(view)
    button(view, "More").click()
    with within() as until:
        until(lambda: "No answer" in html(view))
        until(lambda: not button(view, "More").disabled)


def test_names_are_only_text(gallery):
    gallery.more()
    view = GalleryView(gallery.wait())
    assert "<b>.dot" not in html(view)
    button(view, "Open <b>.dot").click()
    button(view, "Get link").click()
    assert "<b>.dot" not in html(view)


def test_a_bundle_has_widgets_and_words(gallery):
    bundle = gallery_view.display_bundle(gallery)
    assert bundle["text/plain"] == repr(gallery)
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_what_is_shown_can_be_saved_complete(gallery, dots, monkeypatch):
    shown, updated = [], threading.Event()
    monkeypatch.setattr(gallery_view, "PATIENCE", 0.01)
    monkeypatch.setattr(gallery_view, "display", lambda bundle, **options: shown.append((bundle, options)))

    def update(bundle, **options):
        shown.append((bundle, options))
        updated.set()

    monkeypatch.setattr(gallery_view, "update_display", update)
    dots.gate.clear()
    slow = Gallery(str(gallery.url), opener=lambda _: gallery._store, signer=gallery._signer, limit=6)
    gallery_view.show(slow)
    (live, _), (early, options) = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert "s3m-tile s3m-pending" in early["text/html"]
    dots.gate.set()
    assert updated.wait(30)
    late, again = shown[-1]
    assert again["display_id"] == options["display_id"]
    assert "s3m-tile s3m-pending" not in late["text/html"]
    assert late["text/html"].count("<img ") == 5
