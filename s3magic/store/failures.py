"""What S3 answers when it does not do as asked, turned into the errors of s3magic; the one place for it."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from xml.etree import ElementTree

from s3magic.errors import (
    AccessDenied,
    ArchivedObject,
    ClockSkew,
    ExpiredCredentials,
    InvalidCredentials,
    InvalidInput,
    NoSuchBucket,
    NoSuchKey,
    ObjectChanged,
    S3MagicError,
    ServerError,
    WrongRegion,
)

_KINDS: dict[str, tuple[type[S3MagicError], str, str]] = {
    "NoSuchBucket": (NoSuchBucket, "No such bucket: {bucket}", "Check the name, and the endpoint: %s3creds shows it."),
    "NoSuchKey": (NoSuchKey, "No such object: {url}", "Check the key; %s3ls shows what is there."),
    "NoSuchVersion": (NoSuchKey, "No such version of {url}", "Leave ?versionId=… out to read the live one."),
    "DeletionMark": (NoSuchKey, "That version marks the deletion of {url}", "Name an older version of it."),
    "NoSuchUpload": (NoSuchKey, "No such upload to {url}", "It was completed or given up already; begin anew."),
    "AccessDenied": (
        AccessDenied,
        "Not allowed: {action} on {where}",
        "Ask for that permission; %s3check shows the lights.",
    ),
    "Hidden": (  # what AWS says to who may read, and not list
        AccessDenied,
        "Not allowed: {action} on {where}, or nothing is there",
        "Check the key: without s3:ListBucket S3 does not tell which of both it is.",
    ),
    "AllAccessDisabled": (AccessDenied, "Not allowed: {action} on {url}", "The owner closed this bucket."),
    "InvalidAccessKeyId": (
        InvalidCredentials,
        "The server does not know this access key",
        "Choose other credentials with %s3creds; for public data: %s3creds anonymous.",
    ),
    "SignatureDoesNotMatch": (
        InvalidCredentials,
        "The secret key does not fit the access key",
        "Enter the keys again with %s3creds.",
    ),
    "ExpiredToken": (ExpiredCredentials, "The credentials have expired", "Sign in again, then run %s3creds."),
    "TokenRefreshRequired": (ExpiredCredentials, "The credentials have expired", "Sign in again, then run %s3creds."),
    "InvalidToken": (InvalidCredentials, "The session token is not valid", "Sign in again, then run %s3creds."),
    "RequestTimeTooSkewed": (
        ClockSkew,
        "This machine's clock differs too much from the server's",
        "Set the clock (timedatectl shows it) and try again.",
    ),
    "PreconditionFailed": (
        ObjectChanged,
        "The object changed: {url}",
        "Somebody replaced it; read its new state first.",
    ),
    "ConditionalRequestConflict": (ObjectChanged, "The object changed: {url}", "Somebody writes it now; try again."),
    "InvalidObjectState": (
        ArchivedObject,
        "In an archive class: {url}",
        "Restore it first (aws s3api restore-object), then read it.",
    ),
    "PermanentRedirect": (
        WrongRegion,
        "The bucket {bucket} lives in {region}",
        "Choose that region: %s3creds --region.",
    ),
    "AuthorizationHeaderMalformed": (
        WrongRegion,
        "The bucket {bucket} lives in {region}",
        "Choose that region: %s3creds --region.",
    ),
    "KeyTooLongError": (InvalidInput, "The key is too long: {url}", "A key has at most 1024 bytes."),
    "InvalidBucketName": (InvalidInput, "Not a bucket name: {bucket}", "Check the name."),
}
_EXPIRED = frozenset({"ExpiredToken", "TokenRefreshRequired"})
_BY_STATUS = {301: "PermanentRedirect", 403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed"}
_HINTS = {400: "It does not understand the request; check endpoint and region: %s3creds shows them."}
_ACTIONS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "POST": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}
# AWS tells those of the account what they lack; what is quoted may hold spaces.
_LACKING = re.compile(r'is not authorized to perform: ([\w-]+:\w+)(?: on resource: "?((?<=")[^"]+|[^"\s]+))?')


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer of S3: its code, its words, and the region it names, if any."""

    status: int
    code: str
    message: str
    region: str | None

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an answer; the status speaks where the body says nothing."""
        code, message, region = _BY_STATUS.get(status, ""), "", headers.get("x-amz-bucket-region")
        try:
            root = ElementTree.fromstring(body) if body else None  # noqa: S314 - expat bounds entities itself
        except ElementTree.ParseError:
            root = None
        if root is not None:
            code = root.findtext("Code") or code
            message = root.findtext("Message") or ""
            region = region or root.findtext("Region")
        return cls(status, code, message, region)

    @property
    def is_expiry(self) -> bool:
        """Whether the credentials ended; the request was not carried out."""
        return self.code in _EXPIRED

    @property
    def _code_of_version(self) -> str:
        """The code of an answer about one version; a HEAD does not tell which of both is missing."""
        is_odd = self.status == HTTPStatus.BAD_REQUEST and self.code in {"", "InvalidArgument"}
        if is_odd or self.code == "NoSuchKey":
            return "NoSuchVersion"
        return "DeletionMark" if self.status == HTTPStatus.METHOD_NOT_ALLOWED else self.code

    def to_error(self, method: str, bucket: str, key: str, query: Container[str] = ()) -> S3MagicError:
        """Return the error that tells a person what this means for one request."""
        url = f"s3://{bucket}/{key}"
        action = _ACTIONS.get(method, method) if key else "s3:ListBucket" if bucket else "s3:ListAllMyBuckets"
        action += "Versions" if "versions" in query else "Version" if "versionId" in query else ""
        where, lacking = url, _LACKING.search(self.message)
        code = self.code
        if "versionId" in query:
            code = self._code_of_version
        if lacking is not None and key and lacking[1] == "s3:ListBucket" and method in {"GET", "HEAD"}:
            code, lacking = "Hidden", None
        if lacking is not None:
            action, where = lacking[1], url if lacking[1].startswith("s3:") else lacking[2] or url
        kind = _KINDS.get(code)
        if kind is None:
            said = " – ".join(part for part in (self.code, self.message) if part) or "no reason given"
            hint = _HINTS.get(self.status, "Try again; ask the store's owner if it stays.")
            failed = ServerError(f"S3 answered {self.status} for {url}: {said}", hint)
            failed.status = self.status
            return failed
        error, message, hint = kind
        region = self.region or "another region"
        made = error(message.format(bucket=bucket, url=url, action=action, where=where, region=region), hint)
        if isinstance(made, WrongRegion):
            made.region = self.region
        if isinstance(made, AccessDenied) and lacking is not None:
            made.action, made.resource = lacking[1], lacking[2]
        return made
