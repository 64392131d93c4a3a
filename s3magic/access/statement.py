"""One statement of a policy, taken apart: what it allows of what; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from s3magic.errors import InvalidInput

_S3_ARN = re.compile(r"arn:[^:]*:s3:[^:]*:[^:]*:([^/]*)(/.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its fields at hand as they were written.

    Parameters
    ----------
    where
        Which one, in words.
    allows
        Whether its effect is Allow.
    actions, resources
        What it names.
    fields
        All of it.
    """

    where: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    fields: Mapping[str, Any]

    @classmethod
    def read(cls, number: int, fields: Any) -> Statement:
        """Read the statement of a number; raise `InvalidInput` where it has no effect."""
        if not isinstance(fields, Mapping) or fields.get("Effect") not in {"Allow", "Deny"}:
            raise InvalidInput(f"Statement {number} has no Effect", "Write Allow or Deny.")
        sid = f" ({fields['Sid']})" if fields.get("Sid") else ""
        return cls(
            f"Statement {number}{sid}",
            fields["Effect"] == "Allow",
            tuple(str(each) for each in listed(fields.get("Action"))),
            tuple(str(each) for each in listed(fields.get("Resource"))),
            fields,
        )

    def covers(self, action: str) -> bool:
        """Tell whether an action, in lower case, is one that it names."""
        return any(fnmatchcase(action, glob(pattern)) for pattern in self.actions)

    def names(self, actions: Iterable[str]) -> list[str]:
        """Return those of the actions that it names, apart from ``*`` and ``s3:*``."""
        patterns = [pattern for pattern in self.actions if pattern.lower() not in {"*", "s3:*"}]
        return [action for action in actions if any(fnmatchcase(action, glob(pattern)) for pattern in patterns)]

    @property
    def condition_keys(self) -> set[str]:
        """The keys its conditions look at, in lower case."""
        conditions = self.fields.get("Condition") or {}
        return {key.lower() for keys in conditions.values() if isinstance(keys, Mapping) for key in keys}

    @property
    def buckets(self) -> set[str]:
        """The buckets it names as such."""
        return {bucket for bucket, key in map(parts, self.resources) if bucket and key is None}

    @property
    def objects(self) -> list[tuple[str, str]]:
        """The bucket and key pattern of each resource that is about objects."""
        return [(bucket, key) for bucket, key in map(parts, self.resources) if bucket and key is not None]


def parts(resource: str) -> tuple[str | None, str | None]:
    """Return the bucket of an ARN, and the key that follows it; None where there is none."""
    found = _S3_ARN.fullmatch(resource)
    if found is None:
        return None, None
    return found[1], found[2][1:] if found[2] else None


def common(resource: str) -> str:
    """Return an ARN without its partition, so that two of them may be compared."""
    bucket, key = parts(resource)
    return resource if bucket is None else f"arn:aws:s3:::{bucket}" + ("" if key is None else f"/{key}")


def glob(pattern: str, *, fold: bool = True) -> str:
    """Return a pattern of IAM as one of `fnmatch`, whose brackets mean nothing in IAM."""
    return (pattern.lower() if fold else pattern).replace("[", "[[]")


def listed(value: Any) -> list[Any]:
    """Return what a policy may write as one value or as a list of them, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]
