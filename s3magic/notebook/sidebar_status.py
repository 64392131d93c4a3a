"""All that the side panel shows without asking the network, as JSON: connection, mounts, linked tiles, sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3magic.errors import S3MagicError
from s3magic.loaded import loaded
from s3magic.notebook import hand_over, offers

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.access.identity import Identity
    from s3magic.mounting.model import Mount


def status(identity: Identity | None) -> dict[str, Any]:
    """Return it; ``identity`` is what S3 said of the connection in use, if it was asked."""
    from s3magic import api  # noqa: PLC0415 - loads the rooms of mounts

    connection = chosen()
    return {
        "connection": None if connection is None else _connection_to_json(connection),
        "identity": None if identity is None else identity.to_json(),
        "asker": str(offers.asker()),
        "mounts": [_mount_to_json(mount) for mount in api.mounts()],
        "datasets": _datasets(),
        "sandbox": _sandbox(),
        "home": str(Path.home()),
    }


def chosen() -> Connection | None:
    """Return the connection in use; its room is not even loaded before the first choice."""
    current: Any = loaded("s3magic.access.current")
    return None if current is None else current.chosen()


def _connection_to_json(connection: Connection) -> dict[str, Any]:
    try:
        expires, note = connection.expires, connection.note
    except S3MagicError as error:  # the broker is gone, or the credentials are: the panel says so
        expires, note = None, error.message
    return {
        "provider": connection.provider,
        "profile": connection.choice.profile,
        "region": connection.location.region,
        "endpoint_url": connection.location.endpoint_url,
        "expires": expires.isoformat() if expires else None,
        "note": note,
    }


def _mount_to_json(mount: Mount) -> dict[str, Any]:
    return {
        "url": str(mount.url),
        "path": str(mount.path),
        "backend": mount.backend,
        "read_only": mount.read_only,
        "condition": mount.state,
    }


def _datasets() -> list[dict[str, object]]:
    opened: Any = loaded("s3magic.linking.opened")
    tallies = [] if opened is None else opened.tallies()
    return [{**tally.to_json(), "fetch": hand_over.fetch_line(tally.path)} for tally in tallies]


def _sandbox() -> dict[str, str] | None:
    process: Any = loaded("s3magic.sandboxes.process")
    running = None if process is None else process.running()
    return None if running is None else {"endpoint_url": running.endpoint_url}
