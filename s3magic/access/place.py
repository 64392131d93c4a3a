"""Where a choice leads by botocore's configuration: the session of its profile, its region, its endpoint.

Finds no credentials; lives in the broker process alone.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ProfileNotFound
from botocore.session import Session

from s3magic.access.choice import Choice
from s3magic.access.providers import PROVIDERS
from s3magic.errors import InvalidInput
from s3magic.store.credentials import Location

_DEFAULT_REGION = "us-east-1"


def open_session(choice: Choice) -> Session:
    """Return botocore's session of a choice; raise `InvalidInput` where its profile or configuration is amiss."""
    profile = choice.profile
    session = Session(profile=profile)
    if profile is None and "profile" in (choice.provider, choice.role_source):
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


def location(choice: Choice, session: Session) -> Location:
    """Return the place a choice means: its own words first, then those of the configuration."""
    region = choice.region or session.get_config_variable("region") or os.environ.get("AWS_REGION") or _DEFAULT_REGION
    style = choice.addressing_style
    if style == "auto":
        style = (session.get_config_variable("s3") or {}).get("addressing_style") or "auto"
    endpoint = choice.endpoint_url or configured_endpoint(session, "s3", region)
    return Location(region, endpoint, style, choice.requester_pays)


def configured_endpoint(session: Session, service: str, region: str) -> str | None:
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
    return None if is_aws(endpoint) else endpoint.rstrip("/")


def is_aws(endpoint: str) -> bool:
    """Tell whether an endpoint is AWS itself."""
    return (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
