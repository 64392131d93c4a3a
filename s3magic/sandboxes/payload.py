"""The bytes a request carries: ``aws-chunked`` taken off, and every checksum it came with verified."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from s3magic.sandboxes import checksums
from s3magic.sandboxes.answers import S3Failure
from s3magic.sandboxes.request import S3Request
from s3magic.sandboxes.signature import Signed

_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Payload:
    """A body as its sender meant it, and the checksums that were sent with it and fit it."""

    data: bytes
    checksums: Mapping[str, str] = field(default_factory=dict)


def decode(request: S3Request, signed: Signed | None) -> Payload:
    """Return the verified body of a request.

    Raises
    ------
    S3Failure
        BadDigest, InvalidDigest, XAmzContentSHA256Mismatch, IncompleteBody, SignatureDoesNotMatch.
    """
    kind = request.headers.get("x-amz-content-sha256", "")
    if kind.startswith("STREAMING-"):
        data, trailer = _unchunk(request, signed if kind.startswith("STREAMING-AWS4-HMAC-SHA256") else None)
    else:
        data, trailer = request.body, {}
        if kind not in {"", "UNSIGNED-PAYLOAD"} and hashlib.sha256(data).hexdigest() != kind:
            raise S3Failure(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
    _check_md5(request, data)
    completes = request.method == "POST" and "uploadId" in request.query
    return Payload(
        data, sent(request.headers) if completes else _verified({**sent(request.headers), **sent(trailer)}, data)
    )


def sent(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums that headers name, by algorithm."""
    found = {name: headers.get(f"x-amz-checksum-{name.lower()}", "") for name in checksums.ALGORITHMS}
    return {name: value for name, value in found.items() if value}


def bad_digest(algorithm: str) -> S3Failure:
    """Return S3's answer to a checksum that does not fit."""
    return S3Failure(400, "BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def _verified(claimed: dict[str, str], data: bytes) -> dict[str, str]:
    if len(claimed) > 1:
        raise S3Failure(400, "InvalidRequest", "Expecting a single x-amz-checksum- header")
    for algorithm, value in claimed.items():
        if checksums.checksum(data, algorithm) != value:
            raise bad_digest(algorithm)
    return claimed


def _check_md5(request: S3Request, data: bytes) -> None:
    given = request.headers.get("content-md5")
    if given is None:
        return
    try:
        digest = base64.b64decode(given, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise S3Failure(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
    if hashlib.md5(data, usedforsecurity=False).digest() != digest:
        raise S3Failure(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")


def _unchunk(request: S3Request, signed: Signed | None) -> tuple[bytes, dict[str, str]]:
    """Take ``size;chunk-signature=…`` chunks apart; with ``signed``, verify their chain of signatures."""
    body, at, data = request.body, 0, bytearray()
    seed = signed.seed if signed else ""
    while True:
        end = body.find(b"\r\n", at)
        size_text, _, extension = body[at:end].partition(b";")
        try:
            size = int(size_text, 16)
        except ValueError:
            raise _incomplete() from None
        chunk = body[end + 2 : end + 2 + size]
        if end < 0 or len(chunk) != size:
            raise _incomplete()
        if signed:
            seed = signed.chunk_signature(seed, _EMPTY, hashlib.sha256(chunk).hexdigest())
            if extension.decode("latin-1") != f"chunk-signature={seed}":
                raise _mismatch()
        at = end + 2 + size
        if size == 0:
            break
        data += chunk
        at += 2
    if len(data) != int(request.headers.get("x-amz-decoded-content-length") or len(data)):
        raise _incomplete()
    return bytes(data), _trailer(body[at:], signed, seed)


def _trailer(text: bytes, signed: Signed | None, seed: str) -> dict[str, str]:
    pairs = (line.partition(b":")[::2] for line in text.split(b"\r\n") if b":" in line)
    trailer = {name.decode().strip().lower(): value.decode().strip() for name, value in pairs}
    signature = trailer.pop("x-amz-trailer-signature", None)
    if signed and trailer:
        canonical = "".join(f"{name}:{value}\n" for name, value in trailer.items())
        expected = signed.chunk_signature(seed, hashlib.sha256(canonical.encode()).hexdigest(), kind="TRAILER")
        if signature != expected:
            raise _mismatch()
    return trailer


def _incomplete() -> S3Failure:
    return S3Failure(
        400, "IncompleteBody", "The request body terminated unexpectedly or its chunks are not well formed."
    )


def _mismatch() -> S3Failure:
    return S3Failure(403, "SignatureDoesNotMatch", "The signature of a chunk does not match the one we calculated.")
