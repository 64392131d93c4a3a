"""Least-privilege IAM policies, one for each purpose: pure functions from a URL to a document; nobody is asked.

After the "Actions, resources, and condition keys for Amazon S3" of the Service Authorization Reference.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.url import S3Url

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
VERSION = "2012-10-17"
_LIST = "s3:ListBucket"
_READ = (_LIST, "s3:GetObject")
_PUT = ("s3:PutObject", "s3:AbortMultipartUpload")
_OUTPUT = (*_READ, *_PUT)
_CHANGE = (*_PUT, "s3:DeleteObject")
_REWRITE = (
    *_PUT,
    "s3:GetObjectAcl",
    "s3:GetObjectTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
)
_BUCKET_ACTIONS = frozenset({_LIST, "s3:GetBucketVersioning"})
_THUMBNAILS = ".lightly/thumbnails/"
_MOST_ALTERNATIVES = 20

_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(root|(user|role)/[\w+=,.@/-]+)", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_KEY = re.compile(r"arn:(aws[a-z-]*):kms:([a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+")
_GROUPS = re.compile(r"\{[^{}\[\]]+\}|\[[^{}\[\]]+\]")
_WILDCARDS = re.compile(rf"\*\*/|\*+|\?|{_GROUPS.pattern}")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What somebody wants to do at a place, and the actions it takes.

    Parameters
    ----------
    about
        In words.
    actions
        Always needed, at the place itself.
    write
        Needed there as well when it shall write; empty where it never does.
    """

    about: str
    actions: tuple[str, ...] = _READ
    write: tuple[str, ...] = ()


PURPOSES: Mapping[str, Purpose] = {
    "browse": Purpose("list what is there and read it", write=_CHANGE),
    "thumbs": Purpose("look at previews and make links"),
    "mount": Purpose("see it as files; with write, change them", write=_CHANGE),
    "link": Purpose("record tiles and fetch them, pinned versions too", (*_READ, "s3:GetObjectVersion")),
    "checksums": Purpose(
        "plan checksums; with write, add them, keeping ACL and tags",
        (*_READ, "s3:GetBucketVersioning"),
        write=_REWRITE,
    ),
    "stored-thumbnails": Purpose("store thumbnails at an output place, and use them"),
    "delegated": Purpose("let another account read (with write, change) by a role", write=_CHANGE),
}


class Document(dict[str, Any]):
    """A policy, shown as the JSON that IAM takes."""

    def __repr__(self) -> str:
        return json.dumps(self, indent=2, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def policy(
    url: S3Url | str,
    purpose: str,
    *,
    write: bool = False,
    output: S3Url | str | None = None,
    partition: str = "aws",
    kms_key: str | None = None,
    account: str | None = None,
    external_id: str | None = None,
) -> Document:
    """Return the policy that allows one purpose at one place and no more.

    Parameters
    ----------
    url
        An object, a prefix or a pattern. IAM's ``*`` crosses slashes, so a pattern's policy may
        allow deeper keys that fit.
    purpose
        One of `PURPOSES`.
    write
        Whether it shall change objects too.
    output
        A folder of its own that is written to.
    partition
        ``"aws"``, ``"aws-cn"`` or ``"aws-us-gov"``.
    kms_key
        ARN of the key that the objects are encrypted with, where they are.
    account, external_id
        For ``"delegated"``: who may take on the role (twelve digits, or the ARN of a user or role),
        and what they must say when they do.

    Returns
    -------
    Document
        The policy; for ``"delegated"`` a mapping of ``policy``, ``trust_policy`` and ``external_id``.

    Raises
    ------
    InvalidInput
        When a word is unknown or does not go with the others.

    Examples
    --------
    >>> policy("s3://teaching/photos/", "thumbs")["Statement"][0]["Condition"]
    {'StringLike': {'s3:prefix': ['photos/*']}}
    """
    place, name = S3Url.parse(url), re.sub(r"[ _]+", "-", purpose.strip().lower())
    chosen = _chosen(name, write=write)
    _check_partition(partition)
    if (account is None) is (name == "delegated") or (external_id is None) is (name == "delegated"):
        given = "needs account=" if name == "delegated" else "takes no account and no external ID"
        raise InvalidInput(
            f"The purpose {name!r} {given}",
            "account= says who may take on a role, external_id= what they say then: that is for 'delegated'.",
        )
    rights = [(action, place) for action in chosen.actions]
    if write:
        changed = place if name == "checksums" else folder(place)
        rights += [(action, changed) for action in chosen.write]
    target = output_folder(output) if output is not None else None
    if name == "stored-thumbnails" and target is None:
        target = place.with_key(place.prefix[: place.prefix.rfind("/") + 1] + _THUMBNAILS)
    if target is not None:
        rights += [(action, target) for action in _OUTPUT]
    made = grant(rights, partition=partition)
    if kms_key is not None:
        made["Statement"].append(use_key(kms_key, partition, write=write or target is not None))
    if account is None or external_id is None:
        return made
    trust = _trust(account, external_id, partition)
    return Document(policy=made, trust_policy=trust, external_id=external_id)


def grant(rights: Iterable[tuple[str, S3Url]], *, partition: str = "aws") -> Document:
    """Return the policy that allows actions at places: lists by their prefix, objects by their key.

    Examples
    --------
    >>> grant([("s3:GetObject", S3Url("teaching", "a.txt"))])["Statement"][0]["Resource"]
    ['arn:aws:s3:::teaching/a.txt']
    """
    by_place: dict[S3Url, list[str]] = {}
    for action, place in rights:
        actions = by_place.setdefault(place, [])
        actions += [each for each in _for_place(action, place) if each not in actions]
    return Document(
        Version=VERSION,
        Statement=[
            statement for place, actions in by_place.items() for statement in _statements(place, actions, partition)
        ],
    )


def folder(place: S3Url) -> S3Url:
    """Return the folder that is written to at a place: a prefix itself, else where the object or pattern lies.

    Examples
    --------
    >>> str(folder(S3Url.parse("s3://teaching/tiles/*.laz")))
    's3://teaching/tiles/'
    """
    return place.with_key(place.prefix[: place.prefix.rfind("/") + 1])


def output_folder(url: S3Url | str) -> S3Url:
    """Return the folder that results go to; its closing slash may be left out.

    Raises
    ------
    InvalidInput
        When it is a pattern or a version.
    """
    place = S3Url.parse(url)
    if place.is_pattern or place.version_id:
        raise InvalidInput(f"Not a folder for output: {place}", "Write it as s3://bucket/prefix/.")
    return place if place.is_prefix else place.with_key(f"{place.key}/")


def arn(place: S3Url, partition: str = "aws") -> str:
    """Return the ARN of a bucket, or the ARN that covers the objects a URL names; a pattern's folder."""
    if not place.key:
        return f"arn:{partition}:s3:::{place.bucket}/*"
    key = place.prefix if place.is_pattern else place.key
    return f"arn:{partition}:s3:::{place.bucket}/{key}" + ("*" if place.is_prefix or place.is_pattern else "")


def use_key(key: str, partition: str, *, write: bool) -> dict[str, Any]:
    """Return the statement that lets S3 use a key for somebody, to read or to write too.

    Raises
    ------
    InvalidInput
        When it is no key's ARN, or of another partition.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise InvalidInput(
            f"Not the ARN of a KMS key: {key!r}",
            "It looks like arn:aws:kms:REGION:ACCOUNT:key/ID; an alias will not do.",
        )
    if found[1] != partition:
        raise InvalidInput(f"The key is in the partition {found[1]!r}, not {partition!r}", "Choose one of them.")
    service = f"s3.{found[2]}.amazonaws.com" + (".cn" if partition == "aws-cn" else "")
    actions = ["kms:Decrypt", "kms:GenerateDataKey"] if write else ["kms:Decrypt"]
    return _allow(actions, [key], Condition={"StringEquals": {"kms:ViaService": service}})


def partition_of(region: str) -> str:
    """Return the partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _chosen(name: str, *, write: bool) -> Purpose:
    if name not in PURPOSES:
        raise InvalidInput(f"Unknown purpose: {name!r}", f"Choose one of {', '.join(PURPOSES)}.")
    chosen = PURPOSES[name]
    if write and not chosen.write:
        raise InvalidInput(f"The purpose {name!r} writes nothing at the URL", "Leave write out, or give output=.")
    return chosen


def _check_partition(partition: str) -> None:
    if partition not in PARTITIONS:
        raise InvalidInput(f"Unknown partition: {partition!r}", f"Choose one of {', '.join(PARTITIONS)}.")


def _for_place(action: str, place: S3Url) -> Iterator[str]:
    yield action
    if action == "s3:GetObject" and place.version_id:
        yield "s3:GetObjectVersion"


def _statements(place: S3Url, actions: list[str], partition: str) -> Iterator[dict[str, Any]]:
    bucket = f"arn:{partition}:s3:::{place.bucket}"
    if _LIST in actions:
        prefix = _listed_prefix(place)
        condition = {"Condition": {"StringLike": {"s3:prefix": [prefix]}}} if prefix else {}
        yield _allow([_LIST], [bucket], **condition)
    if whole := [action for action in actions if action in _BUCKET_ACTIONS and action != _LIST]:
        yield _allow(whole, [bucket])
    if objects := [action for action in actions if action not in _BUCKET_ACTIONS]:
        yield _allow(objects, [f"{bucket}/{key}" for key in _keys(place)])


def _allow(actions: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources, **more}


def _listed_prefix(place: S3Url) -> str:
    """Return what ``s3:prefix`` must be like; empty for the whole bucket."""
    if place.is_pattern or place.key.endswith("/"):
        return f"{_literal(place.prefix)}*"
    return _literal(place.key)


def _keys(place: S3Url) -> list[str]:
    if not place.is_pattern:
        return [_literal(place.key) + ("*" if place.is_prefix else "")]
    odd = set("{}[]") & set(_GROUPS.sub("", place.key))
    pattern = f"{place.key}*" if place.is_prefix else place.key
    alternatives = [] if odd else list(itertools.islice(_alternatives(pattern), _MOST_ALTERNATIVES + 1))
    return alternatives if 0 < len(alternatives) <= _MOST_ALTERNATIVES else [f"{_literal(place.prefix)}*"]


def _alternatives(pattern: str) -> Iterator[str]:
    """Yield the patterns of IAM, which knows ``*`` and ``?`` alone, that together cover one of ours."""
    found = _WILDCARDS.search(pattern)
    if found is None:
        yield _literal(pattern)
        return
    before, wild = _literal(pattern[: found.start()]), found[0]
    body = wild[1:-1]
    if wild[0] == "{" or "|" in body:
        middles = [each for part in re.split("[,|]" if wild[0] == "[" else ",", body) for each in _alternatives(part)]
    else:
        middles = ["?" if wild[0] in "?[" else "*"]
    for middle, after in itertools.product(middles, _alternatives(pattern[found.end() :])):
        yield (before + middle + after).replace("**", "*")


def _literal(key: str) -> str:
    """Return a key as it stands in a policy: no wildcards in it, and ``?`` for what a policy cannot hold."""
    letters = {"*": "${*}", "?": "${?}", "$": "${$}"}
    return "".join(letters.get(letter, letter if " " <= letter <= "\xff" else "?") for letter in key)


def _trust(account: str, external_id: str, partition: str) -> Document:
    whom = f"arn:{partition}:iam::{account}:root" if _ACCOUNT.fullmatch(account) else account
    if not _PRINCIPAL.fullmatch(whom):
        raise InvalidInput(
            f"Not an account: {account!r}", "Give its twelve digits, or the ARN of one of its users or roles."
        )
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise InvalidInput(
            "The external ID is too short, too long or holds other characters than IAM allows",
            "Take 2 to 1224 letters, digits and +=,.@:/_-, hard to guess.",
        )
    return Document(
        Version=VERSION,
        Statement=[
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": whom},
                "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
            }
        ],
    )
