"""Who S3 takes us for, as data; asking is the broker's work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from s3magic.html import card

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and until when.

    Parameters
    ----------
    account, arn, user_id
        As the token service told them; None where it could not be asked.
    provider
        What gave the credentials: ``"environment"``, ``"credentials file"``, ``"keys"`` …;
        ``"anonymous"`` when nothing is signed.
    expires
        End of the credentials, with time zone; None for those without one.
    note
        Why something is unknown, for people; empty when all is known.
    """

    account: str | None
    arn: str | None
    user_id: str | None
    provider: str
    expires: datetime | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The shortest name that tells who this is."""
        if self.arn:
            return self.arn
        return "anonymous" if self.provider == "anonymous" else "unknown"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {
            "account": self.account,
            "arn": self.arn,
            "user_id": self.user_id,
            "provider": self.provider,
            "expires": self.expires.isoformat() if self.expires else None,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Identity:
        """Make the identity again of what `to_json` gave."""
        expires = fields["expires"]
        return cls(**{**fields, "expires": datetime.fromisoformat(expires) if expires else None})

    def __repr__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"<Identity {self.name} by {self.provider}, {expiry_text(self.expires)}{note}>"

    def _repr_html_(self) -> str:
        rows = [("Account", self.account), ("User ID", self.user_id), ("Provider", self.provider)]
        rows += [("Credentials", expiry_text(self.expires)), ("Note", self.note)]
        return card(self.name, [(name, value) for name, value in rows if value])


def expiry_text(expires: datetime | None) -> str:
    """Return an end of life for people, as seen from now: ``expire in 42 min``."""
    if expires is None:
        return "no known end"
    left = (expires - datetime.now(UTC)).total_seconds()
    if left <= 0:
        return "expired"
    if left < _MINUTE:
        return "expire within a minute"
    if left < _HOUR:
        return f"expire in {left // _MINUTE:.0f} min"
    return f"expire in {left // _HOUR:.0f} h {left % _HOUR // _MINUTE:.0f} min"
