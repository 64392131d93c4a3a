"""What ``ls`` shows, over a store in memory."""

from __future__ import annotations

import tracemalloc

import pytest

from s3magic.errors import InvalidInput, NoSuchKey
from s3magic.listing import list_objects, summarise
from s3magic.store.base import ListPage, ObjectInfo
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url


@pytest.fixture
def bucket(memory):
    for key in ("a.txt", "d/", "d/b.nc", "d/e/c.nc", "f.TIF", "d2/x"):
        memory.put(key, b"12345")
    memory.put("d/", b"")
    return memory


def names(listing):
    return [info.key for info in listing]


def test_one_level_with_its_folders(bucket):
    listing = list_objects(bucket, S3Url("teaching"))
    assert names(listing) == ["a.txt", "f.TIF"]
    assert listing.folders == ("s3://teaching/d/", "s3://teaching/d2/")
    assert not listing.truncated


def test_recursive_passes_over_folder_markers(bucket):
    listing = list_objects(bucket, S3Url("teaching", "d/"), recursive=True)
    assert names(listing) == ["d/b.nc", "d/e/c.nc"]


def test_a_pattern_and_a_single_object(bucket):
    assert names(list_objects(bucket, S3Url("teaching", "**.nc"))) == ["d/b.nc", "d/e/c.nc"]
    assert names(list_objects(bucket, S3Url("teaching", "a.txt"))) == ["a.txt"]


def test_a_version_of_an_object_is_that_version(memory):
    first = memory.put("a.txt", b"first")
    memory.put("a.txt", b"the second")
    listing = list_objects(memory, S3Url("teaching", "a.txt", version_id=first.version_id))
    assert [info.size for info in listing] == [5]
    assert "a.txt" in repr(listing).splitlines()[1]
    for url in ("s3://teaching/d/?versionId=1", "s3://teaching/*.nc?versionId=1"):
        with pytest.raises(InvalidInput):
            list_objects(memory, S3Url.parse(url))


def test_a_folder_named_without_its_slash_is_looked_into(bucket):
    listing = list_objects(bucket, S3Url("teaching", "d"))
    assert repr(listing).endswith("1 folder · 1 object, 5 B")
    assert (str(listing.url), names(listing), listing.folders) == (
        "s3://teaching/d/",
        ["d/b.nc"],
        ("s3://teaching/d/e/",),
    )
    assert names(list_objects(bucket, S3Url("teaching", "d"), recursive=True)) == ["d/b.nc", "d/e/c.nc"]


def test_a_pattern_of_folders_lists_what_is_in_them(bucket):
    assert names(list_objects(bucket, S3Url("teaching", "d*/"))) == ["d/b.nc", "d/e/c.nc", "d2/x"]


class Endless(MemoryStore):
    """A bucket of many pages, of which every walk counts the requests."""

    pages = 0

    def list_page(self, prefix="", *, token=None, **options):
        self.pages += 1
        info = ObjectInfo(f"s3://huge/{prefix}x{self.pages}.nc", f"{prefix}x{self.pages}.nc", 1, "e")
        return ListPage((info,) * options["max_keys"], (), str(self.pages))


def test_a_rare_pattern_does_not_stall_in_a_huge_bucket():
    store = Endless("huge")
    listing = list_objects(store, S3Url("huge", "**.tif"), limit=5)
    assert (len(listing), listing.truncated) == (0, True)
    assert store.pages <= 100
    assert "more" in repr(listing)


def test_few_of_many_objects_cost_one_request():
    store = Endless("huge")
    assert len(list_objects(store, S3Url("huge", "a/"), limit=5)) == 5
    assert store.pages == 1


def test_a_name_that_begins_many_others_is_looked_up_not_walked(memory):
    for number in range(30):
        memory.put(f"d-{number}", b"")
    memory.put("d", b"x")
    asked = []
    list_page = memory.list_page
    memory.list_page = lambda *args, **options: asked.append(args) or list_page(*args, **options)
    assert names(list_objects(memory, S3Url("teaching", "d"), limit=2)) == ["d"]
    assert len(asked) == 1


def test_a_limit_says_that_there_is_more(bucket):
    listing = list_objects(bucket, S3Url("teaching"), recursive=True, limit=2)
    assert len(listing) == 2
    assert listing.truncated
    assert "more" in repr(listing)


def test_nothing_there_and_nonsense_are_errors(bucket):
    with pytest.raises(NoSuchKey):
        list_objects(bucket, S3Url("teaching", "nope"))
    with pytest.raises(InvalidInput):
        list_objects(bucket, S3Url("teaching"), limit=0)
    assert len(list_objects(bucket, S3Url("teaching", "empty/"))) == 0


def test_the_summary_counts(bucket):
    summary = list_objects(bucket, S3Url("teaching"), recursive=True).summary()
    assert (summary.count, summary.size) == (5, 25)
    assert summary.types == {".txt": 1, ".nc": 2, ".tif": 1, "(none)": 1}
    assert summary.storage_classes == {"STANDARD": 5}


def test_a_summary_without_a_listing_is_the_same(bucket):
    whole = list_objects(bucket, S3Url("teaching"), recursive=True).summary()
    assert summarise(bucket, S3Url("teaching")) == whole
    assert summarise(bucket, S3Url("teaching"), limit=5) == whole
    few = summarise(bucket, S3Url("teaching"), limit=4)
    assert (few.count, few.truncated, few.interrupted) == (4, True, False)
    assert "4, and there are more" in repr(few)


@pytest.mark.parametrize(
    ("key", "count"), [("d/", 2), ("d", 2), ("**.nc", 2), ("*.txt", 1), ("a.txt", 1), ("d*/", 3), ("empty/", 0)]
)
def test_a_summary_is_of_whatever_a_url_names(bucket, key, count):
    summary = summarise(bucket, S3Url("teaching", key))
    assert summary.count == count
    assert ("types" in repr(summary)) is (count > 0)


def test_a_summary_of_nothing_is_refused(bucket):
    with pytest.raises(NoSuchKey):
        summarise(bucket, S3Url("teaching", "nope"))
    with pytest.raises(InvalidInput):
        summarise(bucket, S3Url("teaching"), limit=0)


class Many(MemoryStore):
    """A bucket of many keys, each of a type of its own, that comes to an end or is interrupted before."""

    pages = 50
    interrupted_at = None

    def list_page(self, prefix="", *, token=None, **options):
        number = int(token or 0)
        if number == self.interrupted_at:
            raise KeyboardInterrupt
        page = tuple(ObjectInfo("", f"x.{number:04}{n:03}", 3, "e") for n in range(1000))
        return ListPage(page, (), str(number + 1) if number + 1 < self.pages else None)


def test_very_many_keys_are_counted_and_not_held():
    tracemalloc.start()
    try:
        summary = summarise(Many("huge"), S3Url("huge"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (summary.count, summary.size, summary.truncated) == (50_000, 150_000, False)
    assert sum(summary.types.values()) == 50_000
    assert "objects         50,000" in repr(summary)
    assert peak < 2 << 20, f"{peak / 2**20:.1f} MB held"


def test_an_interrupt_leaves_what_was_counted():
    store = Many("huge")
    store.interrupted_at = 7
    summary = summarise(store, S3Url("huge"))
    assert (summary.count, summary.truncated, summary.interrupted) == (7000, True, True)
    assert "7,000, so far" in repr(summary)
    assert "7,000, so far" in summary._repr_html_()
    assert summary.to_json()["interrupted"]


def test_a_pattern_that_begins_with_words_is_looked_for_where_they_are(bucket):
    asked = []
    list_page = bucket.list_page
    bucket.list_page = lambda *args, **options: asked.append(args) or list_page(*args, **options)
    assert names(list_objects(bucket, S3Url("teaching", "d2*/*"))) == ["d2/x"]
    assert asked == [("d2",)]


def test_hostile_names_are_escaped(memory):
    memory.put("<img src=x onerror=alert(1)>", b"")
    listing = list_objects(memory, S3Url("teaching"))
    assert "<img src=x" not in listing._repr_html_()
    assert listing.to_json()["objects"][0]["key"] == "<img src=x onerror=alert(1)>"


def test_a_name_stays_in_its_line(memory):
    memory.put("été\n\x1b[2Jx", b"")
    assert repr(list_objects(memory, S3Url("teaching"))).splitlines()[1].endswith(r"été\n\x1b[2Jx")
