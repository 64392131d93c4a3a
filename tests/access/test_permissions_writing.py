"""The lights of writing: tried only when asked, never on what is there, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import threading
import uuid

import pytest

import s3magic
from s3magic.access.choice import Choice, keys
from s3magic.access.connection import open_connection
from s3magic.access.permissions import check
from s3magic.errors import AccessDenied, InvalidInput, ServerError, Unreachable
from s3magic.sandboxes import process
from s3magic.store.memory import MemoryStore

CHANGES = ("put", "delete", "begin_upload", "upload_part", "abort_upload")


def allow(*actions, keys="desk/*"):
    return {"Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:s3:::scratch/{keys}"}


LISTS = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::scratch"}
PUT, ABORT, DELETE = "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"
OWN = {
    "reader": [LISTS, allow("s3:GetObject")],
    "putter": [LISTS, allow(PUT, ABORT)],
    "noabort": [LISTS, allow(PUT, DELETE)],
    "keeper": [LISTS, allow(PUT, ABORT, DELETE)],
    "remover": [LISTS, allow(ABORT, DELETE, "s3:DeleteObjectVersion")],
    "writer": [LISTS, allow(PUT, ABORT, DELETE, "s3:DeleteObjectVersion")],
}


@pytest.fixture(scope="module")
def box(teaching_data):
    """A sandbox whose people lack one right each."""
    users = {name: {"Version": "2012-10-17", "Statement": statements} for name, statements in OWN.items()}
    with process.start(users={"users": users}, cache=teaching_data) as made:
        yield made


@pytest.fixture
def connect(box):
    """Give the connection of somebody."""

    def made(name):
        place = {"endpoint_url": box.endpoint_url, "region": "us-east-1"}
        user = box.users[name]
        return open_connection(Choice("keys", **place), secrets=keys(user.access_key_id, user.secret_access_key))

    return made


@pytest.fixture
def s3(connect):
    """The teacher's client."""
    made = connect("teacher").session().client("s3")
    yield made
    made.close()


@pytest.fixture
def left(s3):
    """Say what of ours lies in the bucket: uploads, versions and markers."""

    def look():
        uploads = s3.list_multipart_uploads(Bucket="scratch").get("Uploads", [])
        told = s3.list_object_versions(Bucket="scratch")
        found = [*uploads, *told.get("Versions", []), *told.get("DeleteMarkers", [])]
        return [each["Key"] for each in found if ".s3magic-check" in each["Key"]]

    return look


def lights(report):
    return report.write.state, report.overwrite.state, report.delete.state


@pytest.mark.parametrize(
    ("name", "upload", "full"),
    [
        ("reader", "denied", ("denied", "denied", "denied")),
        ("putter", "ok", ("ok", "unknown", "denied")),
        ("noabort", "denied", ("denied", "unknown", "ok")),
        ("remover", "denied", ("denied", "denied", "ok")),
        ("writer", "ok", ("ok", "ok", "ok")),
        ("teacher", "ok", ("ok", "ok", "ok")),
    ],
)
def test_each_right_has_its_light_and_nothing_stays(  # noqa: PLR0917 - a table
    connect, s3, left, name, upload, full
):
    key = f"desk/{uuid.uuid4().hex}"
    s3.put_object(Bucket="scratch", Key=key, Body=b"there")
    before = left()
    store = connect(name).store("scratch")

    assert lights(check(store, "s3://scratch/desk/")) == ("unchecked",) * 3
    assert lights(check(store, "s3://scratch/desk/", write=True)) == (upload, "unchecked", "unchecked")
    assert left() == before
    assert lights(check(store, f"s3://scratch/{key}", write="full")) == full
    markers = [one for one in left() if one not in before]
    assert len(markers) == (name == "noabort"), "where versions are kept and may not be deleted, one marker stays"
    assert s3.get_object(Bucket="scratch", Key=key)["Body"].read() == b"there"
    assert len(s3.list_object_versions(Bucket="scratch", Prefix=key)["Versions"]) == 1


def test_where_versions_may_not_be_deleted_no_object_is_made(connect, s3):
    report = check(connect("keeper").store("scratch"), "s3://scratch/desk/", write="full")

    assert lights(report) == ("ok", "unknown", "ok")
    assert "keeps versions" in report.overwrite.detail
    assert "stays" in report.delete.detail
    versions = s3.list_object_versions(Bucket="scratch", Prefix="desk/.s3magic-check").get("Versions", [])
    assert versions == []


def test_a_refusal_names_action_and_resource(connect):
    report = check(connect("remover").store("scratch"), "s3://scratch/desk/a.txt", write=True, partition="aws-cn")

    assert report.write.detail == "s3:PutObject on arn:aws-cn:s3:::scratch/desk/*"
    assert report.write.to_json() == {
        "state": "denied",
        "detail": "s3:PutObject on arn:aws-cn:s3:::scratch/desk/*",
        "actions": ["s3:PutObject"],
        "resource": "arn:aws-cn:s3:::scratch/desk/*",
    }


def test_what_could_not_be_taken_back_is_not_begun(connect):
    report = check(connect("reader").store("scratch"), "s3://scratch/desk/", write="full")

    assert report.write.detail == report.overwrite.detail == "s3:PutObject on arn:aws:s3:::scratch/desk/*"
    assert report.write.actions == ("s3:PutObject", "s3:AbortMultipartUpload")
    assert report.delete.actions == ("s3:DeleteObject",)

    report = check(connect("noabort").store("scratch"), "s3://scratch/desk/", write=True)
    assert report.write.detail.startswith("s3:AbortMultipartUpload on arn:aws:s3:::scratch/desk/*; so no upload")

    report = check(connect("putter").store("scratch"), "s3://scratch/desk/", write="full")
    assert "could not be taken back" in report.overwrite.detail


def test_an_output_has_a_light_of_its_own(connection):
    report = s3magic.check("s3://teaching/photos/", output="s3://scratch/results")

    assert report.output.state == "ok"
    assert lights(report) == ("unchecked",) * 3
    assert report.to_json()["output"]["state"] == "ok"
    assert "output to s3://scratch/results/" in repr(report)
    assert repr(report).splitlines()[-1].split()[:2] == ["Output", "ok"]
    assert "Output" in report._repr_html_()
    uploads = connection.session().client("s3").list_multipart_uploads(Bucket="scratch").get("Uploads", [])
    assert not [each for each in uploads if each["Key"].startswith("results/")]


def test_an_output_that_may_not_be_written_is_red(sandbox):
    guest = sandbox.users["guest"]
    s3magic.connect(
        "keys",
        access_key_id=guest.access_key_id,
        secret_access_key=guest.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )
    try:
        report = s3magic.check("s3://teaching/photos/", output="s3://scratch/results/")
        assert report.output.state == "denied"
        wanted = [each for each in report.policy()["Statement"] if "scratch" in str(each["Resource"])]
        assert wanted == [
            {
                "Effect": "Allow",
                "Action": ["s3:AbortMultipartUpload", "s3:PutObject"],
                "Resource": ["arn:aws:s3:::scratch/results/*"],
            }
        ]
    finally:
        from s3magic.access import current

        current.forget()


@pytest.mark.parametrize(
    "url", ["s3://teaching/", "s3://teaching/a/", "s3://teaching/a/b.txt", "s3://teaching/a/*.txt"]
)
@pytest.mark.parametrize("write", [True, "full"])
def test_only_names_of_our_own_are_touched(url, write):
    touched = []

    class Watched(MemoryStore):
        pass

    def watch(name):
        def call(self, key, *rest, **words):
            touched.append(key)
            return getattr(MemoryStore, name)(self, key, *rest, **words)

        return call

    for name in CHANGES:
        setattr(Watched, name, watch(name))
    store = Watched("teaching")
    MemoryStore.put(store, "a/b.txt", b"there")
    before = [(info.key, info.version_id) for info in store.list_page().objects]

    report = check(store, url, write=write)

    assert report.write.state == "ok"
    assert lights(report)[1:] == (("ok", "ok") if write == "full" else ("unchecked", "unchecked"))
    assert touched
    folder = "" if url == "s3://teaching/" else "a/"
    assert all(key.startswith(f"{folder}.s3magic-check-") for key in touched)
    assert [(info.key, info.version_id) for info in store.list_page().objects] == before
    assert store.uploads == []
    names = set(touched)
    check(store, url, write=write)
    assert names.isdisjoint(touched[len(touched) // 2 :]), "a new random name each time"


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt, even where the tests were started in the background."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("at", range(8))
def test_an_interrupt_leaves_nothing_behind(at):
    """Ctrl-C arrives while the n-th request is under way; the probe is finished before it goes on."""
    calls = []
    main = threading.get_ident()

    class Interrupted(MemoryStore):
        def _count(self):
            calls.append(threading.get_ident())
            if len(calls) == at + 1:
                os.kill(os.getpid(), signal.SIGINT)

    def hurt(name):
        def call(self, *rest, **words):
            self._count()
            return getattr(MemoryStore, name)(self, *rest, **words)

        return call

    for name in CHANGES:
        setattr(Interrupted, name, hurt(name))
    store = Interrupted("teaching")

    with pytest.raises(KeyboardInterrupt):
        check(store, "s3://teaching/", write="full")

    assert len(calls) > at
    assert main not in calls
    assert store.uploads == []
    assert store.list_page().objects == ()


@pytest.mark.parametrize("error", [ServerError("S3 answered 500", "Try again"), Unreachable("No answer", "Check")])
@pytest.mark.parametrize("name", [name for name in CHANGES if name != "upload_part"])
def test_trouble_is_an_error_and_no_refusal(memory, monkeypatch, name, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(memory, name, fail)
    report = check(memory, "s3://teaching/", write="full")

    assert "error" in lights(report)
    assert "denied" not in lights(report)
    told = " ".join(light.detail for _, light in report.lights())
    assert error.message in told
    assert report.policy() is None


def test_a_scratch_object_that_stays_is_named(memory, monkeypatch):
    calls = []

    def delete(key, **_):
        calls.append(key)
        if len(calls) > 1:
            raise Unreachable("No answer", "Check")

    monkeypatch.setattr(memory, "delete", delete)
    report = check(memory, "s3://teaching/", write="full")

    assert report.delete.state == "error"
    assert memory.list_page().objects[0].url in report.delete.detail


def test_overwriting_may_be_refused_where_writing_is_not(memory, monkeypatch):
    first = []

    def put(key, data, **words):
        if first:
            raise AccessDenied("Not allowed", "Ask")
        first.append(MemoryStore.put(memory, key, data, **words))
        return first[0]

    monkeypatch.setattr(memory, "put", put)
    report = check(memory, "s3://teaching/", write="full")

    assert lights(report) == ("ok", "denied", "ok")
    assert memory.list_page().objects == ()


def test_nothing_is_tried_where_nothing_can_be(sandbox, connection):
    report = check(connection.store("nosuchbucket"), "s3://nosuchbucket/", write="full")
    assert lights(report) == ("unchecked",) * 3


def test_another_way_of_writing_is_refused(memory):
    with pytest.raises(InvalidInput):
        check(memory, "s3://teaching/", write="everything")
