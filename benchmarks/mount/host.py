"""The built-in engine as a command in the foreground: host.py URL FOLDER.

Loads s3magic, as a notebook has, says so, and mounts when a line comes on standard input; unmounts
when that ends.
"""

from __future__ import annotations

import sys

import s3magic
import s3magic.api
import s3magic.mounting.manager


def main() -> None:
    """Mount until standard input ends."""
    url, folder = sys.argv[1:]
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    with s3magic.mount(url, folder):
        sys.stdin.read()


if __name__ == "__main__":
    main()
