"""The user's choice as data: provider, region, endpoint; holds no secret and asks nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from s3magic.access import role
from s3magic.access.providers import PROVIDERS
from s3magic.errors import InvalidInput
from s3magic.store.credentials import Credentials
from s3magic.store.tuning import Tuning

ADDRESSING_STYLES = ("auto", "virtual", "path")

_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
_ENDPOINT_FORM = "Write it as https://host or http://host:port, without a path."


@dataclass(frozen=True, slots=True)
class Choice:
    """Who asks S3 and where; a choice that exists makes sense.

    Parameters
    ----------
    provider
        One of `PROVIDERS`: ``"default"`` is botocore's whole chain, then unsigned; the keys of
        ``"keys"`` are never part of a choice.
    profile
        Name of a profile of the AWS configuration; whether it exists is found out on opening.
    role_arn, external_id, session_name, duration
        For ``"role"``: which, what its owner expects to be told, what the session is called, and
        how many seconds it lasts.
    source
        For ``"role"``: the provider of the credentials that take it on; None for ``"profile"``
        where a profile is named, else ``"default"``.
    region
        Region to sign for; None for what the AWS configuration says, else ``us-east-1``.
    endpoint_url
        ``http(s)://host[:port]`` of an S3-compatible store; None for what the configuration says.
    addressing_style
        ``"auto"``, ``"virtual"`` or ``"path"``.
    requester_pays
        Whether each request says that its sender pays.
    order
        Several providers instead of one: the first that finds credentials is taken.
    tuning
        How hard the store is asked.

    Raises
    ------
    InvalidInput
        When a word is unknown or does not fit the others.

    Examples
    --------
    >>> Choice("profile", profile="work", region="eu-west-2").to_json()["profile"]
    'work'
    """

    provider: str = "default"
    _: KW_ONLY
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    session_name: str | None = None
    duration: int | None = None
    source: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    addressing_style: str = "auto"
    requester_pays: bool = False
    order: tuple[str, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(self.order))
        _check_providers(self)
        _check_profile(self)
        _check_role(self)
        if self.region is not None and not _REGION.fullmatch(self.region):
            raise InvalidInput(f"Not a region: {self.region!r}", "A region looks like eu-west-2.")
        if self.endpoint_url is not None:
            object.__setattr__(self, "endpoint_url", _endpoint(self.endpoint_url))
        if self.addressing_style not in ADDRESSING_STYLES:
            raise InvalidInput(
                f"Unknown addressing style: {self.addressing_style!r}", f"Choose {_one_of(ADDRESSING_STYLES)}."
            )

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers to ask, one after the other."""
        return self.order or (self.provider,)

    @property
    def needs_secrets(self) -> bool:
        """Whether keys must be handed over beside the choice."""
        return "keys" in (*self.providers, self.role_source)

    @property
    def role_source(self) -> str | None:
        """The provider of the credentials that take on the role, where one is to be taken on."""
        if "role" not in self.providers:
            return None
        return self.source or ("profile" if self.profile else "default")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {
            "provider": self.provider,
            "profile": self.profile,
            "role_arn": self.role_arn,
            "external_id": self.external_id,
            "session_name": self.session_name,
            "duration": self.duration,
            "source": self.source,
            "region": self.region,
            "endpoint_url": self.endpoint_url,
            "addressing_style": self.addressing_style,
            "requester_pays": self.requester_pays,
            "order": list(self.order),
            "tuning": self.tuning.to_json(),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Choice:
        """Make the choice again of what `to_json` gave."""
        return cls(**{**fields, "tuning": Tuning.from_json(fields.get("tuning", {}))})


def keys(
    access_key_id: str | None, secret_access_key: str | None, session_token: str | None = None
) -> Credentials | None:
    """Return keys as `Credentials`, or None where none are given at all.

    Raises `InvalidInput`, which never repeats a key, when only a part is given or one holds
    spaces or line breaks, as happens when copying.
    """
    if not (access_key_id or secret_access_key or session_token):
        return None
    if not access_key_id or not secret_access_key:
        missing = "secret access key" if access_key_id else "access key ID"
        raise InvalidInput(f"The {missing} is missing", "Give the access key ID and the secret access key together.")
    for name, value in (
        ("access key ID", access_key_id),
        ("secret access key", secret_access_key),
        ("session token", session_token or "-"),
    ):
        if not value.isascii() or not value.isprintable() or " " in value:
            raise InvalidInput(f"The {name} holds a character that no key has", "Copy it again, without spaces.")
    return Credentials(access_key_id, secret_access_key, session_token or None)


def _check_providers(choice: Choice) -> None:
    for name in (choice.provider, *choice.order):
        if name not in PROVIDERS:
            raise InvalidInput(f"Unknown provider: {name!r}", f"Choose {_one_of(tuple(PROVIDERS))}.")
    if choice.order and choice.provider != "default":
        raise InvalidInput(
            f"Both a provider ({choice.provider}) and an order are given", "Give one provider, or an order of several."
        )
    if len(set(choice.order)) < len(choice.order):
        raise InvalidInput("A provider stands twice in the order", "Name each provider once.")


def _check_profile(choice: Choice) -> None:
    if choice.profile is None:
        return
    if not choice.profile.strip():
        raise InvalidInput("The profile has no name", "Name a profile of your AWS configuration.")
    asked = choice.providers if choice.source is None else (*choice.providers, choice.source)
    if not any(PROVIDERS[name].takes_profile for name in asked if name in PROVIDERS):
        raise InvalidInput(
            f"A profile does not go with the provider {choice.provider!r}",
            f"Choose the provider 'profile' to use the profile {choice.profile!r}.",
        )


def _check_role(choice: Choice) -> None:
    if choice.role_source is None:
        for name in ("role_arn", "external_id", "session_name", "duration", "source"):
            if getattr(choice, name) is not None:
                raise InvalidInput(
                    f"{name} does not go with the provider {' then '.join(choice.providers)}",
                    "Choose the provider 'role' to take on a role.",
                )
        return
    if choice.role_arn is None:
        raise InvalidInput("The provider 'role' needs a role", "Give role_arn, like arn:aws:iam::123456789012:role/x.")
    role.check_arn(choice.role_arn, on_aws=choice.endpoint_url is None)
    if choice.external_id is not None:
        role.check_external_id(choice.external_id)
    if choice.session_name is not None:
        role.check_session_name(choice.session_name)
    if choice.duration is not None:
        role.check_duration(choice.duration)
    sources = tuple(name for name in PROVIDERS if name not in {"role", "anonymous"})
    if choice.role_source not in sources:
        raise InvalidInput(f"Nothing a role could be taken on with: {choice.source!r}", f"Choose {_one_of(sources)}.")


def _endpoint(url: str) -> str:
    """Return an endpoint without its closing slash; the error never repeats a password in it."""
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise InvalidInput("The endpoint URL has a host or port that cannot be", _ENDPOINT_FORM) from None
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("The endpoint URL holds a user name or password", "Give keys by the provider 'keys'.")
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or port == 0:
        raise InvalidInput(f"Not an endpoint URL: {url!r}", _ENDPOINT_FORM)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidInput(f"The endpoint URL holds more than a host: {url!r}", _ENDPOINT_FORM)
    return f"{parts.scheme}://{parts.netloc}"


def _one_of(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
