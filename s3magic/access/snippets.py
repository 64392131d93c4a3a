"""One connection as text to paste: a few lines of Python, JSON or shell for each engine; never a secret."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from s3magic.access import masking
from s3magic.access.exports import export

if TYPE_CHECKING:
    from s3magic.access.connection import Connection

_PYTHON = {
    "s3fs": ("import pandas as pd", 'pd.read_csv("s3://BUCKET/KEY", storage_options={options})'),
    "obstore": ("from obstore.store import S3Store", 'store = S3Store("BUCKET", **{options})'),
    "boto3": ("import boto3", 'client = boto3.Session(**{options}).client("s3")'),
    "rasterio": (
        "import rasterio",
        """with rasterio.Env(**{options}), rasterio.open("s3://BUCKET/KEY") as raster:
    print(raster.profile)""",
    ),
    "duckdb": ("import duckdb", "duckdb.execute({options})"),
    "pyarrow": ("from pyarrow import fs", "files = fs.S3FileSystem(**{options})"),
    "s3fs-fuse": (
        "import os\nimport subprocess",
        """given = {options}
program = ["s3fs", "BUCKET", "FOLDER", *given["options"]]
subprocess.run(program, env={{**os.environ, **given["environ"]}}, check=True)""",
    ),
}
_SHELL = {"rclone": "rclone lsf s3magic:BUCKET", "mountpoint": "mount-s3 BUCKET FOLDER"}


def snippet(connection: Connection, engine: str) -> str:
    """Return lines that make an engine ask as a connection does; ``BUCKET`` and its like are yours to fill in.

    Lines of Python are for the kernel of the connection; JSON and shell are for any process of
    this user, as long as the connection lives. Raises `InvalidInput` when there is no such engine.
    """
    exported = export(connection, engine)
    if engine in _PYTHON:
        imports, lines = _PYTHON[engine]
        place = f'"{connection.place}"' if connection.place else ""
        options = f'api.connection({place}).export("{engine}")'
        return f"{imports}\n\nfrom s3magic import api\n\n{lines.format(options=options)}\n"
    if not isinstance(exported, dict):
        return exported
    if engine == "tensorstore":
        return json.dumps({**exported, "bucket": "BUCKET"}, indent=2) + "\n"
    variables = masking.variables(connection.location, connection.publish())
    if engine == "environ":
        return _exported(variables)
    program = f"{_SHELL[engine]} {shlex.join(exported['options'])}".rstrip()
    return f"{_exported({**exported['environ'], **variables})}{program}\n"


def _exported(variables: Mapping[str, str | None]) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items() if value]
    gone = [name for name, value in variables.items() if not value]
    return "\n".join([*lines, f"unset {' '.join(gone)}", ""])
