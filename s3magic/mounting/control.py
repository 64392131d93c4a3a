"""Asking a daemon: one JSON line there, one back, over its socket in a folder that only its user may enter.

Carries no bytes of files and no secrets.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from s3magic import errors
from s3magic.errors import MountError, MountTaken, S3MagicError

Answer = Callable[[dict[str, Any], list[int]], dict[str, Any]]

_LONGEST = 1 << 20
_SECONDS = 10.0


def ask(
    path: Path, question: dict[str, Any], *, descriptors: Sequence[int] = (), seconds: float = 10
) -> dict[str, Any]:
    """Send a question, with open descriptors if it needs any, and return the answer.

    Raises what the daemon answered with, and `MountError` when there is none to answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as channel, _address(path) as address:
            channel.settimeout(seconds)
            channel.connect(address)
            send(channel, question, descriptors=descriptors)
            return read(channel)
    except OSError as error:
        if isinstance(error, S3MagicError):
            raise
        raise MountError(f"The mount's daemon does not answer: {error}", "Unmount it with force.") from error


def send(channel: socket.socket, message: dict[str, Any], *, descriptors: Sequence[int] = ()) -> None:
    """Send one message over an open channel, with open descriptors if it needs any."""
    data = json.dumps(message).encode() + b"\n"
    sent = socket.send_fds(channel, [data], list(descriptors))
    if sent < len(data):  # sending nothing would fail where the other side has read all and gone
        channel.sendall(data[sent:])


def read(channel: socket.socket) -> dict[str, Any]:
    """Read one message; raise the error it carries, and `MountError` when the other side ended."""
    return take(channel)[0]


def take(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Read one message, and the descriptors that came with it."""
    data = bytearray()
    descriptors: list[int] = []
    while not data.endswith(b"\n"):
        chunk, more, _, _ = socket.recv_fds(channel, 65536, 1)
        descriptors += more
        if not chunk or len(data) > _LONGEST:
            raise MountError(
                "The mount's daemon ended without a word", "Try again; s3magic doctor shows what is amiss."
            )
        data += chunk
    message: dict[str, Any] = json.loads(data)
    if "error" in message:
        raise _error_from(message["error"])
    return message, descriptors


def error_message(error: Exception) -> dict[str, Any]:
    """Return an error as a message that `read` raises again."""
    hint = error.hint if isinstance(error, S3MagicError) else ""
    text = str(error) or type(error).__name__
    return {"error": {"class": type(error).__name__, "message": text, "hint": hint}}


def serve(path: Path, answer: Answer) -> socket.socket:
    """Answer at a path until the returned socket is closed; each question in a thread of its own.

    To be called in a turn of `records`.

    Raises `MountTaken` where somebody else answers there.
    """
    if _is_answered(path):
        raise MountTaken(f"Another daemon answers at {path}", "Try again.")
    path.unlink(missing_ok=True)  # what one that was killed left
    listener = socket.socket(socket.AF_UNIX)
    with _address(path) as address:
        listener.bind(address)
    listener.listen()
    threading.Thread(target=_accept, args=(listener, answer), name="control", daemon=True).start()
    return listener


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Give a socket a name of few letters, for the kernel takes no more than 107, and folders may have long ones."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as channel, _address(path) as address:
        channel.setblocking(False)
        return channel.connect_ex(address) not in {errno.ENOENT, errno.ECONNREFUSED}


def _accept(listener: socket.socket, answer: Answer) -> None:
    while True:
        try:
            channel, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(channel, answer), name="answer", daemon=True).start()


def _converse(channel: socket.socket, answer: Answer) -> None:
    with channel, contextlib.suppress(OSError):
        channel.settimeout(_SECONDS)
        data, descriptors, _, _ = socket.recv_fds(channel, _LONGEST, 1)
        try:
            reply = answer(json.loads(data), descriptors)
        except Exception as error:  # noqa: BLE001 - the asker must hear of it
            reply = error_message(error)
        send(channel, reply)


def _error_from(fields: dict[str, str]) -> S3MagicError:
    kind = getattr(errors, fields["class"], MountError)
    error: S3MagicError = kind(fields["message"], fields["hint"])
    return error
