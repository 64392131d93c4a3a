from __future__ import annotations

from dataclasses import replace

import pytest

from s3magic.errors import AccessDenied, Unreachable, UnreadableFormat
from s3magic.formats.base import Preview, TileInfo
from s3magic.store.reader import FIRST_BLOCK
from s3magic.thumbnails.cache import DiskCache
from s3magic.thumbnails.decoding import Seen
from s3magic.thumbnails.preview import look, to_facts


def see(store, key, **options):
    return look(store, store.head(key), **options)


def test_a_picture_says_what_it_is_and_what_it_cost(store):
    seen = see(store, "w/a.word", size=64)
    assert seen.image.startswith(b"\x89PNG")
    assert (seen.media_type, seen.caption, seen.source, seen.error) == ("image/png", "<fine> at 64", "whole", None)
    assert seen.bytes_read == store.got == FIRST_BLOCK
    assert seen.requests == 1


def test_a_type_not_known_costs_nothing_and_is_no_error(store):
    seen = see(store, "w/plain.dat")
    assert (seen.image, seen.error, seen.source) == (b"", None, "icon")
    assert store.got == 0


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("w/b.word", "Not readable as word file"),
        ("w/c.word", "Could not be shown (KeyError)"),
        ("w/d.word", "Reading word files needs the library words. Install words"),
        ("w/empty.word", "Empty: 0 bytes"),
    ],
)
def test_what_goes_wrong_is_told_in_words(store, key, said):
    seen = see(store, key)
    assert seen.error == said
    assert seen.image == b""
    assert seen.bytes_read == store.got


def test_a_decoder_that_describes_nonsense_is_told_in_words(store):
    nonsense = Seen(Preview(b"x", "image/png", 1, 1, "", "whole"), TileInfo("file", "file", dimensions=5))
    assert see(store, "w/a.word", decoder=lambda task, read: nonsense).error == "Could not be shown (AttributeError)"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AccessDenied("Not allowed: s3:GetObject"), "Not allowed to read it"),
        (Unreachable("No answer from the endpoint"), "No answer from the endpoint"),
    ],
)
def test_a_store_that_refuses_is_told_in_words(store, error, said):
    def refuse(key):
        raise error

    store.before = refuse
    assert see(store, "w/a.word").error == said


def test_an_object_replaced_after_the_listing_is_not_shown(store):
    info = store.head("w/a.word")
    store.put("w/a.word", b"other".ljust(200))
    assert look(store, info).error == "Changed since it was listed"


def test_an_object_deleted_after_the_listing_is_told(store):
    info = store.head("w/a.word")
    store.delete("w/a.word")
    assert look(store, info).error == "No longer there"


def test_an_archived_object_is_not_touched(store):
    seen = look(store, replace(store.head("w/a.word"), storage_class="DEEP_ARCHIVE"))
    assert seen.error == "Archived (DEEP_ARCHIVE): restore it first"
    assert store.got == 0


def test_over_the_cap_the_object_says_what_it_holds_instead(store):
    seen = see(store, "w/e.word", read_limit=300_000)
    assert seen.error == "Wants more than 300 kB"
    assert dict(seen.facts) == {"format": "word/whole", "dimensions": "3 x 2", "variables": "t, p"}
    assert seen.bytes_read == store.got <= 600_000


def test_under_the_cap_the_same_object_is_shown(store):
    seen = see(store, "w/e.word", read_limit=1_000_000)
    assert seen.error is None
    assert seen.image
    assert seen.bytes_read == store.got


def test_a_second_look_reads_nothing_and_sees_the_same(store, tmp_path):
    cache = DiskCache(tmp_path)
    first = see(store, "w/a.word", cache=cache)
    cost, again = store.got, see(store, "w/a.word", cache=DiskCache(tmp_path))
    assert cost > 0
    assert store.got == cost
    assert again == replace(first, bytes_read=0, requests=0)


@pytest.mark.parametrize("key", ["w/b.word", "w/e.word"])
def test_a_verdict_that_lasts_is_remembered(store, tmp_path, key):
    first = see(store, key, cache=DiskCache(tmp_path), read_limit=300_000)
    cost, again = store.got, see(store, key, cache=DiskCache(tmp_path), read_limit=300_000)
    assert again.error == first.error is not None
    assert again.facts == first.facts
    assert store.got == cost


def test_a_failure_that_may_pass_is_not_remembered(store, tmp_path):
    def refuse(key):
        raise Unreachable("No answer")

    store.before = refuse
    assert see(store, "w/a.word", cache=DiskCache(tmp_path)).error
    store.before = None
    assert see(store, "w/a.word", cache=DiskCache(tmp_path)).error is None


def test_another_size_another_content_or_another_cap_is_another_entry(store, tmp_path):
    cache = DiskCache(tmp_path)
    assert see(store, "w/a.word", cache=cache, size=64).caption == "<fine> at 64"
    assert see(store, "w/a.word", cache=cache, size=65).caption == "<fine> at 65"
    store.put("w/a.word", b"other".ljust(100_000))
    assert see(store, "w/a.word", cache=cache, size=64).caption == "<other> at 64"
    assert see(store, "w/e.word", cache=cache, read_limit=300_000).error
    assert see(store, "w/e.word", cache=cache, read_limit=1_000_000).error is None


def test_a_picture_no_page_can_hold_is_not_shown(store, words, monkeypatch):
    from s3magic.formats.base import Preview

    monkeypatch.setattr(words, "preview", lambda file, *, size: Preview(b"<svg/>", "image/svg+xml", 1, 1, "", "whole"))
    seen = see(store, "w/a.word")
    assert seen.image == b""
    assert seen.error


def test_a_picture_comes_with_what_the_file_says(store):
    seen = see(store, "w/a.word")
    assert seen.format == "word/fine"
    assert ("variables", "t, p") in seen.facts
    assert see(store, "w/plain.dat").format == see(store, "w/b.word").format == "file"


def test_a_picture_is_shown_though_the_file_says_nothing(store, words, monkeypatch):
    def fail(file):
        raise UnreadableFormat("No description")

    monkeypatch.setattr(words, "describe", fail)
    seen = see(store, "w/a.word")
    assert seen.image
    assert (seen.facts, seen.error, seen.bytes_read) == ((), None, store.got)


def test_facts_group_the_points_and_keep_what_the_format_tells():
    info = TileInfo(
        "point-cloud",
        "laz-1.4",
        crs84_extent=(174.7, -36.9, 174.8, -36.8),
        native_extent="0.0,1.0,2.0,3.0,4.0,5.0",
        point_count=1234567,
        details={"density": 1 / 3, "CRS": "NZTM (EPSG:2193)"},
    )
    facts = dict(to_facts(info))
    assert facts["CRS"] == "NZTM (EPSG:2193)"
    assert facts["points"] == "1\u202f234\u202f567"
    assert facts["density"] == "0.333333"
