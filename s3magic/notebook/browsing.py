"""What the panel may ask of S3: buckets, one page of a folder, links, lights, code; draws nothing and keeps nothing.

Every answer is capped, so that a bucket of any size is opened with one request. Names are given as S3 has them: whoever
shows them takes care.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from s3magic import api
from s3magic.api.copies import is_object
from s3magic.errors import AccessDenied, InvalidInput
from s3magic.notebook import node_code
from s3magic.thumbnails.presign import LinkMaker
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.store.base import ObjectInfo

PAGE = 200
"""Children of a folder in one answer."""
LINK_SECONDS = 3600
_CODE = {
    "mount": node_code.mount,
    "copy": node_code.copy,
    "link": node_code.link,
    "thumbs": node_code.thumbs,
    "read": node_code.read,
}


def buckets(after: str = "") -> dict[str, Any]:
    """Return the names of the buckets that the identity may list, in their order, those after one of them."""
    try:
        names = sorted(name for name in api.connection().buckets() if name > after)
    except AccessDenied as error:
        told = "You may not list this account's buckets"
        raise AccessDenied(told, "Pin one that you may read, or a folder of it.") from error
    return {"names": names[:PAGE], "next": names[PAGE - 1] if len(names) > PAGE else None}


def children(bucket: str, prefix: str = "", beginning: str = "", token: str | None = None) -> dict[str, Any]:
    """Return a page of what lies directly below a prefix, in the order of S3: one request.

    Parameters
    ----------
    beginning
        Only names that begin so.
    token
        Where the page before said that the next one begins.
    """
    place = S3Url(bucket, prefix)
    page = (
        api.connection(place)
        .store(bucket)
        .list_page(prefix + beginning, delimiter="/", token=token or None, max_keys=PAGE)
    )
    found = [{"name": key[len(prefix) :]} for key in page.prefixes]
    found += [_object(info, prefix) for info in page.objects if info.key != prefix]
    return {"children": sorted(found, key=lambda child: child["name"].encode()), "next": page.next_token}


def pin(url: str) -> dict[str, Any]:
    """Read the URL of a bucket or folder, as people write it; whether it is there is seen when it is opened.

    Raises
    ------
    InvalidInput
        When it names one object, or several places.
    """
    text = url.strip()
    place = S3Url.parse(text if "://" in text else f"s3://{text}")
    if place.is_pattern or place.version_id:
        raise InvalidInput(f"Not a bucket or a folder: {text}", "Write s3://bucket/ or s3://bucket/folder/.")
    if is_object(place):
        folder = place.with_key(place.key[: place.key.rfind("/") + 1])
        raise InvalidInput(f"Only folders can be pinned, and {place} is one object", f"Pin its folder: {folder}")
    key = place.key if place.is_prefix else f"{place.key}/"
    return {"bucket": place.bucket, "prefix": key}


def link(bucket: str, key: str, *, download: bool = False) -> dict[str, Any]:
    """Return a link that opens an object without credentials, and its end; the link is kept nowhere."""
    place = S3Url(bucket, key)
    chosen = api.connection(place)

    maker = LinkMaker(lambda name: chosen.store(name).client.location_for(name), chosen.credentials)
    made = maker(place, expires=LINK_SECONDS, download=download)
    return {"url": made.url, "end": made.expires_at.isoformat() if made.expires_at else None}


def lights(bucket: str, key: str = "") -> dict[str, Any]:
    """Return what one may do at a place: lists it and reads one byte, and writes nothing."""
    report = api.check(S3Url(bucket, key))
    return {
        "url": report.url,
        "lights": [{"name": name, "light": light.state, "detail": light.detail} for name, light in report.lights()],
    }


def code(bucket: str, key: str, purpose: str) -> dict[str, Any]:
    """Return code that does something with a place: ``mount``, ``copy``, ``link``, ``thumbs`` or ``read``."""
    if purpose not in _CODE:
        raise InvalidInput(f"Nobody knows code to {purpose!r}", "Reload the page.")
    return {"code": _CODE[purpose](S3Url(bucket, key))}


def dataset(path: str) -> dict[str, Any]:
    """Compare the tiles of a linked dataset with S3 and tell how many are in each condition, there and here."""
    from s3magic.linking.dataset import LinkedDataset  # noqa: PLC0415 - loaded when asked for

    report = LinkedDataset(path).status()
    return {"path": path, "remote": report.remote, "local": report.local}


def _object(info: ObjectInfo, prefix: str) -> dict[str, Any]:
    return {
        "name": info.key[len(prefix) :],
        "size": info.size,
        "modified": info.last_modified.isoformat() if info.last_modified else None,
        "archived": info.is_archived,
    }


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "buckets": buckets,
    "children": children,
    "pin": pin,
    "link": link,
    "lights": lights,
    "code": code,
    "dataset": dataset,
}
