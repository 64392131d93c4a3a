"""One connection in the words of every other engine: options, variables or text; no secret where it can do without.

Engines that ask for credentials by themselves get the address of the broker's endpoint, or a
function to ask; those that take nothing but keys get keys, hidden from every repr.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from s3magic.access import masking
from s3magic.access.wire import Hidden
from s3magic.errors import InvalidInput
from s3magic.store.tuning import REQUESTS_AT_ONCE, Tuning

if TYPE_CHECKING:
    from s3magic.access.connection import Connection


class HiddenText(str):
    """Text with a secret in it: its repr shows none, so that no notebook keeps it by accident."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} hidden characters: print() shows them>"


def export(connection: Connection, engine: str) -> dict[str, Any] | str:
    """Return what an engine needs to ask as a connection does.

    Parameters
    ----------
    connection
        Whose credentials, and where; the address in an export holds while the connection lives.
    engine
        ``"tensorstore"``: members of a key-value store's JSON specification;
        ``"s3fs"``, ``"obstore"``, ``"pyarrow"``: arguments of ``s3fs.S3FileSystem`` (fsspec's and
        pandas' storage options), ``obstore.store.S3Store``, ``pyarrow.fs.S3FileSystem``;
        ``"boto3"``: arguments of ``boto3.Session``; ``"rasterio"``: arguments of ``rasterio.Env``;
        ``"duckdb"``: an SQL statement; ``"environ"``: variables for another process;
        ``"rclone"``, ``"mountpoint"``, ``"s3fs-fuse"``: ``{"environ": {...}, "options": [...]}``,
        variables and command-line options to start the program with (the remote of rclone is
        called ``s3magic:``).

    Raises
    ------
    InvalidInput
        When there is no such engine.
    """
    if engine not in ENGINES:
        raise InvalidInput(f"Unknown engine: {engine!r}", f"Choose one of {', '.join(ENGINES)}.")
    return _EXPORTS[engine](connection)


def _environ(connection: Connection) -> dict[str, str]:
    """Return variables to lay over this process's own, empty where one of those must not count.

    A container's own ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`` counts even when empty: only a choice
    that leads the environment takes it away.
    """
    wanted = masking.variables(connection.location, connection.publish())
    to_empty = {name for name, value in wanted.items() if value is None and os.environ.get(name)}
    set_ones = {name: value for name, value in wanted.items() if value is not None}
    return set_ones | dict.fromkeys(to_empty - {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}, "")


def _tensorstore(connection: Connection) -> dict[str, Any]:
    location, published = connection.location, connection.publish()
    found: dict[str, Any] = {"driver": "s3", "aws_region": location.region, "requester_pays": location.requester_pays}
    if location.endpoint_url:
        found["endpoint"] = location.endpoint_url
    if published is None:
        found["aws_credentials"] = {"type": "anonymous"}
    else:
        found["aws_credentials"] = {
            "type": "ecs",
            "endpoint": published.url,
            "auth_token_file": published.token_file,
        }
    return found | _tensorstore_tuning(connection.tuning)


def _tensorstore_tuning(tuning: Tuning) -> dict[str, Any]:
    """Return a tuning in TensorStore's words, which count the first try among the retries."""
    rates = {"read_rate": tuning.read_rate, "write_rate": tuning.write_rate}
    limits: dict[str, Any] = {name: rate for name, rate in rates.items() if rate is not None}
    if limits and tuning.doubling_time:
        limits["doubling_time"] = f"{tuning.doubling_time:g}s"
    return {
        "s3_request_concurrency": {"limit": tuning.request_concurrency or REQUESTS_AT_ONCE},
        "s3_request_retries": {
            "max_retries": tuning.max_retries + 1,
            "initial_delay": f"{tuning.initial_delay:g}s",
            "max_delay": f"{tuning.max_delay:g}s",
        },
        **({"experimental_s3_rate_limiter": limits} if limits else {}),
    }


def _s3fs(connection: Connection) -> dict[str, Any]:
    from s3magic.access.handover import filesystem_options  # noqa: PLC0415 - loads s3fs

    return filesystem_options(connection.credentials, connection.location)


def _boto3(connection: Connection) -> dict[str, Any]:
    from s3magic.access.handover import session_options  # noqa: PLC0415 - loads boto3

    return session_options(connection.credentials, connection.location)


def _obstore(connection: Connection) -> dict[str, Any]:
    from s3magic.access.handover import obstore_provider  # noqa: PLC0415 - loads boto3

    location = connection.location
    found: dict[str, Any] = {"region": location.region, "request_payer": location.requester_pays}
    if location.endpoint_url:
        found |= {
            "endpoint": location.endpoint_url,
            "client_options": {"allow_http": location.endpoint_url.startswith("http:")},
        }
    if location.addressing_style != "auto" or not location.endpoint_url:
        found["virtual_hosted_style_request"] = location.addressing_style != "path"
    if connection.provider == "anonymous":
        return {**found, "skip_signature": True}
    return {**found, "credential_provider": obstore_provider(connection.credentials)}


def _pyarrow(connection: Connection) -> dict[str, Any]:
    location = connection.location
    found: dict[str, Any] = {"region": location.region}
    if location.endpoint_url:
        found["endpoint_override"] = location.endpoint_url
        found["force_virtual_addressing"] = location.addressing_style == "virtual"
    if connection.provider == "anonymous":
        return {**found, "anonymous": True}
    return Hidden(found | _keys(connection, "access_key", "secret_key", "session_token"))


def _rasterio(connection: Connection) -> dict[str, Any]:
    from rasterio.session import AWSSession  # type: ignore[import-untyped]  # noqa: PLC0415 - whoever asks for this has it

    options = {name: value for name, value in masking.gdal_options(connection.location).items() if value}
    session = AWSSession(
        connection.session(),
        aws_unsigned=connection.provider == "anonymous",
        endpoint_url=options.pop("AWS_S3_ENDPOINT", None),
        requester_pays=connection.location.requester_pays,
    )
    return {"session": session, **options}


def _duckdb(connection: Connection) -> str:
    location = connection.location
    words = {"TYPE": "s3"}
    if connection.provider != "anonymous":
        keys = _keys(connection, "KEY_ID", "SECRET", "SESSION_TOKEN")
        words |= {name: _sql(value) for name, value in keys.items()} or {"PROVIDER": "credential_chain"}
        if not keys:
            words["REFRESH"] = "auto"
    words["REGION"] = _sql(location.region)
    if location.endpoint_url:
        scheme, _, host = location.endpoint_url.partition("://")
        words |= {"ENDPOINT": _sql(host), "USE_SSL": str(scheme == "https").lower()}
    if location.addressing_style != "virtual" and (location.endpoint_url or location.addressing_style == "path"):
        words["URL_STYLE"] = "'path'"
    if location.requester_pays:
        words["REQUESTER_PAYS"] = "true"
    return HiddenText(
        f"CREATE OR REPLACE SECRET s3magic ({', '.join(f'{name} {value}' for name, value in words.items())})"
    )


def _rclone(connection: Connection) -> dict[str, Any]:
    location = connection.location
    remote = {
        "type": "s3",
        "provider": "Other" if location.endpoint_url else "AWS",
        "env_auth": str(connection.provider != "anonymous").lower(),
        "region": location.region,
        "endpoint": location.endpoint_url or "",
        "requester_pays": str(location.requester_pays).lower(),
        "force_path_style": _path_style(connection),
        "no_check_bucket": "true",
    }
    variables = {f"RCLONE_CONFIG_S3MAGIC_{name.upper()}": value for name, value in remote.items()}
    return {"environ": {**_environ(connection), **variables}, "options": []}


def _mountpoint(connection: Connection) -> dict[str, Any]:
    location = connection.location
    options = ["--region", location.region]
    if location.endpoint_url:
        options += ["--endpoint-url", location.endpoint_url]
    if _path_style(connection) == "true":
        options.append("--force-path-style")
    if location.requester_pays:
        options.append("--requester-pays")
    if connection.provider == "anonymous":
        options.append("--no-sign-request")
    return {"environ": _environ(connection), "options": options}


def _s3fs_fuse(connection: Connection) -> dict[str, Any]:
    """Return keys for s3fs-fuse: it knows containers of one fixed address alone, and follows no refresh of these."""
    location = connection.location
    options = [f"endpoint={location.region}", f"url={location.endpoint_url or _aws_host(location.region)}"]
    if _path_style(connection) == "true":
        options.append("use_path_request_style")
    if location.requester_pays:
        options.append("requester_pays")
    credentials = connection.credentials()
    if credentials is None:
        return {"environ": {}, "options": ["-o", ",".join([*options, "public_bucket=1"])]}
    environ = Hidden(AWS_ACCESS_KEY_ID=credentials.access_key_id, AWS_SECRET_ACCESS_KEY=credentials.secret_access_key)
    if credentials.session_token:
        environ["AWS_SESSION_TOKEN"] = credentials.session_token
    return {"environ": environ, "options": ["-o", ",".join(options)]}


def _keys(connection: Connection, *names: str) -> dict[str, str]:
    """Return keys for an engine that reads only them or the environment; none where that leads here already."""
    credentials = connection.credentials()
    if masking.leader() is connection or credentials is None:
        return {}
    values = (credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    return {name: value for name, value in zip(names, values, strict=True) if value}


def _path_style(connection: Connection) -> str:
    style, custom = connection.location.addressing_style, connection.location.endpoint_url
    return str(style == "path" or (style == "auto" and bool(custom))).lower()


def _aws_host(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def _sql(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_EXPORTS: Mapping[str, Callable[[Connection], dict[str, Any] | str]] = {
    "tensorstore": _tensorstore,
    "s3fs": _s3fs,
    "obstore": _obstore,
    "boto3": _boto3,
    "rasterio": _rasterio,
    "duckdb": _duckdb,
    "pyarrow": _pyarrow,
    "rclone": _rclone,
    "mountpoint": _mountpoint,
    "s3fs-fuse": _s3fs_fuse,
    "environ": _environ,
}
ENGINES = tuple(_EXPORTS)
