"""What every store promises, run over each of them."""

from __future__ import annotations

import hashlib
import uuid
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3magic.errors import InvalidInput, NoSuchKey, ObjectChanged, ServerError
from s3magic.store.client import Client
from s3magic.store.credentials import Location
from s3magic.store.listing import between, expand, pages
from s3magic.store.memory import MemoryStore
from s3magic.store.s3 import S3Store
from s3magic.url import S3Url

ODD_KEYS = [
    "with space.txt",
    "plus+and%percent%20.txt",
    "naïve/ünïcode/日本.txt",
    "a//b.txt",
    "/leading.txt",
    "up/../stairs.txt",
    "dot/./here.txt",
    "hash#query?x=1&y.txt",
    "quote'\"<&>.txt",
    "tab\tand\nnewline.txt",
    "star*[x]{y}.txt",
]


@pytest.fixture(params=["memory", "s3"])
def store(request):
    if request.param == "memory":
        return MemoryStore("scratch")
    box = request.getfixturevalue("sandbox")
    teacher = box.users["teacher"]
    return S3Store("scratch", Client(Location(endpoint_url=box.endpoint_url), lambda: teacher))


@pytest.fixture
def prefix():
    return f"contract-{uuid.uuid4().hex}/"


def keys(page):
    return [info.key for info in page.objects]


def test_what_is_put_is_got(store, prefix):
    key = f"{prefix}a.bin"
    put = store.put(key, b"0123456789", content_type="text/plain", metadata={"who": "me"})
    assert store.get(key) == b"0123456789"
    head = store.head(key)
    assert (head.key, head.size, head.etag) == (key, 10, put.etag)
    assert head.content_type == "text/plain"
    assert head.metadata["who"] == "me"
    assert head.last_modified is not None
    assert head.last_modified.tzinfo is not None
    assert head.storage_class == "STANDARD"


def test_head_tells_checksums_and_their_type(store, prefix):
    store.put(f"{prefix}a", b"hello")
    head = store.head(f"{prefix}a")
    assert head.checksums
    assert head.checksum_type == "FULL_OBJECT"


def test_a_listing_tells_which_checksums_there_are(store, prefix):
    store.put(f"{prefix}a", b"hello")
    (listed,) = store.list_page(f"{prefix}a").objects
    assert listed.checksum_type == "FULL_OBJECT"
    assert {*listed.algorithms, *listed.checksums} == set(store.head(f"{prefix}a").checksums)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 4, b"0123"),
        (3, 5, b"34"),
        (8, 100, b"89"),
        (10, 12, b""),
        (50, 60, b""),
        (4, 4, b""),
        (7, None, b"789"),
        (0, None, b"0123456789"),
    ],
)
def test_ranges_are_half_open_and_cut_at_the_end(store, prefix, start, stop, expected):
    store.put(f"{prefix}a", b"0123456789")
    assert store.get(f"{prefix}a", start=start, stop=stop) == expected


def test_an_empty_object_reads_empty(store, prefix):
    store.put(f"{prefix}empty", b"")
    assert store.get(f"{prefix}empty") == b""
    assert store.get(f"{prefix}empty", start=0, stop=1) == b""
    assert store.head(f"{prefix}empty").size == 0


def test_a_conditional_read_never_mixes_objects(store, prefix):
    first = store.put(f"{prefix}a", b"first")
    assert store.get(f"{prefix}a", etag=first.etag) == b"first"
    store.put(f"{prefix}a", b"second")
    with pytest.raises(ObjectChanged):
        store.get(f"{prefix}a", start=0, stop=2, etag=first.etag)


def test_an_old_version_stays_readable(store, prefix):
    first = store.put(f"{prefix}a", b"first")
    store.put(f"{prefix}a", b"second")
    assert first.version_id
    assert store.get(f"{prefix}a", version_id=first.version_id) == b"first"
    assert store.head(f"{prefix}a", version_id=first.version_id).size == 5


def test_a_small_object_comes_whole_with_all_that_head_tells(store, prefix):
    put = store.put(f"{prefix}a", b"0123456789", metadata={"who": "me"})
    info, content = store.whole(f"{prefix}a", most=10)
    assert (info, content) == (store.head(f"{prefix}a"), b"0123456789")
    assert store.whole(f"{prefix}a", most=9) is None
    store.put(f"{prefix}a", b"new")
    assert store.whole(f"{prefix}a", most=10, version_id=put.version_id)[1] == b"0123456789"
    store.put(f"{prefix}empty", b"")
    assert store.whole(f"{prefix}empty", most=0)[1] == b""
    with pytest.raises(NoSuchKey):
        store.whole(f"{prefix}none", most=10)


def test_a_stream_gives_the_same_bytes(store, prefix):
    data = bytes(range(256)) * 9000
    etag = store.put(f"{prefix}big", data).etag
    with store.stream(f"{prefix}big", start=1000, etag=etag) as chunks:
        got = [bytes(chunk) for chunk in chunks]
    assert b"".join(got) == data[1000:]
    assert max(map(len, got)) <= 1 << 20


def test_a_chunk_that_is_gone_says_so(store, prefix):
    store.put(f"{prefix}big", bytes(3 << 20))
    with store.stream(f"{prefix}big") as chunks:
        first = next(chunks)
        next(chunks)
        with pytest.raises(ValueError, match="released"):
            bytes(first)


def test_a_stream_may_be_left_early(store, prefix):
    data = bytes(5 << 20)
    store.put(f"{prefix}big", data)
    with store.stream(f"{prefix}big") as chunks:
        next(chunks)
    assert store.get(f"{prefix}big", start=0, stop=3) == b"\0\0\0"


def test_a_missing_object_is_no_such_key(store, prefix):
    for ask in (store.head, store.get):
        with pytest.raises(NoSuchKey) as caught:
            ask(f"{prefix}missing")
        assert caught.value.hint
        assert isinstance(caught.value, FileNotFoundError)


def test_put_only_where_nothing_is(store, prefix):
    store.put(f"{prefix}a", b"one", if_none_match=True)
    with pytest.raises(ObjectChanged):
        store.put(f"{prefix}a", b"two", if_none_match=True)
    assert store.get(f"{prefix}a") == b"one"


def test_put_only_over_what_was_seen(store, prefix):
    first = store.put(f"{prefix}a", b"one")
    second = store.put(f"{prefix}a", b"two", if_match=first.etag)
    with pytest.raises(ObjectChanged):
        store.put(f"{prefix}a", b"three", if_match=first.etag)
    assert store.head(f"{prefix}a").etag == second.etag


def test_delete_is_final_and_harmless_twice(store, prefix):
    store.put(f"{prefix}a", b"one")
    store.delete(f"{prefix}a")
    store.delete(f"{prefix}a")
    with pytest.raises(NoSuchKey):
        store.get(f"{prefix}a")


def test_what_changed_is_not_deleted_on_a_condition(store, prefix):
    first = store.put(f"{prefix}a", b"1")
    second = store.put(f"{prefix}a", b"2")
    with pytest.raises(ObjectChanged):
        store.delete(f"{prefix}a", if_match=first.etag)
    assert store.get(f"{prefix}a") == b"2"
    store.delete(f"{prefix}a", if_match=second.etag)
    store.delete(f"{prefix}a", if_match=second.etag)
    with pytest.raises(NoSuchKey):
        store.head(f"{prefix}a")


def test_a_version_is_deleted_for_good(store, prefix):
    key = f"{prefix}a"
    first, second = store.put(key, b"one"), store.put(key, b"two")
    store.delete(key, version_id=first.version_id)
    assert store.get(key) == b"two"
    with pytest.raises(NoSuchKey):
        store.get(key, version_id=first.version_id)
    marker = store.delete(key)
    if marker is not None:
        store.delete(key, version_id=marker)
    else:
        store.put(key, b"three")
    assert store.get(key) in {b"two", b"three"}
    assert store.get(key, version_id=second.version_id) == b"two"
    store.delete(key, version_id=store.head(key).version_id)
    store.delete(key, version_id=second.version_id)
    assert keys(store.list_page(prefix)) == []


def test_an_upload_begun_and_aborted_leaves_nothing(store, prefix):
    key = f"{prefix}sp ace+%.bin"
    store.put(key, b"there")
    first, second = store.begin_upload(key), store.begin_upload(key)
    assert first != second
    assert store.get(key) == b"there"
    assert store.upload_part(key, first, 1, b"part") == hashlib.md5(b"part").hexdigest()  # noqa: S324 - as S3 does
    for upload in (first, second, first, "nonsense"):
        store.abort_upload(key, upload)
        with pytest.raises(NoSuchKey):
            store.upload_part(key, upload, 1, b"part")
    assert keys(store.list_page(prefix)) == [key]
    assert store.get(key) == b"there"


def test_an_upload_is_completed_with_the_parts_that_were_sent_alone(store, prefix):
    key, parts = f"{prefix}a b.bin", [bytes(5 << 20), b"the end"]
    upload = store.begin_upload(key, content_type="text/plain", metadata={"who": "me"})
    etags = [store.upload_part(key, upload, number, part) for number, part in enumerate(parts, 1)]
    words = {"size": (5 << 20) + 7}
    for wrong in ([*etags, etags[0]], etags[::-1]):
        with pytest.raises(ServerError):
            store.complete_upload(key, upload, wrong, **words)
    with pytest.raises(ServerError):
        store.complete_upload(key, upload, etags, crc32="AAAAAA==", **words)
    with pytest.raises(NoSuchKey):
        store.complete_upload(key, "nonsense", etags, **words)
    with pytest.raises(ObjectChanged):
        store.complete_upload(key, upload, etags, if_match="0" * 32, **words)
    assert keys(store.list_page(prefix)) == []
    info = store.complete_upload(key, upload, etags, if_none_match=True, **words)
    head = store.head(key)
    assert (info.etag, info.size, head.size) == (head.etag, words["size"], words["size"])
    assert (head.content_type, head.metadata["who"]) == ("text/plain", "me")
    assert store.get(key, start=5 << 20) == b"the end"
    again = store.begin_upload(key)
    etags = [store.upload_part(key, again, 1, b"other")]
    with pytest.raises(ObjectChanged):
        store.complete_upload(key, again, etags, size=5, if_none_match=True)
    store.complete_upload(key, again, etags, size=5, if_match=info.etag)
    assert store.get(key) == b"other"


def test_listing_pages_join_in_key_order(store, prefix):
    names = sorted(f"{prefix}{n:03}" for n in range(25))
    for name in names:
        store.put(name, b"x")
    seen = list(pages(store, prefix, max_keys=7))
    assert [key for page in seen for key in keys(page)] == names
    assert [len(page.objects) for page in seen] == [7, 7, 7, 4]
    assert keys(store.list_page(prefix, start_after=names[20])) == names[21:]


def test_a_delimiter_groups_folders_across_pages(store, prefix):
    for name in ("a/1", "a/2", "b", "c/1", "c/d/2", "e"):
        store.put(prefix + name, b"x")
    found_keys, found_prefixes = [], []
    for page in pages(store, prefix, delimiter="/", max_keys=2):
        found_keys += keys(page)
        found_prefixes += page.prefixes
    assert found_keys == [f"{prefix}b", f"{prefix}e"]
    assert found_prefixes == [f"{prefix}a/", f"{prefix}c/"]


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_ranges_that_follow_each_other_hold_what_one_listing_holds(store, prefix, delimiter):
    names = [f"{prefix}{name}" for name in ("a", "b/1", "b/5", "b/9", "b0", "c", "d/e", "z", "ä", "日")]
    for name in names:
        store.put(name, b"x")
    listed = list(pages(store, prefix, delimiter=delimiter))
    cuts = [None, *(prefix + cut for cut in ("a", "b/5", "b/7", "c", "cc", "z", "ä", "日本"))]
    walked = [
        page
        for after, until in pairwise(cuts)
        for page in between(store, prefix, after=after, until=until, delimiter=delimiter, max_keys=2)
    ]
    assert joined(walked) == joined(listed)


def joined(seen):
    """Return the keys and the groups of pages."""
    seen = list(seen)
    return [key for page in seen for key in keys(page)], [group for page in seen for group in page.prefixes]


def test_a_range_asks_for_no_page_behind_it(prefix):
    class Counted(MemoryStore):
        asked = 0

        def list_page(self, *arguments, **options):
            self.asked += 1
            return super().list_page(*arguments, **options)

    store = Counted("scratch")
    for number in range(100):
        store.put(f"{prefix}{number:02}", b"x")
    (first, second) = between(store, prefix, after=f"{prefix}29", until=f"{prefix}49", max_keys=10)
    assert keys(first) + keys(second) == [f"{prefix}{number}" for number in range(30, 50)]
    assert store.asked == 2


@pytest.mark.parametrize("odd", ODD_KEYS)
def test_odd_keys_stay_whole(store, prefix, odd):
    key = f"{prefix}{odd}"
    store.put(key, odd.encode())
    assert keys(store.list_page(prefix)) == [key]
    assert store.get(key) == odd.encode()
    assert store.head(key).key == key
    store.delete(key)
    assert keys(store.list_page(prefix)) == []


def test_a_key_that_begins_with_a_slash_is_another_key(store):
    name = uuid.uuid4().hex
    store.put(f"/{name}", b"slash")
    store.put(name, b"none")
    assert store.get(f"/{name}") == b"slash"
    assert store.get(name) == b"none"


def test_expand_names_objects_by_pattern_prefix_and_key(store, prefix):
    for name in ("t/a.laz", "t/b.tif", "t/c.txt", "t/deep/d.laz", "t/"):
        store.put(prefix + name, b"x")

    def found(tail):
        return [info.key[len(prefix) :] for info in expand(store, S3Url("scratch", prefix + tail))]

    assert found("t/*.{laz,tif}") == ["t/a.laz", "t/b.tif"]
    assert found("t/**.laz") == ["t/a.laz", "t/deep/d.laz"]
    assert found("t/*") == ["t/a.laz", "t/b.tif", "t/c.txt"]
    assert found("*/d*/*") == ["t/deep/d.laz"]
    assert found("t/") == ["t/a.laz", "t/b.tif", "t/c.txt", "t/deep/d.laz"]
    assert found("t/c.txt") == ["t/c.txt"]


def test_no_key_is_no_object(memory, sandbox):
    store = S3Store("scratch", Client(Location(endpoint_url=sandbox.endpoint_url), lambda: None))
    with pytest.raises(InvalidInput):
        store.get("")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text("ab/é\U0001f600~", min_size=1, max_size=6), max_size=12, unique=True),
    start=st.text("ab/", max_size=3),
    size=st.integers(1, 5),
    delimiter=st.sampled_from(["", "/"]),
    cuts=st.sets(st.text("ab/é\U0001f600~", max_size=3), max_size=3),
)
def test_listing_in_memory_fits_its_model(names, start, size, delimiter, cuts):
    store = MemoryStore("model")
    for name in names:
        store.put(name, b"")
    expected_keys, expected_prefixes = [], []
    for name in sorted((n for n in names if n.startswith(start)), key=str.encode):
        rest = name[len(start) :]
        if delimiter and "/" in rest:
            group = start + rest[: rest.index("/") + 1]
            if group not in expected_prefixes:
                expected_prefixes.append(group)
        else:
            expected_keys.append(name)
    seen = list(pages(store, start, delimiter=delimiter, max_keys=size))
    assert [key for page in seen for key in keys(page)] == expected_keys
    assert [group for page in seen for group in page.prefixes] == expected_prefixes
    assert all(len(page.objects) + len(page.prefixes) <= size for page in seen)
    ends = [None, *sorted({*cuts, "\U0010ffff"} - {""}, key=str.encode)]
    parts = [
        between(store, start, after=one, until=two, delimiter=delimiter, max_keys=size) for one, two in pairwise(ends)
    ]
    assert joined(page for part in parts for page in part) == (expected_keys, expected_prefixes)


def history(store, prefix, **options):
    found, prefixes, token = [], [], None
    while True:
        page = store.list_versions(prefix, token=token, **options)
        found += [(v.info.key[len(prefix) :], v.info.version_id, v.is_latest, v.is_deletion) for v in page.versions]
        prefixes += [group[len(prefix) :] for group in page.prefixes]
        token = page.next_token
        if token is None:
            return found, prefixes


def test_every_version_and_deletion_is_listed_the_newest_first(store, prefix):
    one, two = store.put(f"{prefix}a b", b"1"), store.put(f"{prefix}a b", b"22")
    mark = store.delete(f"{prefix}a b")
    other = store.put(f"{prefix}b", b"x")
    inner = store.put(f"{prefix}c/d", b"x")
    wanted = [
        ("a b", mark, True, True),
        ("a b", two.version_id, False, False),
        ("a b", one.version_id, False, False),
        ("b", other.version_id, True, False),
    ]
    assert history(store, prefix) == ([*wanted, ("c/d", inner.version_id, True, False)], [])
    for size in (1, 2, 3):
        assert history(store, prefix, max_keys=size, delimiter="/") == (wanted, ["c/"])
    assert history(store, prefix, start_after=f"{prefix}a b", delimiter="/") == (wanted[3:], ["c/"])
    sizes = {v.info.version_id: (v.info.size, v.info.etag) for v in store.list_versions(prefix).versions}
    assert sizes[two.version_id] == (2, two.etag)
    assert sizes[mark] == (0, "")


def test_a_version_is_received_into_a_buffer(store, prefix):
    one = store.put(f"{prefix}a", b"first")
    store.put(f"{prefix}a", b"other")
    into, told = bytearray(5), []
    store.receive(f"{prefix}a", memoryview(into), arrived=told.append, etag=one.etag, version_id=one.version_id)
    assert bytes(into) == b"first"
    with pytest.raises(ObjectChanged):
        store.receive(f"{prefix}a", memoryview(into), arrived=told.append, etag="0", version_id=one.version_id)
