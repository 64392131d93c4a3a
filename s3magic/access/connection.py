"""One choice at work: its location, credentials and stores, and the hand-over to boto3 and s3fs.

Holds no secret but the credentials in hand; loads no botocore until it is asked for a session.
"""

from __future__ import annotations

import socket
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from s3magic.access import environment, masking
from s3magic.access.choice import Choice
from s3magic.access.explanation import Explanation
from s3magic.access.held import HeldChoice
from s3magic.access.identity import Identity, expiry_text
from s3magic.access.masking import Published
from s3magic.access.wire import BrokerSource
from s3magic.errors import InvalidInput
from s3magic.html import card
from s3magic.store.credentials import Credentials, CredentialSource, Location
from s3magic.store.traffic import Traffic
from s3magic.store.tuning import Tuning

if TYPE_CHECKING:
    import boto3
    import s3fs

    from s3magic.store.client import Client
    from s3magic.store.s3 import S3Store

_EVERY_LIBRARY = "kernel"
"""The name under which the endpoint serves whichever connection the environment leads to."""


def open_connection(choice: Choice, *, secrets: Credentials | None = None) -> Connection:
    """Let the broker make a connection of a choice, starting the broker where there is none yet.

    Parameters
    ----------
    choice
        Who asks and where.
    secrets
        The keys themselves, for the provider ``"keys"`` alone. They go to the broker over an
        inherited socket and are kept in memory.

    Raises
    ------
    InvalidInput
        When keys are missing or not asked for, or the profile does not exist.
    CredentialsError
        When the chosen provider finds nothing, or fails.
    """
    if choice.needs_secrets and secrets is None:
        raise InvalidInput(
            "The provider 'keys' needs keys", "Give access_key_id and secret_access_key, or type them in the panel."
        )
    if secrets is not None and not choice.needs_secrets:
        raise InvalidInput(
            f"Keys do not go with the provider {choice.provider!r}", "Choose the provider 'keys' to use them."
        )
    tuning = choice.tuning.settled(environment.snapshot())
    held = HeldChoice(choice, secrets)
    return Connection(choice, held, BrokerSource(held.socket(), reconnect=held.socket), tuning)


class Connection:
    """A choice, held by the broker; made by `open_connection`.

    Safe to use from several threads. When the broker dies it is started again and the choice made
    once more, unless keys were handed over: those are gone with it and must be given again.

    Attributes
    ----------
    choice : Choice
        What was chosen.
    location : Location
        Endpoint and region as they came out of choice and configuration together.
    provider : str
        What gave the credentials, for people; ``"anonymous"`` when nothing is signed.
    note : str
        What the user should know about that; mostly empty.
    tuning : Tuning
        How hard the store is asked, the variables considered.
    place : str or None
        The bucket or folder that it was chosen for; None for all of them.
    last_cell : Traffic or None
        What the last cell that used it asked, its mounts included; None where no cell did.
    """

    def __init__(self, choice: Choice, held: HeldChoice, source: BrokerSource, tuning: Tuning) -> None:
        self.choice = choice
        self.tuning = tuning
        self.place: str | None = None
        self.last_cell: Traffic | None = None
        self.location = Location(**held.told["location"])
        self.provider: str = held.told["provider"]
        self.note: str = held.told["note"]
        self._held = held
        self._source = source
        self._identity: Identity | None = None
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._stores: dict[str, S3Store] = {}

    @property
    def credentials(self) -> CredentialSource:
        """What signs the requests; answers from memory."""
        return self._source

    @property
    def expires(self) -> datetime | None:
        """End of the credentials as they are now; None for those without one."""
        now = self._source()
        return now.expires if now else None

    def identity(self) -> Identity:
        """Ask who S3 takes us for; takes a request.

        Raises `ExpiredCredentials`, `InvalidCredentials` or `Unreachable`. A store that does not
        tell gives an identity whose ``note`` says so.
        """
        self._identity = Identity.from_json(self._held.ask("identity"))
        return self._identity

    def explain(self) -> Explanation:
        """Tell why this identity: each provider in order and what came of it."""
        return Explanation.from_json(self._held.ask("explain"))

    @property
    def traffic(self) -> Traffic:
        """What was asked in its name by this process, and what came of it; its mounts count for themselves."""
        return Traffic() if self._client is None else self._client.traffic

    def store(self, bucket: str) -> S3Store:
        """Return the store of a bucket; the same object for the same bucket."""
        from s3magic.store.s3 import S3Store  # noqa: PLC0415 - loads botocore's signer

        client = self._asker()
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = S3Store(bucket, client)
            return self._stores[bucket]

    def buckets(self) -> list[str]:
        """Return the names of the account's buckets; raise `AccessDenied` where they may not be listed."""
        from s3magic.store.buckets import list_buckets  # noqa: PLC0415 - loads botocore's signer

        return list_buckets(self._asker())

    def session(self) -> boto3.Session:
        """Return a boto3 session with these credentials, refreshed as they near their end, and this endpoint."""
        from s3magic.access.handover import boto3_session  # noqa: PLC0415 - loads boto3

        return boto3_session(self._source, self.location)

    def filesystem(self) -> s3fs.S3FileSystem:
        """Return an s3fs filesystem with these credentials, refreshed as they near their end, and this endpoint."""
        from s3magic.access.handover import filesystem  # noqa: PLC0415 - loads s3fs

        return filesystem(self._source, self.location)

    def publish(self, name: str | None = None) -> Published | None:
        """Let the broker's loopback endpoint serve this choice, for every other engine of this user.

        Parameters
        ----------
        name
            Another name than the choice's number; the connection that used it before gives it up.

        Returns
        -------
        Published
            The address, and the file with the token to show; None for a choice that signs nothing.
        """
        if self.provider == "anonymous":
            return None
        return Published(**self._held.ask("publish", name=name))

    def lead_environment(self) -> None:
        """Set this process's environment so that every library asks as this connection does.

        Whatever they would ask before the endpoint is masked; `masking.restore` gives it back.
        """
        wanted = masking.variables(self.location, self.publish(_EVERY_LIBRARY))
        masking.mask(wanted, leader=self)
        self._held.made_again = self._lead_again

    def export(self, engine: str) -> dict[str, Any] | str:
        """Return what another engine needs to ask as this connection does; see `s3magic.access.exports`."""
        from s3magic.access.exports import export  # noqa: PLC0415 - loads what the engine asks for

        return export(self, engine)

    def snippet(self, engine: str) -> str:
        """Return the same as lines to paste: Python, JSON or shell, and never a secret."""
        from s3magic.access.snippets import snippet  # noqa: PLC0415 - loads what the engine asks for

        return snippet(self, engine)

    def attach(self) -> socket.socket:
        """Return a socket for a mount daemon's `BrokerSource`; while it is open the broker lives.

        It may ask for this choice's credentials and nothing else. Close it here once the daemon
        has inherited it.
        """
        return self._held.socket(keep=True)

    def close(self) -> None:
        """Let the broker forget this choice and its keys; mounts attached to it go on."""
        self._source.close()
        self._held.close()

    def _asker(self) -> Client:
        from s3magic.store.client import Client  # noqa: PLC0415 - loads botocore's signer

        with self._lock:
            if self._client is None:
                self._client = Client(self.location, self._source, self.tuning)
            return self._client

    def _lead_again(self) -> None:
        """Follow the broker that took the place of a dead one: its endpoint is another."""
        if masking.leader() is self:
            self.lead_environment()

    def __repr__(self) -> str:
        facts = ", ".join(f"{name.lower()} {value}" for name, value in self._facts())
        return f"<Connection {self._title()}: {facts}>"

    def _repr_html_(self) -> str:
        return card(self._title(), self._facts())

    def _title(self) -> str:
        if self._identity is not None and self._identity.arn:
            return self._identity.arn
        return "anonymous" if self.provider == "anonymous" else f"identity by {self.provider}"

    def _facts(self) -> list[tuple[str, str]]:
        """Return what both reprs show; asks nobody."""
        chosen = " then ".join(self.choice.providers)
        facts = [("Provider", chosen if chosen == self.provider else f"{chosen} → {self.provider}")]
        if self.place:
            facts.insert(0, ("For", self.place))
        if self.choice.profile:
            facts.append(("Profile", self.choice.profile))
        if self.choice.role_arn:
            facts.append(("Role", self.choice.role_arn))
        facts.append(("Region", self.location.region))
        if self.location.endpoint_url:
            facts.append(("Endpoint", self.location.endpoint_url))
        if self.location.requester_pays:
            facts.append(("Requester", "pays"))
        if pace := str(self.choice.tuning):
            facts.append(("Pace", pace))
        in_hand = self._source.in_hand
        if in_hand is not None and in_hand.expires is not None:
            facts.append(("Credentials", expiry_text(in_hand.expires)))
        if masking.leader() is self:
            facts.append(("Other libraries", "follow"))
        if self.note:
            facts.append(("Note", self.note))
        return facts
