"""The door of the sandbox: every request passes here, is known, allowed, checked, and then answered.

It decides no right itself (`policy`), keeps no object (`backend`), and knows nothing of processes.

moto holds the objects. Alone it differs from real S3 in these points, which are mended on the way:

=====================================  ==========================================================
moto alone                             real S3, and so the sandbox
=====================================  ==========================================================
Any signature, any key id passes       SignatureDoesNotMatch, InvalidAccessKeyId (403)
A presigned URL never ends             403 AccessDenied "Request has expired"; at most 7 days
Any clock will do                      403 RequestTimeTooSkewed beyond 15 minutes
Tokens are not looked at               400 ExpiredToken, InvalidToken
Another region is answered             400 AuthorizationHeaderMalformed, naming the right one
Policy conditions are ignored          `s3:prefix` and many more count (`conditions`); a Deny wins
Anybody may take on any role           Trust policies, external IDs and the end of sessions count
A missing key is 404 for everybody     403 for whoever may not list the bucket
Uploads are taken unchecked            400 BadDigest, XAmzContentSHA256Mismatch
No checksum unless one was sent        CRC-64/NVME of the whole object
A missing crc library gives CRC-32     The algorithm that was named
Multipart checksums without ``-N``     Composite ``…-N``; HEAD of a part gives the part's own
LIST without ChecksumType              ChecksumAlgorithm and ChecksumType of each object
A form-typed body is lost              Stored like any other
Pages of versions may lose one         They follow each other; marks stand among versions
A range copies the whole object        Only its bytes are read
Conditions and writes are two steps    If-Match and If-None-Match are atomic with the write
Unknown upload id is a server error    404 NoSuchUpload
Deleting what never was does nothing   Where versions are kept, it leaves a delete marker
Anonymous reads follow the ACL         They follow the bucket policy
=====================================  ==========================================================

Not here, though S3 has it: Signature Version 2 (refused, as in new regions), virtual-hosted
addressing, redirects between regions, ACLs that grant anything, CORS. Nothing is encrypted, but
the right to use the key that is named is asked for.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from s3magic.sandboxes import encryption, listing, objects, payload, rights, signature, sts, writes
from s3magic.sandboxes.actions import Need, arn, around, needs
from s3magic.sandboxes.answers import Response, S3Failure, denied
from s3magic.sandboxes.request import S3Request, read
from s3magic.sandboxes.users import ACCOUNT, REGION, Caller

if TYPE_CHECKING:
    from s3magic.sandboxes.backend import Backend

_log = logging.getLogger(__name__)
_FIRST_ERROR = 400
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})


class Gate:
    """A WSGI application: S3 and its token service on one endpoint.

    Parameters
    ----------
    backend
        Keeps the objects.
    callers
        Who may come, by access key id; read anew with each request.
    service
        Gives sessions of roles.
    """

    def __init__(self, backend: Backend, callers: Mapping[str, Caller], service: sts.TokenService) -> None:
        self._backend = backend
        self._callers = callers
        self._service = service

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        request_id = uuid.uuid4().hex[:16].upper()
        resource = environ["REQUEST_URI"].partition("?")[0]
        try:
            response = self._answer(read(environ))
        except S3Failure as failure:
            response = failure.response(resource=resource, request_id=request_id)
        except Exception:  # noqa: BLE001 - a server outlives its faults; the log has them
            _log.exception("the sandbox failed")
            fault = S3Failure(500, "InternalError", "We encountered an internal error. Please try again.")
            response = fault.response(resource=resource, request_id=request_id)
        headers = {"x-amz-request-id": request_id, "server": "AmazonS3", **response.headers}
        body = response.body
        if environ["REQUEST_METHOD"] == "HEAD" or response.status in {204, 304}:
            body = ()
            if response.status >= _FIRST_ERROR or response.status in {204, 304}:
                headers.pop("content-length", None)
        start_response(response.status_line, [(name, _latin(value)) for name, value in headers.items()])
        return body

    def _answer(self, request: S3Request) -> Response:
        surroundings = around(request)
        if sts.is_asked(request):
            return self._service.answer(request, lambda: self._caller(request), surroundings)
        signed = signature.verify(request, self._callers, region=REGION)
        caller = signed.caller if signed else None
        if request.method not in _METHODS or (
            request.method == "POST" and not request.key and "delete" not in request.query
        ):
            raise S3Failure(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        creates = request.method == "PUT" and not request.key and not request.query
        if request.bucket and not creates:
            self._backend.bucket(request.bucket)

        def allowed(need: Need) -> bool:
            bucket = self._backend.policies(need.resource)
            return rights.may(caller, need, bucket=bucket, around=surroundings)

        for need in chain(needs(request), encryption.needs(request, self._backend)):
            if not allowed(need):
                raise _refusal(caller, need)
        body = payload.decode(request, signed)
        try:
            return self._serve(request, body, allowed)
        except S3Failure as failure:
            if failure.code == "NoSuchKey" and not allowed(Need("s3:ListBucket", arn(request.bucket))):
                raise denied() from None
            raise

    def _serve(self, request: S3Request, body: payload.Payload, allowed: Callable[[Need], bool]) -> Response:
        if request.method in {"GET", "HEAD"}:
            if request.lists_objects:
                return listing.list_objects(request, self._backend)
            if not request.key and "versions" in request.query:
                return listing.list_versions(request, self._backend)
            if request.key and "attributes" in request.query:
                return objects.attributes(request, self._backend)
            if request.key and not {"acl", "tagging", "uploadId", "legal-hold", "retention"} & set(request.query):
                return objects.get(request, self._backend)
            return self._backend.forward(request, b"")
        with self._backend.lock:
            return writes.write(request, body, self._backend, allowed)

    def _caller(self, request: S3Request) -> Caller | None:
        signed = signature.verify(request, self._callers, region=REGION)
        return signed.caller if signed else None


def _refusal(caller: Caller | None, need: Need) -> S3Failure:
    """Return S3's refusal, which tells those of its own account what they lack."""
    if caller is None or caller.account != ACCOUNT:
        return denied()
    return denied(
        f'User: {caller.arn} is not authorized to perform: {need.action} on resource: "{need.resource}" '
        f"because no identity-based policy allows the {need.action} action"
    )


def _latin(value: str) -> str:
    """Make a header value fit for WSGI; header values are bytes in disguise."""
    return value.encode("utf-8").decode("latin-1") if any(c > "\xff" for c in value) else value
