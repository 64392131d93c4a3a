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
    about
        What it is, for people, in one line.
    """

    name: str
    methods: tuple[str, ...] | None = ()
    takes_profile: bool = False
    about: str = ""


PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            "default",
            methods=None,
            takes_profile=True,
            about="Whatever the AWS tools would find: environment, profile, container, instance.",
        ),
        Provider("environment", methods=("env",), about="AWS_ACCESS_KEY_ID and its companions."),
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
            about="A profile of your AWS configuration, whatever it holds.",
        ),
        Provider("sso", methods=("sso",), takes_profile=True, about="What 'aws sso login' signed you in to."),
        Provider("role", methods=(), takes_profile=True, about="A role you are trusted with: delegated access."),
        Provider(
            "web-identity",
            methods=("assume-role-with-web-identity",),
            takes_profile=True,
            about="A role taken on with a token file, as in Kubernetes or CI.",
        ),
        Provider("process", methods=("custom-process",), takes_profile=True, about="The program a profile names."),
        Provider("ecs", methods=("container-role",), about="What a container is given: ECS, EKS Pod Identity."),
        Provider("imds", methods=("iam-role",), about="The role of the EC2 instance this runs on."),
        Provider("login", methods=("login",), takes_profile=True, about="What 'aws login' signed you in to."),
        Provider("anonymous", about="Requests are not signed: for public buckets."),
        Provider("keys", about="An access key, kept in memory alone."),
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
