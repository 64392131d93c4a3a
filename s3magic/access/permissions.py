"""The lights: what this identity may do with a place on S3, tried without touching any object that is there.

List and Read are tried always; Write, Overwrite and Delete only when asked for, by `probes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Literal

from s3magic.access import policy, probes
from s3magic.access.light import UNCHECKED, Light
from s3magic.errors import AccessDenied, ArchivedObject, InvalidInput, NoSuchKey, S3MagicError
from s3magic.html import card
from s3magic.store.base import ObjectInfo, Store
from s3magic.url import S3Url

_RED = frozenset({"denied", "unknown"})


@dataclass(frozen=True, slots=True)
class PermissionReport:
    """The lights of one place, and of a place for output; shows itself a line a light.

    Parameters
    ----------
    url
        The place.
    list, read, write, overwrite, delete
        Its lights.
    output_url, output
        Another place and its Write light; None where none was named.
    partition
        Of the ARNs: ``"aws"``, ``"aws-cn"`` or ``"aws-us-gov"``.
    """

    url: str
    list: Light
    read: Light
    write: Light = UNCHECKED
    overwrite: Light = UNCHECKED
    delete: Light = UNCHECKED
    output_url: str | None = None
    output: Light | None = None
    partition: str = "aws"

    def to_json(self) -> dict[str, Any]:
        """Return URLs, every light and the policy that is missing as JSON types."""
        output = {"output_url": self.output_url, "output": self.output.to_json() if self.output else None}
        lights = {name.lower(): light.to_json() for name, light in self.lights() if name != "Output"}
        return {"url": self.url, **lights, **output, "policy": self.policy()}

    def lights(self) -> Iterator[tuple[str, Light]]:
        """Yield each light with its name, ``"Output"`` last where there is one."""
        yield "List", self.list
        yield "Read", self.read
        yield "Write", self.write
        yield "Overwrite", self.overwrite
        yield "Delete", self.delete
        if self.output is not None:
            yield "Output", self.output

    def policy(self) -> policy.Document | None:
        """Return the policy that would turn the red lights green; None where no right is known to be missing."""
        place = S3Url.parse(self.url)
        rights = []
        keys: dict[str, bool] = {}
        for name, light in self.lights():
            if light.state not in _RED:
                continue
            if light.actions and light.actions[0].startswith("kms:"):
                keys[light.resource] = keys.get(light.resource, False) or name not in {"List", "Read"}
                continue
            where = place if name in {"List", "Read"} else policy.folder(place)
            if name == "Output":
                where = policy.output_folder(str(self.output_url))
            rights += [(action, where) for action in light.actions]
        made = policy.grant(rights, partition=self.partition)
        made["Statement"] += [
            policy.use_key(key, self.partition, write=write)
            for key, write in keys.items()
            if key.startswith(f"arn:{self.partition}:kms:")
        ]
        return made if made["Statement"] else None

    def with_output(self, url: S3Url | str, light: Light) -> PermissionReport:
        """Return the report with a place for output and its Write light."""
        return replace(self, output_url=str(url), output=light)

    def __repr__(self) -> str:
        lines = [f"  {name:<9}  {light.state:<9}  {light.detail}".rstrip() for name, light in self.lights()]
        if self.policy():
            lines.append("  .policy() is what would turn the red lights green")
        return "\n".join([f"Permissions on {self._places()}", *lines])

    def _repr_html_(self) -> str:
        rows = [(name, light.to_html()) for name, light in self.lights()]
        missing = self.policy()
        mend = f"<pre>{escape(repr(missing))}</pre>" if missing else ""
        body = f"<details><summary>The policy that would turn the red lights green</summary>{mend}</details>"
        return card(f"Permissions on {self._places()}", rows, body if missing else "")

    def _places(self) -> str:
        return self.url if self.output_url is None else f"{self.url}, output to {self.output_url}"


def check(
    store: Store, url: str | S3Url, *, write: bool | Literal["full"] = False, partition: str = "aws"
) -> PermissionReport:
    """Try to list a place and to read one byte of one object there; to write only when asked.

    Parameters
    ----------
    store
        The URL's bucket, seen as who is asked about.
    url
        An object, a prefix or a pattern. For the last two, Read is tried on the first object of
        the listing that it names and that is not archived.
    write
        True to begin and abort an upload under a random name; ``"full"`` to overwrite and delete a
        scratch object of our own as well. What is there is never touched.
    partition
        For the ARNs that are told.

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
    if write not in {True, False, "full"}:
        raise InvalidInput(f"Not a way to try writing: {write!r}", "Give True, or 'full' to overwrite and delete too.")
    place = S3Url.parse(url)
    look = _Look(store, place, partition)
    report = look.report()
    if not write or report.list.state == "error":
        return report
    folder = policy.folder(place)
    if write == "full":
        tried = probes.try_all(store, folder, partition=partition)
        return replace(report, write=tried.write, overwrite=tried.overwrite, delete=tried.delete)
    return replace(report, write=probes.try_upload(store, folder, partition=partition))


def check_output(store: Store, url: str | S3Url, *, partition: str = "aws") -> Light:
    """Return the Write light of a folder that results shall go to; leaves nothing there."""
    return probes.try_upload(store, policy.output_folder(url), partition=partition)


@dataclass(frozen=True, slots=True)
class _Look:
    """Listing and reading at one place."""

    store: Store
    place: S3Url
    partition: str

    def report(self) -> PermissionReport:
        place, first = self.place, None
        try:
            first = next(iter(self.store.list_page(place.prefix, max_keys=1).objects), None)
            if first is not None and self._names_many and not self._is_good_example(first):
                # an archived one, say, stands first: look for a better one, once
                found = (info for info in self.store.list_page(place.prefix).objects if self._is_good_example(info))
                first = next(found, first)
        except AccessDenied:
            prefix = f" with prefix {place.prefix}" if place.prefix else ""
            listing = Light.denied("s3:ListBucket", f"arn:{self.partition}:s3:::{place.bucket}", prefix)
        except S3MagicError as error:
            stopped = Light.error(error)
            return PermissionReport(str(place), stopped, stopped, partition=self.partition)
        else:
            where = str(place.with_key(place.prefix))
            listing = Light("ok", f"listed {where}" if first else f"nothing under {where}")
        return PermissionReport(str(place), listing, self._read(listing, first), partition=self.partition)

    @property
    def _names_many(self) -> bool:
        return self.place.is_prefix or self.place.is_pattern

    def _is_good_example(self, info: ObjectInfo) -> bool:
        return self.place.matches(info.key) and not info.is_archived and not info.key.endswith("/")

    def _read(self, listing: Light, first: ObjectInfo | None) -> Light:
        place = self.place
        if self._names_many:
            if first is None and listing.state == "ok":
                return Light("unknown", "there is no object to try; give the URL of one")
            if first is None:
                why = "without a listing no object is known; give the URL of one"
                return Light("unknown", why, ("s3:GetObject",), policy.arn(place, self.partition))
            key, version, exists = first.key, None, True
        else:
            key, version, exists = place.key, place.version_id, first is not None and first.key == place.key
        target = S3Url(place.bucket, key, version)
        try:
            self.store.get(key, start=0, stop=1, version_id=version)
        except AccessDenied as error:
            return self._refused(error, target, listing, exists=exists)
        except (NoSuchKey, ArchivedObject) as error:
            return replace(Light.error(error), state="unknown")
        except S3MagicError as error:
            return Light.error(error)
        return Light("ok", f"read one byte of {target}")

    def _refused(self, error: AccessDenied, target: S3Url, listing: Light, *, exists: bool) -> Light:
        """Judge a refusal: S3 gives it for a missing key too, where the right to list does not cover the bucket."""
        action = "s3:GetObjectVersion" if target.version_id else "s3:GetObject"
        denied = Light.refused(error, action, f"arn:{self.partition}:s3:::{target.bucket}/{target.key}")
        if exists or denied.actions != (action,):
            return denied
        if listing.state == "ok":
            return Light("unknown", f"no such object in the listing: {target}")
        more = f"{denied.detail}, or no such object: without List, S3 answers the same to both"
        return replace(denied, state="unknown", detail=more)
