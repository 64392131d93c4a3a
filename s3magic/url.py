"""An S3 URL: bucket, key or prefix or pattern, and version; knows nothing of servers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from s3magic.errors import InvalidUrl

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_WILDCARD = re.compile(r"[*?\[{]")
_VERSION = re.compile(r"\?versionId=([^&?#]+)$")
_FORM = "write s3://bucket/key, s3://bucket/prefix/ or a pattern like s3://bucket/tiles/*.{laz,tif}"


@dataclass(frozen=True, slots=True)
class S3Url:
    """One place on S3.

    Parameters
    ----------
    bucket
        Name of the bucket.
    key
        The key exactly as S3 has it: a leading ``/``, ``//``, ``..``, spaces and ``%`` are kept.
        Empty for the bucket itself; ends in ``/`` for a prefix.
    version_id
        The pinned version, if one was given as ``?versionId=…``.

    Examples
    --------
    >>> S3Url.parse("s3://teaching/tiles/*.laz").prefix
    'tiles/'
    """

    bucket: str
    key: str = ""
    version_id: str | None = None

    @classmethod
    def parse(cls, text: str | S3Url) -> S3Url:
        """Read a URL; raise `InvalidUrl` with the right form when it is none."""
        if isinstance(text, S3Url):
            return text
        if not isinstance(text, str) or not text.startswith("s3://"):
            raise InvalidUrl(f"Not an S3 URL: {text!r}", f"An S3 URL begins with s3:// – {_FORM}.")
        rest = text[len("s3://") :]
        version = _VERSION.search(rest)
        if version:
            rest = rest[: version.start()]
        bucket, _, key = rest.partition("/")
        if not bucket:
            raise InvalidUrl(f"No bucket name in {text!r}", f"After s3:// comes the bucket: {_FORM}.")
        if not _BUCKET.fullmatch(bucket):
            raise InvalidUrl(f"Not a bucket name: {bucket!r:.80}", "It has 3 to 63 letters, digits, dots and hyphens.")
        if "\0" in key or len(key.encode("utf-8", "surrogatepass")) > 1024:
            raise InvalidUrl(f"Not a key S3 could hold: {text[:80]!r}", "A key has at most 1024 bytes and no NUL.")
        return cls(bucket, key, version.group(1) if version else None)

    def __str__(self) -> str:
        version = f"?versionId={self.version_id}" if self.version_id else ""
        return f"s3://{self.bucket}/{self.key}{version}"

    @property
    def is_pattern(self) -> bool:
        """Whether the key holds a wildcard: ``*``, ``**``, ``?``, ``[a-z]`` or ``{a,b}``."""
        return bool(_WILDCARD.search(self.key))

    @property
    def is_prefix(self) -> bool:
        """Whether the URL names a bucket or a folder rather than one object."""
        return not self.key or self.key.endswith("/")

    @property
    def name(self) -> str:
        """The last part of the key, without a closing slash."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def prefix(self) -> str:
        """The literal beginning of the key, up to the last ``/`` before the first wildcard.

        For a URL without wildcards this is the key itself.
        """
        found = _WILDCARD.search(self.key)
        if not found:
            return self.key
        return self.key[: self.key.rfind("/", 0, found.start()) + 1]

    @property
    def stem(self) -> str:
        """The literal beginning of the key, up to the first wildcard: every match begins with it."""
        found = _WILDCARD.search(self.key)
        return self.key[: found.start()] if found else self.key

    @property
    def is_flat(self) -> bool:
        """Whether this is a pattern of which no match has a ``/`` beyond the ``stem``."""
        rest = self.key[len(self.stem) :]
        return bool(rest) and "/" not in rest and "**" not in rest

    def with_key(self, key: str) -> S3Url:
        """Return the URL of another key of the same bucket."""
        return S3Url(self.bucket, key)

    def matches(self, key: str) -> bool:
        """Tell whether a key is named by this URL: itself, under the prefix, by the pattern or under its folders."""
        if self.is_pattern:
            return matches(f"{self.key}**" if self.is_prefix else self.key, key)
        return key.startswith(self.key) if self.is_prefix else key == self.key


def matches(pattern: str, key: str) -> bool:
    """Tell whether a whole key fits a pattern.

    ``*``, ``?`` and the classes ``[a-z]`` and ``[!a-z]`` stop at ``/``, ``**`` does not and ``**/``
    may stand for no folder at all; ``{laz,tif}`` are alternatives, which may hold others. The form
    ``[laz|tif]``, found in Kart's documentation, is read as ``{laz,tif}``.
    """
    return _compile(pattern).fullmatch(key) is not None


def fits(match: str, name: str) -> bool:
    """Tell whether a name fits a pattern: all of it, or its last part."""
    return matches(match, name) or ("/" in name and matches(match, name.rpartition("/")[2]))


def utf8(key: str) -> bytes:
    """Return a key as S3 sorts it."""
    return key.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(_translate(pattern), re.DOTALL)


def _translate(pattern: str) -> str:
    out, i = [], 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out.append("(?:.*/)?")
            i += 3
        elif pattern.startswith("**", i):
            out.append(".*")
            i += 2
        elif pattern[i] == "*":
            out.append("[^/]*")
            i += 1
        elif pattern[i] == "?":
            out.append("[^/]")
            i += 1
        elif (end := _closing(pattern, i)) > i + 1:
            out.append(_bracket(pattern[i], pattern[i + 1 : end]))
            i = end + 1
        else:
            out.append(re.escape(pattern[i]))
            i += 1
    return "".join(out)


def _closing(pattern: str, at: int) -> int:
    """Return where the bracket that opens at a place is closed; -1 where it is not, or none opens there."""
    if pattern[at] == "[":
        return pattern.find("]", at + 1)
    depth = 0
    for end in range(at, len(pattern)):
        depth += (pattern[end] == "{") - (pattern[end] == "}")
        if depth <= 0:
            return end if pattern[at] == "{" else -1
    return -1


def _bracket(opening: str, body: str) -> str:
    if opening == "{":
        return f"(?:{'|'.join(map(_translate, _alternatives(body)))})"
    if "|" in body:
        return f"(?:{'|'.join(map(_translate, re.split('[,|]', body)))})"
    negated = body[0] in "!^" and len(body) > 1
    members = re.sub(r"(.)-(.)|.", _member, body[negated:], flags=re.DOTALL)
    if not members:  # nothing but ranges that run backwards
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{members}]"


def _alternatives(body: str) -> list[str]:
    """Split at the commas that stand in no bracket of their own."""
    parts, depth = [""], 0
    for character in body:
        depth += (character == "{") - (character == "}")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _member(found: re.Match[str]) -> str:
    first, last = found.groups()
    if first is None:
        return re.escape(found[0])
    return f"{re.escape(first)}-{re.escape(last)}" if first <= last else ""
