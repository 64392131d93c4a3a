"""Answers that no S3 server gives are refused; those it gives are read."""

from __future__ import annotations

import pytest

from s3magic.errors import ServerError
from s3magic.store.answers import read_headers, read_listing, read_versions, unquoted
from s3magic.store.base import ListPage
from s3magic.store.listing import pages

LISTING = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<IsTruncated>true</IsTruncated><NextContinuationToken>t1</NextContinuationToken><EncodingType>url</EncodingType>
<Contents><Key>a%2Bb+c</Key><Size>{size}</Size><ETag>"e"</ETag><LastModified>{when}</LastModified></Contents>
<CommonPrefixes><Prefix>d%0A/</Prefix></CommonPrefixes></ListBucketResult>"""
WHEN = "2024-05-06T07:08:09.000Z"


def test_a_listing_is_read():
    page = read_listing("b", LISTING.format(size=5, when=WHEN).encode())
    assert [(info.key, info.size, info.etag) for info in page.objects] == [("a+b c", 5, "e")]
    assert page.objects[0].last_modified.isoformat() == "2024-05-06T07:08:09+00:00"
    assert page.prefixes == ("d\n/",)
    assert page.next_token == "t1"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><body>Please sign in</body></html>",
        "<ListAllMyBucketsResult/>",
        LISTING.format(size="many", when=WHEN),
        LISTING.format(size=5, when="yesterday"),
    ],
)
def test_what_is_no_listing_is_no_empty_bucket(body):
    with pytest.raises(ServerError) as caught:
        read_listing("b", body.encode())
    assert "s3://b/" in str(caught.value)


@pytest.mark.parametrize(("read", "kind"), [(read_listing, "ListBucket"), (read_versions, "ListVersions")])
def test_a_part_of_a_listing_never_passes_for_all_of_it(read, kind):
    body = (
        f"<{kind}Result><IsTruncated>true</IsTruncated><NextMarker>k</NextMarker></{kind}Result>"  # as the first form
    )
    with pytest.raises(ServerError, match="does not tell how to go on") as caught:
        read("b", body.encode())
    assert len(caught.value.lines()) == 2


@pytest.mark.parametrize("headers", [{"content-length": "long"}, {"last-modified": "yesterday"}])
def test_headers_without_sense_are_refused(headers):
    with pytest.raises(ServerError):
        read_headers("b", "k", headers)


@pytest.mark.parametrize("etag", ['"e"', "e", 'W/"e"'])
def test_an_etag_loses_its_quotes(etag):
    assert unquoted(etag) == "e"


def test_a_listing_that_goes_in_a_circle_ends():
    class Circle:
        bucket = "b"

        def list_page(self, prefix, **options):
            return ListPage((), (), "same")

    with pytest.raises(ServerError, match="circle"):
        list(pages(Circle()))
