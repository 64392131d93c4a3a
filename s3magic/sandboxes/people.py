"""The sandbox's people: the users and roles everybody finds, and those of the user's own; checked before use.

They are chosen for lessons: a teacher who may do everything, a student who reads ``teaching`` and
writes ``scratch``, a visitor who may list one folder only, a guest who reads photos whose names
they must know, keys that have expired, and a partner of another account who may do nothing but take
on a role. A policy with anything that the sandbox would not enforce is refused.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s3magic.errors import InvalidInput
from s3magic.sandboxes.conditions import ISSUER, listed, unknown, variables
from s3magic.sandboxes.conditions import KEYS as CONDITION_KEYS
from s3magic.sandboxes.policy import KNOWN
from s3magic.sandboxes.users import ACCOUNT, LONGEST_SESSION, Document, Role, User, key_name
from s3magic.store.credentials import Credentials

PARTNER_ACCOUNT = "210987654321"
EXTERNAL_ID = "teaching-2024"
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
_FORM = 'Write {"users": {NAME: POLICY}, "roles": {NAME: {"policies": [POLICY], "trust": POLICY}}}.'
_PERSON = {"policies", "account"}
_ROLE = {"policies", "trust", "max_session_duration"}


@dataclass(frozen=True, slots=True)
class Person:
    """A user before they have keys."""

    policies: tuple[Document, ...]
    account: str = ACCOUNT


@dataclass(frozen=True, slots=True)
class People:
    """Users and roles by name; holds no keys."""

    users: Mapping[str, Person]
    roles: Mapping[str, Role]

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON types, in the form that `read` takes."""
        return {
            "users": {
                name: {"policies": list(person.policies), "account": person.account}
                for name, person in self.users.items()
            },
            "roles": {
                name: {
                    "policies": list(role.policies),
                    "trust": role.trust,
                    "max_session_duration": role.max_session_duration,
                }
                for name, role in self.roles.items()
            },
        }

    def make_credentials(self) -> dict[str, Credentials]:
        """Return fresh keys for everybody: fixed ids, random secrets."""
        return {
            name: Credentials(
                f"SANDBOX{key_name(name)}",
                secrets.token_urlsafe(30),
                session_token=secrets.token_urlsafe(30) if name == "expired" else None,
                expires=datetime(2020, 1, 1, tzinfo=UTC) if name == "expired" else None,
            )
            for name in self.users
        }

    def with_keys(self, credentials: Mapping[str, Credentials]) -> dict[str, User]:
        """Return the users by access key id."""
        made = (
            User(name, self.users[name].policies, keys, self.users[name].account) for name, keys in credentials.items()
        )
        return {user.credentials.access_key_id: user for user in made}


def read(source: Mapping[str, Any] | str | os.PathLike[str] | None = None) -> People:
    """Return the people everybody finds, joined by one's own, who replace those of the same name.

    Parameters
    ----------
    source
        A mapping, or the name of a JSON file that holds one. ``users`` gives each name a policy, a
        list of them, or ``{"policies": …, "account": …}``; ``roles`` gives each name ``policies``,
        a ``trust`` policy, and ``max_session_duration`` in seconds, from 1 on.

    Raises
    ------
    InvalidInput
        Where a name or a policy is not well formed, or asks for what would not be enforced.
    """
    return _joined(_parse(DEFAULT), _parse(source if isinstance(source, Mapping) else _load(source)))


def _load(path: str | os.PathLike[str] | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"Cannot read {path}: {error.strerror}", "Give users= a JSON file, or a mapping.") from error
    except ValueError as error:
        raise InvalidInput(f"Not JSON: {path}: {error}", _FORM) from error
    if not isinstance(found, Mapping):
        raise InvalidInput(f"Not a JSON object: {path}", _FORM)
    return found


def _joined(first: People, second: People) -> People:
    people = People({**first.users, **second.users}, {**first.roles, **second.roles})
    ids: dict[str, str] = {}
    for name in people.users:
        other = ids.setdefault(key_name(name), name)
        if other != name or not key_name(name):
            raise InvalidInput(f"The user {name!r} has no access key id of its own", "Use other letters or digits.")
    return people


def _parse(source: Mapping[str, Any]) -> People:
    _only(source, {"users", "roles"}, "users=")
    users = {name: _person(name, told) for name, told in _named(source, "users")}
    return People(users, {name: _role(name, told) for name, told in _named(source, "roles")})


def _named(source: Mapping[str, Any], what: str) -> list[tuple[str, Any]]:
    told = source.get(what, {})
    if not isinstance(told, Mapping):
        raise InvalidInput(f"{what!r} is not a mapping of names", _FORM)
    for name in told:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidInput(f"Not a name IAM could hold: {name!r}", "Use up to 64 letters, digits and +=,.@_-.")
    return list(told.items())


def _person(name: str, told: Any) -> Person:
    where = f"the user {name!r}"
    if not isinstance(told, Mapping) or "Statement" in told:
        told = {"policies": told}
    _only(told, _PERSON, where)
    account = told.get("account", ACCOUNT)
    if not isinstance(account, str) or not re.fullmatch(r"\d{12}", account):
        raise InvalidInput(f"Not an account of twelve digits, for {where}: {account!r}", f"Yours is {ACCOUNT!r}.")
    return Person(_policies(told, where), account)


def _role(name: str, told: Any) -> Role:
    where = f"the role {name!r}"
    if not isinstance(told, Mapping):
        raise InvalidInput(f"Not a mapping: {where}", _FORM)
    _only(told, _ROLE, where)
    if "trust" not in told:
        raise InvalidInput(f"Nobody may take on {where}", "Give it a trust policy: {'trust': POLICY}.")
    check(told["trust"], where=f"the trust policy of {where}", trust=True)
    seconds = told.get("max_session_duration", 3600)
    if type(seconds) is not int or not 1 <= seconds <= LONGEST_SESSION:
        raise InvalidInput(
            f"Not a session that can be, for {where}: {seconds!r}", f"Take 1 to {LONGEST_SESSION} seconds."
        )
    return Role(name, _policies(told, where), told["trust"], seconds)


def _policies(told: Mapping[str, Any], where: str) -> tuple[Document, ...]:
    documents = listed(told.get("policies", []))
    for document in documents:
        check(document, where=where)
    return tuple(documents)


def check(document: Any, *, where: str, trust: bool = False) -> None:
    """Refuse a policy that is not well formed, or that says what the sandbox would not enforce."""
    if not isinstance(document, Mapping) or not document.get("Statement"):
        raise InvalidInput(f"Not a policy with a Statement, for {where}", "Give an IAM policy document.")
    _only(document, {"Version", "Id", "Statement"}, where)
    for statement in listed(document["Statement"]):
        _check_statement(statement, where, trust=trust)


def _check_statement(statement: Any, where: str, *, trust: bool) -> None:
    if not isinstance(statement, Mapping):
        raise InvalidInput(f"A statement is not a mapping, for {where}", "Give an IAM policy document.")
    _only(statement, KNOWN, f"a statement of {where}")
    if statement.get("Effect") not in {"Allow", "Deny"}:
        raise InvalidInput(f"A statement has no Effect, for {where}", "Write Allow or Deny.")
    whom, other = ("Principal", "Resource") if trust else ("Resource", "Principal")
    for name in ("Action", whom):
        if (name in statement) == (f"Not{name}" in statement):
            raise InvalidInput(f"A statement has no {name}, or two, for {where}", f"Give each statement one {name}.")
    if {other, f"Not{other}"} & set(statement):
        raise InvalidInput(f"A statement has a {other}, which does not belong there, for {where}", "Leave it out.")
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, Mapping) or not all(isinstance(keys, Mapping) for keys in conditions.values()):
        raise InvalidInput(f"A Condition is not well formed, for {where}", "Write {OPERATOR: {KEY: VALUE}}.")
    strange = list(unknown(conditions))
    for resource in listed(statement.get("Resource", statement.get("NotResource", []))):
        strange += [f"the variable {name!r}" for name in variables(str(resource)) if name.lower() not in CONDITION_KEYS]
    if strange:
        raise InvalidInput(
            f"The sandbox does not know {strange[0]}, for {where}",
            "It enforces what it takes, so it does not take this: leave it out, or use another.",
        )


def _only(told: Mapping[str, Any], known: set[str] | frozenset[str], where: str) -> None:
    strange = sorted(str(name) for name in told if name not in known)
    if strange:
        raise InvalidInput(f"Unknown in {where}: {', '.join(strange)}", f"It may hold {', '.join(sorted(known))}.")


def _statement(action: str | list[str], *resources: str, **more: Any) -> dict[str, Any]:
    arns = [each if each == "*" or each.startswith("arn:") else f"arn:aws:s3:::{each}" for each in resources]
    return {"Effect": "Allow", "Action": action, "Resource": arns, **more}


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _trust(*accounts: str, **condition: Any) -> dict[str, Any]:
    principal = {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]}
    return _document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **condition})


_OBJECTS = [
    "s3:GetObject*",
    "s3:PutObject*",
    "s3:DeleteObject*",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
]
_LISTS = ["s3:ListBucket*", "s3:GetBucketLocation", "s3:GetBucketVersioning"]
_READS = _document(_statement("s3:ListBucket", "teaching"), _statement("s3:GetObject", "teaching/*"))
_ROLES = f"arn:aws:iam::{ACCOUNT}:role/*"

DEFAULT: Mapping[str, Any] = {
    "users": {
        "teacher": _document(_statement(["s3:*", "kms:*", "sts:*"], "*")),
        "student": _document(
            _statement(_LISTS, "teaching", "scratch"),
            _statement(["s3:GetObject*"], "teaching/*"),
            _statement(_OBJECTS, "scratch/*"),
            _statement("sts:AssumeRole", _ROLES),
        ),
        "visitor": _document(
            _statement("s3:ListBucket", "teaching", Condition={"StringLike": {"s3:prefix": ["photos/*", "photos"]}}),
            _statement("s3:GetObject", "teaching/photos/*"),
        ),
        "guest": _document(_statement("s3:GetObject", "teaching/photos/*")),
        "expired": _document(_statement("s3:*", "*")),
        "partner": {"policies": _document(_statement("sts:AssumeRole", "*")), "account": PARTNER_ACCOUNT},
    },
    "roles": {
        # Delegated access: a partner reads, and proves by the external ID whom it works for.
        "lightly-reader": {
            "policies": _READS,
            "trust": _trust(ACCOUNT, PARTNER_ACCOUNT, Condition={"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}),
        },
        "scratch-writer": {
            "policies": _document(_statement(_LISTS, "scratch"), _statement(_OBJECTS, "scratch/*")),
            "trust": _trust(ACCOUNT),
        },
        # So short that one sees credentials end and come anew.
        "brief-reader": {"policies": _READS, "trust": _trust(ACCOUNT), "max_session_duration": 2},
        "web-reader": {
            "policies": _READS,
            "trust": _document(
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"},
                    "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}},
                }
            ),
        },
    },
}
PUBLIC_POLICY = json.dumps(
    _document(_statement(["s3:ListBucket", "s3:GetObject"], "public", "public/*", Principal="*"))
)
