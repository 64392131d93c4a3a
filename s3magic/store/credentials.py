"""Credentials as data: what signs a request and until when; never where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Credentials:
    """One set of keys; its repr shows no secret.

    Parameters
    ----------
    access_key_id, secret_access_key, session_token
        As AWS names them.
    expires
        End of life, with time zone; None for keys without one.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None

    def expire_within(self, margin: timedelta = timedelta(0)) -> bool:
        """Tell whether the end of life is nearer than a margin."""
        return self.expires is not None and datetime.now(UTC) + margin >= self.expires


CredentialSource = Callable[[], Credentials | None]
"""Called before each request; answers from memory, refreshed keys included; None means unsigned."""


def anonymous() -> None:
    """Sign nothing: the `CredentialSource` of public buckets."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where and how a store is asked: endpoint, region, addressing; no secrets.

    Parameters
    ----------
    region
        Region that requests are signed for.
    endpoint_url
        ``http(s)://host[:port]`` of an S3-compatible store; None for AWS.
    addressing_style
        ``"auto"`` (virtual on AWS, path elsewhere), ``"virtual"`` or ``"path"``.
    requester_pays
        Whether each request says that its sender pays.
    """

    region: str = "us-east-1"
    endpoint_url: str | None = None
    addressing_style: str = "auto"
    requester_pays: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {
            "region": self.region,
            "endpoint_url": self.endpoint_url,
            "addressing_style": self.addressing_style,
            "requester_pays": self.requester_pays,
        }
