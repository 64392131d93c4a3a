"""The lights: what this identity may do with a place on S3, tried without touching any object.

List and Read are tried; Write, Overwrite and Delete stay unchecked. Nothing is ever written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from s3magic.errors import AccessDenied, ArchivedObject, NoSuchKey, S3MagicError
from s3magic.html import Markup, card
from s3magic.store.base import ObjectInfo, Store
from s3magic.url import S3Url

_SIGNS = {
    "ok": ("●", "s3m-ok"),
    "denied": ("✕", "s3m-bad"),
    "error": ("!", "s3m-bad"),
    "unknown": ("?", "s3m-warn"),
    "unchecked": ("○", "s3m-note"),
}


@dataclass(frozen=True, slots=True)
class Light:
    """What came of one attempt.

    Parameters
    ----------
    state
        ``"ok"``, ``"denied"``, ``"unknown"`` (the answer tells nothing), ``"unchecked"`` or
        ``"error"`` (it was not about permission).
    detail
        What was tried, or in the way; on ``"denied"`` the action and the ARN of the resource.
    """

    state: str
    detail: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON types."""
        return {"state": self.state, "detail": self.detail}


UNCHECKED = Light("unchecked", "not tried")


@dataclass(frozen=True, slots=True)
class PermissionReport:
    """The lights of one place; shows itself a line a light."""

    url: str
    list: Light
    read: Light
    write: Light = UNCHECKED
    overwrite: Light = UNCHECKED
    delete: Light = UNCHECKED

    def to_json(self) -> dict[str, Any]:
        """Return the URL and every light as JSON types."""
        return {"url": self.url, **{name.lower(): light.to_json() for name, light in self._lights()}}

    def _lights(self) -> Iterator[tuple[str, Light]]:
        yield "List", self.list
        yield "Read", self.read
        yield "Write", self.write
        yield "Overwrite", self.overwrite
        yield "Delete", self.delete

    def __repr__(self) -> str:
        lines = [f"  {name:<9}  {light.state:<9}  {light.detail}".rstrip() for name, light in self._lights()]
        return "\n".join([f"Permissions on {self.url}", *lines])

    def _repr_html_(self) -> str:
        return card(f"Permissions on {self.url}", [(name, _light_html(light)) for name, light in self._lights()])


def check(store: Store, url: str | S3Url) -> PermissionReport:
    """Try to list a place and to read one byte of one object there.

    Parameters
    ----------
    store
        The URL's bucket, seen as who is asked about.
    url
        An object, a prefix or a pattern. For the last two, Read is tried on the first object of
        the listing that it names and that is not archived.

    Returns
    -------
    PermissionReport
        Never raises for what the server answers: that is what the lights say.

    Examples
    --------
    >>> from s3magic.store.memory import MemoryStore
    >>> store = MemoryStore("teaching")
    >>> _ = store.put("iris/a.nc", b"CDF")
    >>> check(store, "s3://teaching/iris/").read.state
    'ok'
    """
    place = S3Url.parse(url)
    first = None
    try:
        first = next(iter(store.list_page(place.prefix, max_keys=1).objects), None)
        if first is not None and _names_many(place) and not _is_good_example(place, first):
            # an archived one, say, stands first: look for a better one, once
            first = next(
                (info for info in store.list_page(place.prefix).objects if _is_good_example(place, info)), first
            )
    except AccessDenied:
        listing = Light("denied", _denied("s3:ListBucket", place, prefix=place.prefix))
    except S3MagicError as error:
        stopped = Light("error", _told(error))
        return PermissionReport(str(place), stopped, stopped)
    else:
        listing = Light("ok", f"listed {_prefix_text(place)}" if first else f"nothing under {_prefix_text(place)}")
    return PermissionReport(str(place), listing, _read(store, place, listing, first))


def _names_many(place: S3Url) -> bool:
    return place.is_prefix or place.is_pattern


def _is_good_example(place: S3Url, info: ObjectInfo) -> bool:
    return place.matches(info.key) and not info.is_archived and not info.key.endswith("/")


def _read(store: Store, place: S3Url, listing: Light, first: ObjectInfo | None) -> Light:
    if _names_many(place):
        if first is None:
            why = "there is no object to try" if listing.state == "ok" else "without a listing no object is known"
            return Light("unknown", f"{why}; give the URL of one")
        key, version, exists = first.key, None, True
    else:
        key, version, exists = place.key, place.version_id, first is not None and first.key == place.key
    target = S3Url(place.bucket, key, version)
    try:
        store.get(key, start=0, stop=1, version_id=version)
    except AccessDenied:
        return _refused(target, listing, exists=exists)
    except (NoSuchKey, ArchivedObject) as error:
        return Light("unknown", _told(error))
    except S3MagicError as error:
        return Light("error", _told(error))
    return Light("ok", f"read one byte of {target}")


def _refused(target: S3Url, listing: Light, *, exists: bool) -> Light:
    """Judge a refusal: S3 gives it for a missing key too, where the right to list does not cover the bucket."""
    denied = _denied("s3:GetObjectVersion" if target.version_id else "s3:GetObject", target)
    if exists:
        return Light("denied", denied)
    if listing.state == "ok":
        return Light("unknown", f"no such object in the listing: {target}")
    return Light("unknown", f"{denied}, or no such object: without List, S3 answers the same to both")


def _denied(action: str, place: S3Url, *, prefix: str | None = None) -> str:
    """Return the action and the resource in the words of a policy."""
    if prefix is None:
        return f"{action} on arn:aws:s3:::{place.bucket}/{place.key}"
    return f"{action} on arn:aws:s3:::{place.bucket}" + (f" with prefix {prefix}" if prefix else "")


def _prefix_text(place: S3Url) -> str:
    return str(place.with_key(place.prefix))


def _told(error: S3MagicError) -> str:
    return ". ".join(line.rstrip(".") for line in error.lines())


def _light_html(light: Light) -> Markup:
    sign, style = _SIGNS[light.state]
    detail = f' <span class="s3m-note">{escape(light.detail)}</span>' if light.detail else ""
    return Markup(f'<span class="{style}"><span aria-hidden="true">{sign}</span> {light.state}</span>{detail}')
