"""Every policy that is made, given to somebody of the sandbox: the purpose works to its end, and no more."""

from __future__ import annotations

import secrets

import boto3
import pytest
from botocore.config import Config

import s3magic
from s3magic.access import current
from s3magic.access.policy import policy
from s3magic.errors import AccessDenied
from s3magic.sandboxes import process

TEACHING = "s3://teaching"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PARTNER = "210987654321"
ID = "an-id-of-this-test"
POLICIES = {
    "nobody": None,
    "browse": policy(f"{TEACHING}/photos/", "browse"),
    "one": policy(f"{TEACHING}/tables/stations.csv", "browse"),
    "pattern": policy(f"{TEACHING}/tiles/*.{{laz,las}}", "browse"),
    "odd": policy(f"{TEACHING}/odd/", "browse"),
    "bucket": policy(f"{TEACHING}/", "browse"),
    "changes": policy("s3://scratch/proof/", "browse", write=True),
    "thumbs": policy(f"{TEACHING}/cogs/", "thumbs"),
    "mount": policy(f"{TEACHING}/iris/", "mount"),
    "mount-write": policy("s3://scratch/proof/", "mount", write=True),
    "link": policy(f"{TEACHING}/tiles/hill_?_?.laz", "link"),
    "versions": policy("s3://scratch/proof/", "link"),
    "checksums": policy("s3://scratch/proof/", "checksums"),
    "checksums-write": policy("s3://scratch/proof/", "checksums", write=True),
    "keyless": policy("s3://scratch/proof/", "browse", write=True),
    "key-read": policy("s3://scratch/proof/", "browse", kms_key=KEY),
    "key-write": policy("s3://scratch/proof/", "browse", write=True, kms_key=KEY),
    "stored": policy(f"{TEACHING}/photos/", "stored-thumbnails", output="s3://scratch/proof/"),
    "stored-beside": policy("s3://scratch/proof/", "stored-thumbnails"),
}
DELEGATED = policy(f"{TEACHING}/photos/", "delegated", account=PARTNER, external_id=ID, output="s3://scratch/proof/")


@pytest.fixture(scope="module")
def box(teaching_data):
    """A sandbox with somebody for each policy."""
    users = {name: {"policies": [made] if made else []} for name, made in POLICIES.items()}
    roles = {"delegate": {"policies": [DELEGATED["policy"]], "trust": DELEGATED["trust_policy"]}}
    with process.start(users={"users": users, "roles": roles}, cache=teaching_data) as made:
        yield made


@pytest.fixture
def become(box):
    """Use somebody's keys from now on."""

    def use(name):
        user = box.users[name]
        return s3magic.connect(
            "keys",
            access_key_id=user.access_key_id,
            secret_access_key=user.secret_access_key,
            endpoint_url=box.endpoint_url,
            region="us-east-1",
        )

    yield use
    current.forget()


@pytest.fixture
def scratch(become):
    """Somebody else's objects, one in the place that policies are about and one outside."""
    store = become("teacher").store("scratch")
    inside, outside = f"proof/{secrets.token_hex(4)}.txt", f"other/{secrets.token_hex(4)}.txt"
    store.put(inside, b"inside")
    store.put(outside, b"outside")
    yield inside, outside
    store.delete(inside)
    store.delete(outside)


@pytest.fixture
def refuses(become):
    """Tell that each of these calls on stores is refused."""

    def look(name, *calls):
        connection = become(name)
        for bucket, method, *given in calls:
            with pytest.raises(AccessDenied):
                getattr(connection.store(bucket), method)(*given)

    return look


NOT_TEACHING = (
    ("teaching", "list_page"),
    ("teaching", "list_page", "ti"),
    ("teaching", "put", "photos/x.jpg", b""),
    ("teaching", "delete", "photos/x.jpg"),
    ("teaching", "begin_upload", "photos/x.jpg"),
    ("private", "list_page"),
    ("scratch", "list_page"),
)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("browse", f"{TEACHING}/photos/"),
        ("browse", f"{TEACHING}/photos/*.jpg"),
        ("one", f"{TEACHING}/tables/stations.csv"),
        ("pattern", f"{TEACHING}/tiles/*.{{laz,las}}"),
        ("odd", f"{TEACHING}/odd/"),
        ("bucket", f"{TEACHING}/"),
        ("mount", f"{TEACHING}/iris/"),
    ],
)
def test_browsing_lists_and_reads(become, refuses, name, url):
    become(name)
    report = s3magic.check(url)
    assert (report.list.state, report.read.state) == ("ok", "ok")
    assert report.policy() is None
    assert list(s3magic.ls(url, recursive=True))
    calls = NOT_TEACHING[2:] if name == "bucket" else NOT_TEACHING
    refuses(name, *calls)
    if name != "bucket":
        refuses(name, ("teaching", "get", "cogs/plain.tif"), ("teaching", "list_page", "cogs/"))


def test_changing_what_is_browsed(become, refuses, scratch):
    inside, outside = scratch
    store = become("changes").store("scratch")
    report = s3magic.check("s3://scratch/proof/", write="full")
    allowed = {name: light.state for name, light in report.lights()}
    # versions are kept there, and what would be left of a scratch object is not made
    assert allowed.pop("Overwrite") == "unknown"
    assert set(allowed.values()) == {"ok"}
    store.put(inside, b"changed")
    store.delete(inside)
    refuses(
        "changes",
        ("scratch", "put", outside, b""),
        ("scratch", "delete", outside),
        ("scratch", "get", outside),
        ("scratch", "list_page"),
        ("teaching", "list_page", "photos/"),
    )


def test_thumbnails_are_drawn_and_linked(become, refuses, own_cache):
    import urllib3

    become("thumbs")
    gallery = s3magic.thumbs(f"{TEACHING}/cogs/").wait()
    assert gallery.items
    assert all(item.error is None and item.thumbnail for item in gallery.items)
    with urllib3.PoolManager(retries=False, timeout=20) as pool:
        url = gallery.urls(expires=60)[0]
        assert pool.request("GET", url).status == 200
    refuses("thumbs", *NOT_TEACHING)


def test_a_mount_is_read(become, refuses, tmp_path, monkeypatch):
    import shutil
    import tempfile

    run = tempfile.mkdtemp(prefix="s3m-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", run)
    become("mount")
    mount = s3magic.mount(f"{TEACHING}/iris/", tmp_path / "m")
    try:
        names = [path for path in (tmp_path / "m").rglob("*") if path.is_file()]
        assert names
        assert names[0].read_bytes()
    finally:
        mount.unmount(force=True)
        shutil.rmtree(run)
    refuses("mount", *NOT_TEACHING, ("teaching", "get", "photos/alps-at-noon.jpg"))


def test_a_writing_mount_has_what_it_does(become, refuses, scratch):
    inside, outside = scratch
    connection = become("mount-write")
    store = connection.store("scratch")
    first = store.head(inside)
    store.put(inside, b"new", if_match=first.etag)
    store.put(f"{inside}.new", b"", if_none_match=True)
    client = connection.session().client("s3")
    try:
        client.copy_object(Bucket="scratch", Key=f"{inside}.moved", CopySource={"Bucket": "scratch", "Key": inside})
        upload = client.create_multipart_upload(Bucket="scratch", Key=f"{inside}.large")
        part = client.upload_part(
            Bucket="scratch", Key=f"{inside}.large", UploadId=upload["UploadId"], PartNumber=1, Body=b"x"
        )
        client.complete_multipart_upload(
            Bucket="scratch",
            Key=f"{inside}.large",
            UploadId=upload["UploadId"],
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
    finally:
        client.close()
    for ending in ("", ".new", ".moved", ".large"):
        store.delete(inside + ending)
    refuses(
        "mount-write",
        ("scratch", "get", outside),
        ("scratch", "put", outside, b""),
        ("scratch", "delete", outside),
        ("scratch", "begin_upload", outside),
        ("scratch", "list_page", "other/"),
        ("scratch", "list_page"),
        ("teaching", "list_page", "iris/"),
    )


def test_tiles_are_linked_and_fetched(become, refuses, tmp_path):
    become("link")
    dataset = s3magic.link(f"{TEACHING}/tiles/hill_?_?.laz", tmp_path / "ds")
    assert len(dataset.tiles) == 9
    assert len(dataset.fetch().fetched) == 9
    assert dataset.status().remote == {"ok": 9}
    refuses("link", *NOT_TEACHING, ("teaching", "get", "tiles/hill.copc.laz"))


def test_a_pinned_version_is_fetched(become, refuses, scratch):
    inside, outside = scratch
    teacher = become("teacher").store("scratch")
    old = teacher.head(inside).version_id
    teacher.put(inside, b"newer")
    assert become("versions").store("scratch").get(inside, version_id=old) == b"inside"
    refuses("versions", ("scratch", "get", outside), ("scratch", "put", inside, b""))
    with pytest.raises(AccessDenied):
        become("browse").store("scratch").get(inside, version_id=old)


def test_checksums_are_planned_and_added(become, refuses, scratch):
    inside, outside = scratch
    become("checksums").store("scratch").head(inside)
    assert [info.key for info in s3magic.ls("s3://scratch/proof/")]
    client = become("checksums-write").session().client("s3")
    place = {"Bucket": "scratch", "Key": inside}
    try:
        assert client.get_bucket_versioning(Bucket="scratch")["Status"] == "Enabled"
        assert client.get_object_tagging(**place)["TagSet"] == []
        assert client.get_object_acl(**place)["Owner"]
        client.copy_object(
            **place, CopySource=place, ChecksumAlgorithm="SHA256", MetadataDirective="REPLACE", TaggingDirective="COPY"
        )
        assert client.head_object(**place, ChecksumMode="ENABLED")["ChecksumSHA256"]
        client.put_object_tagging(**place, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    finally:
        client.close()
    refuses("checksums", ("scratch", "put", inside, b""), ("scratch", "get", outside))
    refuses("checksums-write", ("scratch", "delete", inside), ("scratch", "put", outside, b""))


def test_thumbnails_are_stored_in_a_place_of_their_own(become, refuses, scratch):
    inside, outside = scratch
    connection = become("stored")
    report = s3magic.check(f"{TEACHING}/photos/", output="s3://scratch/proof/")
    assert (report.list.state, report.read.state, report.output.state) == ("ok", "ok", "ok")
    photo = connection.store("teaching").list_page("photos/", max_keys=1).objects[0]
    assert connection.store("teaching").get(photo.key)
    connection.store("scratch").put(inside, b"thumbnail")
    assert connection.store("scratch").get(inside) == b"thumbnail"
    refuses("stored", *NOT_TEACHING, ("scratch", "delete", inside), ("scratch", "put", outside, b""))


def test_thumbnails_are_stored_beside_the_photos(become, refuses, scratch):
    inside, _ = scratch
    store = become("stored-beside").store("scratch")
    key = f"proof/.lightly/thumbnails/{secrets.token_hex(4)}_thumb.jpg"
    store.put(key, b"thumbnail")
    assert store.get(key) == b"thumbnail"
    assert s3magic.check("s3://scratch/proof/", output="s3://scratch/proof/.lightly/thumbnails/").output.state == "ok"
    refuses("stored-beside", ("scratch", "put", inside, b""), ("scratch", "delete", key))


@pytest.fixture
def encrypted(become):
    """A key whose object is encrypted by a key of one's own, in a bucket that encrypts so by itself."""
    client = become("teacher").session().client("s3")
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    client.put_bucket_encryption(
        Bucket="scratch",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    key = f"proof/{secrets.token_hex(4)}.bin"
    client.put_object(Bucket="scratch", Key=key, Body=b"secret")
    yield key
    client.delete_object(Bucket="scratch", Key=key)
    client.delete_bucket_encryption(Bucket="scratch")
    client.close()


def test_encrypted_objects_want_their_key_as_well(become, refuses, encrypted):
    store = become("key-write").store("scratch")
    assert store.get(encrypted) == b"secret"
    store.put(encrypted, b"other")
    store.abort_upload(encrypted, store.begin_upload(encrypted))
    assert become("key-read").store("scratch").get(encrypted) == b"other"
    refuses("key-read", ("scratch", "put", encrypted, b""))
    refuses("keyless", ("scratch", "get", encrypted), ("scratch", "begin_upload", encrypted))
    with pytest.raises(AccessDenied, match=f"kms:Decrypt on {KEY}"):
        become("keyless").store("scratch").get(encrypted)


def test_lights_tell_a_missing_key_from_a_missing_right(become, encrypted):
    become("keyless")
    report = s3magic.check(f"s3://scratch/{encrypted}", write=True)
    assert (report.read.detail, report.write.detail) == (f"kms:Decrypt on {KEY}", f"kms:GenerateDataKey on {KEY}")
    wanted = {action for statement in report.policy()["Statement"] for action in statement["Action"]}
    assert wanted == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert s3magic.lint_policy(report.policy()) == []


def test_a_partner_reads_by_a_role_and_only_with_the_external_id(box):
    partner = box.users["partner"]
    service = boto3.client(
        "sts",
        endpoint_url=box.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=partner.access_key_id,
        aws_secret_access_key=partner.secret_access_key,
        config=Config(retries={"max_attempts": 1}),
    )
    asked = {"RoleArn": box.roles["delegate"].arn, "RoleSessionName": "lesson"}
    try:
        for wrong in ({}, {"ExternalId": "guessed"}):
            with pytest.raises(service.exceptions.ClientError, match="AccessDenied"):
                service.assume_role(**asked, **wrong)
        keys = service.assume_role(**asked, ExternalId=DELEGATED["external_id"])["Credentials"]
    finally:
        service.close()
    try:
        connection = s3magic.connect(
            "keys",
            access_key_id=keys["AccessKeyId"],
            secret_access_key=keys["SecretAccessKey"],
            session_token=keys["SessionToken"],
            endpoint_url=box.endpoint_url,
            region="us-east-1",
        )
        report = s3magic.check(f"{TEACHING}/photos/", output="s3://scratch/proof/")
        assert (report.list.state, report.read.state, report.output.state) == ("ok", "ok", "ok")
        for bucket, method, *given in NOT_TEACHING:
            with pytest.raises(AccessDenied):
                getattr(connection.store(bucket), method)(*given)
    finally:
        current.forget()


@pytest.mark.parametrize(
    "url",
    [
        f"{TEACHING}/photos/",
        f"{TEACHING}/",
        f"{TEACHING}/tables/*.csv",
        "s3://scratch/proof/",
        f"{TEACHING}/cogs/plain.tif",
    ],
)
def test_what_red_lights_ask_for_turns_them_green(become, teaching_data, url):
    become("teacher").store("scratch").put("proof/there.txt", b"x")
    become("nobody")
    red = s3magic.check(url, write="full", output="s3://scratch/results/")
    assert {light.state for _, light in red.lights()} <= {"denied", "unknown"}
    mend = red.policy()
    assert s3magic.lint_policy(mend) == []
    assert red.to_json()["policy"] == mend
    assert "turn the red lights green" in repr(red)
    assert "turn the red lights green" in red._repr_html_()
    with process.start(users={"users": {"mended": mend}}, cache=teaching_data) as other:
        user, teacher = other.users["mended"], other.users["teacher"]
        for keys in (teacher, user):
            connection = s3magic.connect(
                "keys",
                access_key_id=keys.access_key_id,
                secret_access_key=keys.secret_access_key,
                endpoint_url=other.endpoint_url,
                region="us-east-1",
            )
            if keys is teacher:
                connection.store("scratch").put("proof/there.txt", b"x")
        green = s3magic.check(url, write="full", output="s3://scratch/results/")
        allowed = {name: light.state for name, light in green.lights()}
        if "scratch" in url:
            # versions are kept there, and what would be left of a scratch object is not made
            assert allowed.pop("Overwrite") == "unknown"
        assert set(allowed.values()) == {"ok"}, green
        with pytest.raises(AccessDenied):
            connection.store("private").list_page()
