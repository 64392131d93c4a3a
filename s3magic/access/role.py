"""The words that go with taking on a role: whether they make sense; asks nobody."""

from __future__ import annotations

import re

from s3magic.errors import InvalidInput

SHORTEST, LONGEST = 900, 43_200
"""Seconds that AWS lets a role's session last, at least and at most."""

_AWS_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}")
_ANY_ARN = re.compile(r"arn:[!-~]{16,2044}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]*")
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]*")


def check_arn(arn: str, *, on_aws: bool) -> None:
    """Refuse what is no role's ARN; other stores than AWS write theirs in forms of their own."""
    if not (_AWS_ARN if on_aws else _ANY_ARN).fullmatch(arn):
        raise InvalidInput(f"Not the ARN of a role: {arn!r}", "It looks like arn:aws:iam::123456789012:role/name.")


def check_external_id(external_id: str) -> None:
    """Refuse an external ID that no trust policy could ask for."""
    _check_length("external ID", external_id, 1224)
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise InvalidInput(
            "The external ID holds a character that none may hold", "Allowed are letters, digits and _+=,.@:/-"
        )


def check_session_name(name: str) -> None:
    """Refuse a session name that AWS would not take."""
    _check_length("session name", name, 64)
    if not _SESSION_NAME.fullmatch(name):
        raise InvalidInput(
            f"The session name holds a character that none may hold: {name!r}",
            "Allowed are letters, digits and _+=,.@-",
        )


def check_duration(duration: int) -> None:
    """Refuse a length that no session of a role can have."""
    if duration % 1 or not SHORTEST <= duration <= LONGEST:
        raise InvalidInput(
            f"A role's session cannot last {duration} s", f"Give a duration from {SHORTEST} to {LONGEST} seconds."
        )


def _check_length(what: str, text: str, most: int) -> None:
    if not 2 <= len(text) <= most:
        raise InvalidInput(
            f"The {what} is too {'short' if len(text) < 2 else 'long'}: {len(text)} characters",
            f"It has from 2 to {most}.",
        )
