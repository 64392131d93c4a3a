"""One choice turned into credentials by botocore's own providers; lives in the broker process alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.credentials import EnvProvider
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.parsers import ResponseParserError
from botocore.session import Session

from s3magic.access import failures
from s3magic.access.choice import Choice
from s3magic.access.environment import apply, proxies_for
from s3magic.access.explanation import Explanation, Step
from s3magic.access.identity import Identity
from s3magic.access.providers import METHODS, PROVIDERS, label
from s3magic.errors import InvalidInput, NoCredentials, S3MagicError
from s3magic.store.credentials import Credentials, Location

UNSIGNED_NOTE = "No credentials were found: requests are sent unsigned, which reads public buckets alone."
NO_SIGN_NOTE = "AWS_NO_SIGN_REQUEST is true: requests are sent unsigned."

_TRUE = frozenset({"1", "true", "yes", "on"})
_DEFAULT_REGION = "us-east-1"
_environment_lock = threading.Lock()


class Holding:
    """One choice and the credentials it led to, refreshed by botocore when they near their end.

    Parameters
    ----------
    choice
        What the user chose.
    environ
        The kernel's variables that botocore reads, as they were when the user chose.
    secrets
        The keys themselves, where the choice asks for some.

    Raises
    ------
    InvalidInput
        When the profile does not exist or the configuration cannot be read.
    CredentialsError
        When the chosen provider finds nothing, or fails; `Unreachable` when it needs a server
        that does not answer.
    """

    def __init__(self, choice: Choice, environ: Mapping[str, str], secrets: Credentials | None = None) -> None:
        self.choice = choice
        self.note = ""
        self.provider = "anonymous"
        self._secrets = secrets
        self._steps: list[Step] = []
        self._found: Any = None
        self._client_lock = threading.Lock()
        with _environment_lock:
            apply(environ)
            self._session = _session(choice)
            self.location = _location(choice, self._session)
            providers = list(self._providers())
        self._load(providers)

    def credentials(self) -> Credentials | None:
        """Return the credentials as they are now, refreshed where they near their end; None for unsigned."""
        if self._found is None:
            return None
        try:
            frozen = self._found.get_frozen_credentials()
        except Exception as error:
            raise failures.translate(error, self.provider, self._profile) from error
        if self._secrets is not None and self.provider == "keys":
            expires = self._secrets.expires
        else:
            expires = getattr(self._found, "_expiry_time", None)  # botocore has no public name for it
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token, expires)

    def explain(self) -> Explanation:
        """Return each provider in order and what came of it."""
        return Explanation(tuple(self._steps), self.note)

    def identity(self) -> Identity:
        """Ask the token service who this is.

        Where the store has none, the identity is unknown and its note says so. Raises
        `ExpiredCredentials`, `InvalidCredentials`, `ClockSkew` or `Unreachable`.
        """
        credentials = self.credentials()
        if credentials is None:
            return Identity(None, None, None, "anonymous", None, self.note)
        client = self._token_service(credentials)
        endpoint = client.meta.endpoint_url
        try:
            told = client.get_caller_identity()
            return Identity(told["Account"], told["Arn"], told["UserId"], self.provider, credentials.expires)
        except (BotoCoreError, ClientError, ResponseParserError, KeyError) as error:
            if not _is_aws(endpoint) and not failures.tells_of_keys(error):
                note = f"The store at {endpoint} does not tell who asks; %s3check shows what is allowed."
                return Identity(None, None, None, self.provider, credentials.expires, note)
            raise failures.translate(error, self.provider, self._profile) from error

    @property
    def _profile(self) -> str | None:
        profile: str | None = self.choice.profile or self._session.profile
        return profile

    def _providers(self) -> Iterator[tuple[str, Any]]:
        """Yield the label and the provider of every step; the provider is a word where botocore is not asked."""
        resolver = self._session.get_component("credential_provider")
        for name in self.choice.providers:
            methods = PROVIDERS[name].methods
            if methods is None:
                yield "AWS_NO_SIGN_REQUEST", "no-sign"
                yield from ((label(provider.METHOD), provider) for provider in resolver.providers)
            elif not methods:
                yield name, name
            else:
                # botocore leaves the environment out of its chain where a profile is named
                own = {"env": EnvProvider(), **{provider.METHOD: provider for provider in resolver.providers}}
                yield from ((label(method), own[method]) for method in methods if method in own)

    def _load(self, providers: list[tuple[str, Any]]) -> None:
        failed: S3MagicError | None = None
        settled = False
        for name, provider in providers:
            if settled:
                self._steps.append(Step(name, "not asked"))
                continue
            try:
                settled = self._try(name, provider)
            except S3MagicError as error:
                if not self.choice.order:
                    raise
                failed = failed or error
                self._steps.append(Step(name, "failed", error.message))
        if settled:
            return
        if failed is not None:
            raise failed
        if "default" not in self.choice.providers:
            raise NoCredentials(
                f"No credentials found by {' or '.join(self.choice.providers)}: {_details(self._steps)}",
                "Choose another provider with %s3creds, or 'anonymous' for public buckets.",
            )
        self.note = UNSIGNED_NOTE

    def _try(self, name: str, provider: Any) -> bool:
        if provider == "no-sign":
            signs = os.environ.get("AWS_NO_SIGN_REQUEST", "").strip().lower() not in _TRUE
            self.note = "" if signs else NO_SIGN_NOTE
            self._steps.append(Step(name, "nothing", "not set") if signs else Step(name, "found", "nothing is signed"))
            return not signs
        if provider == "anonymous":
            self._steps.append(Step(name, "found", "nothing is signed"))
            return True
        if provider == "keys":
            assert self._secrets is not None  # noqa: S101 - held by the kernel's open_connection
            found = BotoCredentials(
                self._secrets.access_key_id, self._secrets.secret_access_key, self._secrets.session_token
            )
        else:
            try:
                found = provider.load()
                if found is not None:
                    found.get_frozen_credentials()
            except Exception as error:
                raise failures.translate(error, name, self._profile) from error
        if found is None:
            self._steps.append(Step(name, "nothing", _nothing(provider.METHOD)))
            return False
        self.provider = name
        self._found = found
        self._steps.append(Step(name, "found", f"access key …{str(found.get_frozen_credentials().access_key)[-4:]}"))
        return True

    def _token_service(self, credentials: Credentials) -> Any:
        endpoint = self.choice.endpoint_url
        with self._client_lock:  # making clients of one botocore session is not thread-safe
            if endpoint is None and self.location.endpoint_url is not None:
                endpoint = _configured_endpoint(self._session, "sts", self.location.region)
                endpoint = endpoint or self.location.endpoint_url
            return self._session.create_client(
                "sts",
                region_name=self.location.region,
                endpoint_url=endpoint,
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
                config=Config(
                    connect_timeout=5,
                    read_timeout=10,
                    retries={"total_max_attempts": 2},
                    proxies=proxies_for(endpoint),
                ),
            )


def _session(choice: Choice) -> Session:
    profile = choice.profile
    session = Session(profile=profile)
    if profile is None and choice.provider == "profile":
        # named outright, so that botocore keeps the environment's keys and tokens out of it
        session = Session(profile=session.profile or "default")
    try:
        session.get_scoped_config()
    except ProfileNotFound as error:
        if not any(PROVIDERS[name].takes_profile for name in choice.providers):
            return Session(session_vars={"profile": (None, None, None, None)})
        raise _no_profile(session, chosen=profile is not None or choice.provider == "profile") from error
    except BotoCoreError as error:
        raise InvalidInput(f"The AWS configuration cannot be read: {error}", "Correct the file it names.") from error
    return session


def _no_profile(session: Session, *, chosen: bool) -> InvalidInput:
    named = session.profile or "default"
    known = ", ".join(sorted(session.available_profiles))
    origin = "" if chosen else " (AWS_PROFILE names it)"
    return InvalidInput(
        f"There is no profile {named!r} in your AWS configuration{origin}",
        f"Profiles there: {known}." if known else "There are no profiles at all; 'aws configure' makes one.",
    )


def _location(choice: Choice, session: Session) -> Location:
    region = choice.region or session.get_config_variable("region") or os.environ.get("AWS_REGION") or _DEFAULT_REGION
    style = choice.addressing_style
    if style == "auto":
        style = (session.get_config_variable("s3") or {}).get("addressing_style") or "auto"
    endpoint = choice.endpoint_url or _configured_endpoint(session, "s3", region)
    return Location(region, endpoint, style, choice.requester_pays)


def _configured_endpoint(session: Session, service: str, region: str) -> str | None:
    """Return the endpoint that the environment or the profile names for a service, by botocore's own rules.

    A client is made only where something names one: it takes a while.
    """
    scoped = session.get_scoped_config()
    if not (
        any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ)
        or "endpoint_url" in scoped
        or "services" in scoped
    ):
        return None
    client = session.create_client(service, region_name=region, config=Config(signature_version=UNSIGNED))
    endpoint: str = client.meta.endpoint_url
    return None if _is_aws(endpoint) else endpoint.rstrip("/")


def _is_aws(endpoint: str) -> bool:
    return (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _nothing(method: str) -> str:
    if method == "iam-role" and os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return "AWS_EC2_METADATA_DISABLED is true"
    return METHODS[method].nothing if method in METHODS else ""


def _details(steps: list[Step]) -> str:
    return "; ".join(dict.fromkeys(step.detail for step in steps if step.detail))
