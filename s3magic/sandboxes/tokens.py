"""The sandbox's own web identity tokens: signed JSON Web Tokens, as a cluster or a pipeline gets them.

Signed by a shared key (HS256) where real issuers use a key pair; nothing else is taken.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping

from s3magic.sandboxes.answers import S3Failure
from s3magic.sandboxes.conditions import ISSUER

AUDIENCE = "sts.amazonaws.com"


def mint(key: bytes, *, subject: str, audience: str = AUDIENCE, seconds: float = 3600) -> str:
    """Return a token that says who somebody is, for a while."""
    now = int(time.time())
    claims = {"iss": f"https://{ISSUER}", "sub": subject, "aud": audience, "iat": now, "exp": now + seconds}
    text = f"{_coded(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{_coded(json.dumps(claims).encode())}"
    return f"{text}.{_signature(key, text)}"


def read(key: bytes, token: str) -> Mapping[str, str]:
    """Return subject and audience of a token as values of condition keys.

    Raises
    ------
    S3Failure
        InvalidIdentityToken, or ExpiredTokenException once it has ended.
    """
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, text).encode()):
        raise S3Failure(400, "InvalidIdentityToken", "The ID Token provided could not be verified.")
    claims = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
    if time.time() >= claims["exp"]:
        raise S3Failure(400, "ExpiredTokenException", "Token expired: it has to be younger.")
    return {f"{ISSUER}:sub": claims["sub"], f"{ISSUER}:aud": claims["aud"]}


def _signature(key: bytes, text: str) -> str:
    return _coded(hmac.digest(key, text.encode(), "sha256"))


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
