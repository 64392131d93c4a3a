"""Starting other programs: the only room that knows ``subprocess``; nothing is ever forked or a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from s3magic.errors import MissingProgram


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,  # noqa: A002 - subprocess's own word
    pass_fds: Sequence[int] = (),
    timeout: float = 60,
) -> Completed:
    """Run a program to its end and return what it said; its exit status is the caller's to judge.

    Raises `MissingProgram` when there is none of that name, `TimeoutError` when it takes too long.
    """
    try:
        done = subprocess.run(
            [os.fspath(part) for part in argv],
            cwd=cwd,
            env=dict(env) if env is not None else None,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            pass_fds=tuple(pass_fds),
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingProgram(f"Not installed: {os.fspath(argv[0])}", "Install it and try again.") from error
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{os.fspath(argv[0])} took longer than {timeout:g} s") from error
    return Completed(done.returncode, done.stdout, done.stderr)


def pipe(
    argv: Sequence[str | os.PathLike[str]],
    data: bytes = b"",
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, bytes, bytes]:
    """Run a program on bytes, however long it takes; return its exit status, its output and its complaints.

    Raises `MissingProgram` when there is none of that name.
    """
    try:
        done = subprocess.run(
            [os.fspath(part) for part in argv],
            cwd=cwd,
            env=dict(env) if env is not None else None,
            input=data,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingProgram(f"Not installed: {os.fspath(argv[0])}", "Install it and try again.") from error
    return done.returncode, done.stdout, done.stderr


def call(argv: Sequence[str | os.PathLike[str]], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program on this terminal to its end; return its exit status."""
    try:
        return subprocess.call([os.fspath(part) for part in argv], env=dict(env) if env is not None else None)
    except FileNotFoundError as error:
        raise MissingProgram(f"Not installed: {os.fspath(argv[0])}", "Install it and try again.") from error


def start_daemon(
    module: str,
    *arguments: str,
    pass_fds: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``python -m module`` in a session of its own, so that signals to the kernel miss it.

    Secrets never go into ``arguments``: other users can read them. Hand them over an inherited
    descriptor, named in ``pass_fds``.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log if log is not None else subprocess.DEVNULL,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        close_fds=True,
        cwd="/",
        env={**(os.environ if env is None else env), "PYTHONPATH": _import_path()},
    )


def find_program(name: str) -> Path | None:
    """Return where a program is installed, or None."""
    found = shutil.which(name)
    return Path(found) if found else None


def open_pidfd(pid: int | None = None) -> int:
    """Open a descriptor that becomes readable when a process (this one by default) is gone."""
    return os.pidfd_open(os.getpid() if pid is None else pid)


def _import_path() -> str:
    """Let the child import this very package, whether it is installed or a checkout."""
    return os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
