"""A kernel that is killed sooner or later: it mounts, lists, reads and unmounts until then; a process of its own.

With the seed ``idle`` it mounts and waits.

usage: soak_kernel.py FOLDER SEED    (takes the endpoint and keys as JSON; prints each daemon, and each wait too long)
"""

from __future__ import annotations

import json
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import s3magic
from s3magic import api
from s3magic.errors import S3MagicError

LONGEST_WAIT = 30
"""Seconds that no step may take: a read waits 60 s at most, and here all bytes are near."""


def step(folder, chance):
    """Do one thing that a user does; errors are what a killed daemon leaves."""
    match chance.choice(["mount", "mount", "list", "read", "read", "read", "table", "unmount", "force"]):
        case "mount":
            mounted = api.mount("s3://public/", folder)
            return f"daemon {mounted.record.pid}"
        case "list":
            list(folder.rglob("*"))
        case "read":
            for path in folder.rglob("*"):
                if path.is_file():
                    path.read_bytes()
        case "table":
            api.mounts()
        case "unmount":
            api.unmount(folder, timeout=1)
        case "force":
            api.unmount(folder, force=True)
    return ""


def main():
    folder, chance = Path(sys.argv[1]), random.Random(sys.argv[2])  # noqa: S311
    key, secret, endpoint = json.loads(sys.stdin.readline())
    s3magic.connect("keys", access_key_id=key, secret_access_key=secret, endpoint_url=endpoint, region="us-east-1")
    if sys.argv[2] == "idle":
        say(f"daemon {api.mount('s3://public/', folder).record.pid}")
        sys.stdin.read()
        return
    say("ready")
    while True:
        began = time.monotonic()
        with suppress(OSError, S3MagicError):
            say(step(folder, chance))
        if time.monotonic() - began > LONGEST_WAIT:
            say(f"waited {time.monotonic() - began:.0f} s")


def say(words):
    """Print a line, where there is something to say."""
    if words:
        sys.stdout.write(words + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
