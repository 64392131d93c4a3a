"""The sandbox's people and what each may do, as IAM policy documents; keys are handed in.

They are chosen for lessons: a teacher who may do everything, a student who reads ``teaching`` and
writes ``scratch``, a visitor who may list one folder only, a guest who reads photos whose names
they must know, and keys that have expired.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from s3magic.store.credentials import Credentials

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKETS = ("private", "public", "scratch", "teaching")


def _statement(action: str | list[str], *resources: str, **more: Any) -> dict[str, Any]:
    arns = [resource if resource == "*" else f"arn:aws:s3:::{resource}" for resource in resources]
    return {"Effect": "Allow", "Action": action, "Resource": arns, **more}


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


_OBJECTS = [
    "s3:GetObject*",
    "s3:PutObject*",
    "s3:DeleteObject*",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
]
_LISTS = ["s3:ListBucket*", "s3:GetBucketLocation", "s3:GetBucketVersioning"]

POLICIES: Mapping[str, dict[str, Any]] = {
    "teacher": _document(_statement("s3:*", "*")),
    "student": _document(
        _statement(_LISTS, "teaching", "scratch"),
        _statement(["s3:GetObject*"], "teaching/*"),
        _statement(_OBJECTS, "scratch/*"),
    ),
    "visitor": _document(
        _statement("s3:ListBucket", "teaching", Condition={"StringLike": {"s3:prefix": ["photos/*", "photos"]}}),
        _statement("s3:GetObject", "teaching/photos/*"),
    ),
    "guest": _document(_statement("s3:GetObject", "teaching/photos/*")),
    "expired": _document(_statement("s3:*", "*")),
}
PUBLIC_POLICY = json.dumps(
    _document(_statement(["s3:ListBucket", "s3:GetObject"], "public", "public/*", Principal="*"))
)


@dataclass(frozen=True, slots=True)
class User:
    """One person: name, policy and keys."""

    name: str
    policy: Mapping[str, Any]
    credentials: Credentials

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{ACCOUNT}:user/{self.name}"

    @property
    def user_id(self) -> str:
        """The user's unique id, as STS tells it."""
        return f"AIDASANDBOX{self.name.upper():A<10}"


def make_credentials() -> dict[str, Credentials]:
    """Return fresh keys for everybody: fixed ids, random secrets."""
    return {
        name: Credentials(
            f"SANDBOX{name.upper()}",
            secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(30) if name == "expired" else None,
            expires=datetime(2020, 1, 1, tzinfo=UTC) if name == "expired" else None,
        )
        for name in POLICIES
    }


def by_key(credentials: Mapping[str, Credentials]) -> dict[str, User]:
    """Return the users by their access key id."""
    return {keys.access_key_id: User(name, POLICIES[name], keys) for name, keys in credentials.items()}
