"""A bucket as it stood, and one version of one object: what was there then, and nothing else."""

from __future__ import annotations

import errno
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_operations import walk

from s3magic.errors import AccessDenied, InvalidInput, MountError, NoSuchKey
from s3magic.mounting.operations import FileSystem
from s3magic.mounting.past import AsOf, Pinned, time_of
from s3magic.store.base import Version, VersionPage
from s3magic.store.memory import MemoryStore

KEYS = st.lists(st.sampled_from(["a", "b", "a-b", "c"]), min_size=1, max_size=3).map("/".join)


class Paged(MemoryStore):
    """A store whose pages of versions break within keys, as S3's do."""

    def list_versions(self, prefix="", *, delimiter="", token=None, start_after=None, max_keys=1000):
        whole = super().list_versions(prefix, delimiter=delimiter, start_after=start_after, max_keys=max_keys)
        rows = sorted([*whole.versions, *whole.prefixes], key=lambda row: row if isinstance(row, str) else row.info.key)
        at = int(token or 0)
        part = rows[at : at + 2]
        return VersionPage(
            tuple(row for row in part if isinstance(row, Version)),
            tuple(row for row in part if isinstance(row, str)),
            str(at + 2) if at + 2 < len(rows) else None,
        )


def tick():
    """Return a moment that lies between what came before and what comes after."""
    moment = datetime.now(UTC)
    while datetime.now(UTC) == moment:
        pass
    return moment


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(KEYS, st.booleans()), max_size=15), st.booleans(), st.data())
def test_a_time_shows_just_what_was_there(steps, pages, data):
    store, moments, state = (Paged if pages else MemoryStore)("teaching"), [], {}
    for number, (key, deletes) in enumerate(steps):
        if deletes:
            store.delete(key)
            state.pop(key, None)
        else:
            store.put(key, f"{number}".encode())
            state[key] = f"{number}".encode()
        moments.append((tick(), dict(state)))
    moment, known = data.draw(st.sampled_from(moments)) if moments else (tick(), {})
    files = FileSystem(AsOf(store, moment))
    shown = {"/".join(path): content for path, content in walk(files) if content is not None}
    folders = {key[: at + 1] for key, deletes in steps if not deletes for at, letter in enumerate(key) if letter == "/"}
    full = {key for key in known if any(other.startswith(f"{key}/") for other in known)}  # the folder has the name
    wanted = {key: content for key, content in known.items() if key not in full}
    doubtful = {key for key in wanted if f"{key}/" in folders} if pages else set()  # their folder is on another page
    assert {key: shown[key] for key in shown.keys() - doubtful} == {
        key: wanted[key] for key in wanted.keys() - doubtful
    }
    files.close()


def test_what_is_read_is_the_version_even_when_the_bytes_were_replaced_meanwhile():
    store = MemoryStore("teaching")
    first = store.put("a", b"old")
    moment = tick()
    view = AsOf(store, moment)
    (info,) = view.list_page().objects
    store.put("a", b"new")
    store.delete("a")
    assert view.get("a", etag=info.etag) == b"old"
    store.delete("a", version_id=first.version_id)
    with pytest.raises(NoSuchKey):
        view.get("a", etag=info.etag)


def test_one_version_is_the_only_file():
    store = MemoryStore("teaching")
    old = store.put("f/a.nc", b"old")
    store.put("f/a.nc", b"new")
    store.put("f/b.nc", b"other")
    files = FileSystem(Pinned(store, "f/a.nc", old.version_id), "f/")
    assert dict(walk(files)) == {("a.nc",): b"old"}
    assert dict(walk(FileSystem(Pinned(store, "f/a.nc", old.version_id)))) == {("f",): None, ("f", "a.nc"): b"old"}
    with pytest.raises(NoSuchKey):
        Pinned(store, "f/a.nc", "v99")
    files.close()


def test_a_bucket_without_versions_is_refused():
    class Plain(MemoryStore):
        def list_versions(self, *args, **options):
            from dataclasses import replace

            page = super().list_versions(*args, **options)
            plain = tuple(replace(one, info=replace(one.info, version_id="null")) for one in page.versions)
            return replace(page, versions=plain)

    store = Plain("teaching")
    AsOf(store, tick()).check("")
    store.put("a", b"x")
    with pytest.raises(InvalidInput, match="keeps no versions"):
        AsOf(store, tick()).check("")


def test_times_are_read_and_bad_ones_refused():
    assert time_of("2026-01-31T12:00+01:00") == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert time_of("2026-01-31").tzinfo is not None
    for bad in ("yesterday", "", (datetime.now(UTC) + timedelta(hours=1)).isoformat()):
        with pytest.raises(InvalidInput) as caught:
            time_of(bad)
        assert caught.value.hint


def next_second():
    """Wait for the next of the seconds that S3 tells times in."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)
    return datetime.now(UTC)


def test_mounts_of_a_time_and_of_a_version_stand_beside_the_live_one(bucket, mount, room):
    old = bucket.put("f/a.txt", b"old")
    bucket.put("f/gone.txt", b"gone")
    moment = next_second() - timedelta(seconds=0.001)
    next_second()
    bucket.put("f/a.txt", b"newer")
    bucket.put("f/later.txt", b"later")
    bucket.delete("f/gone.txt")
    live = mount("s3://scratch/f/", None)
    past = mount("s3://scratch/f/", None, version_at=moment)
    pinned = mount(f"s3://scratch/f/a.txt?versionId={old.version_id}", None)
    assert len({live.path, past.path, pinned.path}) == 3
    assert {path.name: path.read_bytes() for path in live.path.iterdir()} == {"a.txt": b"newer", "later.txt": b"later"}
    assert {path.name: path.read_bytes() for path in past.path.iterdir()} == {"a.txt": b"old", "gone.txt": b"gone"}
    assert {path.name: path.read_bytes() for path in pinned.path.iterdir()} == {"a.txt": b"old"}
    assert mount("s3://scratch/f/", None, version_at=moment) == past
    assert mount(f"s3://scratch/f/a.txt?versionId={old.version_id}", None) == pinned
    assert "as it stood at" in past._repr_html_()
    with pytest.raises(OSError, match="Read-only") as caught:
        (past / "x").touch()
    assert caught.value.errno == errno.EROFS


def test_what_cannot_be_shown_is_told_before_anything_is_made(bucket, mount, room, sandbox):
    import s3magic

    bucket.put("a", b"x")
    for url, options, error in [
        ("s3://scratch/", {"version_at": "soon"}, InvalidInput),
        ("s3://scratch/a?versionId=x", {"version_at": "2026-01-01"}, InvalidInput),
        ("s3://scratch/f/?versionId=x", {}, InvalidInput),
        ("s3://scratch/a?versionId=00000000-0000-0000-0000-000000000000", {}, NoSuchKey),
        ("s3://scratch/nothing/", {"version_at": "2020-01-01"}, NoSuchKey),
    ]:
        with pytest.raises(error):
            mount(url, **options)
    visitor = sandbox.users["visitor"]
    s3magic.connect(
        "keys",
        access_key_id=visitor.access_key_id,
        secret_access_key=visitor.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )
    with pytest.raises(AccessDenied, match="s3:ListBucketVersions"):
        mount("s3://teaching/photos/", version_at="2026-01-01")
    assert not (room / "m").exists()


def test_a_time_and_the_present_do_not_share_a_folder(bucket, mount):
    bucket.put("a", b"x")
    mount("s3://scratch/")
    with pytest.raises(MountError):
        mount("s3://scratch/", version_at=datetime.now(UTC))
