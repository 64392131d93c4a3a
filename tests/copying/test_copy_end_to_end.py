"""The public function and the magic, over HTTP: every kind of end, rights, and a kill in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid

import pytest

import s3magic
from s3magic.access import current, per_url
from s3magic.copying import sync
from s3magic.copying.across import Across
from s3magic.errors import (
    AccessDenied,
    ArchivedObject,
    CopyError,
    CopyFailed,
    InvalidInput,
    NotFound,
    ObjectChanged,
    ServerError,
    Unreachable,
)
from s3magic.store.copies import copy_object
from s3magic.url import S3Url

MIB = 1 << 20
BOUND = 20


@pytest.fixture
def scratch(connection, request):
    """A prefix of its own in the scratch bucket: the store and the URL."""
    store = connection.store("scratch")
    prefix = f"copy/{request.node.name}/"
    yield store, f"s3://scratch/{prefix}", prefix
    for info in store.list_page(prefix).objects:
        store.delete(info.key)


def test_there_across_and_back(scratch, tmp_path, tree):
    store, url, _ = scratch
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "a b+%.nc").write_bytes(b"one")
    (here / "sub" / "é\n.txt").write_bytes(b"two")
    (here / "large").write_bytes(os.urandom(9 * MIB))
    assert len(s3magic.copy(here, f"{url}up").copied) == 3
    before = store.client.traffic.received
    assert len(s3magic.copy(f"{url}up", f"{url}across").copied) == 3
    assert store.client.traffic.received - before < MIB, "S3 copies by itself"
    assert len(s3magic.copy(f"{url}up", f"{url}across").kept) == 3
    s3magic.copy(f"{url}across", tmp_path / "back")
    assert tree(tmp_path / "back") == tree(here)
    assert len(s3magic.copy(f"{url}up/", tmp_path / "back").kept) == 3
    assert len(s3magic.copy(here, f"{url}across").kept) == 3


def test_one_object_goes_where_it_is_told(scratch, tmp_path):
    store, url, prefix = scratch
    store.put(f"{prefix}x.nc", b"old")
    (tmp_path / "file").write_bytes(b"file")
    s3magic.copy(f"{url}x.nc", tmp_path / "y.nc")
    s3magic.copy(f"{url}x.nc", tmp_path)
    s3magic.copy(f"{url}x.nc", f"{tmp_path}/new/")
    assert [(tmp_path / name).read_bytes() for name in ("y.nc", "x.nc", "new/x.nc")] == [b"old"] * 3
    s3magic.copy(tmp_path / "file", url)
    s3magic.copy(tmp_path / "file", f"{url}named")
    s3magic.copy(f"{url}x.nc", f"{url}sub/")
    keys = {info.key for info in store.list_page(prefix).objects}
    assert keys == {f"{prefix}{name}" for name in ("file", "named", "sub/x.nc", "x.nc")}
    assert s3magic.copy(tmp_path / "file", f"{url}named").kept == ("file",)


def test_a_version_is_the_one_that_was_named(scratch, tmp_path):
    store, url, prefix = scratch
    first = store.put(f"{prefix}x", b"first")
    store.put(f"{prefix}x", b"second")
    s3magic.copy(f"{url}x?versionId={first.version_id}", tmp_path / "old")
    s3magic.copy(f"{url}x?versionId={first.version_id}", f"{url}old")
    assert (tmp_path / "old").read_bytes() == store.get(f"{prefix}old") == b"first"


def test_buckets_of_one_name_on_two_endpoints_are_two(sandbox, scratch):
    store, url, prefix = scratch
    store.put(f"{prefix}in/x", b"x")
    teacher = sandbox.users["teacher"]
    keys = {"access_key_id": teacher.access_key_id, "secret_access_key": teacher.secret_access_key}
    with pytest.raises(InvalidInput, match="inside"):
        s3magic.copy(url, f"{url}in/there/")
    elsewhere = sandbox.endpoint_url.replace("127.0.0.1", "localhost")
    s3magic.connect("keys", **keys, endpoint_url=elsewhere, region="us-east-1", for_url=f"{url}in/there/")
    try:
        assert s3magic.copy(url, f"{url}in/there/").copied == ("in/x",)
    finally:
        per_url.clear()


def test_by_parts_where_it_is_too_large_for_one_request(scratch):
    store, _, prefix = scratch
    data = os.urandom(11 * MIB)
    store.put(f"{prefix}x", data, content_type="text/x", metadata={"who": "me"})
    info = store.list_page(prefix).objects[0]
    told = []
    copy_object(store, f"{prefix}y", info, largest=MIB, part_size=5 * MIB, if_none_match=True, progress=told.append)
    there = store.head(f"{prefix}y")
    assert (store.get(f"{prefix}y"), there.content_type, there.metadata["who"]) == (data, "text/x", "me")
    assert sum(told) == len(data)
    for largest in (MIB, 1 << 30):
        with pytest.raises(ObjectChanged):
            copy_object(store, f"{prefix}y", info, largest=largest, part_size=5 * MIB, if_none_match=True)
    store.put(f"{prefix}x", b"another")
    for largest in (MIB, 1 << 30):
        with pytest.raises(ObjectChanged):
            copy_object(store, f"{prefix}z", info, largest=largest, part_size=5 * MIB)
    assert len(store.list_page(prefix).objects) == 2


@pytest.fixture
def faults(monkeypatch):
    """Let the first write of a client be refused for a while, and the answer to the second be lost."""

    def meet(client):
        send, writes = client.send, []

        def unsure(request):
            if request.method != "PUT":
                return send(request)
            writes.append(request)
            if len(writes) == 1:
                error = ServerError("S3 answered 503", "Try again.")
                error.status = 503
                raise error
            answer = send(request)
            if len(writes) == 2:
                raise Unreachable("No answer", "Try again.")
            return answer

        monkeypatch.setattr(client, "send", unsure)
        return writes

    return meet


def test_between_buckets_a_passing_fault_is_passed_over_and_a_lost_answer_found(scratch, faults):
    store, _, prefix = scratch
    store.put(f"{prefix}x", b"data")
    writes = faults(store.client)
    source = S3Url("scratch", f"{prefix}x")
    for is_one in (True, False):
        writes.clear()
        target = source.with_key(f"{prefix}y{is_one}")
        assert sync.copy(Across(store, source, store, target, is_one=is_one)).copied == ("x",)
        assert len(writes) == 3, "the last of which asks whether the store heeds conditions"
        assert store.get(target.key) == b"data"


@pytest.mark.parametrize(
    ("end", "error", "work"),
    [
        ("from", ObjectChanged, lambda store, key: store.put(key, b"later")),
        ("from", NotFound, lambda store, key: store.delete(key)),
        ("to", ObjectChanged, lambda store, key: store.put(key, b"theirs")),
    ],
)
def test_of_a_copy_that_s3_refuses_the_end_is_named_that_is_in_the_way(connection, monkeypatch, end, error, work):
    store, top = connection.store("scratch"), f"copy/refused-{uuid.uuid4().hex}/"
    store.put(f"{top}from/x", b"first")
    listing = store.list_page

    def late(prefix, **words):
        page = listing(prefix, **words)
        if prefix == f"{top}{end}/":
            work(store, f"{prefix}x")
        return page

    monkeypatch.setattr(store, "list_page", late)
    with pytest.raises(error, match=f": s3://scratch/{top}{end}/x$"):
        s3magic.copy(f"s3://scratch/{top}from/", f"s3://scratch/{top}to/")


def test_archived_objects_say_so_and_the_others_come(connection, tmp_path):
    with pytest.raises(ArchivedObject, match="archive class"):
        s3magic.copy("s3://teaching/archive/", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(CopyFailed) as failed:
        s3magic.copy("s3://teaching/{archive,drawings}/*", tmp_path)
    assert [name for name, _ in failed.value.failures] == ["archive/stations-1998.csv"]
    assert (tmp_path / "drawings" / "tide.svg").exists()


def test_who_may_not_is_told_at_once(sandbox, connection, tmp_path):
    for number in range(100):
        (tmp_path / str(number)).write_bytes(b"x")
    student = sandbox.users["student"]
    keys = {"access_key_id": student.access_key_id, "secret_access_key": student.secret_access_key}
    s3magic.connect("keys", **keys, endpoint_url=sandbox.endpoint_url, region="us-east-1")
    client = current.open_store(S3Url("teaching")).client
    with pytest.raises(AccessDenied) as denied:
        s3magic.copy(tmp_path, "s3://teaching/mine/")
    assert len(denied.value.lines()) == 2
    assert client.traffic.requests < 60


def test_who_may_read_and_not_list_gets_an_object_and_is_told_of_reading(sandbox, connection, tmp_path):
    (photo, *_) = connection.store("teaching").list_page("photos/").objects
    guest = sandbox.users["guest"]
    keys = {"access_key_id": guest.access_key_id, "secret_access_key": guest.secret_access_key}
    s3magic.connect("keys", **keys, endpoint_url=sandbox.endpoint_url, region="us-east-1")
    assert [info.key for info in s3magic.ls(photo.url)] == [photo.key]
    assert s3magic.summary(photo.url).size == photo.size
    assert s3magic.copy(photo.url, tmp_path).copied == (photo.name,)
    refused = r"^Not allowed: s3:GetObject on s3://teaching/photos/none.txt"
    for ask in (s3magic.ls, s3magic.summary, s3magic.thumbs, lambda url: s3magic.copy(url, tmp_path)):
        with pytest.raises(AccessDenied, match=refused) as denied:
            ask("s3://teaching/photos/none.txt")
        assert len(denied.value.lines()) == 2
    with pytest.raises(AccessDenied, match=r"^Not allowed: s3:ListBucket on s3://teaching/"):
        s3magic.ls("s3://teaching/photos/")


@pytest.fixture
def workplace(tmp_path, monkeypatch, connection):
    """A folder with a file, to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("src", "dst", "words", "error", "said"),
    [
        ("a", "b", {}, InvalidInput, "Neither end"),
        ("", "s3://scratch/x", {}, InvalidInput, "no name"),
        ("s3://teaching/photos/", "", {}, InvalidInput, "no name"),
        ("n" * 300, "s3://scratch/x", {}, InvalidInput, "name too long"),
        ("s3://teaching/photos/", "n" * 300, {}, InvalidInput, "name too long"),
        ("s3://teaching/photos/", "a\0b", {}, InvalidInput, "null"),
        ("s3://teaching/photos/", "~nobody-of-this-name/x", {}, InvalidInput, "home"),
        ("s3://teaching/photos/", "file/x", {}, CopyError, "Cannot write to"),
        ("none", "s3://scratch/x", {}, NotFound, "No such file"),
        ("s3://teaching/none.txt", "x", {}, NotFound, "nothing at s3://teaching/none.txt$"),
        ("s3://teaching/none.txt", "x", {"delete": True}, CopyError, "nothing at s3://teaching/none.txt$"),
        ("s3://teaching/photos/", "s3://scratch/*.x", {}, InvalidInput, "Nothing can be copied to"),
        ("s3://teaching/photos/?versionId=1", "x", {}, InvalidInput, "Only an object has versions"),
        ("s3://teaching/tiles/hill.las", "x", {"delete": True}, InvalidInput, "no folder"),
        ("s3://teaching/photos/", "file", {}, InvalidInput, "Not a folder"),
        ("s3://teaching/photos/", "s3://teaching/drawings/tide.svg", {}, InvalidInput, "place of an object"),
        (".", "s3://teaching/drawings/tide.svg", {}, InvalidInput, "place of an object"),
        ("*.nc", "s3://scratch/x", {}, NotFound, "No such file"),
        ("s3://teaching/photos/", "/proc/self/x", {}, CopyError, "Cannot write to /proc"),
        ("s3://scratch/a/", "s3://scratch/a/b/", {}, InvalidInput, "inside"),
    ],
)
def test_what_makes_no_sense_is_refused_in_two_lines(workplace, src, dst, words, *, error, said):
    with pytest.raises(error, match=said) as refused:
        s3magic.copy(src, dst, **words)
    assert len(refused.value.lines()) == 2
    assert [path.name for path in workplace.iterdir()] == ["file"]


_COPY = """
import sys, s3magic
from s3magic.store import s3
key, secret, endpoint, source, target = sys.argv[1:]
s3magic.connect("keys", access_key_id=key, secret_access_key=secret, endpoint_url=endpoint, region="us-east-1")
s3magic.copy(source, target)
"""


def test_a_copy_that_was_killed_is_gone_on_with(sandbox, scratch, tmp_path, tree):
    store, url, prefix = scratch
    whole = {f"{number:03}": os.urandom(200_000) for number in range(60)}
    for name, data in whole.items():
        store.put(f"{prefix}{name}", data)
    teacher = sandbox.users["teacher"]
    words = [teacher.access_key_id, teacher.secret_access_key, sandbox.endpoint_url, url, str(tmp_path / "there")]
    child = subprocess.Popen([sys.executable, "-c", _COPY, *words], env=os.environ | {"TQDM_DISABLE": "1"})
    deadline = time.monotonic() + BOUND
    try:
        while not list((tmp_path / "there").glob("0*")):
            assert time.monotonic() < deadline, "no file came"
            assert child.poll() is None, "the copy ended too soon"
    finally:
        child.kill()
        child.wait()
    done = {name: data for name, data in tree(tmp_path / "there").items() if not name.startswith(".")}
    assert all(whole[name] == data for name, data in done.items())
    report = s3magic.copy(url, tmp_path / "there")
    assert set(done) <= set(report.kept)
    assert tree(tmp_path / "there") == whole


def test_the_report_shows_itself(scratch, tmp_path):
    _, url, _ = scratch
    (tmp_path / "<b>.txt").write_bytes(b"x")
    planned = s3magic.copy(tmp_path, url, dry_run=True)
    assert "nothing was done" in repr(planned)
    assert "&lt;b&gt;.txt" in planned._repr_html_()
    report = s3magic.copy(tmp_path, url)
    assert repr(report).splitlines()[0] == f"{tmp_path} → {url}"
    assert "1 object, 1 B" in report._repr_html_()
    assert report.to_json()["copied"] == ["<b>.txt"]
