"""The options of %s3creds, and the words of `s3magic.connect` they stand for; chooses nothing itself."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from s3magic.access.providers import PROVIDERS
from s3magic.errors import InvalidInput
from s3magic.notebook import values
from s3magic.notebook.magic import option

_SOURCES = [name for name in PROVIDERS if name not in {"role", "anonymous"}]
_MANAGED = ("provider", "forget", "no_environ")
_FORMS = {"profile", "region", "endpoint_url", "addressing_style", "requester_pays"}

OPTIONS = (
    option(
        "provider",
        nargs="?",
        metavar="PROVIDER",
        choices=list(PROVIDERS),
        help="where the credentials come from: %(choices)s; without it, a panel to choose in",
    ),
    option("--profile", metavar="NAME", help="a profile of your AWS configuration"),
    option(
        "--order", metavar="NAMES", type=values.names, help="providers to ask in turn, such as environment,sso,imds"
    ),
    option("--role-arn", metavar="ARN", help="the role to take on, for the provider 'role'"),
    option("--external-id", metavar="ID", help="what the owner of the role expects to be told"),
    option("--session-name", metavar="NAME", help="what the session of the role is called"),
    option("--duration", type=int, metavar="SECONDS", help="how long the session of the role lasts, 900 to 43200"),
    option("--source", metavar="PROVIDER", choices=_SOURCES, help="whose credentials take on the role"),
    option("--region", help="region of the buckets, such as eu-west-2"),
    option("--endpoint-url", metavar="URL", help="address of an S3-compatible store"),
    option("--addressing-style", choices=["auto", "path", "virtual"], help="how the bucket is written in requests"),
    option("--requester-pays", action="store_true", help="agree to pay for the requests"),
    option("--request-concurrency", type=int, metavar="N", help="requests under way at once; 32 when not given"),
    option("--max-retries", type=int, metavar="N", help="how often a request is sent again after a passing fault"),
    option("--initial-delay", type=float, metavar="SECONDS", help="wait before the first retry"),
    option("--max-delay", type=float, metavar="SECONDS", help="longest wait before a retry"),
    option("--read-rate", type=float, metavar="N", help="reads and listings a second, at most"),
    option("--write-rate", type=float, metavar="N", help="writes and deletions a second, at most"),
    option("--doubling-time", metavar="TIME", help="time in which both rates double, such as 5m"),
    option("--for", dest="for_url", metavar="URL", help="choose for this bucket or folder alone; by itself, show it"),
    option("--forget", action="store_true", help="with --for: let the choice for all serve it again"),
    option("--no-environ", action="store_true", help="leave the environment, and with it other libraries, alone"),
    option("--save", metavar="NAME", help="keep the choice by a name, in your configuration folder; never keys"),
    option("--saved", metavar="NAME", help="take the choice that was kept by a name"),
)


def words(args: Namespace) -> dict[str, Any]:
    """Return what was given, as `s3magic.connect` takes it; the provider too where one is named or meant."""
    names = {one.settings.get("dest", one.flags[0].lstrip("-").replace("-", "_")) for one in OPTIONS}
    given = {name: getattr(args, name) for name in names if name not in _MANAGED}
    given = {name: value for name, value in given.items() if value is not None and value is not False}
    provider = args.provider or _meant(given)
    return {"provider": provider, **given} if provider else given


def needs_keys(given: dict[str, Any]) -> bool:
    """Tell whether keys have to be asked for."""
    return "keys" in (given.get("provider"), given.get("source"), *given.get("order", ()))


def fit_the_form(given: dict[str, Any]) -> bool:
    """Tell whether the panel has a field for each word."""
    return given.keys() <= {"provider", *_FORMS}


def check_forget(args: Namespace, given: dict[str, Any]) -> None:
    """Refuse ``--forget`` with anything but a place."""
    if args.forget and given.keys() != {"for_url"}:
        raise InvalidInput("--forget goes with --for alone", "Write %s3creds --for s3://bucket/prefix/ --forget.")


def _meant(given: dict[str, Any]) -> str | None:
    if given.keys() & {"order", "saved"} or not given.keys() - {"for_url"}:
        return None
    if "role_arn" in given:
        return "role"
    return "profile" if "profile" in given else "default"
