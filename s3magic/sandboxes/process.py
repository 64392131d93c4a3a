"""Starting, holding and ending a sandbox from another process; what it serves is not known here."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from s3magic import errors
from s3magic.errors import InvalidInput, MissingLibrary, ServerError
from s3magic.html import Markup, card, cell
from s3magic.process import open_pidfd, start_daemon
from s3magic.sandboxes import people, tokens, trouble
from s3magic.sandboxes.people import People
from s3magic.sandboxes.trouble import Weather
from s3magic.sandboxes.users import REGION, Role
from s3magic.store.credentials import Credentials

_START_SECONDS = 120
_STOP_SECONDS = 5
_LIBRARIES = ("cheroot", "moto", "laspy", "tifffile", "PIL", "h5py", "pyarrow")

AnyPath = str | os.PathLike[str]

_live: list[Sandbox] = []


class Sandbox:
    """A local S3 with teaching data, in a process of its own.

    Use `start` to get one. It ends with `stop`, with its ``with`` block, and with the process
    that started it, however that ends.

    Attributes
    ----------
    endpoint_url : str
        Where it listens: ``http://127.0.0.1:PORT``.
    users : Mapping[str, Credentials]
        Keys by name: ``teacher``, ``student``, ``visitor``, ``guest``, ``expired``, ``partner``,
        and one's own.
    roles : Mapping[str, Role]
        What may be taken on: ``lightly-reader`` (with the external ID ``teaching-2024``),
        ``scratch-writer``, ``brief-reader`` (sessions of two seconds), ``web-reader`` (by a web
        identity token), and one's own.
    people : People
        Users and roles with their policies.
    folder : Path | None
        The folder of one's own that is served.
    weather : Weather
        The delay and the failures that were asked for; `disturb` changes them.
    connection : Any
        The connection of whoever composed it; None here.

    Examples
    --------
    >>> with start() as sandbox:  # doctest: +SKIP
    ...     sandbox.buckets
    ['private', 'public', 'scratch', 'teaching']
    """

    region = REGION

    def __init__(
        self,
        process: Any,
        link: socket.socket,
        *,
        folk: People,
        users: Mapping[str, Credentials],
        token_key: bytes,
        folder: Path | None,
        weather: Weather,
    ) -> None:
        self._process = process
        self._link = link
        self._answers = link.makefile("rb")
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._buckets: list[str] = []
        self.people = folk
        self.folder = folder
        self.weather = weather
        self.users = MappingProxyType(dict(users))
        self.roles: Mapping[str, Role] = MappingProxyType(dict(folk.roles))
        self._token_key = token_key
        self.endpoint_url = ""
        self.connection: Any = None
        self._endings: list[Callable[[], object]] = []

    @property
    def buckets(self) -> list[str]:
        """The buckets it started with."""
        return list(self._buckets)

    @property
    def state(self) -> str:
        """``running`` or ``stopped``."""
        return "running" if self._process.poll() is None else "stopped"

    @property
    def served(self) -> dict[str, int]:
        """How many requests it got since it began, by kind: ``LIST``, ``GET``, ``HEAD``, ``PUT`` …, ``STS``."""
        return dict(self._ask()["served"])

    def reset(self) -> None:
        """Put everything back as it was at the start; endpoint and keys stay."""
        self._ask(reset=True)

    def disturb(self, *, latency: str | float | None = None, faults: str | Mapping[str, float] | None = None) -> None:
        """Let answers wait and fail from now on, as `start` says; without arguments no longer."""
        weather = trouble.read(latency, faults)
        self._ask(weather=weather.to_json())
        self.weather = weather

    def differs(
        self, *, port: int = 0, data: AnyPath | None = None, users: Mapping[str, Any] | AnyPath | None = None
    ) -> str | None:
        """Tell in what it differs from one that `start` would make; None where it serves as well."""
        if port and self.endpoint_url != _endpoint(port):
            return "on another port"
        if data is not None and _folder(data) != self.folder:
            return "with another folder"
        if users is not None and people.read(users) != self.people:
            return "with other people"
        return None

    def web_identity_token(
        self, subject: str = "student", *, audience: str = tokens.AUDIENCE, seconds: int = 3600
    ) -> str:
        """Return a token such as a cluster gives its jobs, good for `AssumeRoleWithWebIdentity` here."""
        return tokens.mint(self._token_key, subject=subject, audience=audience, seconds=seconds)

    def stop(self) -> None:
        """End it; ending it twice is harmless, and a forked child cannot."""
        if os.getpid() != self._owner:
            return
        _end(self._process)
        with self._lock:
            self._answers.close()
            self._link.close()
        if self in _live:
            _live.remove(self)
        while self._endings:
            self._endings.pop()()

    def on_stop(self, action: Callable[[], object]) -> None:
        """Do something once it is stopped."""
        self._endings.append(action)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Sandbox {self.endpoint_url} {self.state}>"

    def _repr_html_(self) -> str:
        users = "<br>".join(
            f"{cell(name)}: <code>{cell(keys.access_key_id)}</code>" for name, keys in self.users.items()
        )
        rows: list[tuple[str, object]] = [
            ("State", self.state),
            ("Endpoint", self.endpoint_url),
            ("Buckets", ", ".join(self.buckets)),
            ("Access keys", Markup(users)),
            ("Roles", Markup("<br>".join(f"<code>{cell(role.arn)}</code>" for role in self.roles.values()))),
        ]
        if self.state == "running":
            if self.weather != Weather():
                rows.append(("Trouble", str(self.weather)))
            with suppress(ServerError):  # it may end just now
                served = ", ".join(f"{count:,} {kind}" for kind, count in self.served.items())
                rows.append(("Served", served or "nothing yet"))
            steps = ("%s3ls s3://teaching/", "%s3thumbs s3://teaching/photos/", "m = %s3mount s3://teaching/iris/")
            rows.append(("Try", Markup("<br>".join(f"<code>{cell(step)}</code>" for step in steps))))
        return card("S3 sandbox", rows)

    def _ask(self, **order: object) -> dict[str, Any]:
        with self._lock:
            try:
                self._link.sendall(json.dumps(order).encode() + b"\n")
                line = self._answers.readline()
            except (OSError, ValueError):
                line = b""
        answer = json.loads(line) if line else {}
        if "error" in answer:
            kind = getattr(errors, answer["error"], ServerError)
            raise kind(answer["message"], answer["hint"])
        if not answer:
            raise ServerError("The sandbox is not running", "Start a new one: %s3sandbox start.")
        self._buckets = answer["buckets"]
        return dict(answer)


def start(
    *,
    port: int = 0,
    data: AnyPath | None = None,
    users: Mapping[str, Any] | AnyPath | None = None,
    latency: str | float | None = None,
    faults: str | Mapping[str, float] | None = None,
    parent_pid: int | None = None,
    cache: Path | None = None,
) -> Sandbox:
    """Start a sandbox and return it when it is ready, its data in place.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0 for any that is free.
    data
        A folder of your own, copied into a bucket of its name.
    users
        Users and roles of your own, as a mapping or a JSON file:
        ``{"users": {NAME: POLICY}, "roles": {NAME: {"policies": [POLICY], "trust": POLICY}}}``.
        Their policies are enforced; one that asks for more than the sandbox knows is refused.
    latency
        How long each answer waits, such as ``"30ms"``: what reading little is worth, seen on one's own machine.
    faults
        Failures to meet: ``"SlowDown=5%,cut=1%"``, or shares of all requests by name (`trouble.FAULTS`).
    parent_pid
        The process it shall end with; this one when None.
    cache
        A folder to keep the teaching data in, so that later starts are quick; None to make it each time.

    Raises
    ------
    InvalidInput
        The folder is none, the port is taken, a delay, fault or policy is not well formed or not known.
    MissingLibrary
        The extra ``sandbox`` is not installed.
    """
    folder = _folder(data) if data is not None else None
    if folder is not None and not folder.is_dir():
        raise InvalidInput(f"Not a folder: {data}", "Give data= a folder whose files shall be in the sandbox.")
    weather = trouble.read(latency, faults)
    _check_libraries()
    folk = people.read(users)
    keys, token_key = folk.make_credentials(), secrets.token_bytes(32)
    ours, theirs = socket.socketpair()
    pidfd = open_pidfd(parent_pid)
    try:
        process = start_daemon(
            "s3magic.sandboxes.server", str(theirs.fileno()), str(pidfd), pass_fds=(theirs.fileno(), pidfd)
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(pidfd)
    sandbox = Sandbox(process, ours, folk=folk, users=keys, token_key=token_key, folder=folder, weather=weather)
    ours.settimeout(_START_SECONDS)
    try:
        answer = sandbox._ask(  # noqa: SLF001 - of this module
            port=port,
            data=str(folder) if folder else None,
            cache=str(cache.resolve()) if cache else None,
            people=folk.to_json(),
            weather=weather.to_json(),
            keys={name: _fields(each) for name, each in keys.items()},
            token_key=token_key.hex(),
        )
    except BaseException:
        sandbox.stop()
        raise
    sandbox.endpoint_url = _endpoint(answer["port"])
    _live.append(sandbox)
    return sandbox


def running() -> Sandbox | None:
    """Return the sandbox this process started last, if it still runs."""
    return next((sandbox for sandbox in reversed(_live) if sandbox.state == "running"), None)


def _endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _folder(data: AnyPath) -> Path:
    return Path(data).expanduser().resolve()


def _end(process: Any) -> None:
    """End a child and reap it, by force where asking does not help."""
    if process.poll() is not None:
        return
    pidfd = open_pidfd(process.pid)
    try:
        process.terminate()
        if not select.select([pidfd], [], [], _STOP_SECONDS)[0]:
            process.kill()
        process.wait()
    finally:
        os.close(pidfd)


def _fields(keys: Credentials) -> dict[str, str | None]:
    return {
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "session_token": keys.session_token,
        "expires": keys.expires.isoformat() if keys.expires else None,
    }


def _check_libraries() -> None:
    absent = [name for name in _LIBRARIES if find_spec(name) is None]
    if absent:
        raise MissingLibrary(
            f"The sandbox needs {', '.join(absent)}", "Install it with: pip install 's3magic[sandbox]'"
        )


@atexit.register
def _stop_all() -> None:
    for sandbox in _live.copy():
        sandbox.stop()
