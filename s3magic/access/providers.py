"""The providers as data: which of botocore's own each name stands for; nothing is loaded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """One name a user may choose.

    Parameters
    ----------
    name
        The name.
    methods
        The botocore providers it stands for, by their ``METHOD``, in the order they are asked;
        None for botocore's whole chain; empty where botocore is not asked.
    takes_profile
        Whether the name of a profile goes with it.
    """

    name: str
    methods: tuple[str, ...] | None = ()
    takes_profile: bool = False


PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("default", methods=None, takes_profile=True),
        Provider("environment", methods=("env",)),
        Provider(
            "profile",
            methods=(
                "assume-role",
                "assume-role-with-web-identity",
                "sso",
                "shared-credentials-file",
                "login",
                "custom-process",
                "config-file",
            ),
            takes_profile=True,
        ),
        Provider("anonymous"),
        Provider("keys"),
    )
}


@dataclass(frozen=True, slots=True)
class Method:
    """How one of botocore's providers is told to people: its label, and what finding nothing means."""

    label: str
    nothing: str


METHODS: Mapping[str, Method] = {
    "env": Method("environment", "AWS_ACCESS_KEY_ID is not set"),
    "assume-role": Method("role of the profile", "the profile names no role_arn"),
    "assume-role-with-web-identity": Method("web identity", "no web identity token file is named"),
    "sso": Method("single sign-on", "the profile names no sso_session or sso_start_url"),
    "shared-credentials-file": Method("credentials file", "the credentials file holds no keys for the profile"),
    "login": Method("aws login", "the profile has no login_session"),
    "custom-process": Method("credential process", "the profile names no credential_process"),
    "config-file": Method("config file", "the config file holds no keys for the profile"),
    "ec2-credentials-file": Method("EC2 credentials file", "AWS_CREDENTIAL_FILE is not set"),
    "boto-config": Method("boto config", "there is no boto config file with keys"),
    "container-role": Method("container role", "no container credentials endpoint is named"),
    "iam-role": Method("instance role", "no instance metadata service answered (asked once, two seconds at most)"),
}


def label(method: str) -> str:
    """Return what people are told instead of botocore's name of a provider."""
    return METHODS[method].label if method in METHODS else method
