"""Who uses the files of a mount, and whether they are to stop: found in /proc; ends nobody."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

Holder = tuple[int, str, str]

_PROC = Path("/proc")
_STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL)
_MASKS = frozenset({b"SigPnd", b"ShdPnd", b"SigBlk"})
_STOPPING_BITS = sum(1 << number - 1 for number in _STOPPING)


def holders(path: Path) -> tuple[Holder, ...]:
    """Return ``(pid, command, file)`` of every use of a folder that this user may see.

    Nothing in the folder itself is touched, so a mount that hangs is no obstacle.
    """
    found: dict[Holder, None] = {}
    for process in _PROC.iterdir():
        if process.name.isdigit():
            for used in _used(process):
                if used == str(path) or used.startswith(f"{path}/"):
                    found[int(process.name), _command(process), used] = None
    return tuple(found)


def is_to_stop(thread: int) -> bool | None:
    """Tell whether a signal to stop waits for a thread; None where that cannot be known."""
    try:
        lines = (_PROC / str(thread) / "status").read_bytes().splitlines()  # a name in it may be no text
    except OSError:
        return None
    masks = {name: int(mask, 16) for name, _, mask in (line.partition(b":") for line in lines) if name in _MASKS}
    come, held_back = masks[b"SigPnd"] | masks[b"ShdPnd"], masks[b"SigBlk"]
    return bool(come & ~held_back & _STOPPING_BITS)


def _used(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for link in (process / "cwd", process / "root", process / "exe"):
            with contextlib.suppress(OSError):
                yield str(link.readlink())
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(link.readlink())
        for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) > 5:
                yield fields[5]


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        return words[0].decode(errors="replace") or (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
