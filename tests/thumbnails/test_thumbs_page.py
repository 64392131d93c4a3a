from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest

from s3magic.thumbnails import icon
from s3magic.thumbnails.page import shorten

HOSTILE = ["<script>alert(1)<_script>.word", '"><img src=x onerror=alert(1)>.dat', "'&lt;.word", "a\nb.word"]


class Reader(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


def test_a_page_holds_its_pictures_and_asks_for_nothing(make_gallery):
    gallery = make_gallery()
    page = Reader(gallery._repr_html_())
    pictures = page.values("src")
    assert len(pictures) == 2
    assert base64.b64decode(pictures[0].partition(",")[2]) == gallery.items[0].thumbnail
    assert all(source.startswith("data:image/") for source in pictures)
    assert not page.values("href")
    assert "http" not in gallery._repr_html_()


def test_a_page_counts_what_it_shows_and_what_it_read(make_gallery):
    page = Reader(make_gallery()._repr_html_()).text
    assert "7 objects · read " in page
    assert " of 1.1 MB" in page
    assert "Not readable as word file" in page
    limited = Reader(make_gallery(limit=2)._repr_html_()).text
    assert "2 of 7 objects" in limited


def test_pictures_have_words_for_those_who_cannot_see_them(make_gallery):
    page = Reader(make_gallery()._repr_html_())
    assert page.values("alt")[0] == "Preview of a.word: <fine> at 160"
    assert "DAT file, no preview" in page.values("aria-label")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(make_gallery, store, name, tmp_path):
    store.put(f"odd/{name}", b"fine")
    gallery = make_gallery("s3://teaching/odd/").wait()
    for text in (gallery._repr_html_(), gallery.to_html(tmp_path / "x.html").read_text()):
        page = Reader(text)
        assert not {"script", "iframe", "svg"} & set(page.tags)
        assert not [value for attribute in ("onerror", "onclick", "onload") for value in page.values(attribute)]
        assert page.tags.count("img") == (1 if name.endswith(".word") else 0)
        assert f"s3://teaching/odd/{name}" in page.values("title")[0]


def test_a_hostile_caption_and_facts_are_only_text(make_gallery, store, words, monkeypatch):
    from s3magic.formats.base import TileInfo

    monkeypatch.setattr(words, "describe", lambda file: TileInfo("file", "x", details={"<b>": "<script>1</script>"}))
    page = Reader(make_gallery("s3://teaching/w/e.word", read_limit=300_000)._repr_html_())
    assert "script" not in page.tags
    assert "<script>1</script>" in page.text


def test_the_standalone_page_may_load_nothing(make_gallery, tmp_path):
    written = make_gallery().to_html(tmp_path / "page.html")
    page = Reader(written.read_text(encoding="utf-8"))
    assert page.tags[0] == "html"
    assert any("default-src 'none'" in value for value in page.values("content"))


def test_an_empty_page_says_so(make_gallery):
    assert "no objects here" in make_gallery("s3://teaching/nothing/")._repr_html_()


@pytest.mark.parametrize(
    ("name", "length", "short"),
    [
        ("short.tif", 28, "short.tif"),
        ("E1_north_america_monthly_mean_temperature.nc", 21, "E1_north_ame…ature.nc"),
        ("abcdef", 5, "abc…f"),
    ],
)
def test_names_are_shortened_in_the_middle(name, length, short):
    assert shorten(name, length) == short
    assert len(short) <= length


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("a.laz", "LAZ"),
        ("a/b.parquet", "PARQ"),
        ("README", "FILE"),
        ("a.b/c", "FILE"),
        ("x.…", "FILE"),
        (".git", "GIT"),
    ],
)
def test_a_type_has_letters(name, letters):
    assert icon.letters(name) == letters


def test_an_icon_is_a_picture_with_its_letters_on_it():
    import io

    image_module = pytest.importorskip("PIL.Image")
    one, other = (image_module.open(io.BytesIO(icon.draw(text, 96))) for text in ("LAZ", "NC"))
    assert one.size == (96, 96)
    assert one.convert("RGBA").tobytes() != other.convert("RGBA").tobytes()
    assert one.convert("RGBA").getpixel((0, 0))[3] == 0
