"""What kernel and worker say to each other: frames of JSON and bytes; nothing that comes is ever executed.

A frame is two lengths, 4 bytes each, then JSON and bytes as long as they said.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from s3magic import errors
from s3magic.errors import S3MagicError
from s3magic.formats.base import Field, Look, Preview, TileInfo
from s3magic.store.reader import ByteLimitReached
from s3magic.thumbnails.decoding import DecoderFailed, Seen, Task

_LENGTHS = struct.Struct("!II")
_LONGEST_TEXT = 1 << 20
_ERRORS = ("UnreadableFormat", "MissingLibrary", "InvalidInput")

Message = dict[str, Any]


class Garbled(Exception):
    """What came makes no sense: the other side is broken."""


def send(channel: socket.socket, message: Message, body: bytes = b"") -> None:
    """Send one frame."""
    text = json.dumps(message).encode()
    channel.sendall(_LENGTHS.pack(len(text), len(body)) + text)
    if body:
        channel.sendall(body)


def receive(channel: socket.socket, *, most: int) -> tuple[Message, bytes]:
    """Return the next frame, whose bytes may be ``most``.

    Raises
    ------
    EOFError
        When the other side is gone.
    Garbled
        When it sent something else.
    """
    text_length, body_length = _LENGTHS.unpack(_exactly(channel, _LENGTHS.size))
    if text_length > _LONGEST_TEXT or body_length > most:
        raise Garbled(f"a frame of {text_length} and {body_length} bytes")
    try:
        message = json.loads(_exactly(channel, text_length))
    except ValueError as error:
        raise Garbled("a frame that is no JSON") from error
    if not isinstance(message, dict):
        raise Garbled("a frame without a message")
    return message, _exactly(channel, body_length)


def task_message(task: Task) -> Message:
    """Return a task as a message; its head goes beside it."""
    told = {"name": task.name, "length": task.length, "size": task.size, "limit": task.limit}
    return {**told, "is_folder": task.is_folder, "look": task.look.to_json()}


def read_task(message: Message, head: bytes) -> Task:
    """Return the task that a message tells."""
    look = {**message.pop("look")}
    bands = look.pop("bands")
    return Task(**message, look=Look(**look, bands=None if bands is None else tuple(bands)), head=head)


def seen_message(seen: Seen) -> Message:
    """Return what was seen as a message; the picture goes beside it."""
    return {
        "preview": None if seen.preview is None else seen.preview.to_json(),
        "info": None if seen.info is None else seen.info.to_json(),
    }


def read_seen(message: Message, image: bytes) -> Seen:
    """Return what a message says was seen; raise `Garbled` where it says something else."""
    try:
        preview, info = message["preview"], message["info"]
        if preview is not None:
            scale = preview.pop("field", None)
            preview = Preview(**preview, image=image, field=None if scale is None else Field(**scale))
            sides, words = (preview.width, preview.height), (preview.media_type, preview.caption, preview.source)
            if not (all(isinstance(side, int) for side in sides) and all(isinstance(one, str) for one in words)):
                raise TypeError("sides that are no numbers, or words that are none")  # noqa: TRY301 - one end for all
        return Seen(preview, None if info is None else TileInfo(**info))
    except (AttributeError, KeyError, TypeError) as error:
        raise Garbled("a picture that is none") from error


def error_message(error: BaseException) -> Message:
    """Return an error as a message; `read_error` makes it again."""
    name = type(error).__name__
    if isinstance(error, MemoryError):
        name = "MemoryError"
    text, hint = (error.message, error.hint) if isinstance(error, S3MagicError) else (str(error), "")
    return {"failed": {"name": name, "message": text[:1000], "hint": hint[:1000]}}


def read_error(message: Message) -> Exception:
    """Return the error that a message tells; of what is none of ours the name alone."""
    failed = message["failed"]
    if not isinstance(failed, dict):
        raise Garbled("an error that is none")
    name, text, hint = (str(failed.get(part, "")) for part in ("name", "message", "hint"))
    if name == "MemoryError":
        return MemoryError(text)
    if name == "ByteLimitReached":
        return ByteLimitReached(text)
    if name in _ERRORS:
        kind: type[S3MagicError] = getattr(errors, name)
        return kind(text, hint)
    return DecoderFailed(f"Could not be shown ({name[:100]})")


def _exactly(channel: socket.socket, length: int) -> bytes:
    """Return so many bytes; in one piece and without a copy where the channel waits for as long as it takes."""
    parts: list[bytes] = []
    left = length
    while left:
        parts.append(channel.recv(left, socket.MSG_WAITALL))
        if not parts[-1]:
            raise EOFError("the other side is gone")
        left -= len(parts[-1])
    return parts[0] if len(parts) == 1 else b"".join(parts)
