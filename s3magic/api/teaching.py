"""The local S3 for teaching and for trying things out; composes `sandboxes` and `access`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
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
    latency: str | float | None = None,
    faults: str | Mapping[str, float] | None = None,
    environ: bool = False,
) -> Sandbox:
    """Start a local S3 with teaching data and use it from now on; no account is needed.

    The sandbox that runs already is used again, and refused where it is not the one that was asked for; its
    delay and faults are changed as it runs. When it stops, the choice before it comes back,
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
    latency
        How long each answer waits, such as ``"30ms"``, as if the store were far away.
    faults
        Failures to meet: ``"SlowDown=5%,cut=1%"``, or shares of all requests by name: ``SlowDown``,
        ``InternalError``, ``reset``, ``cut``.
    environ
        Whether to lead other libraries there too, as `connect` does.
    """
    from platformdirs import user_cache_path

    from s3magic import following
    from s3magic.access import current
    from s3magic.sandboxes import process

    running = process.running()
    if running is None:
        cache = user_cache_path("s3magic") / "sandbox"
        box = process.start(port=port, data=data, users=users, latency=latency, faults=faults, cache=cache)
        _lead_to(box, environ=environ)
        return box
    difference = running.differs(port=port, data=data, users=users)
    if difference:
        raise InvalidInput(f"A sandbox {difference} runs already", "Stop it first: %s3sandbox stop.")
    if latency is not None or faults is not None:
        weather = running.weather
        running.disturb(
            latency=weather.latency if latency is None else latency,
            faults=weather.faults if faults is None else faults,
        )
    if running.connection is not None:
        former = current.chosen()
        current.use(running.connection, environ=environ)
        following.lead(running.connection, former)
    return running


def _lead_to(box: Sandbox, *, environ: bool) -> None:
    """Ask a sandbox from now on, as its teacher; once it stops, the choice before it, unless another was made."""
    from s3magic.access import current, masking

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
