"""One choice turned into credentials by botocore's own providers; lives in the broker process alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    ContainerProvider,
    DeferredRefreshableCredentials,
    EnvProvider,
)
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from s3magic.access import failures
from s3magic.access.choice import Choice
from s3magic.access.environment import apply, proxies_for
from s3magic.access.explanation import Explanation, Step
from s3magic.access.identity import Identity
from s3magic.access.place import configured_endpoint, is_aws, location, open_session
from s3magic.access.providers import METHODS, PROVIDERS, label
from s3magic.access.wire import Hidden
from s3magic.errors import MissingLibrary, NoCredentials, S3MagicError
from s3magic.store.credentials import Credentials

UNSIGNED_NOTE = "No credentials were found: requests are sent unsigned, which reads public buckets alone."
NO_SIGN_NOTE = "AWS_NO_SIGN_REQUEST is true: requests are sent unsigned."

_NO_SIGN = "AWS_NO_SIGN_REQUEST"
_UNSIGNED = "nothing is signed"
_TRUE = frozenset({"1", "true", "yes", "on"})
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
            self._session = open_session(choice)
            self.location = location(choice, self._session)
            providers = [step for name in choice.providers for step in self._providers(name)]
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
            if not is_aws(endpoint) and not failures.tells_of_keys(error):
                note = f"The store at {endpoint} does not tell who asks; %s3check shows what is allowed."
                return Identity(None, None, None, self.provider, credentials.expires, note)
            raise failures.translate(error, self.provider, self._profile) from error

    @property
    def _profile(self) -> str | None:
        profile: str | None = self.choice.profile or self._session.profile
        return profile

    def _providers(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the label and the provider of every step; the provider is a word where botocore is not asked."""
        resolver = self._session.get_component("credential_provider")
        # these two read variables whenever they are asked: they shall find those of this choice;
        # and botocore leaves the environment out of its chain where a profile is named
        environ = Hidden(os.environ)
        own = {"env": EnvProvider(environ), "container-role": ContainerProvider(environ)}
        chain = [own.get(provider.METHOD, provider) for provider in resolver.providers]
        methods = PROVIDERS[name].methods
        if methods is None:
            yield _NO_SIGN, "no-sign"
            yield from ((label(provider.METHOD), provider) for provider in chain)
        elif not methods:
            yield name, list(self._providers(self.choice.role_source or "")) if name == "role" else name
        else:
            own |= {provider.METHOD: provider for provider in chain}
            yield from ((label(method), own[method]) for method in methods if method in own)

    def _load(self, providers: list[tuple[str, Any]]) -> None:
        try:
            found = self._first(providers)
        except S3MagicError as error:
            if not self.choice.order:
                raise
            others = [f"{step.provider}: {step.detail}" for step in self._steps if error.message not in step.detail]
            raise type(error)("; ".join([error.message, *others]), error.hint) from error
        if found is None:
            if "default" not in self.choice.providers:
                told = f"No credentials found by {' or '.join(self.choice.providers)}: {_details(self._steps)}"
                if self.choice.providers == ("profile",):  # seven ways, none of which anybody meant
                    told = f"The profile {self._profile or 'default'!r} holds no credentials: no keys, role or sign-in"
                raise NoCredentials(told, "Choose another provider with %s3creds, or 'anonymous' for public buckets.")
            self.note = UNSIGNED_NOTE
        else:
            self.provider, self._found = found
            if Step(_NO_SIGN, "found", _UNSIGNED) in self._steps:
                self.note = NO_SIGN_NOTE

    def _first(self, providers: list[tuple[str, Any]], *, before: str = "") -> tuple[str, Any] | None:
        """Ask one provider after the other; return the first that finds something and what it is."""
        failed: S3MagicError | None = None
        found: tuple[str, Any] | None = None
        for name, provider in providers:
            if found is not None:
                self._steps.append(Step(before + name, "not asked"))
                continue
            try:
                found = self._try(before + name, provider)
            except S3MagicError as error:
                if not (self.choice.order or isinstance(error, MissingLibrary)):
                    raise
                failed = failed or error
                self._steps.append(Step(before + name, "failed", " – ".join(error.lines())))
        if found is None and failed is not None:
            raise failed
        return found

    def _try(self, name: str, provider: Any) -> tuple[str, Any] | None:
        detail = ""
        if provider == "no-sign":
            signs = os.environ.get(_NO_SIGN, "").strip().lower() not in _TRUE
            self._steps.append(Step(name, "nothing", "not set") if signs else Step(name, "found", _UNSIGNED))
            return None if signs else ("anonymous", None)
        if provider == "anonymous":
            self._steps.append(Step(name, "found", _UNSIGNED))
            return "anonymous", None
        if provider == "keys":
            assert self._secrets is not None  # noqa: S101 - held by the kernel's open_connection
            found = BotoCredentials(
                self._secrets.access_key_id, self._secrets.secret_access_key, self._secrets.session_token
            )
        elif isinstance(provider, list):
            found, detail = self._taken_on(provider), f" of {self.choice.role_arn}"
        else:
            try:
                found = provider.load()
            except Exception as error:
                raise failures.translate(error, name, self._profile) from error
        if found is None:
            self._steps.append(Step(name, "nothing", _nothing(provider.METHOD)))
            return None
        try:
            key = str(found.get_frozen_credentials().access_key)
        except Exception as error:
            raise failures.translate(error, name, self._profile) from error
        self._steps.append(Step(name, "found", f"access key …{key[-4:]}{detail}"))
        return name, found

    def _taken_on(self, sources: list[tuple[str, Any]]) -> Any:
        """Return the credentials of the role; botocore asks for them when they are first needed, and renews them."""
        choice = self.choice
        found = self._first(sources, before="for the role: ")
        if found is None or found[1] is None:
            raise NoCredentials(
                f"There are no credentials to take on the role with: {choice.role_source} found none",
                "Choose another source, such as 'profile' or 'environment'.",
            )
        words = {
            "RoleSessionName": choice.session_name or "s3magic",
            "ExternalId": choice.external_id,
            "DurationSeconds": choice.duration,
        }
        fetcher = AssumeRoleCredentialFetcher(
            self._make_client,
            found[1],
            choice.role_arn or "",
            extra_args={name: value for name, value in words.items() if value is not None},
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")

    def _token_service(self, credentials: Credentials) -> Any:
        return self._make_client(
            "sts",
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
        )

    def _make_client(self, service: str, **keys: Any) -> Any:
        endpoint = self.choice.endpoint_url
        with self._client_lock:  # making clients of one botocore session is not thread-safe
            if endpoint is None and self.location.endpoint_url is not None:
                endpoint = configured_endpoint(self._session, service, self.location.region)
                endpoint = endpoint or self.location.endpoint_url
            return self._session.create_client(
                service,
                region_name=self.location.region,
                endpoint_url=endpoint,
                config=Config(
                    connect_timeout=5,
                    read_timeout=10,
                    retries={"total_max_attempts": 2},
                    proxies=proxies_for(endpoint),
                ),
                **keys,
            )


def _nothing(method: str) -> str:
    if method == "iam-role" and os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return "AWS_EC2_METADATA_DISABLED is true"
    return METHODS[method].nothing if method in METHODS else ""


def _details(steps: list[Step]) -> str:
    return "; ".join(dict.fromkeys(step.detail for step in steps if step.detail))
