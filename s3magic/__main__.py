"""The s3magic command: the demo, the sandbox, a look at what is installed, git-lfs's agent, an end to all mounts."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import s3magic
from s3magic.errors import InvalidInput, S3MagicError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except S3MagicError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="s3magic", description="Work with S3 data in a notebook.")
    parser.add_argument("-V", "--version", action="version", version=s3magic.__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=told, description=f"{told[0].upper()}{told[1:]}.")
        made.set_defaults(run=run)
        return made

    demo = verb("demo", _demo, "run the main job end to end on the sandbox")
    demo.add_argument("--html", type=Path, metavar="FILE", help="write what it saw as a page")

    sandbox = verb("sandbox", _sandbox, "run a local S3 with teaching data until Ctrl-C")
    sandbox.add_argument("--port", type=int, default=0, help="loopback port; a free one by default")
    sandbox.add_argument("--data", type=Path, metavar="DIR", help="a folder that becomes a bucket")
    sandbox.add_argument("--users", type=Path, metavar="FILE", help="JSON of users and roles of your own")
    sandbox.add_argument("--latency", metavar="TIME", help="let each answer wait, such as 30ms")
    sandbox.add_argument("--faults", metavar="SHARES", help="let requests fail, such as SlowDown=5%%,cut=1%%")
    sandbox.add_argument(
        "--exec", nargs=argparse.REMAINDER, metavar="COMMAND", help="run a command beside it, until it ends"
    )

    verb("doctor", _doctor, "say what is installed and what is missing; shows no secrets")
    verb("lfs-agent", _lfs_agent, "fill a clone with linked tiles; git-lfs starts it by itself")

    umount = verb("umount", _umount, "take mounts away; without arguments, show them")
    umount.add_argument("path", nargs="*", type=Path, metavar="DIR", help="a folder that is a mount")
    umount.add_argument("--all", action="store_true", help="every mount of yours")
    umount.add_argument("--force", action="store_true", help="also when somebody still uses it")
    return parser


def _demo(options: argparse.Namespace) -> int:
    from s3magic import demo

    return 0 if demo.run(page=options.html) else 1


def _sandbox(options: argparse.Namespace) -> int:
    from s3magic import api

    if options.exec == []:
        raise InvalidInput("--exec was given no command", "Write s3magic sandbox --exec COMMAND.")
    asked = {name: getattr(options, name) for name in ("port", "data", "users", "latency", "faults")}
    with api.sandbox(**asked) as box:
        teacher = box.users["teacher"]
        environ = {
            "AWS_ENDPOINT_URL": box.endpoint_url,
            "AWS_ACCESS_KEY_ID": teacher.access_key_id,
            "AWS_SECRET_ACCESS_KEY": teacher.secret_access_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        if options.exec:
            from s3magic.process import call

            return call(options.exec, env={**os.environ, **environ})
        for name, value in environ.items():
            print(f"export {name}={value}")
        print("# The sandbox runs until Ctrl-C.", flush=True)
        signal.pause()
    return 0


def _doctor(options: argparse.Namespace) -> int:
    del options
    from s3magic import doctor

    print(doctor.report())
    return 0


def _lfs_agent(options: argparse.Namespace) -> int:
    del options
    from s3magic.linking.git import agent

    agent.serve(sys.stdin, sys.stdout)
    return 0


def _umount(options: argparse.Namespace) -> int:
    from s3magic import api

    if bool(options.path) == options.all:
        print(api.mounts())
        print("Name folders, or --all.", file=sys.stderr)
        return 2
    for path in options.path or [None]:
        api.unmount(path, all=options.all, force=options.force)
    return 0


if __name__ == "__main__":
    sys.exit(main())
