"""One light: what came of trying something; tries nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Self

from s3magic.errors import AccessDenied, S3MagicError
from s3magic.html import Markup

_SIGNS = {
    "ok": ("●", "s3m-ok"),
    "denied": ("✕", "s3m-bad"),
    "error": ("!", "s3m-bad"),
    "unknown": ("?", "s3m-warn"),
    "unchecked": ("○", "s3m-note"),
}


@dataclass(frozen=True, slots=True)
class Light:
    """What came of one attempt.

    Parameters
    ----------
    state
        ``"ok"``, ``"denied"``, ``"unknown"`` (the answer tells nothing), ``"unchecked"`` or
        ``"error"`` (it was not about permission).
    detail
        What was tried, or in the way; on ``"denied"`` the action and the ARN of the resource.
    actions
        The actions that would make it ``"ok"``, where some are or may be missing.
    resource
        The ARN they are asked of.
    """

    state: str
    detail: str = ""
    actions: tuple[str, ...] = ()
    resource: str = ""

    @classmethod
    def denied(cls, action: str, resource: str, more: str = "") -> Self:
        """Return the light of a refusal."""
        return cls("denied", f"{action} on {resource}{more}", (action,), resource)

    @classmethod
    def refused(cls, error: AccessDenied, action: str, resource: str) -> Self:
        """Return the light of a refusal that may have been about the key of an encrypted object."""
        if error.action is not None and error.action.startswith("kms:"):
            return cls.denied(error.action, error.resource or f"the key of {resource}")
        return cls.denied(action, resource)

    @classmethod
    def error(cls, error: S3MagicError) -> Self:
        """Return the light of something that was not about permission."""
        return cls("error", ". ".join(line.rstrip(".") for line in error.lines()))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {
            "state": self.state,
            "detail": self.detail,
            "actions": list(self.actions),
            "resource": self.resource,
        }

    def to_html(self) -> Markup:
        """Return it as a sign, a word and the detail."""
        sign, style = _SIGNS[self.state]
        detail = f' <span class="s3m-note">{escape(self.detail)}</span>' if self.detail else ""
        return Markup(f'<span class="{style}"><span aria-hidden="true">{sign}</span> {self.state}</span>{detail}')


UNCHECKED = Light("unchecked", "not tried")
