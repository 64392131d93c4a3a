"""Where tiles lie since buckets moved: old beginnings of URLs and the new ones; pure, asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from s3magic.linking.records.manifest import LinkedTile
from s3magic.url import S3Url


def place(url: str, redirects: Mapping[str, str]) -> str:
    """Return where a URL leads: the longest old beginning that it has gives way to the new one.

    Examples
    --------
    >>> place("s3://old/tiles/a.laz", {"s3://old/": "s3://new/archive/"})
    's3://new/archive/tiles/a.laz'
    """
    old = max((old for old in redirects if url.startswith(old)), key=len, default=None)
    return url if old is None else redirects[old] + url.removeprefix(old)


def redirected(tile: LinkedTile, redirects: Mapping[str, str]) -> LinkedTile:
    """Return a tile that is asked for where it lies now; its URL stays the one that was linked."""
    there = place(tile.url, redirects)
    if there == tile.url:
        return tile
    bucket, _, key = there.removeprefix("s3://").partition("/")
    return replace(tile, moved=S3Url(bucket, key))


def with_redirect(redirects: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """Return the redirects and one more, all in one step each: what is at the old place now is led to the new one.

    What was linked at the old place follows as well, wherever it is led now.

    Examples
    --------
    >>> with_redirect({"s3://first/": "s3://second/"}, "s3://second/", "s3://third/")
    {'s3://first/': 's3://third/', 's3://second/': 's3://third/'}
    """
    led = {start: place(end, {old: new}) for start, end in redirects.items()}
    for start, end in redirects.items():
        deeper = start + old.removeprefix(end)
        if old.startswith(end) and place(deeper, redirects) == old:
            led[deeper] = new
    now = place(old, redirects)
    led[old] = new + now.removeprefix(old) if now.startswith(old) else new
    return dict(sorted(led.items()))
