"""The local S3 for teaching and for trying things out; composes `sandboxes` and `access`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3magic.api.identity import connect
from s3magic.errors import InvalidInput

if TYPE_CHECKING:
    from s3magic.sandboxes.process import Sandbox

AnyPath = str | PathLike[str]


def sandbox(
    *,
    port: int = 0,
    data: AnyPath | None = None,
    users: Mapping[str, Any] | AnyPath | None = None,
    environ: bool = False,
) -> Sandbox:
    """Start a local S3 with teaching data and use it from now on; no account is needed.

    The sandbox that runs already is used again. When it stops, the choice before it comes back,
    where nothing else was chosen meanwhile.

    Parameters
    ----------
    port
        Loopback port; a free one when 0.
    data
        Folder whose files become a bucket of their own.
    users
        Users and roles of one's own, as a mapping or a JSON file:
        ``{"users": {NAME: POLICY}, "roles": {NAME: {"policies": [POLICY], "trust": POLICY}}}``.
        Their policies are really enforced, conditions too; what would not be is refused.
    environ
        Whether to lead other libraries there too, as `connect` does.
    """
    from platformdirs import user_cache_path

    from s3magic.access import current, masking
    from s3magic.sandboxes import process

    running = process.running()
    if running is not None and users is not None and not running.has(users):
        raise InvalidInput("A sandbox with other people runs already", "Stop it first: %s3sandbox stop.")
    box = running or process.start(
        port=port, data=None if data is None else Path(data), users=users, cache=user_cache_path("s3magic") / "sandbox"
    )
    if running is None:
        teacher = box.users["teacher"]
        former, led = current.chosen(), masking.leader() is not None
        box.connection = connect(
            "keys",
            access_key_id=teacher.access_key_id,
            secret_access_key=teacher.secret_access_key,
            endpoint_url=box.endpoint_url,
            region="us-east-1",
            environ=environ,
        )

        def give_back() -> None:
            used = current.chosen()
            if used is not None and used.location.endpoint_url != box.endpoint_url:
                return
            if former is not None:
                current.use(former, environ=led)
            else:
                current.forget()

        box.on_stop(give_back)
    elif box.connection is not None:
        current.use(box.connection, environ=environ)
    return box
