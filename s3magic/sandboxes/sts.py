"""The token service: who somebody is, and the sessions of roles, on the same endpoint as the buckets.

Known are GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity. Sessions may be as short as a
second, where AWS has 900 at least, so that the end of credentials can be taught. Session tags,
policies by ARN and MFA are refused, not ignored.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from s3magic.errors import InvalidInput
from s3magic.sandboxes import people, tokens
from s3magic.sandboxes.answers import Response, S3Failure, element, xml
from s3magic.sandboxes.conditions import ISSUER
from s3magic.sandboxes.policy import allows
from s3magic.sandboxes.request import S3Request
from s3magic.sandboxes.rights import may_assume
from s3magic.sandboxes.users import ACCOUNT, LONGEST_SESSION, Caller, Document, Role, Session
from s3magic.store.credentials import Credentials

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_TAKEN = frozenset(
    {
        "Action",
        "Version",
        "RoleArn",
        "RoleSessionName",
        "ExternalId",
        "DurationSeconds",
        "Policy",
        "WebIdentityToken",
        "ProviderId",
    }
)
_CHAINED_SECONDS = 3600
_KEPT_AFTER_END = timedelta(hours=1)
# S3 and the token service name the same faults differently.
_CODES = {"InvalidAccessKeyId": (403, "InvalidClientTokenId"), "InvalidToken": (403, "InvalidClientTokenId")}


class TokenService:
    """Gives sessions of roles to whom their trust policies name.

    Parameters
    ----------
    callers
        Who may come, by access key id; sessions are added to it.
    roles
        By name.
    key
        What web identity tokens are signed by.
    """

    def __init__(self, callers: dict[str, Caller], roles: Mapping[str, Role], key: bytes) -> None:
        self._callers = callers
        self._roles = {role.arn: role for role in roles.values()}
        self._key = key
        self._lock = threading.Lock()

    def answer(
        self, request: S3Request, known: Callable[[], Caller | None], around: Mapping[str, str] | None = None
    ) -> Response:
        """Answer one request; ``known`` verifies who sent it, ``around`` is about the request as a whole."""
        words = dict(request.query) | dict(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
        try:
            return self._do(words, known, around or {})
        except S3Failure as failure:
            return _refusal(failure)

    def _do(self, words: Mapping[str, str], known: Callable[[], Caller | None], around: Mapping[str, str]) -> Response:
        action = words.get("Action", "")
        if action == "AssumeRoleWithWebIdentity":
            return self._with_web_identity(words, around)
        caller = known()
        if caller is None:
            raise S3Failure(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if action == "GetCallerIdentity":
            return _result(action, {"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account})
        if action == "AssumeRole":
            return self._assume(words, caller, around)
        raise S3Failure(
            400,
            "InvalidAction",
            "The sandbox knows GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity of STS.",
        )

    def _assume(self, words: Mapping[str, str], caller: Caller, around: Mapping[str, str]) -> Response:
        limit = _checked(words)
        context = {**around, "sts:RoleSessionName": words["RoleSessionName"]}
        if "ExternalId" in words:
            context["sts:ExternalId"] = words["ExternalId"]
        role = self._roles.get(words["RoleArn"])
        if role is None or not may_assume(caller, role, context):
            raise S3Failure(
                403,
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {words['RoleArn']}",
            )
        seconds = _seconds(words, role)
        if isinstance(caller, Session) and seconds > _CHAINED_SECONDS:
            raise _invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            )
        return _result("AssumeRole", self._open(role, words["RoleSessionName"], seconds, limit))

    def _with_web_identity(self, words: Mapping[str, str], around: Mapping[str, str]) -> Response:
        limit = _checked(words)
        claims = tokens.read(self._key, words.get("WebIdentityToken", ""))
        context = {**around, **claims, "sts:RoleSessionName": words["RoleSessionName"]}
        role = self._roles.get(words["RoleArn"])
        action = "sts:AssumeRoleWithWebIdentity"
        issuer = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
        if role is None or not allows([role.trust], action, resource=role.arn, names=(issuer,), context=context):
            raise S3Failure(403, "AccessDenied", f"Not authorized to perform {action}")
        made = self._open(role, words["RoleSessionName"], _seconds(words, role), limit, claims)
        told = {"SubjectFromWebIdentityToken": claims[f"{ISSUER}:sub"], "Audience": claims[f"{ISSUER}:aud"]}
        return _result("AssumeRoleWithWebIdentity", {**made, **told, "Provider": issuer})

    def _open(
        self,
        role: Role,
        name: str,
        seconds: int,
        limit: Document | None,
        given: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        now = datetime.now(UTC)
        # To the second, as it is told, and never sooner than was asked for.
        expires = (now + timedelta(seconds=seconds, microseconds=999_999)).replace(microsecond=0)
        keys = Credentials(
            f"ASIASANDBOX{secrets.token_hex(5).upper()}",
            secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(90),
            expires=expires,
        )
        session = Session(role, name, keys, limit, given or {})
        with self._lock:
            for key_id, other in list(self._callers.items()):
                if isinstance(other, Session) and (other.credentials.expires or now) + _KEPT_AFTER_END < now:
                    del self._callers[key_id]
            self._callers[keys.access_key_id] = session
        return {
            "Credentials": {
                "AccessKeyId": keys.access_key_id,
                "SecretAccessKey": keys.secret_access_key,
                "SessionToken": keys.session_token,
                "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {"Arn": session.arn, "AssumedRoleId": session.user_id},
            "PackedPolicySize": 0,
        }


def is_asked(request: S3Request) -> bool:
    """Tell whether a request is for the token service: S3 itself takes no POST without a bucket."""
    return not request.bucket and (request.method == "POST" or "Action" in request.query)


def _checked(words: Mapping[str, str]) -> Document | None:
    """Refuse words that AWS would, or that would be ignored; return the session policy, if one is given."""
    if strange := sorted(name for name in words if name.partition(".")[0] not in _TAKEN and "-" not in name):
        raise _invalid(f"The sandbox does not know {', '.join(strange)}")
    for name in ("RoleArn", "RoleSessionName"):
        if not words.get(name):
            raise _invalid(f"1 validation error detected: Value null at '{name}' failed to satisfy constraint")
    for name, form in (("RoleSessionName", _SESSION_NAME), ("ExternalId", _EXTERNAL_ID)):
        if name in words and not form.fullmatch(words[name]):
            raise _invalid(
                f"1 validation error detected: Value '{words[name]}' at '{name}' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {form.pattern}"
            )
    if not words.get("Policy"):
        return None
    try:
        limit = json.loads(words["Policy"])
        people.check(limit, where="the session policy")
    except (ValueError, InvalidInput) as error:
        raise S3Failure(400, "MalformedPolicyDocument", str(error)) from None
    return dict(limit)


def _seconds(words: Mapping[str, str], role: Role) -> int:
    text = words.get("DurationSeconds", str(min(3600, role.max_session_duration)))
    seconds = int(text) if text.isdecimal() else 0
    if not 1 <= seconds <= LONGEST_SESSION:
        raise _invalid(f"1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint")
    if seconds > role.max_session_duration:
        raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return seconds


def _invalid(message: str) -> S3Failure:
    return S3Failure(400, "ValidationError", message)


def _result(action: str, fields: Mapping[str, Any]) -> Response:
    result = element(f"{action}Result", _elements(fields))
    about = element("ResponseMetadata", iter([element("RequestId", str(uuid.uuid4()))]))
    return xml(element(f"{action}Response", iter([result, about]), namespace=_NAMESPACE))


def _elements(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        yield element(name, _elements(value) if isinstance(value, Mapping) else value)


def _refusal(failure: S3Failure) -> Response:
    status, code = _CODES.get(failure.code, (failure.status, failure.code))
    told = {"Type": "Sender", "Code": code, "Message": failure.message}
    error = element("Error", _elements(told))
    return xml(
        element("ErrorResponse", iter([error, element("RequestId", str(uuid.uuid4()))]), namespace=_NAMESPACE),
        status=status,
    )
