"""Asking for keys in a terminal, unseen; a notebook uses the panel instead."""

from __future__ import annotations

from getpass import getpass

from s3magic.access.exports import HiddenText


def keys() -> tuple[str, str, str | None]:
    """Ask for an access key, its secret and a session token; nothing is echoed or kept in the history."""
    return (
        getpass("Access key ID: ").strip(),
        HiddenText(getpass("Secret access key: ").strip()),
        HiddenText(getpass("Session token (Enter for none): ").strip()) or None,
    )
