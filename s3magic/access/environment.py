"""The variables that botocore reads: taken in the kernel, set in the broker; never in argv, never changed here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from s3magic.access import masking
from s3magic.access.wire import Hidden

_PREFIXES = ("AWS_", "TENSORSTORE_")
_NAMES = frozenset({"BOTO_CONFIG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})
_PATHS = frozenset(
    {
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "BOTO_CONFIG",
    }
)


def read_by_botocore(name: str) -> bool:
    """Tell whether botocore, or a store it stands for, reads a variable."""
    return name.startswith(_PREFIXES) or name in _NAMES


def snapshot() -> Hidden:
    """Return this process's variables that matter, as they were before any were masked.

    Paths are made whole: the broker works in another folder.
    """
    return Hidden(
        (name, str(Path(value).absolute()) if name in _PATHS and value and value[0] not in "~$" else value)
        for name, value in masking.originals().items()
        if read_by_botocore(name)
    )


def without() -> dict[str, str]:
    """Return this process's variables except those: what a broker is started with."""
    return {name: value for name, value in os.environ.items() if not read_by_botocore(name)}


def apply(environ: Mapping[str, str]) -> None:
    """Make this process's variables that matter equal to another's; what is equal already is not touched."""
    for name in [name for name in os.environ if read_by_botocore(name) and name not in environ]:
        del os.environ[name]
    for name, value in environ.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def proxies_for(endpoint_url: str | None) -> dict[str, str] | None:
    """Return what botocore is told of proxies: none at all for this very machine, else what the variables say."""
    host = (urlsplit(endpoint_url).hostname or "") if endpoint_url else ""
    return {} if host in ("localhost", "::1") or host.startswith("127.") else None
