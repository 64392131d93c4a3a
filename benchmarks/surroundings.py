"""The environment that what is measured runs in: the keys and the address of the bench's server, and nobody else's."""

from __future__ import annotations

import os

_HIDDEN = ("AWS", "S3_", "TENSORSTORE_", "RCLONE")


def environment(endpoint: str, **more: str) -> dict[str, str]:
    """Return this process's environment without anybody's S3 settings, with those of a bench's server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    return kept | {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "benchbench",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "S3_ENDPOINT_URL": endpoint,
        "TQDM_DISABLE": "1",
        **more,
    }
