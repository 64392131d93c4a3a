"""Run every engine with every provider against a sandbox that checks signatures; tell which of them read.

usage: engines.py [--json] [--only PROVIDER …] [--apart] [--cache DIR] [--write FILE]

Each engine reads an object that is not public by what ``connection.export(engine)`` gives it, once
the environment leads to the connection (``--apart``: while it does not). ``--write`` puts the table
between the two marks in a Markdown file.
"""

# ruff: noqa: D103, PLC0415 - functions bear the name of the engine or provider they try, and load it when they do
from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import s3magic
from s3magic.access.connection import Connection
from s3magic.sandboxes import process
from s3magic.sandboxes.people import EXTERNAL_ID
from s3magic.sandboxes.process import Sandbox
from s3magic.store.credentials import Credentials

TEXT, TABLE, RASTER = "tables/stations.csv", "tables/observations.parquet", "cogs/plain.tif"
MARKS = ("<!-- engines: begin -->", "<!-- engines: end -->")
OTHERS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


# Engines: each reads something of a bucket and returns it, or raises.


def boto3(connection: Connection, bucket: str) -> object:
    import boto3

    return boto3.Session(**connection.export("boto3")).client("s3").get_object(Bucket=bucket, Key=TEXT)["Body"].read()


def s3fs(connection: Connection, bucket: str) -> object:
    import pandas as pd

    return pd.read_csv(f"s3://{bucket}/{TEXT}", storage_options=connection.export("s3fs")).shape


def obstore(connection: Connection, bucket: str) -> object:
    from obstore.store import S3Store

    return S3Store(bucket, **connection.export("obstore")).get(TEXT).bytes()


def tensorstore(connection: Connection, bucket: str) -> object:
    import tensorstore as ts

    store = ts.KvStore.open({**connection.export("tensorstore"), "bucket": bucket}).result()
    read = store.read(TEXT).result()
    return read.value if read.state == "value" else None


def pyarrow(connection: Connection, bucket: str) -> object:
    from pyarrow import fs, parquet

    return parquet.read_table(f"{bucket}/{TABLE}", filesystem=fs.S3FileSystem(**connection.export("pyarrow"))).shape


def rasterio(connection: Connection, bucket: str) -> object:
    import rasterio

    with rasterio.Env(**connection.export("rasterio")), rasterio.open(f"s3://{bucket}/{RASTER}") as raster:
        return raster.read(1).shape


def duckdb(connection: Connection, bucket: str) -> object:
    import duckdb
    import duckdb_extension_aws
    import duckdb_extension_httpfs

    with duckdb.connect() as database:
        for extension in (duckdb_extension_httpfs, duckdb_extension_aws):
            for file in Path(extension.__file__).parent.rglob("*.duckdb_extension"):
                database.execute(f"LOAD '{file}'")
        database.execute(connection.export("duckdb"))
        return database.execute(f"SELECT count(*) FROM 's3://{bucket}/{TABLE}'").fetchone()  # noqa: S608


def rclone(connection: Connection, bucket: str) -> object:
    program = Path(sys.executable).with_name("rclone")
    given = connection.export("rclone")
    return output([program, "--config", os.devnull, "cat", f"s3magic:{bucket}/{TEXT}", *given["options"]], given)


def s3fs_fuse(connection: Connection, bucket: str) -> object:
    given = connection.export("s3fs-fuse")
    with tempfile.TemporaryDirectory() as folder:
        output(["s3fs", bucket, folder, *given["options"]], given)
        try:
            return Path(folder, TEXT).read_bytes()
        finally:
            subprocess.run(["fusermount3", "-u", "-z", folder], check=False)


def environ(connection: Connection, bucket: str) -> object:
    code = f"import boto3; boto3.client('s3').head_object(Bucket={bucket!r}, Key={TEXT!r}); print('read')"
    return output([sys.executable, "-c", code], {"environ": connection.export("environ")})


ENGINES: dict[str, Callable[[Connection, str], object]] = {
    "boto3": boto3,
    "s3fs": s3fs,
    "obstore": obstore,
    "tensorstore": tensorstore,
    "pyarrow": pyarrow,
    "rasterio": rasterio,
    "duckdb": duckdb,
    "rclone": rclone,
    "s3fs-fuse": s3fs_fuse,
    "environ": environ,
}


def output(argv: list[Any], given: dict[str, Any]) -> str:
    done = subprocess.run(
        argv, env={**os.environ, **given["environ"]}, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(argv[0]).name} ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


# Providers: each sets up what the provider asks in life, and says how to choose it.


class Setting:
    """The sandbox, a home folder, and the keys that the providers are to find."""

    def __init__(self, box: Sandbox, home: Path, stack: ExitStack) -> None:
        self.box, self.home, self.stack = box, home, stack
        self.keys = box.users["teacher"]
        self.config = home / "config"
        self.set(AWS_CONFIG_FILE=str(self.config), AWS_ENDPOINT_URL_STS=box.endpoint_url)

    def set(self, **variables: str) -> None:
        """Set variables until the provider has been tried."""
        self.stack.enter_context(variables_set(variables))

    def set_keys(self) -> None:
        """Put the teacher's keys into the environment."""
        self.set(AWS_ACCESS_KEY_ID=self.keys.access_key_id, AWS_SECRET_ACCESS_KEY=self.keys.secret_access_key)

    def session(self) -> Credentials:
        """Return keys that end, as servers and programs give them."""
        role = s3magic.connect(
            "role",
            role_arn=self.box.roles["lightly-reader"].arn,
            external_id=EXTERNAL_ID,
            source="keys",
            **self.with_keys(),
        )
        found = role.credentials()
        if found is None or found.expires is None:
            raise RuntimeError("the role gave no session")
        return found

    def with_keys(self) -> dict[str, Any]:
        """Return the words that choose the teacher's keys."""
        return {
            "access_key_id": self.keys.access_key_id,
            "secret_access_key": self.keys.secret_access_key,
            "endpoint_url": self.box.endpoint_url,
        }


def keys(setting: Setting) -> dict[str, Any]:
    return setting.with_keys()


def environment(setting: Setting) -> dict[str, Any]:
    setting.set_keys()
    return {}


def default(setting: Setting) -> dict[str, Any]:
    setting.set_keys()
    return {}


def profile(setting: Setting) -> dict[str, Any]:
    setting.config.write_text(
        f"[profile lab]\naws_access_key_id = {setting.keys.access_key_id}\n"
        f"aws_secret_access_key = {setting.keys.secret_access_key}\n"
    )
    return {"profile": "lab"}


def program(setting: Setting) -> dict[str, Any]:
    found = setting.session()
    told = {**_named(found, "SessionToken"), "Version": 1}
    (setting.home / "told").write_text(json.dumps(told))
    setting.config.write_text(f"[profile lab]\ncredential_process = cat {setting.home}/told\n")
    return {"profile": "lab"}


def role(setting: Setting) -> dict[str, Any]:
    setting.set_keys()
    return {
        "role_arn": setting.box.roles["lightly-reader"].arn,
        "external_id": EXTERNAL_ID,
        "source": "environment",
    }


def web_identity(setting: Setting) -> dict[str, Any]:
    token = setting.home / "web-token"
    token.write_text(setting.box.web_identity_token())
    setting.set(AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_ARN=setting.box.roles["web-reader"].arn)
    return {}


def ecs(setting: Setting) -> dict[str, Any]:
    told = json.dumps(_named(setting.session(), "Token"))
    url = setting.stack.enter_context(serving(lambda *_: told))
    setting.set(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/keys")
    return {}


def imds(setting: Setting) -> dict[str, Any]:
    told = json.dumps({**_named(setting.session(), "Token"), "Code": "Success"})
    answers = {"/latest/api/token": "a-token", "/latest/meta-data/iam/security-credentials/": "node"}
    url = setting.stack.enter_context(serving(lambda path: answers.get(path, told)))
    setting.set(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
    return {}


def sso(setting: Setting) -> dict[str, Any]:
    found = setting.session()
    told = {
        "accessKeyId": found.access_key_id,
        "secretAccessKey": found.secret_access_key,
        "sessionToken": found.session_token,
        "expiration": round(found.expires.timestamp() * 1000),
    }
    url = setting.stack.enter_context(serving(lambda *_: json.dumps({"roleCredentials": told})))
    setting.set(AWS_ENDPOINT_URL_SSO=url)
    cache = setting.home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    token = {
        "startUrl": "https://school.example",
        "region": "us-east-1",
        "accessToken": "a-token",
        "expiresAt": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    name = hashlib.sha1(b"school", usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps(token))
    setting.config.write_text(
        "[sso-session school]\nsso_start_url = https://school.example\nsso_region = us-east-1\n"
        "[profile lab]\nsso_session = school\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
    )
    return {"profile": "lab"}


def anonymous(_setting: Setting) -> dict[str, Any]:
    return {}


PROVIDERS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "default": default,
    "environment": environment,
    "profile": profile,
    "sso": sso,
    "role": role,
    "web-identity": web_identity,
    "process": program,
    "ecs": ecs,
    "imds": imds,
    "keys": keys,
    "anonymous": anonymous,
}


def _named(found: Credentials, token: str) -> dict[str, Any]:
    return {
        "AccessKeyId": found.access_key_id,
        "SecretAccessKey": found.secret_access_key,
        token: found.session_token,
        "Expiration": f"{found.expires:%Y-%m-%dT%H:%M:%SZ}",
    }


@contextmanager
def variables_set(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def serving(answer: Callable[[str], str]) -> Iterator[str]:
    """Serve a few words on loopback, whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_PUT = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def run(only: list[str], *, apart: bool, cache: Path | None = None) -> dict[str, dict[str, str]]:
    """Return what came of each provider and engine: ``"reads"``, or what went wrong."""
    results: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as home, variables_set({"HOME": home}), process.start(cache=cache) as box:
        _publish(box)
        for provider in only:
            with ExitStack() as stack:
                stack.callback(s3magic.access.current.forget)
                words = PROVIDERS[provider](Setting(box, Path(home), stack))
                words = {"endpoint_url": box.endpoint_url, "region": "us-east-1", **words}
                connection = s3magic.connect(provider, environ=not apart, **words)
                bucket = "public" if provider == "anonymous" else "teaching"
                results[provider] = {name: _try(engine, connection, bucket) for name, engine in ENGINES.items()}
    return results


def _publish(box: Sandbox) -> None:
    """Put into the public bucket what the engines read, for who signs nothing."""
    teacher = box.users["teacher"]
    connection = s3magic.connect(
        "keys",
        access_key_id=teacher.access_key_id,
        secret_access_key=teacher.secret_access_key,
        endpoint_url=box.endpoint_url,
        region="us-east-1",
    )
    client = connection.session().client("s3")
    for key in (TEXT, TABLE, RASTER):
        client.put_object(Bucket="public", Key=key, Body=client.get_object(Bucket="teaching", Key=key)["Body"].read())


def _try(engine: Callable[[Connection, str], object], connection: Connection, bucket: str) -> str:
    try:
        return "reads" if engine(connection, bucket) else "read nothing"
    except Exception as error:  # noqa: BLE001 - what went wrong is the result
        return f"{type(error).__name__}: {error}"


def table(results: dict[str, dict[str, str]]) -> str:
    """Return the results as a Markdown table."""
    lines = [["Provider", *ENGINES], ["---"] * (len(ENGINES) + 1)]
    lines += [
        [provider, *("yes" if told == "reads" else "no" for told in row.values())] for provider, row in results.items()
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print what came of each as JSON")
    parser.add_argument("--only", nargs="+", choices=list(PROVIDERS), default=list(PROVIDERS))
    parser.add_argument("--apart", action="store_true", help="leave the environment alone")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where the sandbox keeps the data it makes")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    args = parser.parse_args()
    for name in OTHERS:
        os.environ.pop(name, None)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    results = run(args.only, apart=args.apart, cache=args.cache)
    print(json.dumps(results, indent=1) if args.json else table(results))
    for provider, row in results.items():
        for engine, told in row.items():
            if told != "reads":
                print(f"{provider} × {engine}: {told}", file=sys.stderr)
    if args.write:
        before = args.write.read_text(encoding="utf-8")
        within = re.compile(f"{MARKS[0]}.*?{MARKS[1]}", re.DOTALL)
        args.write.write_text(within.sub(f"{MARKS[0]}\n{table(results)}\n{MARKS[1]}", before), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
