"""The conditions of policy statements: which operators and keys the sandbox knows, and whether they are met.

After "Condition operators" and "Policy variables" of the IAM User Guide. Knows no statements and
no requests. What it does not know it says, so that nobody takes an ignored condition for a met one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

ISSUER = "sandbox.s3magic.invalid"
Context = Mapping[str, str]

_REQUEST = "prefix delimiter max-keys VersionId signatureversion x-amz-acl x-amz-storage-class if-match if-none-match"
_REQUEST += " x-amz-copy-source x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id"
_GLOBAL = "PrincipalArn PrincipalAccount username userid SourceIp SecureTransport CurrentTime EpochTime UserAgent"
_GLOBAL += " Referer RequestedRegion"
KEYS = frozenset(
    name.lower()
    for name in (
        *(f"s3:{name}" for name in _REQUEST.split()),
        *(f"aws:{name}" for name in _GLOBAL.split()),
        *(f"{ISSUER}:{name}" for name in ("aud", "sub")),
        "sts:ExternalId",
        "sts:RoleSessionName",
        "kms:ViaService",
    )
)
_PIECES = re.compile(r"(\$\{[^}]*\}|\*|\?)")
_WILD = {"*": ".*", "?": "."}
_LITERAL = {"${*}": "*", "${?}": "?", "${$}": "$"}


def like(pattern: str, text: str, context: Context) -> bool:
    """Tell whether a text fits a pattern with ``*``, ``?`` and variables such as ``${aws:username}``.

    A variable stands for its value, whose own wildcards count for nothing; one without a value fits
    nothing.
    """
    pieces = [_WILD.get(piece) or _escaped(piece, context) for piece in _PIECES.split(pattern)]
    return None not in pieces and _compile("".join(map(str, pieces))).fullmatch(text) is not None


def variables(text: str) -> Iterator[str]:
    """Yield the names of the variables in a text."""
    for piece in _PIECES.findall(text):
        if piece.startswith("${") and piece not in _LITERAL:
            yield piece[2:-1].strip()


def met(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool | None:
    """Tell whether all conditions hold; None when one of them is not known here.

    Examples
    --------
    >>> met({"StringLike": {"s3:prefix": "photos/*"}}, {"s3:prefix": "photos/2024/"})
    True
    """
    if next(unknown(conditions), None) is not None:
        return None
    given = {name.lower(): value for name, value in context.items()}
    return all(
        _holds(operator, given.get(key.lower()), [_text(value) for value in listed(values)], context)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def unknown(conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield each operator and key that is not known here."""
    for operator, keys in conditions.items():
        if operator != "Null" and operator.removesuffix("IfExists") not in _OPERATORS:
            yield f"the condition operator {operator!r}"
        for key, values in keys.items():
            if key.lower() not in KEYS:
                yield f"the condition key {key!r}"
            for value in listed(values):
                yield from (f"the variable {name!r}" for name in variables(str(value)) if name.lower() not in KEYS)


def listed(value: Any) -> list[Any]:
    """Return a list of what may be one thing or several."""
    return value if isinstance(value, list) else [value]


def _holds(operator: str, given: str | None, wanted: list[str], context: Context) -> bool:
    if operator == "Null":
        return any((given is None) == (value.lower() == "true") for value in wanted)
    test, negated = _OPERATORS[operator.removesuffix("IfExists")]
    if given is None:
        return negated or operator.endswith("IfExists")
    try:
        return any(test(value, given, context) for value in wanted) is not negated
    except ValueError:
        return False


def _equals(wanted: str, given: str, context: Context) -> bool:
    pieces = [piece if piece in _WILD else _filled(piece, context) for piece in _PIECES.split(wanted)]
    return None not in pieces and "".join(map(str, pieces)) == given


def _ignore_case(wanted: str, given: str, context: Context) -> bool:
    return _equals(wanted.lower(), given.lower(), {name: value.lower() for name, value in context.items()})


def _bool(wanted: str, given: str, _: Context) -> bool:
    return wanted.lower() == given.lower()


def _within(wanted: str, given: str, _: Context) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


def _compares(kind: Callable[[str], float], holds: Callable[[float, float], bool]) -> Callable[..., bool]:
    return lambda wanted, given, _: holds(kind(given), kind(wanted))


def _moment(text: str) -> float:
    """Read a date as seconds since 1970: ISO 8601, or such seconds."""
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_ORDERS: Mapping[str, tuple[Callable[[float, float], bool], bool]] = {
    "Equals": (lambda a, b: a == b, False),
    "NotEquals": (lambda a, b: a == b, True),
    "LessThan": (lambda a, b: a < b, False),
    "LessThanEquals": (lambda a, b: a <= b, False),
    "GreaterThan": (lambda a, b: a > b, False),
    "GreaterThanEquals": (lambda a, b: a >= b, False),
}
# By name: the test, and whether it must fail for the condition to hold.
_OPERATORS: Mapping[str, tuple[Callable[[str, str, Context], bool], bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_ignore_case, False),
    "StringNotEqualsIgnoreCase": (_ignore_case, True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (like, False),
    "ArnLike": (like, False),
    "ArnNotEquals": (like, True),
    "ArnNotLike": (like, True),
    "Bool": (_bool, False),
    "IpAddress": (_within, False),
    "NotIpAddress": (_within, True),
    **{f"Numeric{name}": (_compares(float, holds), negated) for name, (holds, negated) in _ORDERS.items()},
    **{f"Date{name}": (_compares(_moment, holds), negated) for name, (holds, negated) in _ORDERS.items()},
}


def _filled(piece: str, context: Context) -> str | None:
    if piece in _LITERAL:
        return _LITERAL[piece]
    if piece.startswith("${"):
        name = piece[2:-1].strip().lower()
        return next((value for key, value in context.items() if key.lower() == name), None)
    return piece


def _escaped(piece: str, context: Context) -> str | None:
    filled = _filled(piece, context)
    return None if filled is None else re.escape(filled)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)
