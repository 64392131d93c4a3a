"""S3 URLs and the patterns in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3magic.errors import InvalidUrl
from s3magic.url import S3Url, matches


@pytest.mark.parametrize(
    ("text", "bucket", "key", "version"),
    [
        ("s3://b1/", "b1", "", None),
        ("s3://b1", "b1", "", None),
        ("s3://b1/k", "b1", "k", None),
        ("s3://b1//lead", "b1", "/lead", None),
        ("s3://b1/a/../b", "b1", "a/../b", None),
        ("s3://b1/a b+c%20d", "b1", "a b+c%20d", None),
        ("s3://b1/k?versionId=abc.1", "b1", "k", "abc.1"),
        ("s3://b1/k?x", "b1", "k?x", None),
    ],
)
def test_a_url_is_read_whole(text, bucket, key, version):
    assert S3Url.parse(text) == S3Url(bucket, key, version)


@pytest.mark.parametrize(
    "text", ["", "b/k", "http://b/k", "s3:/b/k", "s3://", "s3:///k", "s3://a b/k", "s3://b1/" + "x" * 1025, None]
)
def test_what_is_no_url_is_refused_with_the_right_form(text):
    with pytest.raises(InvalidUrl) as caught:
        S3Url.parse(text)
    assert len(caught.value.lines()) == 2
    assert isinstance(caught.value, ValueError)


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60))
def test_keys_survive_a_round_trip(key):
    url = S3Url("bucket", key)
    if "?versionId=" not in key:
        assert S3Url.parse(str(url)) == url


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.laz", ["a.laz", ".laz"], ["a/b.laz", "a.lazx"]),
        ("t/*.{laz,tif}", ["t/a.laz", "t/a.tif"], ["t/a.las", "t/d/a.tif"]),
        ("t/*.[laz|tif]", ["t/a.laz", "t/a.tif"], ["t/a.las", "t/a.|"]),
        ("**.tif", ["a.tif", "x/y/a.tif"], ["a.tiff"]),
        ("**/a.tif", ["a.tif", "x/a.tif", "x/y/a.tif"], ["ba.tif"]),
        ("a?.nc", ["ab.nc"], ["a.nc", "a/.nc"]),
        ("[a-c]1", ["a1", "c1"], ["d1", "A1"]),
        ("[!a-c]1", ["d1"], ["a1"]),
        ("a[!b]c", ["axc"], ["abc", "a/c"]),
        ("[z-a]x", [], ["ax", "zx", "-x"]),
        ("[!z-a]x", ["ax"], ["/x"]),
        ("[a&&b~~-]x", ["ax", "&x", "bx", "-x"], ["cx"]),
        ("[[]1].nc", ["[1].nc"], ["1.nc"]),
        ("{a,b{c,d}}x", ["ax", "bcx", "bdx"], ["bx", "a}x", "b{cx"]),
        ("[unclosed", ["[unclosed"], ["u"]),
        ("{unclosed", ["{unclosed"], ["u"]),
        ("a+(b).c", ["a+(b).c"], ["aab.c"]),
    ],
)
def test_patterns(pattern, yes, no):
    assert [key for key in yes if not matches(pattern, key)] == []
    assert [key for key in no if matches(pattern, key)] == []


@given(st.text("ab/*?[]{},|!-^\\", max_size=12), st.text("ab/", max_size=8))
@example("[b-a]", "a")
@example("[a--b]", "a")
def test_no_pattern_ever_fails_to_compile(pattern, key):
    assert matches(pattern, key) in (True, False)


@given(st.text("abé/.+()$^|", max_size=20))
def test_a_key_without_wildcards_matches_itself_alone(key):
    assert matches(key, key)
    assert not matches(key, key + "x")


@pytest.mark.parametrize(
    ("key", "prefix"),
    [("a/b*.tif", "a/"), ("*.tif", ""), ("a/b/", "a/b/"), ("a/k", "a/k"), ("a/{b,c}/d", "a/"), ("a/b?d", "a/")],
)
def test_the_prefix_ends_before_the_first_wildcard(key, prefix):
    assert S3Url("bucket", key).prefix == prefix


@given(st.text("ab/*{},", max_size=10), st.text("ab/", max_size=8))
def test_every_match_lies_under_the_prefix(pattern, key):
    url = S3Url("bucket", pattern)
    if url.is_pattern and url.matches(key):
        assert key.startswith(url.prefix)
        assert key.startswith(url.stem)
        assert not url.is_flat or "/" not in key[len(url.stem) :]


def test_only_patterns_of_one_folder_are_flat():
    flat = [key for key in ("a/b*", "a/*.[laz|tif]", "a/b?[!x]{c,d}") if S3Url("b", key).is_flat]
    assert len(flat) == 3
    assert not any(S3Url("b", key).is_flat for key in ("a/b", "a/", "a/**", "a/*/b", "{a/b,c}*", "a/*/"))


def test_a_pattern_that_ends_in_a_slash_names_all_in_its_folders():
    url = S3Url("bucket", "t*/")
    assert [key for key in ("tiles/a", "tiles/b/c", "top", "other/a") if url.matches(key)] == ["tiles/a", "tiles/b/c"]


def test_a_url_shows_its_kind():
    assert S3Url.parse("s3://b1/p/").is_prefix
    assert S3Url.parse("s3://b1/").is_prefix
    assert not S3Url.parse("s3://b1/k").is_prefix
    assert S3Url.parse("s3://b1/p/*").is_pattern
    assert S3Url.parse("s3://b1/p/name/").name == "name"
    assert re.match("s3://", str(S3Url("b1")))
