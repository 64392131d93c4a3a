"""Whether IAM policy documents allow an action: a pure evaluator; asks nobody and changes nothing.

It knows ``Effect``, ``Action`` and ``NotAction``, ``Resource`` and ``NotResource``, ``Principal``,
and the conditions of `conditions`. A statement with anything else is read on the safe side: it
allows nothing, and denies what it names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from s3magic.sandboxes.conditions import Context, like, listed, met

KNOWN = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"})


def judge(
    documents: Iterable[Mapping[str, Any]],
    action: str,
    *,
    resource: str,
    names: Collection[str] = (),
    context: Context | None = None,
) -> bool | None:
    """Tell what documents, taken together, say of an action: True, False for a Deny, None for nothing.

    Parameters
    ----------
    documents
        Policy documents as JSON types.
    action
        Such as ``s3:GetObject``; letter case does not matter.
    resource
        ARN, such as ``arn:aws:s3:::teaching/photos/a.jpg``.
    names
        What ``Principal`` may call who asks: ARN, account; none for the anonymous. A statement
        without ``Principal`` belongs to whoever its document was attached to, and concerns everybody
        here.
    context
        Values of condition keys, such as ``{"s3:prefix": "photos/"}``.

    Examples
    --------
    >>> reads = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::teaching/*"}]}
    >>> judge([reads], "s3:GetObject", resource="arn:aws:s3:::teaching/a.txt")
    True
    """
    known = context or {}
    allowed = None
    for document in documents:
        for statement in listed(document.get("Statement", [])):
            if not _concerns(statement, action, resource, names, known):
                continue
            holds = met(statement.get("Condition", {}), known)
            understood = holds is not None and set(statement) <= KNOWN
            if statement.get("Effect") != "Allow":
                if holds or not understood:
                    return False
            elif holds and understood:
                allowed = True
    return allowed


def allows(documents: Iterable[Mapping[str, Any]], action: str, **words: Any) -> bool:
    """Tell whether documents allow an action; takes what `judge` takes."""
    return judge(documents, action, **words) is True


def _concerns(
    statement: Mapping[str, Any], action: str, resource: str, names: Collection[str], context: Context
) -> bool:
    def named(what: str, given: str) -> bool:
        fold = str.lower if what == "Action" else str
        patterns = statement.get(what, statement.get(f"Not{what}", "*"))
        fits = any(like(fold(pattern), fold(given), context) for pattern in listed(patterns))
        return fits is not (f"Not{what}" in statement)

    return (
        named("Action", action)
        and named("Resource", resource)
        and _is_principal(statement.get("Principal", "*"), names)
    )


def _is_principal(wanted: Any, names: Collection[str]) -> bool:
    if not isinstance(wanted, Mapping):
        return "*" in listed(wanted)
    told = [name for kind in ("AWS", "Federated") for name in listed(wanted.get(kind, []))]
    return "*" in listed(wanted.get("AWS", [])) or any(name in told for name in names)
