"""What git-lfs starts to fill a clone with linked tiles: its custom-transfer protocol, JSON lines both ways.

Gives the bytes that were linked or an error, and takes none: an upload is answered with success
where the content is a linked tile, which S3 has, and refused where a push would lose it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Self

from s3magic.access.choice import Choice
from s3magic.access.connection import Connection, open_connection
from s3magic.errors import AccessDenied, CredentialsError, LinkError, NotFound, ObjectChanged, S3MagicError
from s3magic.linking.contents.whole import gather
from s3magic.linking.git.claims import claim
from s3magic.linking.git.history import History, Linked
from s3magic.linking.git.repository import Repository
from s3magic.linking.git.sharing import NAME

_CODES: tuple[tuple[type[S3MagicError], int], ...] = (
    (AccessDenied, 403),
    (CredentialsError, 401),
    (NotFound, 404),
    (ObjectChanged, 409),
    (LinkError, 422),
)


def serve(requests: Iterable[str], answers: IO[str]) -> None:
    """Answer git-lfs until it says that this was all.

    Parameters
    ----------
    requests
        Lines of JSON: ``init``, then ``download`` or ``upload`` one after the other, ``terminate``.
    answers
        Where the answers go, a line each.
    """

    def say(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    with _Agent(say) as agent:
        for line in requests:
            try:
                request = json.loads(line)
                event = request["event"]
            except (ValueError, TypeError, KeyError) as error:
                raise LinkError(
                    "s3magic lfs-agent was told what git-lfs does not say", "git-lfs starts it itself: git lfs pull."
                ) from error
            if event == "terminate":
                return
            if event == "init":
                say()
                continue
            try:
                done = agent.download(request) if event == "download" else agent.upload(request)
            except S3MagicError as error:
                done = {"error": {"code": _code(error), "message": "\n".join(error.lines())}}
            except Exception as error:  # noqa: BLE001 - git-lfs must hear of it, and goes on with the next
                done = {"error": {"code": 500, "message": f"s3magic failed: {type(error).__name__}: {error}"}}
            say(event="complete", oid=request["oid"], **done)


class _Agent:
    """One run of git-lfs: looks things up when they are first asked for, and remembers them."""

    def __init__(self, say: Any) -> None:
        self._say = say
        self._repository: Repository | None = None
        self._history: History | None = None
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()
        if self._history is not None:
            self._history.close()

    def download(self, request: Mapping[str, Any]) -> dict[str, object]:
        """Fetch the content of a hash; where several tiles have it, from the first that still gives it."""
        oid, size = request["oid"], request["size"]
        found = [one for one in self._look().everywhere(oid) if one.tile.size == size]
        refused: S3MagicError = LinkError(
            f"No commit here links a tile with the SHA-256 {oid}",
            "It was not linked by s3magic, or in a commit that is not here: git fetch brings more.",
        )
        for linked in found:
            try:
                return {"path": str(self._fetch(linked, oid))}
            except S3MagicError as error:
                refused = error
        raise refused

    def upload(self, request: Mapping[str, Any]) -> dict[str, object]:
        """Say that a tile is stored, as it is on S3; refuse what no commit links, for it would be lost."""
        oid = request["oid"]
        if not self._look().committed(oid):
            raise LinkError(
                f"This content is no linked tile and would be lost: SHA-256 {oid} ({request.get('path') or 'no file'})",
                "git log --all --find-object or git lfs ls-files tells which file it is; take it back, "
                "or give this repository an LFS server of its own.",
            )
        return {}

    def _look(self) -> History:
        if self._history is None:
            self._repository = Repository.here()
            if self._repository is None:
                raise LinkError("This is no git repository", "git-lfs starts this agent itself, in a clone.")
            self._history = History(self._repository)
        return self._history

    def _fetch(self, linked: Linked, oid: str) -> Path:
        assert self._repository is not None  # noqa: S101 - found when the tile was looked up
        so_far = 0

        def report(amount: int) -> None:
            nonlocal so_far
            so_far += amount
            self._say(event="progress", oid=oid, bytesSoFar=so_far, bytesSinceLast=amount)

        folder = self._repository.lfs_storage / "tmp" / NAME  # where git-lfs can rename it from
        folder.mkdir(parents=True, exist_ok=True)
        connection = self._connection(linked.info.access)
        store = connection.store(linked.tile.source.bucket)
        with claim(folder, oid) as part:
            try:
                gather(part, linked.tile, store, report=report)
            except AccessDenied as error:
                if connection.note:  # such as that no credentials were found
                    raise AccessDenied(error.message, connection.note) from error
                raise
            return part

    def _connection(self, access: Mapping[str, object]) -> Connection:
        """Return who asks: botocore's default chain, in the place and the way that the dataset records."""
        key = json.dumps(dict(access), sort_keys=True)
        if key not in self._connections:
            choice = Choice(
                "anonymous" if access.get("anonymous") else "default",
                region=_text(access.get("region")),
                endpoint_url=_text(access.get("endpoint")),
                requester_pays=bool(access.get("requestPayer")),
            )
            self._connections[key] = open_connection(choice)
        return self._connections[key]


def _code(error: S3MagicError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), 500)


def _text(value: object) -> str | None:
    return str(value) if value else None
