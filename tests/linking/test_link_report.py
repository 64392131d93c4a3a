"""Hashes out of a report of S3 Batch Operations: of exactly the object that is linked, else not believed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from s3magic.errors import LinkError, NoSuchKey
from s3magic.linking.adding.report import read_report
from s3magic.store.base import ObjectInfo
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url


class Silent(MemoryStore):
    """Keeps its checksums to itself, and tells which bodies were read."""

    def __init__(self):
        super().__init__("teaching")
        self.read = []

    def list_page(self, *arguments, **options):
        page = super().list_page(*arguments, **options)
        return replace(page, objects=tuple(replace(info, checksums={}) for info in page.objects))

    def head(self, key, **options):
        return replace(super().head(key, **options), checksums={}, checksum_type=None)

    def stream(self, key, **options):
        self.read.append(key)
        return super().stream(key, **options)


@pytest.fixture
def store():
    made = Silent()
    for name in ("a", "b c+ü", "d"):
        made.put(f"x/{name}.bin", name.encode() * 20)
    return made


def row(store, key, *, status="succeeded", algorithm="SHA256", kind="FULL_OBJECT", etag=True, version="", sum_=None):
    info = MemoryStore.head(store, key)
    said = {
        "checksum_base64": sum_ or base64.b64encode(hashlib.sha256(MemoryStore.get(store, key)).digest()).decode(),
        "checksum_hex": "unused",
        "checksumAlgorithm": algorithm,
        "checksumType": kind,
    }
    if etag:
        said["etag"] = info.etag if etag is True else etag
    return ["teaching", quote(key), version, status, "", "200", json.dumps(said)]


def text(*rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def oid(store, key):
    return f"sha256:{hashlib.sha256(MemoryStore.get(store, key)).hexdigest()}"


def test_what_the_report_tells_is_not_read(store, link, tmp_path):
    report = tmp_path / "report.csv"
    head = ["Bucket", "Key", "VersionId", "TaskStatus", "ErrorCode", "HTTPStatusCode", "ResultMessage"]
    report.write_text(text(head, row(store, "x/a.bin"), row(store, "x/b c+ü.bin")), encoding="utf-8")
    plan = link("x/*", store=store, report=report, dry_run=True)
    assert plan.ways == {"report": 2, "read": 1}
    dataset = link("x/*", store=store, report=report)
    assert {tile.name: (tile.oid, tile.oid_from) for tile in dataset.tiles} == {
        "a.bin": (oid(store, "x/a.bin"), "report"),
        "b c+ü.bin": (oid(store, "x/b c+ü.bin"), "report"),
        "d.bin": (oid(store, "x/d.bin"), "stream"),
    }
    assert store.read == ["x/d.bin"]


@pytest.mark.parametrize("place", ["s3://teaching/reports/", "s3://teaching/reports/one.csv", "s3://teaching/r*/*.csv"])
def test_a_report_may_lie_on_s3(store, link, place):
    store.put("reports/one.csv", text(row(store, "x/a.bin")).encode())
    store.put("reports/manifest.json", b"{}")
    assert link("x/a.bin", store=store, report=place).tiles[0].oid_from == "report"


def test_a_folder_of_reports_is_one_report(store, link, tmp_path):
    (tmp_path / "results").mkdir()
    for name in ("a", "d"):
        (tmp_path / "results" / f"{name}.csv").write_text(text(row(store, f"x/{name}.bin")))
    ways = {tile.name: tile.oid_from for tile in link("x/[ad].bin", store=store, report=tmp_path / "results").tiles}
    assert ways == {"a.bin": "report", "d.bin": "report"}


@pytest.mark.parametrize(
    "words",
    [
        {"status": "failed"},
        {"algorithm": "CRC64NVME"},
        {"kind": "COMPOSITE"},
        {"etag": "another"},  # replaced since the job ran
        {"etag": False},  # and nothing else that pins it
        {"etag": False, "version": "v99"},
        {"sum_": "bm90IGEgaGFzaA=="},
    ],
)
def test_what_is_not_surely_of_this_object_is_not_believed(store, link, tmp_path, words):
    report = tmp_path / "report.csv"
    report.write_text(text(row(store, "x/a.bin", **words), row(store, "x/d.bin")), encoding="utf-8")
    assert link("x/a.bin", store=store, report=report).tiles[0].oid_from == "stream"


def test_a_report_fills_in_what_was_left_unhashed(store, link, tmp_path):
    link("x/*", store=store, hash="never")
    report = tmp_path / "report.csv"
    report.write_text(text(row(store, "x/a.bin"), row(store, "x/d.bin", etag="another")), encoding="utf-8")
    dataset = link("x/*", store=store, hash="never", report=report)
    assert {tile.name: tile.oid_from for tile in dataset.tiles} == {"a.bin": "report", "b c+ü.bin": None, "d.bin": None}
    assert dataset.changes.changed == ("a.bin",)
    assert [path.name for path in link.path.glob("*.bin")] == ["a.bin"]
    assert store.read == []


def test_a_report_fills_in_what_was_described_before_a_kill(store, link, tmp_path, monkeypatch):
    def killed(*_arguments, **_words):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("s3magic.linking.add.fit", killed)
        with pytest.raises(SystemExit):
            link("x/*", store=store)
    report = tmp_path / "report.csv"
    report.write_text(text(row(store, "x/a.bin"), row(store, "x/d.bin", etag="another")), encoding="utf-8")
    monkeypatch.setattr("s3magic.linking.add.describe", killed)
    ways = {tile.name: tile.oid_from for tile in link("x/*", store=store, report=report).tiles}
    assert ways == {"a.bin": "report", "b c+ü.bin": "stream", "d.bin": "stream"}
    assert sorted(store.read) == ["x/b c+ü.bin", "x/d.bin"]


def test_a_version_pins_as_an_etag_does(store):
    info = MemoryStore.head(store, "x/a.bin")
    store.put("reports/one.csv", text(row(store, "x/a.bin", etag=False, version=info.version_id)).encode())
    report = read_report(S3Url.parse("s3://teaching/reports/one.csv"), opener=lambda url: store)
    assert report.find(info) == oid(store, "x/a.bin")
    assert report.find(replace(info, version_id=None)) is None
    assert report.find(ObjectInfo("s3://teaching/x/z.bin", "x/z.bin", 1, info.etag)) is None


@pytest.mark.parametrize("data", [b"", b"a,b\n", b"\xff\xfe\x00", b'teaching,k,,succeeded,,200,"not json"\n'])
def test_what_is_no_report_is_told_before_anything_is_done(store, link, tmp_path, data):
    (tmp_path / "report.csv").write_bytes(data)
    with pytest.raises(LinkError):
        link("x/*", store=store, report=tmp_path / "report.csv")
    assert not link.path.exists()


def test_a_report_that_is_not_there_is_told(store, link, tmp_path):
    with pytest.raises(LinkError, match="Cannot read"):
        link("x/*", store=store, report=tmp_path / "none.csv")
    with pytest.raises(NoSuchKey):
        link("x/*", store=store, report="s3://teaching/none.csv")
    assert not link.path.exists()
