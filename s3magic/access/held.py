"""One choice as the broker holds it for this kernel: made, asked about, made again when the broker died."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from s3magic.access import channels, environment
from s3magic.access.choice import Choice
from s3magic.access.wire import BrokerGone, credentials_to_json
from s3magic.errors import NoCredentials, Unreachable
from s3magic.store.credentials import Credentials

Value = TypeVar("Value")

OPEN_TIMEOUT = 120
"""Seconds for a provider to find credentials: a program of the user's may ask something first."""
ASK_TIMEOUT = 60


class HeldChoice:
    """A choice at the broker; safe to use from several threads.

    When the broker dies it is started again and the choice made once more, with the variables of
    the first time, unless keys were handed over: those are gone with it.

    Attributes
    ----------
    told : Mapping[str, Any]
        What the broker said when the choice was made: location, provider, note.
    made_again : Callable[[], None] or None
        Called when the broker had died and another holds the choice now.
    """

    told: Mapping[str, Any]
    made_again: Callable[[], None] | None = None

    def __init__(self, choice: Choice, secrets: Credentials | None) -> None:
        self._choice = choice
        self._environ = environment.snapshot()
        self._lock = threading.RLock()
        self._closed = False
        self._open(secrets)

    def ask(self, op: str, **words: Any) -> dict[str, Any]:
        """Ask about the choice, in a conversation of its own: a slow answer keeps nobody waiting."""

        def ask(broker: channels.Broker, number: int) -> dict[str, Any]:
            with broker.channel() as channel:
                return channel.ask(op, timeout=ASK_TIMEOUT, choice=number, **words)

        return self._with_broker(ask)

    def socket(self, *, keep: bool = False) -> socket.socket:
        """Return a socket bound to the choice; with ``keep`` the broker lives while it is open."""
        return self._with_broker(lambda broker, number: broker.open_socket(number, keep=keep))

    def close(self) -> None:
        """Let go of the choice: the broker forgets it once no mount is attached to it."""
        with self._lock:
            self._closed = True
            self._conversation.close()

    def _with_broker(self, use: Callable[[channels.Broker, int], Value]) -> Value:
        """Do something with the broker that holds the choice, once more where it has just died."""
        broker, number = self._holder()
        try:
            return use(broker, number)
        except BrokerGone:
            broker.wait_for_end()
        broker, number = self._holder()
        try:
            return use(broker, number)
        except BrokerGone:
            raise _dead() from None

    def _holder(self) -> tuple[channels.Broker, int]:
        with self._lock:
            if self._closed:
                raise NoCredentials("This connection is closed", "Choose again with %s3creds or s3magic.connect(...).")
            if channels.broker() is not self._broker:
                if self._choice.needs_secrets:
                    raise NoCredentials(
                        "The credentials broker ended, and the keys with it", "Give the keys again: %s3creds keys."
                    )
                self._open(None)
                if self.made_again is not None:
                    self.made_again()
            return self._broker, self._number

    def _open(self, secrets: Credentials | None) -> None:
        try:
            self._open_with(channels.broker(), secrets)
        except BrokerGone:
            try:
                self._open_with(channels.broker(), secrets)
            except BrokerGone:
                raise _dead() from None

    def _open_with(self, broker: channels.Broker, secrets: Credentials | None) -> None:
        try:
            conversation = broker.channel()
            try:
                told = conversation.ask(
                    "open",
                    timeout=OPEN_TIMEOUT,
                    choice=self._choice.to_json(),
                    environ=self._environ,
                    secrets=credentials_to_json(secrets),
                )
            except BaseException:
                conversation.close()
                raise
        except BrokerGone:
            broker.wait_for_end()
            raise
        # kept open: the broker forgets a choice when nobody is left who made it or is bound to it
        self._conversation = conversation
        self._broker = broker
        self._number: int = told["choice"]
        self.told = told


def _dead() -> Unreachable:
    return Unreachable("The credentials broker does not start", "Restart the kernel.")
