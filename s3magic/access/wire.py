"""The words between the broker and who asks it: JSON lines over a socket; light, for mount daemons too.

Never imports botocore, starts nothing and decides nothing: it asks, and keeps what it was told.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from s3magic import errors
from s3magic.errors import ExpiredCredentials, NoCredentials, S3MagicError, Unreachable
from s3magic.store.credentials import Credentials, CredentialSource

LONGEST_LINE = 1 << 20
ASK_AGAIN = 240.0
"""Seconds after which credentials are asked for again however long they live, so that a refresh is followed."""
ASK_AGAIN_SOON = 1.0
"""Seconds between two attempts while the broker fails and the credentials in hand still hold."""

_CHOOSE_AGAIN = "Choose again with %s3creds or s3magic.connect(...); a mount has to be mounted again."


class Hidden(dict[str, Any]):
    """A dictionary that holds secrets: its repr shows none, not even in a traceback with variables."""

    def __repr__(self) -> str:
        return f"<{len(self)} hidden values>"


class BrokerGone(Exception):
    """The other end of a channel is closed; never leaves the room."""


class Channel:
    """One conversation with the broker; its questions are answered one after the other.

    Safe to use from several threads. An answer that comes after its question was given up is
    dropped, so that a time-out never mixes up two answers.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        weakref.finalize(self, sock.close).atexit = False
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._asked = 0

    def ask(self, op: str, *, timeout: float, **words: Any) -> dict[str, Any]:
        """Ask one thing and return the answer.

        Raises what the broker raised, `BrokerGone` when it is not there any more, and
        `Unreachable` when it does not answer within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        if not self._lock.acquire(timeout=timeout):
            raise _slow(timeout)
        try:
            self._asked += 1
            asked = self._asked
            self._send({"op": op, "question": asked, **words}, timeout)
            while True:
                answer = json.loads(self._read_line(deadline, timeout))
                if answer.get("question") == asked:
                    break
        finally:
            self._lock.release()
        if "error" in answer:
            raise error_from_json(answer["error"])
        value: dict[str, Any] = answer["value"]
        return value

    def close(self) -> None:
        """End the conversation."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, message: dict[str, Any], timeout: float) -> None:
        try:
            self._sock.settimeout(timeout)
            self._sock.sendall(json.dumps(message).encode() + b"\n")
        except TimeoutError:
            raise _slow(timeout) from None
        except OSError as error:
            raise BrokerGone from error

    def _read_line(self, deadline: float, timeout: float) -> bytes:
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                return bytes(line)
            left = deadline - time.monotonic()
            if left <= 0 or len(self._buffer) > LONGEST_LINE:
                raise _slow(timeout)
            try:
                self._sock.settimeout(left)
                data = self._sock.recv(65536)
            except TimeoutError:
                raise _slow(timeout) from None
            except OSError as error:
                raise BrokerGone from error
            if not data:
                raise BrokerGone
            self._buffer += data


@dataclass(frozen=True, slots=True)
class _Held:
    credentials: Credentials | None
    ask_again: float

    def is_usable(self) -> bool:
        return self.credentials is None or not self.credentials.expire_within()


class Remembered:
    """A `CredentialSource` that asks another and answers from memory while what it holds is fresh.

    Half-way to the end of the credentials, and at least every four minutes, one thread asks again
    while the others go on with what is in hand. When that fails, the credentials in hand are used
    until they end; after that a call raises and says so.

    Parameters
    ----------
    ask
        Gives the credentials; raises `BrokerGone` or an `S3MagicError` when it cannot.
    timeout
        The longest wait for another thread's answer, in seconds.
    """

    def __init__(self, ask: CredentialSource, *, timeout: float = 30) -> None:
        self._source = ask
        self._timeout = timeout
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._held: _Held | None = None

    def __call__(self) -> Credentials | None:
        """Return the credentials to sign with, or None to sign nothing.

        Raises `ExpiredCredentials` or `NoCredentials` when there are none that still hold.
        """
        held = self._held
        if held is not None and time.monotonic() < held.ask_again and held.is_usable():
            return held.credentials
        return self._renew()

    @property
    def in_hand(self) -> Credentials | None:
        """What the last answer was; asks nobody."""
        return self._held.credentials if self._held else None

    def _renew(self) -> Credentials | None:
        if self._pid != os.getpid():
            self._become_forked()
        before = self._held
        usable = before is not None and before.is_usable()
        if not (self._lock.acquire(blocking=False) or (not usable and self._lock.acquire(timeout=self._timeout))):
            if before is not None and usable:
                return before.credentials
            raise _slow(self._timeout)
        try:
            if self._held is before or self._held is None or not self._held.is_usable():
                self._held = self._ask(before)
            return self._held.credentials
        finally:
            self._lock.release()

    def _ask(self, before: _Held | None) -> _Held:
        try:
            credentials = self._source()
            if credentials is not None and credentials.expire_within():
                raise ExpiredCredentials(f"The credentials expired at {_clock(credentials)}", _CHOOSE_AGAIN)
        except (S3MagicError, BrokerGone) as error:
            if before is not None and before.is_usable():
                return _Held(before.credentials, time.monotonic() + ASK_AGAIN_SOON)
            if isinstance(error, S3MagicError):
                raise
            raise _gone(before) from error
        return _Held(credentials, time.monotonic() + _fresh_for(credentials))

    def _become_forked(self) -> None:
        """Leave the lock to the parent: whoever held it is not here to give it back."""
        self._pid = os.getpid()
        self._lock = threading.Lock()


class BrokerSource(Remembered):
    """A `CredentialSource` fed by the broker; uses what is in hand when the broker is gone or fails.

    Parameters
    ----------
    sock
        A socket bound to one choice, as ``Connection.attach()`` gives it.
    reconnect
        Called for another such socket when the broker is gone; raises when there is none to have.
    timeout
        The longest wait for an answer, in seconds.
    """

    def __init__(
        self, sock: socket.socket, *, reconnect: Callable[[], socket.socket] | None = None, timeout: float = 30
    ) -> None:
        super().__init__(self._answer, timeout=timeout)
        self._channel = Channel(sock)
        self._reconnect = reconnect

    def close(self) -> None:
        """End the conversation with the broker; credentials in hand stay usable."""
        self._channel.close()

    def _answer(self) -> Credentials | None:
        try:
            answer = self._channel.ask("credentials", timeout=self._timeout)
        except BrokerGone:
            if self._reconnect is None:
                raise
            self._channel.close()
            self._channel = Channel(self._reconnect())
            answer = self._channel.ask("credentials", timeout=self._timeout)
        return credentials_from_json(answer["credentials"])

    def _become_forked(self) -> None:
        """Leave the socket to the parent too: two processes on one conversation would mix it up."""
        super()._become_forked()
        self._channel.close()


def credentials_to_json(credentials: Credentials | None) -> Hidden | None:
    """Return credentials, secrets included, for an inherited socket and nothing else."""
    if credentials is None:
        return None
    return Hidden(
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        session_token=credentials.session_token,
        expires=credentials.expires.isoformat() if credentials.expires else None,
    )


def credentials_from_json(fields: Mapping[str, Any] | None) -> Credentials | None:
    """Make credentials again of what `credentials_to_json` gave."""
    if fields is None:
        return None
    expires = fields["expires"]
    return Credentials(
        fields["access_key_id"],
        fields["secret_access_key"],
        fields["session_token"],
        datetime.fromisoformat(expires) if expires else None,
    )


def error_to_json(error: S3MagicError) -> dict[str, str]:
    """Return an error as its class and its two lines."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from_json(fields: Mapping[str, str]) -> S3MagicError:
    """Make the error again of what `error_to_json` gave; an unknown class becomes the base."""
    kind = getattr(errors, fields["type"], S3MagicError)
    error: S3MagicError = kind(fields["message"], fields["hint"])
    return error


def _fresh_for(credentials: Credentials | None) -> float:
    if credentials is None or credentials.expires is None:
        return ASK_AGAIN
    left = (credentials.expires - datetime.now(UTC)).total_seconds()
    return min(ASK_AGAIN, max(ASK_AGAIN_SOON, left / 2))


def _clock(credentials: Credentials) -> str:
    return f"{credentials.expires.astimezone():%Y-%m-%d %H:%M %Z}" if credentials.expires else "an unknown time"


def _slow(timeout: float) -> Unreachable:
    return Unreachable(
        f"The credentials broker did not answer within {timeout:g} s", "Try again; %s3creds chooses anew."
    )


def _gone(before: _Held | None) -> S3MagicError:
    if before is None or before.credentials is None:
        return NoCredentials("The credentials broker ended before it gave any credentials", _CHOOSE_AGAIN)
    return ExpiredCredentials(
        f"The credentials expired at {_clock(before.credentials)} and the credentials broker is gone", _CHOOSE_AGAIN
    )
