"""Who sent a request: Signature Version 4 verified, in headers and in presigned URLs; no rights here.

After "Authenticating Requests: AWS Signature Version 4" of the Amazon S3 API Reference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from s3magic.sandboxes.answers import S3Failure, denied
from s3magic.sandboxes.request import SIGNING, S3Request
from s3magic.sandboxes.users import Caller

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
LONGEST_EXPIRY = 7 * 24 * 3600
_HEADER = re.compile(r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)")
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Signed:
    """What a verified signature tells: who, for which service, and how to sign on for its chunks."""

    caller: Caller
    service: str
    payload: str
    seed: str
    stamp: str
    scope: str
    key: bytes

    def chunk_signature(self, previous: str, *hashes: str, kind: str = "PAYLOAD") -> str:
        """Return the signature of the next chunk of an ``aws-chunked`` body."""
        return _hmac(self.key, "\n".join((f"{ALGORITHM}-{kind}", self.stamp, self.scope, previous, *hashes))).hex()


def verify(
    request: S3Request, callers: Mapping[str, Caller], *, region: str, now: datetime | None = None
) -> Signed | None:
    """Return who signed a request, or None when nobody did.

    Parameters
    ----------
    callers
        By access key id.
    region
        The one region there is.
    now
        The server's clock; the real one when None.

    Raises
    ------
    S3Failure
        As S3 answers: InvalidAccessKeyId, SignatureDoesNotMatch, ExpiredToken, InvalidToken,
        RequestTimeTooSkewed, AccessDenied for an expired presigned URL …
    """
    now = now or datetime.now(UTC)
    authorization = request.headers.get("authorization")
    if request.is_presigned:
        if authorization:
            raise S3Failure(400, "InvalidArgument", "Only one auth mechanism allowed")
        claim = _presigned(request, now)
    elif authorization:
        claim = _header(request, authorization, now)
    elif "Signature" in request.query and "AWSAccessKeyId" in request.query:
        raise _unsupported()
    else:
        return None
    key_id, *scope = claim.credential.rsplit("/", 4)
    caller = callers.get(key_id)
    if caller is None:
        raise S3Failure(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            AWSAccessKeyId=key_id,
        )
    _check_token(caller, claim.token)
    day, scope_region, service, _ = scope
    if service != "sts" and scope_region != region:
        raise S3Failure(
            400,
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the region '{scope_region}' is wrong; expecting '{region}'",
            Region=region,
        )
    key = _hmac(f"AWS4{caller.credentials.secret_access_key}".encode(), day)
    for part in scope[1:]:
        key = _hmac(key, part)
    canonical = _canonical(request, claim)
    text = "\n".join((ALGORITHM, claim.stamp, "/".join(scope), hashlib.sha256(canonical).hexdigest()))
    expected = _hmac(key, text).hex()
    if not hmac.compare_digest(expected, claim.signature):
        raise S3Failure(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            AWSAccessKeyId=key_id,
            StringToSign=text,
            CanonicalRequest=canonical.decode("utf-8", "replace"),
        )
    return Signed(caller, service, claim.payload, expected, claim.stamp, "/".join(scope), key)


@dataclass(frozen=True, slots=True)
class _Claim:
    credential: str
    headers: tuple[str, ...]
    signature: str
    stamp: str
    payload: str
    token: str


def _header(request: S3Request, authorization: str, now: datetime) -> _Claim:
    if not authorization.startswith(ALGORITHM):
        raise _unsupported()
    found = _HEADER.fullmatch(authorization.strip())
    if not found or not _is_credential(found[1]):
        raise S3Failure(400, "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid.")
    stamp = request.headers.get("x-amz-date", "")
    sent = _time(stamp)
    if sent is None:
        raise denied("AWS authentication requires a valid Date or x-amz-date header")
    if abs(now - sent) > SKEW:
        raise S3Failure(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            RequestTime=stamp,
            ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            MaxAllowedSkewMilliseconds=str(SKEW // timedelta(milliseconds=1)),
        )
    payload = request.headers.get("x-amz-content-sha256", "")
    if not payload:
        if not found[1].endswith("/sts/aws4_request"):
            raise S3Failure(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        payload = hashlib.sha256(request.body).hexdigest()
    token = request.headers.get("x-amz-security-token", "")
    return _Claim(found[1], tuple(found[2].split(";")), found[3], stamp, payload, token)


def _presigned(request: S3Request, now: datetime) -> _Claim:
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    values = {name: request.query.get(f"X-Amz-{name}", "") for name in names}
    sent = _time(values["Date"])
    if "" in values.values() or sent is None or not values["Expires"].isdecimal():
        raise _malformed_query(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if values["Algorithm"] != ALGORITHM or not _is_credential(values["Credential"]):
        raise _malformed_query('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    if int(values["Expires"]) > LONGEST_EXPIRY:
        raise _malformed_query(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            f"X-Amz-Expires must be less than {LONGEST_EXPIRY} seconds"
        )
    if sent - now > SKEW:
        raise denied("Request is not valid yet")
    end = sent + timedelta(seconds=int(values["Expires"]))
    if now >= end:
        failure = denied("Request has expired")
        form = "%Y-%m-%dT%H:%M:%SZ"
        failure.fields = {
            "X-Amz-Expires": values["Expires"],
            "Expires": end.strftime(form),
            "ServerTime": now.strftime(form),
        }
        raise failure
    payload = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    token = request.query.get("X-Amz-Security-Token", "")
    return _Claim(
        values["Credential"],
        tuple(values["SignedHeaders"].split(";")),
        values["Signature"],
        values["Date"],
        payload,
        token,
    )


def _check_token(caller: Caller, token: str) -> None:
    if caller.credentials.expire_within():
        raise S3Failure(400, "ExpiredToken", "The provided token has expired.")
    if token != (caller.credentials.session_token or ""):
        raise S3Failure(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")


def _canonical(request: S3Request, claim: _Claim) -> bytes:
    unsigned = [
        name
        for name in request.headers
        if name.startswith("x-amz-") and name not in claim.headers and name not in _in_query(request)
    ]
    if "host" not in claim.headers or unsigned:
        failure = denied("There were headers present in the request which were not signed")
        failure.fields = {"HeadersNotSigned": ", ".join(unsigned) or "host"}
        raise failure
    headers = [f"{name}:{_squeeze(request.headers.get(name, ''))}\n" for name in claim.headers]
    path = quote(unquote_to_bytes(request.raw_path), safe="/-_.~")
    lines = (request.method, path, _canonical_query(request.raw_query), "".join(headers), ";".join(claim.headers))
    return "\n".join((*lines, claim.payload)).encode("latin-1", "replace")


def _canonical_query(raw: str) -> str:
    pairs = []
    for part in filter(None, raw.split("&")):
        name, _, value = part.replace("+", "%20").partition("=")
        pairs.append(tuple(quote(unquote_to_bytes(text), safe="-_.~") for text in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def _in_query(request: S3Request) -> Iterable[str]:
    return {name.lower() for name in request.query} - SIGNING if request.is_presigned else ()


def _squeeze(value: str) -> str:
    return " ".join(value.split())


def _is_credential(credential: str) -> bool:
    parts = credential.rsplit("/", 4)
    return len(parts) == 5 and parts[-1] == "aws4_request"


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _unsupported() -> S3Failure:
    return S3Failure(
        400,
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )


def _malformed_query(message: str) -> S3Failure:
    return S3Failure(400, "AuthorizationQueryParametersError", message)
