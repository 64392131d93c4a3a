from __future__ import annotations

import pickle
import threading

import pytest

from s3magic.errors import InvalidInput, InvalidUrl, NoSuchKey, Unreachable
from s3magic.store.credentials import Credentials, Location
from s3magic.thumbnails.presign import LinkMaker


def names(items):
    return [item.name for item in items]


def test_every_object_has_a_tile_whatever_is_wrong_with_it(make_gallery, store):
    gallery = make_gallery().wait()
    assert names(gallery.items) == [
        "a.word", "b.word", "c.word", "d.word", "e.word", "empty.word", "plain.dat",
    ]  # fmt: skip
    assert [bool(item.error) for item in gallery.items] == [False, True, True, True, False, True, False]
    assert all(item.thumbnail.startswith(b"\x89PNG") for item in gallery.items)
    assert gallery.bytes_read == sum(item.bytes_read for item in gallery.items) == store.got > 0
    assert [item.format for item in gallery.items] == [
        "word/fine", "file", "file", "file", "word/whole", "file", "file",
    ]  # fmt: skip
    assert gallery.items[0].url == "s3://teaching/w/a.word"
    assert gallery.items[0].size == 100_000


def test_a_second_gallery_reads_nothing(make_gallery, store):
    store.delete("w/c.word")
    store.delete("w/d.word")
    make_gallery().wait()
    cost, again = store.got, make_gallery().wait()
    assert cost > 0
    assert (store.got, again.bytes_read) == (cost, 0)
    assert again.items[0].thumbnail


def test_tiles_come_as_they_are_ready(make_gallery, store, words):
    store.put("w/slow.word", b"slow".ljust(10))
    gallery = make_gallery()
    quick, slow = gallery.items[0], next(item for item in gallery.items if item.name == "slow.word")
    came = threading.Event()
    gallery.when_ready(quick, lambda item: came.set())
    assert came.wait(30)
    assert quick.ready
    assert not slow.ready
    assert "under way" in repr(slow)
    assert gallery.wait(0.01) is gallery
    assert not slow.ready
    words.gate.set()
    assert slow.thumbnail
    assert slow.ready


def test_a_script_that_does_not_wait_still_sees_whole_items(make_gallery, store, words):
    store.put("w/slow.word", b"slow".ljust(10))
    gallery = make_gallery("s3://teaching/w/slow.word")
    threading.Timer(0.05, words.gate.set).start()
    assert gallery.items[0].error is None
    assert gallery.items[0].bytes_read == 10


def test_pages_follow_one_another(make_gallery, store):
    for number in range(25):
        store.put(f"many/{number:03}.word", b"fine")
    gallery = make_gallery("s3://teaching/many/", limit=10)
    assert len(gallery.items) == 10
    assert gallery.has_more
    assert (gallery.found, gallery.complete) == (25, True)
    assert names(gallery.more()) == [f"{number:03}.word" for number in range(10, 20)]
    assert len(gallery.more()) == 5
    assert not gallery.has_more
    assert gallery.more() == []
    assert names(gallery.items) == [f"{number:03}.word" for number in range(25)]


def test_a_huge_prefix_is_listed_one_page_at_a_time(make_gallery, store):
    for number in range(2500):
        store.put(f"huge/{number:05}.dat", b"")
    gallery = make_gallery("s3://teaching/huge/", limit=60)
    assert store.lists == 1
    assert (gallery.found, gallery.complete, gallery.has_more) == (1000, False, True)
    assert "60 of more than 1\u202f000 objects" in repr(gallery)


def test_a_listing_that_broke_goes_on_where_it_was(make_gallery, store, monkeypatch):
    for number in range(1500):
        store.put(f"huge/{number:05}.dat", b"")
    gallery = make_gallery("s3://teaching/huge/", limit=1000)
    whole = store.list_page
    answers = iter([Unreachable("No answer"), Unreachable("No answer"), None])

    def list_page(*args, **kwargs):
        if error := next(answers):
            raise error
        return whole(*args, **kwargs)

    monkeypatch.setattr(store, "list_page", list_page)
    for _ in range(2):
        with pytest.raises(Unreachable):
            gallery.more()
    assert names(gallery.more()) == [f"{number:05}.dat" for number in range(1000, 1500)]
    assert gallery.complete


def test_a_page_for_a_folder_that_is_not_there_is_refused_before_the_waiting(make_gallery, store, tmp_path, words):
    store.put("w/slow.word", b"slow".ljust(10))
    with pytest.raises(InvalidInput, match="No such folder"):
        make_gallery().to_html(tmp_path / "nowhere" / "page.html")
    with pytest.raises(InvalidInput, match="A folder, not a file"):
        make_gallery().to_html(tmp_path)
    assert not words.gate.is_set()


def test_a_page_that_cannot_be_written_is_told(make_gallery):
    with pytest.raises(InvalidInput, match="Cannot write /dev/full: No space left"):
        make_gallery().to_html("/dev/full")


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("s3://teaching/w/*.{dat,csv}", {}, ["plain.dat"]),
        ("s3://teaching/w/", {"match": "?.word"}, ["a.word", "b.word", "c.word", "d.word", "e.word"]),
        ("s3://teaching/", {"match": "w/p*"}, ["plain.dat"]),
        ("s3://teaching/w/a.word", {}, ["a.word"]),
        ("s3://teaching/w", {"match": "a.*"}, ["a.word"]),
        ("s3://teaching/nothing/", {}, []),
    ],
)
def test_a_url_names_what_is_shown(make_gallery, url, options, expected):
    assert names(make_gallery(url, **options).items) == expected


def test_what_cannot_be_listed_is_an_error_at_once(make_gallery, store):
    with pytest.raises(NoSuchKey, match="not-there"):
        make_gallery("s3://teaching/not-there")

    def fail(*args, **kwargs):
        raise Unreachable("No answer")

    store.list_page = fail
    with pytest.raises(Unreachable):
        make_gallery()


@pytest.mark.parametrize(
    "options",
    [
        {"size": 15},
        {"size": 2000},
        {"limit": 0},
        {"limit": 1001},
        {"expires": 604801},
        {"expires": 0},
        {"sort": "colour"},
        {"sort": "--size"},
    ],
)
def test_bad_words_are_refused_before_anything_is_asked(make_gallery, store, options):
    with pytest.raises(InvalidInput):
        make_gallery(**options)
    assert store.lists == 0


def test_a_url_that_is_none_is_refused(make_gallery):
    with pytest.raises(InvalidUrl):
        make_gallery("/some/folder")


def test_a_selection_is_kept_in_key_order(make_gallery):
    gallery = make_gallery()
    a, b, c = gallery.items[:3]
    gallery.select([c, a])
    assert gallery.selected == [a, c]
    gallery.select([a, b], on=False)
    assert gallery.selected == [c]


def test_links_are_for_the_selection_or_for_all(make_gallery):
    gallery = make_gallery()
    assert len(gallery.urls()) == len(gallery.items)
    gallery.select(gallery.items[:1])
    assert [link.url for link in gallery.urls()] == ["http://127.0.0.1:1/teaching/w/a.word"]
    with pytest.raises(InvalidInput):
        gallery.urls(expires=604801)


def test_a_key_that_looks_like_a_version_is_linked_as_it_is(make_gallery, store):
    store.put("odd/a.word?versionId=7", b"fine")
    (link,) = make_gallery("s3://teaching/odd/").urls()
    assert link.url.endswith("/odd/a.word%3FversionId%3D7")


def test_stopping_gives_up_what_was_not_begun(make_gallery, store, words):
    for number in range(60):
        store.put(f"many/{number:03}.word", b"slow")
    gallery = make_gallery("s3://teaching/many/")
    gallery.stop()
    words.gate.set()
    ends = {item.error for item in gallery.wait().items}
    assert ends == {None, "Stopped before it was read"}


def test_the_large_view_is_larger_and_tells_more(make_gallery, store):
    gallery = make_gallery().wait()
    before = gallery.bytes_read
    picture = gallery.enlarge(gallery.items[0])
    assert picture.caption == "<fine> at 800"
    assert ("format", "word/fine") in picture.facts
    assert gallery.bytes_read == store.got > before


def test_no_signature_is_ever_shown_or_saved(make_gallery, tmp_path):
    keys = Credentials("AKIDEXAMPLE", "hush-hush", "session-secret")
    gallery = make_gallery(signer=LinkMaker(lambda bucket: Location(), lambda: keys)).wait()
    links = gallery.urls()
    assert all("X-Amz-Signature" in link.url for link in links)
    page = gallery.to_html(tmp_path / "page.html").read_text()
    for said in (repr(gallery), gallery._repr_html_(), page, repr(gallery.items), repr(links)):
        for secret in ("X-Amz", "hush-hush", "session-secret", "AKIDEXAMPLE", "Signature"):
            assert secret not in said
    with pytest.raises(TypeError, match="to_html"):
        pickle.dumps(gallery)


def test_items_are_json(make_gallery):
    import json

    gallery = make_gallery().wait()
    said = json.loads(json.dumps([item.to_json() for item in gallery.items]))
    assert said[0]["key"] == "w/a.word"
    assert said[0]["caption"] == "<fine> at 160"


def test_a_page_is_turned_and_the_selection_stays(make_gallery, store):
    for number in range(25):
        store.put(f"many/{number:03}.word", b"fine")
    gallery = make_gallery("s3://teaching/many/", limit=10).wait()
    gallery.select(gallery.items[3:4])
    assert names(gallery.page(3).items) == [f"{number:03}.word" for number in range(20, 25)]
    assert (gallery.number, gallery.has_more) == (3, False)
    gallery.select(gallery.items[:1])
    assert names(gallery.selected) == ["003.word", "020.word"]
    assert gallery.page(1).items[3] is gallery.selected[0]
    assert len(gallery.items) == 10
    assert all(item.error is None for item in gallery.wait().items)
    with pytest.raises(InvalidInput, match="no page 4"):
        gallery.page(4)
    assert gallery.number == 1


def test_each_page_tells_what_it_read_itself(make_gallery, store):
    for number in range(6):
        store.put(f"many/{number:03}.word", b"fine".ljust(1000 * (number + 1)))
    gallery = make_gallery("s3://teaching/many/", limit=3).wait()
    assert "3 of 6 objects · read 6.0 kB of 6.0 kB>" in repr(gallery)
    assert "3 of 6 objects · read 15.0 kB of 15.0 kB, 21.0 kB in all>" in repr(gallery.page(2).wait())


def test_pages_left_behind_are_not_held(make_gallery, store):
    import gc
    import weakref

    for number in range(25):
        store.put(f"many/{number:03}.word", b"fine")
    gallery = make_gallery("s3://teaching/many/", limit=10).wait()
    left = weakref.ref(gallery.items[0].future)
    gallery.page(2).wait()
    gc.collect()
    assert left() is None


def test_a_gallery_has_an_order(make_gallery):
    gallery = make_gallery(sort="-size")
    sizes = [item.size for item in gallery.items]
    assert sizes == sorted(sizes, reverse=True)
