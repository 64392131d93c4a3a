"""Policies as documents: what each purpose asks for, and no more."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import s3magic
from s3magic.access.lint import lint
from s3magic.access.policy import PARTITIONS, PURPOSES, arn, folder, grant, partition_of, policy
from s3magic.errors import InvalidInput, InvalidUrl
from s3magic.sandboxes import people
from s3magic.sandboxes.policy import allows
from s3magic.url import S3Url, matches

LIST, GET, PUT = "s3:ListBucket", "s3:GetObject", "s3:PutObject"
ABORT, DELETE = "s3:AbortMultipartUpload", "s3:DeleteObject"
DELEGATED = {"account": "210987654321", "external_id": "teaching-2024"}
KEY = "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def written(url, purpose, **words):
    """Return a policy, of the delegated kind that of its role."""
    made = policy(url, purpose, **(DELEGATED if purpose == "delegated" else {}), **words)
    return made["policy"] if purpose == "delegated" else made


def may(document, action, bucket, key=None, **context):
    resource = f"arn:aws:s3:::{bucket}" + ("" if key is None else f"/{key}")
    return allows([document], action, resource=resource, context={f"s3:{k}": v for k, v in context.items()})


def actions(document):
    return {action for statement in document["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize(
    ("purpose", "write", "expected"),
    [
        ("browse", False, {LIST, GET}),
        ("browse", True, {LIST, GET, PUT, ABORT, DELETE}),
        ("thumbs", False, {LIST, GET}),
        ("mount", False, {LIST, GET}),
        ("mount", True, {LIST, GET, PUT, ABORT, DELETE}),
        ("link", False, {LIST, GET, "s3:GetObjectVersion"}),
        ("checksums", False, {LIST, GET, "s3:GetBucketVersioning"}),
        (
            "checksums",
            True,
            {LIST, GET, "s3:GetBucketVersioning", PUT, ABORT}
            | {f"s3:{verb}Object{what}" for verb in ("Get", "Put") for what in ("Acl", "Tagging")},
        ),
        ("stored-thumbnails", False, {LIST, GET, PUT, ABORT}),
        ("delegated", False, {LIST, GET}),
    ],
)
def test_each_purpose_asks_for_what_it_needs(purpose, write, expected):
    assert actions(written("s3://teaching/photos/", purpose, write=write)) == expected


def test_every_purpose_is_told_of():
    assert set(PURPOSES) == set("browse thumbs mount link checksums stored-thumbnails delegated".split())
    assert all(purpose.about for purpose in PURPOSES.values())
    for name in PURPOSES:
        assert name in s3magic.policy.__doc__


def test_the_list_stands_over_the_bucket_and_is_bound_to_the_prefix():
    assert policy("s3://teaching/photos/", "browse") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::teaching"],
                "Condition": {"StringLike": {"s3:prefix": ["photos/*"]}},
            },
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::teaching/photos/*"]},
        ],
    }


@pytest.mark.parametrize(
    ("url", "listed", "objects"),
    [
        ("s3://bkt/", None, ["*"]),
        ("s3://bkt/a/b/", "a/b/*", ["a/b/*"]),
        ("s3://bkt/a/x.nc", "a/x.nc", ["a/x.nc"]),
        ("s3://bkt/a/*.{laz,tif}", "a/*", ["a/*.laz", "a/*.tif"]),
        ("s3://bkt/**/*.laz", "*", ["*.laz"]),
        ("s3://bkt/{a/x,b/{y,z}}.laz", "*", ["*"]),
        ("s3://bkt/a/[ab]?.nc", "a/*", ["a/??.nc"]),
        ("s3://bkt/a/20??/", "a/*", ["a/20??/*"]),
        ("s3://bkt/a/*.[laz|tif]", "a/*", ["a/*.laz", "a/*.tif"]),
        ("s3://bkt/a/{" + ",".join(f"t{n}" for n in range(40)) + "}.laz", "a/*", ["a/*"]),
        ("s3://bkt/$money.txt", "${$}money.txt", ["${$}money.txt"]),
        ("s3://bkt/日本/", "??/*", ["??/*"]),
    ],
)
def test_what_a_url_names_becomes_what_iam_understands(url, listed, objects):
    lists, reads = policy(url, "browse")["Statement"]
    assert lists.get("Condition") == ({"StringLike": {"s3:prefix": [listed]}} if listed else None)
    assert reads["Resource"] == [f"arn:aws:s3:::bkt/{key}" for key in objects]


def test_a_pinned_version_asks_for_versions():
    assert "s3:GetObjectVersion" in actions(policy("s3://bkt/a.txt?versionId=abc", "browse"))


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_partitions(partition, purpose):
    made = policy(
        "s3://bkt/a/", purpose, partition=partition, output="s3://out/", **(DELEGATED if purpose == "delegated" else {})
    )
    text = json.dumps(made)
    assert text.count("arn:") == text.count(f"arn:{partition}:")


def test_the_partition_follows_the_region_in_use(sandbox):
    from s3magic.access import current

    assert [partition_of(region) for region in ("eu-west-2", "cn-north-1", "us-gov-west-1")] == list(PARTITIONS)
    s3magic.connect("anonymous", region="cn-north-1", endpoint_url=sandbox.endpoint_url)
    try:
        assert "arn:aws-cn:s3:::bkt" in repr(s3magic.policy("s3://bkt/", "browse"))
        assert "arn:aws:s3:::bkt" in repr(s3magic.policy("s3://bkt/", "browse", partition="aws"))
    finally:
        current.forget()
    assert "arn:aws:s3:::bkt" in repr(s3magic.policy("s3://bkt/", "browse"))


def test_an_output_is_a_place_of_its_own():
    made = policy("s3://teaching/photos/", "thumbs", output="s3://scratch/thumbs")
    assert may(made, PUT, "scratch", "thumbs/a.png")
    assert may(made, ABORT, "scratch", "thumbs/a.png")
    assert may(made, LIST, "scratch", prefix="thumbs/")
    assert not may(made, PUT, "teaching", "photos/a.png")
    assert not may(made, PUT, "scratch", "other/a.png")
    assert not may(made, DELETE, "scratch", "thumbs/a.png")


def test_stored_thumbnails_lie_beside_the_photos_where_no_output_is_named():
    made = policy("s3://teaching/photos/*.jpg", "stored thumbnails")
    assert may(made, PUT, "teaching", "photos/.lightly/thumbnails/a_thumb.jpg")
    assert not may(made, PUT, "teaching", "photos/a.jpg")
    apart = policy("s3://teaching/photos/", "stored_thumbnails", output="s3://scratch/t/")
    assert may(apart, PUT, "scratch", "t/a_thumb.jpg")
    assert not may(apart, PUT, "teaching", "photos/.lightly/thumbnails/a_thumb.jpg")


def test_encrypted_objects_want_their_key():
    reads = policy("s3://bkt/a/", "browse", kms_key=KEY)["Statement"][-1]
    assert reads == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [KEY],
        "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-2.amazonaws.com"}},
    }
    writes = policy("s3://bkt/a/", "mount", write=True, kms_key=KEY)["Statement"][-1]
    assert writes["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    chinese = KEY.replace("aws:kms:eu-west-2", "aws-cn:kms:cn-north-1")
    made = policy("s3://bkt/a/", "browse", kms_key=chinese, partition="aws-cn")
    assert "s3.cn-north-1.amazonaws.com.cn" in repr(made)


def test_delegated_access_is_a_policy_a_trust_policy_and_an_id():
    made = policy("s3://teaching/photos/", "delegated", **DELEGATED)
    assert set(made) == {"policy", "trust_policy", "external_id"}
    assert made["policy"] == policy("s3://teaching/photos/", "browse")
    assert made["trust_policy"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Condition": {"StringEquals": {"sts:ExternalId": "teaching-2024"}},
        }
    ]
    named = policy(
        "s3://bkt/", "delegated", account="arn:aws-cn:iam::210987654321:role/x", external_id="ab", partition="aws-cn"
    )
    assert named["trust_policy"]["Statement"][0]["Principal"]["AWS"].endswith("role/x")


def test_an_external_id_is_made_where_none_is_given():
    first, second = (s3magic.policy("s3://bkt/", "delegated", account="210987654321") for _ in range(2))
    assert first["external_id"] != second["external_id"]
    assert len(first["external_id"]) >= 32
    assert first["external_id"] in json.dumps(first["trust_policy"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"purpose": "everything"}, "everything"),
        ({"purpose": "thumbs", "write": True}, "writes nothing"),
        ({"purpose": "link", "write": True}, "writes nothing"),
        ({"partition": "aws-moon"}, "aws-moon"),
        ({"kms_key": "alias/mine"}, "alias/mine"),
        ({"kms_key": KEY.replace("arn:aws", "arn:aws-cn")}, "partition"),
        ({"account": "210987654321"}, "takes no account"),
        ({"external_id": "abc"}, "takes no account"),
        ({"output": "s3://out/*.png"}, "s3://out/*.png"),
        ({"purpose": "delegated"}, "needs account"),
        ({"purpose": "delegated", "account": "12", "external_id": "abc"}, "'12'"),
        ({"purpose": "delegated", "account": "210987654321", "external_id": "a"}, "too short"),
        ({"purpose": "delegated", "account": "210987654321", "external_id": "a b c"}, "other characters"),
    ],
)
def test_what_makes_no_sense_is_refused(words, told):
    with pytest.raises(InvalidInput) as caught:
        policy("s3://bkt/a/", **{"purpose": "browse", **words})
    assert told in caught.value.message
    assert caught.value.hint


def test_what_is_no_url_is_refused():
    for words in ({"url": "bkt/a"}, {"url": "s3://bkt/", "output": "out"}):
        with pytest.raises(InvalidUrl):
            policy(purpose="browse", **words)


def test_a_policy_shows_itself_as_json():
    made = s3magic.policy("s3://bkt/<x>/", "browse")
    assert isinstance(made, dict)
    assert json.loads(repr(made)) == made
    assert "&lt;x&gt;" in made._repr_html_()
    assert "<x>" not in made._repr_html_()


def test_rights_at_one_place_share_their_statements():
    place = S3Url.parse("s3://bkt/a/")
    made = grant([(GET, place), (LIST, place), (GET, place), (PUT, S3Url.parse("s3://out/"))], partition="aws-cn")
    assert [statement["Action"] for statement in made["Statement"]] == [[LIST], [GET], [PUT]]
    assert arn(place, "aws-cn") == "arn:aws-cn:s3:::bkt/a/*"
    assert arn(S3Url.parse("s3://bkt/a.txt")) == "arn:aws:s3:::bkt/a.txt"
    assert arn(S3Url.parse("s3://bkt")) == "arn:aws:s3:::bkt/*"


@pytest.mark.parametrize(
    ("url", "expected"), [("s3://bkt", ""), ("s3://bkt/a/", "a/"), ("s3://bkt/a/x.nc", "a/"), ("s3://bkt/a/*.nc", "a/")]
)
def test_the_folder_that_is_written_to(url, expected):
    assert folder(S3Url.parse(url)) == S3Url("bkt", expected)


KEYS = st.text("ab/*?$[]{},|.é日 \t!-", max_size=12)
PLACES = st.builds(lambda key: f"s3://bucket/{key}", KEYS)


@st.composite
def policies(draw):
    """Any policy that can be made."""
    purpose = draw(st.sampled_from(list(PURPOSES)))
    words = {
        "partition": draw(st.sampled_from(PARTITIONS)),
        "write": bool(PURPOSES[purpose].write) and draw(st.booleans()),
        "output": draw(st.none() | PLACES.filter(lambda url: not S3Url.parse(url).is_pattern)),
    }
    if draw(st.booleans()):
        words["kms_key"] = KEY.replace("arn:aws:", f"arn:{words['partition']}:")
    return policy(draw(PLACES), purpose, **words, **(DELEGATED if purpose == "delegated" else {}))


@given(policies())
def test_no_policy_made_here_has_a_fault_that_is_known(made):
    assert lint(made) == []
    assert lint(json.dumps(made)) == []


@given(policies())
def test_every_policy_made_here_is_well_formed(made):
    people.check(made.get("policy", made), where="a test")
    assert set(json.dumps(made, ensure_ascii=False)) <= {chr(n) for n in range(0x20, 0x100)} | {"\n"}


@given(key=KEYS, other=KEYS)
def test_what_a_url_names_is_allowed_and_nothing_else(key, other):
    url = S3Url("bucket", key)
    made = policy(url, "browse")
    if url.is_pattern:
        if matches(key, other):
            assert may(made, GET, "bucket", other)
        return
    prefix = url.prefix
    assert may(made, LIST, "bucket", prefix=prefix)
    exact = all(" " <= letter <= "\xff" for letter in key)
    for asked in (other, key + other):
        named = asked.startswith(key) if url.is_prefix else asked == key
        if named:
            assert may(made, GET, "bucket", asked)
        elif exact:
            assert not may(made, GET, "bucket", asked)
            assert not (prefix and may(made, LIST, "bucket", prefix=asked))
