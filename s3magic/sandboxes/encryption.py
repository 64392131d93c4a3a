"""The right to use a key, which encrypted objects need beside their own; nothing is really encrypted here.

After "Using server-side encryption with AWS KMS keys" of the Amazon S3 User Guide. Without a key's
name S3 takes its own, which asks no right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from s3magic.sandboxes.actions import Need, copy_source
from s3magic.sandboxes.users import ACCOUNT, REGION

if TYPE_CHECKING:
    from s3magic.sandboxes.backend import Backend
    from s3magic.sandboxes.request import S3Request

_KMS = "aws:kms"
_CONTEXT = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
_PARTS = frozenset({"acl", "tagging", "retention", "legal-hold", "attributes", "restore"})


def needs(request: S3Request, backend: Backend) -> Iterator[Need]:
    """Yield the rights on keys that a request about an object needs."""
    if not request.key or _PARTS & set(request.query) or request.method in {"HEAD", "DELETE"}:
        return
    upload = backend.uploads(request.bucket).get(request.query.get("uploadId", ""))
    if request.method == "GET":
        found = backend.find(request.bucket, request.key, request.version_id)
        yield from _use("kms:Decrypt", getattr(found, "encryption", None), getattr(found, "kms_key_id", None))
        return
    if source := copy_source(request):
        bucket, key, version = source
        found = backend.find(bucket, key, version) if bucket in backend.buckets else None
        yield from _use("kms:Decrypt", getattr(found, "encryption", None), getattr(found, "kms_key_id", None))
    if upload is not None:
        yield from _use("kms:Decrypt", upload.sse_encryption, upload.kms_key_id)
    elif "uploadId" not in request.query:
        algorithm, key_id = _asked(request, backend.bucket(request.bucket).encryption)
        yield from _use("kms:GenerateDataKey", algorithm, key_id)
        if "uploads" in request.query:
            yield from _use("kms:Decrypt", algorithm, key_id)


def _asked(request: S3Request, default: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """Return algorithm and key that a new object is to be encrypted with: its own, or the bucket's."""
    usual = default["Rule"].get("ApplyServerSideEncryptionByDefault", {}) if default else {}
    algorithm = request.headers.get("x-amz-server-side-encryption", usual.get("SSEAlgorithm"))
    key_id = request.headers.get("x-amz-server-side-encryption-aws-kms-key-id", usual.get("KMSMasterKeyID"))
    return algorithm, key_id


def _use(action: str, algorithm: str | None, key_id: str | None) -> Iterator[Need]:
    if key_id and (algorithm or "").startswith(_KMS):
        resource = key_id if key_id.startswith("arn:") else f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}"
        yield Need(action, resource, _CONTEXT)
