"""Whether IAM policy documents allow an action: a pure evaluator; asks nobody and changes nothing.

It knows ``Effect``, ``Action``, ``Resource``, ``Principal`` and the conditions ``StringEquals``
and ``StringLike``. A statement with anything else is read on the safe side: it allows nothing,
and denies what it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_KNOWN = {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}


def allows(
    documents: Iterable[Mapping[str, Any]],
    action: str,
    *,
    resource: str,
    principal: str | None,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether documents, taken together, allow an action: one Allow and no Deny.

    Parameters
    ----------
    documents
        Policy documents as JSON types.
    action
        Such as ``s3:GetObject``; letter case does not matter.
    resource
        ARN, such as ``arn:aws:s3:::teaching/photos/a.jpg``.
    principal
        ARN of who asks; None for the anonymous. A statement without ``Principal`` belongs to
        whoever its document was attached to, and concerns everybody here.
    context
        Values of condition keys, such as ``{"s3:prefix": "photos/"}``. A key that is not there
        meets no condition.

    Examples
    --------
    >>> reads = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::teaching/*"}]}
    >>> allows([reads], "s3:GetObject", resource="arn:aws:s3:::teaching/a.txt", principal=None)
    True
    """
    allowed = False
    for document in documents:
        for statement in _list(document.get("Statement", [])):
            deny = statement.get("Effect") != "Allow"
            if not _concerns(statement, action, resource, principal):
                continue
            conditions = _meets(statement.get("Condition", {}), context or {})
            understood = conditions is not None and set(statement) <= _KNOWN
            if deny and (conditions or not understood):
                return False
            allowed = allowed or (not deny and understood and bool(conditions))
    return allowed


def _concerns(statement: Mapping[str, Any], action: str, resource: str, principal: str | None) -> bool:
    return (
        any(_like(pattern.lower(), action.lower()) for pattern in _list(statement.get("Action", "*")))
        and any(_like(pattern, resource) for pattern in _list(statement.get("Resource", "*")))
        and _is_principal(statement.get("Principal", "*"), principal)
    )


def _is_principal(wanted: Any, principal: str | None) -> bool:
    names = _list(wanted.get("AWS", [])) if isinstance(wanted, Mapping) else _list(wanted)
    return "*" in names or principal in names


def _meets(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool | None:
    """Tell whether all conditions hold; None when one of them is not understood."""
    met = True
    for operator, keys in conditions.items():
        if operator not in {"StringEquals", "StringLike"}:
            return None
        for key, values in keys.items():
            given = {name.lower(): value for name, value in context.items()}.get(key.lower())
            test = _like if operator == "StringLike" else str.__eq__
            met = met and given is not None and any(test(value, given) for value in _list(values))
    return met


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _like(pattern: str, text: str) -> bool:
    return _compile(pattern).fullmatch(text) is not None


@lru_cache(maxsize=512)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), re.DOTALL)
