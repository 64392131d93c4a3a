"""Who may come to the sandbox: users, roles and the sessions of roles, as data; who there is, `people` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from s3magic.store.credentials import Credentials

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKETS = ("private", "public", "scratch", "teaching")
LONGEST_SESSION = 43_200

Document = Mapping[str, Any]


class Caller(Protocol):
    """Somebody with keys: a user, or the session of a role."""

    @property
    def credentials(self) -> Credentials:
        """The keys."""
        ...

    @property
    def account(self) -> str:
        """The account they belong to."""
        ...

    @property
    def arn(self) -> str:
        """The ARN, as STS tells it."""
        ...

    @property
    def user_id(self) -> str:
        """The unique id, as STS tells it."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What a policy's ``Principal`` may call them."""
        ...

    @property
    def policies(self) -> tuple[Document, ...]:
        """The policies attached to them."""
        ...

    @property
    def limit(self) -> Document | None:
        """A session policy, which all they do must be allowed by as well."""
        ...

    @property
    def context(self) -> Mapping[str, str]:
        """Values of condition keys that are about them."""
        ...


@dataclass(frozen=True, slots=True)
class User:
    """One person: name, policies and keys."""

    name: str
    policies: tuple[Document, ...]
    credentials: Credentials
    account: str = ACCOUNT

    @property
    def arn(self) -> str:
        """See `Caller.arn`."""
        return f"arn:aws:iam::{self.account}:user/{self.name}"

    @property
    def user_id(self) -> str:
        """See `Caller.user_id`."""
        return f"AIDASANDBOX{key_name(self.name):A<10}"

    @property
    def names(self) -> tuple[str, ...]:
        """See `Caller.names`."""
        return (self.arn,)

    @property
    def limit(self) -> None:
        """See `Caller.limit`; users have none."""
        return

    @property
    def context(self) -> Mapping[str, str]:
        """See `Caller.context`."""
        about = {"PrincipalArn": self.arn, "PrincipalAccount": self.account, "userid": self.user_id}
        return {f"aws:{name}": value for name, value in {**about, "username": self.name}.items()}


@dataclass(frozen=True, slots=True)
class Role:
    """What others may become for a while.

    Parameters
    ----------
    name
        The last part of its ARN.
    policies
        What it may do.
    trust
        Its trust policy: who may become it.
    max_session_duration
        Seconds that a session may live; fewer than the 900 of AWS are allowed here, so that the end
        of credentials can be watched.
    """

    name: str
    policies: tuple[Document, ...] = field(repr=False)
    trust: Document = field(repr=False)
    max_session_duration: int = 3600

    @property
    def arn(self) -> str:
        """The ARN."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.name}"

    @property
    def role_id(self) -> str:
        """The unique id."""
        return f"AROASANDBOX{key_name(self.name):A<10}"


@dataclass(frozen=True, slots=True)
class Session:
    """A role in use, until its credentials end."""

    role: Role
    name: str
    credentials: Credentials
    limit: Document | None = None
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """See `Caller.account`."""
        return ACCOUNT

    @property
    def arn(self) -> str:
        """See `Caller.arn`."""
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role.name}/{self.name}"

    @property
    def user_id(self) -> str:
        """See `Caller.user_id`."""
        return f"{self.role.role_id}:{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """See `Caller.names`."""
        return self.arn, self.role.arn

    @property
    def policies(self) -> tuple[Document, ...]:
        """See `Caller.policies`."""
        return self.role.policies

    @property
    def context(self) -> Mapping[str, str]:
        """See `Caller.context`."""
        about = {"PrincipalArn": self.role.arn, "PrincipalAccount": ACCOUNT, "userid": self.user_id}
        return {**{f"aws:{name}": value for name, value in about.items()}, **self.given}


def key_name(name: str) -> str:
    """Return a name as it stands in access key ids: capital letters and digits alone."""
    return "".join(letter for letter in name.upper() if letter.isascii() and letter.isalnum())
