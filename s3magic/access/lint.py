"""The common faults of S3 policies, each found with its mend; judges documents alone and asks nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from html import escape
from typing import Any

from s3magic.access.statement import Statement, common, glob, listed, parts
from s3magic.errors import InvalidInput
from s3magic.html import Markup, table

_LISTS = ("s3:listbucket", "s3:listbucketversions", "s3:listbucketmultipartuploads")
_OBJECT_ACTIONS = (
    "s3:getobject",
    "s3:getobjectversion",
    "s3:putobject",
    "s3:deleteobject",
    "s3:deleteobjectversion",
    "s3:abortmultipartupload",
    "s3:getobjecttagging",
    "s3:putobjecttagging",
    "s3:getobjectacl",
    "s3:putobjectacl",
)
# What people write after the name of the request, and the action it really needs.
_MISNAMED = {
    "s3:listobjects": "s3:ListBucket",
    "s3:listobjectsv2": "s3:ListBucket",
    "s3:headbucket": "s3:ListBucket",
    "s3:headobject": "s3:GetObject",
    "s3:copyobject": "s3:GetObject and s3:PutObject",
    "s3:createmultipartupload": "s3:PutObject",
    "s3:uploadpart": "s3:PutObject",
    "s3:completemultipartupload": "s3:PutObject",
    "s3:listbuckets": "s3:ListAllMyBuckets",
    "s3:deleteobjects": "s3:DeleteObject",
    "s3:putobjects": "s3:PutObject",
    "s3:getobjects": "s3:GetObject",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a policy.

    Parameters
    ----------
    rule
        Its short name, such as ``"list-without-prefix"``.
    where
        Which statement, in words.
    fault
        What is wrong, and what comes of it.
    mend
        What to write instead.
    """

    rule: str
    where: str
    fault: str
    mend: str

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON types."""
        return {"rule": self.rule, "where": self.where, "fault": self.fault, "mend": self.mend}

    def __repr__(self) -> str:
        return f"{self.where}: {self.fault}. {self.mend}"


class Findings(list[Finding]):
    """The faults of a policy, in the order of its statements; shows itself a line a fault."""

    def to_json(self) -> list[dict[str, str]]:
        """Return the faults as JSON types."""
        return [finding.to_json() for finding in self]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "No common faults found."

    def _repr_html_(self) -> str:
        if not self:
            return table((), (), repr(self))
        return table(("Where", "Fault", "Mend"), [(_unbroken(each.where), each.fault, each.mend) for each in self])


def lint(document: Mapping[str, Any] | str) -> Findings:
    """Find the common faults of a policy.

    Parameters
    ----------
    document
        A policy for a user, a role or a bucket, or a trust policy, as a mapping or as JSON text; or
        what `policy` gives for ``"delegated"``.

    Raises
    ------
    InvalidInput
        When it is no policy at all.

    Examples
    --------
    >>> lint({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}]})[0].rule
    'every-action'
    """
    told = _read(document)
    if "trust_policy" in told and "policy" in told:
        return Findings([*lint(told["policy"]), *lint(told["trust_policy"])])
    statements = [Statement.read(number, each) for number, each in enumerate(listed(told.get("Statement")), start=1)]
    if not statements:
        raise InvalidInput("Not a policy: it has no Statement", "Give an IAM policy document.")
    together = list(_judge_together(statements))
    found = Findings()
    for statement in statements:
        found += [*_judge(statement), *(each for each in together if each.where == statement.where)]
    if told.get("Version") != "2012-10-17" and "${" in json.dumps(told):
        found.append(
            Finding(
                "old-version",
                "The document",
                "Without this version, variables such as ${aws:username} are taken letter by letter",
                'Write "Version": "2012-10-17".',
            )
        )
    return found


def _found(statement: Statement, rule: str, fault: str, mend: str) -> Finding:
    return Finding(rule, statement.where, fault, mend)


def _judge(statement: Statement) -> Iterator[Finding]:
    if not statement.allows:
        return
    yield from _judge_width(statement)
    yield from _judge_shape(statement)
    yield from _judge_conditions(statement)


def _judge_width(statement: Statement) -> Iterator[Finding]:
    for action in statement.actions:
        if action.lower() in {"*", "s3:*"}:
            yield _found(
                statement,
                "every-action",
                f"{action} allows everything, to delete and to open the bucket to others too",
                "Name what is needed, such as s3:ListBucket and s3:GetObject: %s3policy writes it.",
            )
        elif action.lower() in {"s3:put*", "s3:delete*", "s3:list*", "s3:get*"}:
            yield _found(
                statement,
                "wide-action",
                f"{action} covers settings of the bucket as well as objects",
                f"Name the actions on objects, such as {action[:-1]}Object."
                if action.lower() != "s3:list*"
                else "Write s3:ListBucket.",
            )
    for name in ("NotAction", "NotResource", "NotPrincipal"):
        if name in statement.fields:
            yield _found(
                statement,
                "all-but",
                f"{name} under Allow allows all but what it names",
                f"Use {name[3:]}, and name what is allowed.",
            )
    if "*" in statement.resources and any(action.lower().startswith("s3:") for action in statement.actions):
        named = [action for action in statement.actions if action.lower() != "s3:listallmybuckets"]
        if named:
            yield _found(
                statement,
                "every-resource",
                "The resource * is every bucket of the account",
                "Name the bucket: arn:aws:s3:::BUCKET, and arn:aws:s3:::BUCKET/PREFIX/* for objects.",
            )
    for bucket in sorted({bucket for bucket, _ in map(parts, statement.resources) if bucket and "*" in bucket}):
        yield _found(
            statement,
            "bucket-wildcard",
            f"{bucket} fits other buckets too, whoever owns them",
            "Write the bucket's whole name.",
        )
    if _is_everybody(statement.fields.get("Principal")) and not statement.fields.get("Condition"):
        yield _found(
            statement,
            "everybody",
            "The principal * is everybody, the anonymous too",
            'Name the account, role or user: {"AWS": "arn:aws:iam::ACCOUNT:role/NAME"}.',
        )


def _judge_shape(statement: Statement) -> Iterator[Finding]:
    for action in statement.actions:
        if action.lower() in _MISNAMED:
            yield _found(
                statement,
                "no-such-action",
                f"{action} is the name of a request, not of an action, and allows nothing",
                f"Write {_MISNAMED[action.lower()]}.",
            )
    listing = statement.names(_LISTS)
    reading = statement.names(_OBJECT_ACTIONS)
    if listing and statement.objects:
        bucket = statement.objects[0][0]
        come = (
            "whoever has the bucket's ARN beside it lists every key"
            if statement.buckets
            else "it allows nothing, for it is asked about buckets"
        )
        yield _found(
            statement,
            "object-arn-under-list",
            f"s3:ListBucket stands over ARNs of objects: {come}",
            f"Give it a statement of its own: Resource arn:aws:s3:::{bucket}, with the Condition "
            '{"StringLike": {"s3:prefix": "PREFIX/*"}}.',
        )
    if reading and statement.buckets and not statement.objects:
        bucket = min(statement.buckets)
        yield _found(
            statement,
            "bucket-arn-under-objects",
            "An action on objects stands over the ARN of a bucket, and allows nothing",
            f"Write arn:aws:s3:::{bucket}/PREFIX/*.",
        )


def _judge_conditions(statement: Statement) -> Iterator[Finding]:
    if "s3:prefix" in statement.condition_keys and (wrong := statement.names(_OBJECT_ACTIONS)):
        yield _found(
            statement,
            "prefix-over-objects",
            f"s3:prefix is known of listings alone, so its condition is never met for {wrong[0]}",
            "Give the actions on objects a statement of their own, their prefix in the ARN.",
        )
    for operator, keys in (statement.fields.get("Condition") or {}).items():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            for value in map(str, listed(values)) if key.lower() == "s3:prefix" else ():
                if "Like" not in operator and "*" in value.replace("${*}", ""):
                    yield _found(
                        statement,
                        "wildcard-under-equals",
                        f"{operator} takes the * in {value!r} for a letter",
                        "Use StringLike.",
                    )
                elif re.search(r"[^/]\*$", value.replace("${*}", "-")) and value != "*":
                    yield _found(
                        statement,
                        "open-prefix",
                        f"The prefix {value!r} fits its neighbours too, such as {value[:-1]}-private/",
                        f"Write {value[:-1]}/*.",
                    )
    trusting = any(fnmatchcase("sts:assumerole", glob(action)) for action in statement.actions)
    principal = statement.fields.get("Principal")
    trusted = isinstance(principal, Mapping) and "AWS" in principal
    if trusting and trusted and "sts:externalid" not in statement.condition_keys:
        yield _found(
            statement,
            "no-external-id",
            "Whoever that account works for may make it use this role: the confused deputy",
            'Add {"StringEquals": {"sts:ExternalId": "…"}}, with an ID that is hard to guess.',
        )


def _judge_together(statements: list[Statement]) -> Iterator[Finding]:
    allowing = [statement for statement in statements if statement.allows]
    objects = [each for statement in allowing for each in statement.objects if statement.names(_OBJECT_ACTIONS)]
    for statement in allowing:
        open_to_all = statement.buckets if "s3:listbucket" in statement.names(_LISTS) else set()
        for bucket in sorted(open_to_all) if "s3:prefix" not in statement.condition_keys else ():
            keys = [key for other, key in objects if other == bucket]
            if keys and all(_is_confined(key) for key in keys):
                prefix = keys[0][: keys[0].rindex("/") + 1] if "/" in keys[0] else keys[0]
                yield _found(
                    statement,
                    "list-without-prefix",
                    f"Every key of {bucket} is listed, though objects are confined",
                    f'Add the condition {{"StringLike": {{"s3:prefix": "{prefix}*"}}}}.',
                )
        puts = [key for key in statement.objects if "s3:putobject" in statement.names(_OBJECT_ACTIONS)]
        aborts = [each for other in allowing if other.covers("s3:abortmultipartupload") for each in other.resources]
        for bucket, key in puts:
            if not any(fnmatchcase(f"arn:aws:s3:::{bucket}/{key}", glob(common(each), fold=False)) for each in aborts):
                yield _found(
                    statement,
                    "no-abort",
                    f"Uploads to {bucket}/{key} can be begun but not given up: parts stay, unseen, and are paid for",
                    "Add s3:AbortMultipartUpload beside s3:PutObject.",
                )


def _is_confined(key: str) -> bool:
    """Tell whether a key pattern is about a folder or one object rather than the whole bucket."""
    plain = re.sub(r"\$\{[*?$]\}", "-", key)
    literal = re.split("[*?]", plain)[0]
    return "/" in literal or literal == plain


def _is_everybody(principal: Any) -> bool:
    named = principal.get("AWS") if isinstance(principal, Mapping) else principal
    return "*" in listed(named)


def _unbroken(text: str) -> Markup:
    return Markup(f'<span style="white-space:nowrap">{escape(text)}</span>')


def _read(document: Mapping[str, Any] | str) -> Mapping[str, Any]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise InvalidInput(f"Not JSON: {error}", "Give a policy document as JSON text or as a mapping.") from None
    if not isinstance(document, Mapping):
        raise InvalidInput("Not a policy: it is no mapping", "Give an IAM policy document.")
    return document
