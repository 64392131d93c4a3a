"""The sandbox as programs meet it: boto3, s3fs and plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from s3magic.sandboxes import checksums

MB = 1 << 20
ODD = [
    "/leading", "a//b", "../up", "./here", "a/../b", "ends/", "sp ace", "pl+us", "100%", "%41", "h#sh", "qu?stion",
    "a;b=c&d", "Mātātā 鳥", "back\\slash", "quote'\"", "<&>", "tab\there", "[x]{y,z}*", "..", ".", "~",
]  # fmt: skip


def refused(call, /, **words):
    """Return status and code of the error that a call meets."""
    with pytest.raises(ClientError) as caught:
        call(**words)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


class Signer(S3SigV4Auth):
    """botocore's signer, but for a payload hash that was given."""

    def payload(self, request):
        return request.headers.get("X-Amz-Content-SHA256") or super().payload(request)

    def _modify_request_before_signing(self, request):
        given = request.headers.get("X-Amz-Content-SHA256")
        super()._modify_request_before_signing(request)
        if given:
            del request.headers["X-Amz-Content-SHA256"]
            request.headers["X-Amz-Content-SHA256"] = given


def send(sandbox, method, path, *, body=b"", headers=None):
    """Send a request of our own making, signed by the teacher; return status and body."""
    keys = sandbox.users["teacher"]
    request = AWSRequest(method, f"{sandbox.endpoint_url}{path}", data=body, headers=headers or {})
    Signer(Credentials(keys.access_key_id, keys.secret_access_key), "s3", "us-east-1").add_auth(request)
    session = URLLib3Session()
    try:
        answer = session.send(request.prepare())
        return answer.status_code, answer.content
    finally:
        session.close()


@pytest.mark.parametrize("key", ODD)
def test_odd_keys_are_kept_whole(s3, prefix, key):
    whole = f"{prefix}{key}"
    s3.put_object(Bucket="scratch", Key=whole, Body=key.encode())
    assert s3.get_object(Bucket="scratch", Key=whole)["Body"].read() == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="scratch", Prefix=prefix)["Contents"]] == [whole]
    s3.copy_object(Bucket="scratch", Key=f"{whole}2", CopySource={"Bucket": "scratch", "Key": whole})
    s3.delete_objects(Bucket="scratch", Delete={"Objects": [{"Key": whole}]})
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="scratch", Prefix=prefix)["Contents"]] == [f"{whole}2"]


@pytest.mark.parametrize("key", ["/leading-at-root", "..", "../up-at-root", "//"])
def test_odd_keys_at_the_root_are_too(s3, key):
    s3.put_object(Bucket="scratch", Key=key, Body=key.encode())
    assert s3.get_object(Bucket="scratch", Key=key)["Body"].read() == key.encode()
    s3.delete_object(Bucket="scratch", Key=key)


def test_what_is_put_is_got_with_all_that_was_said_of_it(s3, prefix):
    key = f"{prefix}a.txt"
    said = {"ContentType": "text/plain", "CacheControl": "no-cache", "Metadata": {"who": "me", "under_score": "yes"}}
    s3.put_object(Bucket="scratch", Key=key, Body=b"hello", Tagging="a=b", **said)
    head = s3.head_object(Bucket="scratch", Key=key)
    assert {name: head[name] for name in said} == said
    assert (head["ContentLength"], head["ETag"]) == (5, '"5d41402abc4b2a76b9719d911017c592"')
    assert s3.get_object_tagging(Bucket="scratch", Key=key)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_a_body_typed_as_a_form_is_kept(s3, prefix):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "scratch", "Key": f"{prefix}f"}, ExpiresIn=60)
    # urllib calls every body a form.
    urllib.request.urlopen(urllib.request.Request(url, data=b"key=value", method="PUT")).close()  # noqa: S310
    assert s3.get_object(Bucket="scratch", Key=f"{prefix}f")["Body"].read() == b"key=value"


@pytest.mark.parametrize(
    ("asked", "expected", "told"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_ranges(s3, prefix, asked, expected, told):
    s3.put_object(Bucket="scratch", Key=f"{prefix}r", Body=b"0123456789")
    got = s3.get_object(Bucket="scratch", Key=f"{prefix}r", Range=asked)
    assert (got["ResponseMetadata"]["HTTPStatusCode"], got["Body"].read(), got["ContentRange"]) == (206, expected, told)


def test_a_range_beyond_the_end_is_refused(s3, prefix):
    s3.put_object(Bucket="scratch", Key=f"{prefix}r", Body=b"0123456789")
    words = {"Bucket": "scratch", "Key": f"{prefix}r"}
    assert refused(s3.get_object, **words, Range="bytes=10-") == (416, "InvalidRange")
    s3.put_object(**words, Body=b"")
    assert refused(s3.get_object, **words, Range="bytes=0-0") == (416, "InvalidRange")
    assert s3.get_object(**words)["Body"].read() == b""


def test_conditions_of_reading(s3, prefix):
    words = {"Bucket": "scratch", "Key": f"{prefix}c"}
    etag = s3.put_object(**words, Body=b"one")["ETag"]
    assert s3.get_object(**words, IfMatch=etag)["Body"].read() == b"one"
    assert s3.get_object(**words, IfMatch=etag.strip('"'), Range="bytes=0-0")["Body"].read() == b"o"
    assert refused(s3.get_object, **words, IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(s3.head_object, **words, IfMatch='"other"')[0] == 412
    assert refused(s3.get_object, **words, IfNoneMatch=etag)[0] == 304


def test_conditions_of_writing(s3, prefix):
    words = {"Bucket": "scratch", "Key": f"{prefix}c"}
    assert refused(s3.put_object, **words, Body=b"", IfMatch='"any"') == (404, "NoSuchKey")
    etag = s3.put_object(**words, Body=b"one", IfNoneMatch="*")["ETag"]
    assert refused(s3.put_object, **words, Body=b"two", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(s3.put_object, **words, Body=b"two", IfMatch='"other"') == (412, "PreconditionFailed")
    s3.put_object(**words, Body=b"two", IfMatch=etag)
    assert s3.get_object(**words)["Body"].read() == b"two"
    s3.delete_object(**words)
    s3.put_object(**words, Body=b"three", IfNoneMatch="*")


def test_of_many_who_create_one_wins(s3, prefix):
    def create(number):
        try:
            s3.put_object(Bucket="scratch", Key=f"{prefix}one", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(create, range(16)))
    assert sorted(outcomes) == ["PreconditionFailed"] * 15 + ["won"]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_sent_are_kept(s3, prefix, algorithm):
    words = {"Bucket": "scratch", "Key": f"{prefix}c"}
    s3.put_object(**words, Body=b"hello", ChecksumAlgorithm=algorithm)
    head = s3.head_object(**words, ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == checksums.checksum(b"hello", algorithm)
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert f"Checksum{algorithm}" not in s3.head_object(**words)
    listed = s3.list_objects_v2(Bucket="scratch", Prefix=prefix)["Contents"][0]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([algorithm], "FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME"])
def test_checksums_that_boto3_cannot_make_are_verified(sandbox, s3, prefix, algorithm):
    name = f"x-amz-checksum-{algorithm.lower()}"
    path = f"/scratch/{prefix}c"
    right = checksums.checksum(b"hello", algorithm)
    assert send(sandbox, "PUT", path, body=b"hello", headers={name: right})[0] == 200
    assert s3.head_object(Bucket="scratch", Key=f"{prefix}c", ChecksumMode="ENABLED")[f"Checksum{algorithm}"] == right
    status, body = send(sandbox, "PUT", path, body=b"hallo", headers={name: right})
    assert (status, b"<Code>BadDigest</Code>" in body) == (400, True)


def test_without_a_checksum_s3_makes_one(sandbox, s3, prefix):
    assert send(sandbox, "PUT", f"/scratch/{prefix}c", body=b"hello")[0] == 200
    head = s3.head_object(Bucket="scratch", Key=f"{prefix}c", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == checksums.checksum(b"hello", "CRC64NVME")


def test_a_damaged_upload_is_refused(sandbox, s3, prefix):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()  # noqa: S324
    path, words = f"/scratch/{prefix}bad", {"Bucket": "scratch", "Key": f"{prefix}bad"}
    assert refused(s3.put_object, **words, Body=b"hello", ContentMD5=wrong) == (400, "BadDigest")
    assert refused(s3.put_object, **words, Body=b"hello", ContentMD5="short") == (400, "InvalidDigest")
    assert refused(s3.put_object, **words, Body=b"hello", ChecksumSHA256="A" * 43 + "=") == (400, "BadDigest")
    headers = {"X-Amz-Content-SHA256": "0" * 64}
    status, body = send(sandbox, "PUT", path, body=b"hello", headers=headers)
    assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in body) == (400, True)
    assert refused(s3.head_object, **words)[0] == 404


def test_trailing_checksums(sandbox, s3, prefix):
    path = f"/scratch/{prefix}t"
    right = checksums.checksum(b"hello", "CRC32")

    def put(trailer):
        body = b"3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % trailer.encode()
        headers = {
            "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "Content-Encoding": "aws-chunked",
            "X-Amz-Decoded-Content-Length": "5",
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        }
        return send(sandbox, "PUT", path, body=body, headers=headers)

    assert put(right)[0] == 200
    head = s3.head_object(Bucket="scratch", Key=f"{prefix}t", ChecksumMode="ENABLED")
    assert (head["ContentLength"], head["ChecksumCRC32"], head.get("ContentEncoding")) == (5, right, None)
    status, body = put("AAAAAA==")
    assert (status, b"BadDigest" in body) == (400, True)


def test_an_unsigned_payload_is_taken(sandbox, s3, prefix):
    headers = {"X-Amz-Content-SHA256": UNSIGNED_PAYLOAD}
    assert send(sandbox, "PUT", f"/scratch/{prefix}u", body=b"free", headers=headers)[0] == 200
    assert s3.get_object(Bucket="scratch", Key=f"{prefix}u")["Body"].read() == b"free"


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC64NVME", "FULL_OBJECT")]
)
def test_multipart_uploads(s3, prefix, algorithm, kind):
    words = {"Bucket": "scratch", "Key": f"{prefix}m"}
    parts = [b"a" * 5 * MB, b"b" * 5 * MB, b"end"]
    sent = {"ChecksumAlgorithm": algorithm} if algorithm != "CRC64NVME" else {}
    upload = s3.create_multipart_upload(**words, ContentType="text/plain", **sent)["UploadId"]
    done = []
    for number, part in enumerate(parts, start=1):
        answer = s3.upload_part(**words, UploadId=upload, PartNumber=number, Body=part, **sent)
        own = {name: answer[name] for name in (f"Checksum{algorithm}",) if name in answer}
        done.append({"PartNumber": number, "ETag": answer["ETag"], **own})
    assert [part["PartNumber"] for part in s3.list_parts(**words, UploadId=upload)["Parts"]] == [1, 2, 3]
    s3.complete_multipart_upload(**words, UploadId=upload, MultipartUpload={"Parts": done})
    head = s3.head_object(**words, ChecksumMode="ENABLED")
    expected = (
        checksums.composite(parts, algorithm) if kind == "COMPOSITE" else checksums.checksum(b"".join(parts), algorithm)
    )
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (expected, kind)
    assert head["ETag"].endswith('-3"')
    assert head["ContentType"] == "text/plain"
    third = s3.head_object(**words, PartNumber=3, ChecksumMode="ENABLED")
    assert (third["ContentLength"], third["PartsCount"]) == (3, 3)
    if kind == "COMPOSITE":
        assert third[f"Checksum{algorithm}"] == checksums.checksum(b"end", algorithm)
    assert s3.get_object(**words, PartNumber=3)["Body"].read() == b"end"
    told = s3.get_object_attributes(**words, ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize"])
    assert told["Checksum"][f"Checksum{algorithm}"] == expected.partition("-")[0]
    assert told["ObjectSize"] == 10 * MB + 3


def test_multipart_uploads_are_refused_for_what_is_wrong_with_them(s3, prefix):
    words = {"Bucket": "scratch", "Key": f"{prefix}m"}
    upload = s3.create_multipart_upload(**words)["UploadId"]
    etags = [s3.upload_part(**words, UploadId=upload, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]

    def complete(parts, **more):
        return refused(s3.complete_multipart_upload, **words, UploadId=upload, MultipartUpload={"Parts": parts}, **more)

    assert complete(parts) == (400, "EntityTooSmall")
    assert complete([{"PartNumber": 9, "ETag": etags[0]}]) == (400, "InvalidPart")
    assert complete(parts[:1], ChecksumCRC64NVME="AAAAAAAAAAA=") == (400, "BadDigest")
    s3.put_object(**words, Body=b"first")
    assert complete(parts[:1], IfNoneMatch="*") == (412, "PreconditionFailed")
    s3.abort_multipart_upload(**words, UploadId=upload)
    assert complete(parts[:1]) == (404, "NoSuchUpload")
    assert refused(s3.upload_part, **words, UploadId="none", PartNumber=1, Body=b"") == (404, "NoSuchUpload")
    assert s3.get_object(**words)["Body"].read() == b"first"


def test_boto3_transfers(s3, prefix):
    data = bytes(range(256)) * 40_000
    settings = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB)
    s3.upload_fileobj(io.BytesIO(data), "scratch", f"{prefix}big", Config=settings)
    s3.copy({"Bucket": "scratch", "Key": f"{prefix}big"}, "scratch", f"{prefix}copy", Config=settings)
    for name in ("big", "copy"):
        out = io.BytesIO()
        s3.download_fileobj("scratch", f"{prefix}{name}", out, Config=settings)
        assert out.getvalue() == data


def test_copies(s3, prefix):
    source, target = f"{prefix}a", f"{prefix}b"
    etag = s3.put_object(Bucket="scratch", Key=source, Body=b"hello", Metadata={"x": "1"})["ETag"]
    words = {"Bucket": "scratch", "Key": target, "CopySource": {"Bucket": "scratch", "Key": source}}
    assert refused(s3.copy_object, **words, CopySourceIfMatch='"other"') == (412, "PreconditionFailed")
    s3.copy_object(**words, CopySourceIfMatch=etag, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket="scratch", Key=target, ChecksumMode="ENABLED")
    assert (head["Metadata"], head["ChecksumSHA256"]) == ({"x": "1"}, checksums.checksum(b"hello", "SHA256"))
    itself = {**words, "Key": source}
    assert refused(s3.copy_object, **itself) == (400, "InvalidRequest")
    s3.copy_object(**itself, MetadataDirective="REPLACE", Metadata={"x": "2"})
    assert s3.head_object(Bucket="scratch", Key=source)["Metadata"] == {"x": "2"}
    gone = {"Bucket": "scratch", "Key": f"{prefix}none"}
    assert refused(s3.copy_object, **{**words, "CopySource": gone}) == (404, "NoSuchKey")


def test_versions(s3, prefix):
    words = {"Bucket": "scratch", "Key": f"{prefix}v"}
    first = s3.put_object(**words, Body=b"one")["VersionId"]
    second = s3.put_object(**words, Body=b"two")["VersionId"]
    assert s3.get_object(**words, VersionId=first)["Body"].read() == b"one"
    assert s3.get_object(**words)["VersionId"] == second
    marker = s3.delete_object(**words)
    assert marker["DeleteMarker"]
    assert refused(s3.get_object, **words) == (404, "NoSuchKey")
    assert refused(s3.get_object, **words, VersionId=marker["VersionId"]) == (405, "MethodNotAllowed")
    assert refused(s3.get_object, **words, VersionId="none") == (404, "NoSuchVersion")
    listed = s3.list_object_versions(Bucket="scratch", Prefix=prefix)
    assert {version["VersionId"] for version in listed["Versions"]} == {first, second}
    assert [found["VersionId"] for found in listed["DeleteMarkers"]] == [marker["VersionId"]]
    s3.delete_object(**words, VersionId=marker["VersionId"])
    assert s3.get_object(**words)["Body"].read() == b"two"


def test_deleting_what_is_not_there_is_no_error(s3):
    assert s3.delete_object(Bucket="teaching", Key="never/was")["ResponseMetadata"]["HTTPStatusCode"] == 204


def listing(call, **words):
    """Return all pages of a listing as lists of keys and prefixes."""
    pages, more = [], {}
    while True:
        page = call(**words, **more)
        names = [item["Key"] for item in page.get("Contents", [])]
        pages.append(sorted(names + [item["Prefix"] for item in page.get("CommonPrefixes", [])]))
        if not page["IsTruncated"]:
            return pages
        more = (
            {"ContinuationToken": page["NextContinuationToken"]}
            if "NextContinuationToken" in page
            else {"Marker": page.get("NextMarker") or pages[-1][-1]}
        )


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_paging_with_a_delimiter(s3, prefix, size, version):
    names = ["a", "b/1", "b/2", "b/c/3", "c", "d/4", "é", "鳥/1", "z//"]
    for name in names:
        s3.put_object(Bucket="scratch", Key=prefix + name)
    call = getattr(s3, version)
    pages = listing(call, Bucket="scratch", Prefix=prefix, Delimiter="/", MaxKeys=size)
    assert all(len(page) <= size for page in pages)
    expected = sorted(prefix + name for name in ["a", "b/", "c", "d/", "z/", "é", "鳥/"])
    assert [name for page in pages for name in page] == expected
    everything = listing(call, Bucket="scratch", Prefix=prefix, MaxKeys=size)
    assert [name for page in everything for name in page] == sorted(prefix + name for name in names)


def test_start_after(s3, prefix):
    for name in "abc":
        s3.put_object(Bucket="scratch", Key=prefix + name)
    listed = s3.list_objects_v2(Bucket="scratch", Prefix=prefix, StartAfter=f"{prefix}a")
    assert [item["Key"] for item in listed["Contents"]] == [f"{prefix}b", f"{prefix}c"]


def test_missing_buckets(s3):
    assert refused(s3.list_objects_v2, Bucket="no-such-bucket") == (404, "NoSuchBucket")
    assert refused(s3.get_object, Bucket="no-such-bucket", Key="k") == (404, "NoSuchBucket")
    assert refused(s3.head_bucket, Bucket="no-such-bucket")[0] == 404


def test_buckets_come_and_go(s3):
    s3.create_bucket(Bucket="a-new-one")
    assert "a-new-one" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.delete_bucket(Bucket="a-new-one")
    assert refused(s3.head_bucket, Bucket="a-new-one")[0] == 404


def test_an_archived_object_is_told_but_not_given(s3):
    words = {"Bucket": "teaching", "Key": "archive/stations-1998.csv"}
    assert s3.head_object(**words)["StorageClass"] == "GLACIER"
    assert refused(s3.get_object, **words) == (403, "InvalidObjectState")


def test_what_each_user_may(client, prefix):
    student, visitor, guest = client("student"), client("visitor"), client("guest")
    photo = {"Bucket": "teaching", "Key": "photos/alps-at-noon.jpg"}
    for user in (student, visitor, guest):
        assert user.get_object(**photo)["Body"].read(2) == b"\xff\xd8"
        assert refused(user.get_object, Bucket="private", Key="exam.txt") == (403, "AccessDenied")
        assert refused(user.put_object, **photo, Body=b"") == (403, "AccessDenied")
    student.put_object(Bucket="scratch", Key=f"{prefix}mine", Body=b"")
    assert student.list_objects_v2(Bucket="teaching", Prefix="tiles/")["KeyCount"] > 0
    assert visitor.list_objects_v2(Bucket="teaching", Prefix="photos/")["KeyCount"] > 0
    assert refused(visitor.list_objects_v2, Bucket="teaching") == (403, "AccessDenied")
    assert refused(visitor.list_objects_v2, Bucket="teaching", Prefix="tiles/") == (403, "AccessDenied")
    assert refused(guest.list_objects_v2, Bucket="teaching", Prefix="photos/") == (403, "AccessDenied")
    assert refused(student.list_buckets) == (403, "AccessDenied")


def test_a_missing_key_is_403_for_whom_may_not_list(client):
    missing = {"Bucket": "teaching", "Key": "photos/none.jpg"}
    assert refused(client("guest").get_object, **missing) == (403, "AccessDenied")
    assert refused(client("guest").head_object, **missing)[0] == 403
    assert refused(client("student").get_object, **missing) == (404, "NoSuchKey")


def test_each_key_of_a_batch_is_judged(client, s3, prefix):
    s3.put_object(Bucket="scratch", Key=f"{prefix}mine", Body=b"")
    batch = {"Objects": [{"Key": f"{prefix}mine"}]}
    answer = client("guest").delete_objects(Bucket="scratch", Delete=batch)
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    assert [found["Key"] for found in client("student").delete_objects(Bucket="scratch", Delete=batch)["Deleted"]]


def test_copying_needs_the_right_to_read(client, prefix):
    words = {"Bucket": "scratch", "Key": f"{prefix}x"}
    student = client("student")
    assert refused(student.copy_object, **words, CopySource="private/exam.txt") == (403, "AccessDenied")
    student.copy_object(**words, CopySource="teaching/tables/stations.csv")


def test_the_anonymous_see_what_is_public(client, s3):
    nobody = client(None)
    assert "README.txt" in [item["Key"] for item in nobody.list_objects_v2(Bucket="public")["Contents"]]
    assert nobody.get_object(Bucket="public", Key="README.txt")["Body"].read()
    assert refused(nobody.list_objects_v2, Bucket="teaching") == (403, "AccessDenied")
    assert refused(nobody.get_object, Bucket="teaching", Key="photos/alps-at-noon.jpg") == (403, "AccessDenied")
    assert refused(nobody.put_object, Bucket="public", Key="mine", Body=b"") == (403, "AccessDenied")
    assert refused(nobody.delete_object, Bucket="public", Key="README.txt") == (403, "AccessDenied")


def test_a_bucket_policy_counts_at_once(client, s3):
    s3.create_bucket(Bucket="opened")
    s3.put_object(Bucket="opened", Key="secret/a", Body=b"")
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::opened/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::opened/secret/*"},
    ]
    nobody = client(None)
    s3.put_object(Bucket="opened", Key="a", Body=b"free")
    assert refused(nobody.get_object, Bucket="opened", Key="a") == (403, "AccessDenied")
    s3.put_bucket_policy(Bucket="opened", Policy=json.dumps({"Statement": statements}))
    assert nobody.get_object(Bucket="opened", Key="a")["Body"].read() == b"free"
    assert refused(s3.get_object, Bucket="opened", Key="secret/a") == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aws_secret_access_key": "wrong"}, (403, "SignatureDoesNotMatch")),
        ({"aws_access_key_id": "SANDBOXNOBODY"}, (403, "InvalidAccessKeyId")),
        ({"aws_session_token": "made up"}, (400, "InvalidToken")),
        ({"region_name": "eu-west-2"}, (400, "AuthorizationHeaderMalformed")),
    ],
)
def test_wrong_credentials(client, changes, expected):
    assert refused(client("teacher", **changes).list_buckets) == expected


def test_expired_credentials(client):
    assert refused(client("expired").list_buckets) == (400, "ExpiredToken")


@pytest.mark.parametrize("user", ["teacher", "student", "guest"])
def test_identity_is_told_on_the_same_endpoint(client, user):
    told = client(user, service="sts", config=None).get_caller_identity()
    assert (told["Account"], told["Arn"]) == ("123456789012", f"arn:aws:iam::123456789012:user/{user}")


def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_presigned_urls(client, prefix):
    guest = client("guest")
    words = {"Bucket": "teaching", "Key": "photos/alps-at-noon.jpg", "ResponseContentType": "image/x-test"}
    url = guest.generate_presigned_url("get_object", Params=words, ExpiresIn=60)
    status, headers, body = fetch(url)
    assert (status, headers["content-type"], body[:2]) == (200, "image/x-test", b"\xff\xd8")
    status, _, body = fetch(url.replace("alps-at-noon", "first-snow"))
    assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
    over = guest.generate_presigned_url("get_object", Params=words, ExpiresIn=0)
    status, _, body = fetch(over)
    assert (status, b"<Message>Request has expired</Message>" in body) == (403, True)
    private = {"Bucket": "private", "Key": "exam.txt"}
    assert fetch(guest.generate_presigned_url("get_object", Params=private))[0] == 403


def test_a_connection_is_kept_after_a_refusal(sandbox):
    from urllib3 import HTTPConnectionPool

    host, port = sandbox.endpoint_url.removeprefix("http://").split(":")
    with HTTPConnectionPool(host, int(port), maxsize=1) as pool:
        for _ in range(3):
            assert pool.request("PUT", "/scratch/x", body=b"x" * 100_000, retries=False).status == 403
            assert pool.request("GET", "/public/README.txt", retries=False).status == 200
            assert pool.request("HEAD", "/public/none.txt", retries=False).status == 404
        assert pool.num_connections == 1


def test_unknown_doors_are_closed(sandbox):
    from urllib3 import HTTPConnectionPool

    host, port = sandbox.endpoint_url.removeprefix("http://").split(":")
    with HTTPConnectionPool(host, int(port)) as pool:
        form = pool.request("POST", "/public", fields={"key": "mine", "file": "data"}, retries=False)
        assert form.status == 405
        assert pool.request("PATCH", "/public/README.txt", retries=False).status == 405
        assert pool.request("GET", "/moto-api/data.json", retries=False).status == 404
        assert pool.request("GET", "/", retries=False).status == 403


def test_s3fs(sandbox, prefix):
    import s3fs

    keys = sandbox.users["student"]
    words = {"key": keys.access_key_id, "secret": keys.secret_access_key, "endpoint_url": sandbox.endpoint_url}
    files = s3fs.S3FileSystem(**words, skip_instance_cache=True)
    assert "teaching/tiles/hill_0_0.laz" in files.ls("teaching/tiles")
    place = f"scratch/{prefix}"
    with files.open(f"{place}big", "wb", block_size=5 * MB) as file:
        file.write(b"x" * 6 * MB)
    files.cp(f"{place}big", f"{place}copy")
    assert files.cat_file(f"{place}copy", start=6 * MB - 2) == b"xx"
    files.rm(place, recursive=True)
    assert not files.exists(f"{place}big")
