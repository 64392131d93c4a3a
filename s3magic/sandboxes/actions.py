"""What right a request needs: its IAM actions and resources; whether they are held is not asked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

from s3magic.sandboxes.request import S3Request
from s3magic.sandboxes.users import REGION

_OBJECT_PARTS = {"acl": "Acl", "tagging": "Tagging", "retention": "Retention", "legal-hold": "LegalHold"}
_BUCKET_PARTS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Put"}

# Condition keys whose value is a header's.
_TOLD = {
    "aws:UserAgent": "user-agent",
    "aws:Referer": "referer",
    **{
        f"s3:{name}": name
        for name in (
            "x-amz-acl",
            "x-amz-storage-class",
            "x-amz-copy-source",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "if-match",
            "if-none-match",
        )
    },
}


@dataclass(frozen=True, slots=True)
class Need:
    """One action on one ARN, with the values its conditions may look at."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def needs(request: S3Request) -> Iterator[Need]:
    """Yield every right a request needs.

    A batch of deletions is not looked into: each of its keys is judged for itself.
    """
    if not request.bucket:
        yield Need("s3:ListAllMyBuckets", "*")
    elif request.key:
        yield from _object(request)
    else:
        action = _bucket(request)
        if action:
            context = {
                f"s3:{name}": request.query[name]
                for name in ("prefix", "delimiter", "max-keys")
                if name in request.query
            }
            yield Need(action, arn(request.bucket), context)


def around(request: S3Request) -> dict[str, str]:
    """Return the values of condition keys that are about a request as a whole; the sandbox listens here alone."""
    now = datetime.now(UTC)
    headers = request.headers
    context = {
        "aws:SourceIp": "127.0.0.1",
        "aws:SecureTransport": "false",
        "aws:RequestedRegion": REGION,
        "aws:CurrentTime": now.isoformat(timespec="seconds"),
        "aws:EpochTime": str(int(now.timestamp())),
        "s3:signatureversion": "AWS4-HMAC-SHA256",
    }
    context |= {key: headers[name] for key, name in _TOLD.items() if name in headers}
    if request.version_id:
        context["s3:VersionId"] = request.version_id
    return context


def arn(bucket: str, key: str = "") -> str:
    """Return the ARN of a bucket or an object."""
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def copy_source(request: S3Request) -> tuple[str, str, str | None] | None:
    """Return bucket, key and version that a request copies from, if it does."""
    text = request.headers.get("x-amz-copy-source")
    if not text:
        return None
    path, _, version = text.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    return bucket, key, version or None


def _bucket(request: S3Request) -> str | None:
    query = request.query
    part = next((name for name in _BUCKET_PARTS if name in query), None)
    if part:
        return f"s3:{_VERBS[request.method]}{_BUCKET_PARTS[part]}"
    if "uploads" in query:
        return "s3:ListBucketMultipartUploads"
    if "versions" in query:
        return "s3:ListBucketVersions"
    if request.method == "POST":
        return None
    return {"GET": "s3:ListBucket", "HEAD": "s3:ListBucket", "PUT": "s3:CreateBucket", "DELETE": "s3:DeleteBucket"}[
        request.method
    ]


def _object(request: S3Request) -> Iterator[Need]:
    resource = arn(request.bucket, request.key)
    version = "Version" if request.version_id else ""
    verb = _VERBS[request.method]
    part = next((name for name in _OBJECT_PARTS if name in request.query), None)
    if part:
        yield Need(f"s3:{verb}Object{version}{_OBJECT_PARTS[part]}", resource)
    elif "uploadId" in request.query and request.method == "GET":
        yield Need("s3:ListMultipartUploadParts", resource)
    elif "uploadId" in request.query and request.method == "DELETE":
        yield Need("s3:AbortMultipartUpload", resource)
    elif "attributes" in request.query:
        yield Need(f"s3:GetObject{version}", resource)
        yield Need(f"s3:GetObject{version}Attributes", resource)
    elif "restore" in request.query:
        yield Need("s3:RestoreObject", resource)
    elif verb == "Put":
        yield Need("s3:PutObject", resource)
    else:
        yield Need(f"s3:{verb}Object{version}", resource)
    source = copy_source(request)
    if source and request.method == "PUT":
        bucket, key, source_version = source
        yield Need("s3:GetObjectVersion" if source_version else "s3:GetObject", arn(bucket, key))
