"""The kernel's side of the broker: starts it when first needed, opens conversations with it; asks nothing."""

from __future__ import annotations

import atexit
import json
import os
import socket
import threading
import time

from s3magic.access import environment
from s3magic.access.wire import BrokerGone, Channel
from s3magic.process import open_pidfd, start_daemon

START_TIMEOUT = 30
"""Seconds a broker may take to start."""


class Broker:
    """One running broker process of this kernel."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(10)
        kernel = open_pidfd()
        try:
            self._process = start_daemon(
                "s3magic.access.broker",
                str(theirs.fileno()),
                str(kernel),
                pass_fds=(theirs.fileno(), kernel),
                env=environment.without(),
            )
        except BaseException:
            self._control.close()
            raise
        finally:
            theirs.close()
            os.close(kernel)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process still lives."""
        return self._process.poll() is None

    def open_socket(self, choice: int | None = None, *, keep: bool = False) -> socket.socket:
        """Open a conversation, wait until the broker has taken it up, return our end of it.

        See `s3magic.access.broker.Desk.welcome`.
        """
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [json.dumps({"choice": choice, "keep": keep}).encode()], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise BrokerGone from error
        finally:
            theirs.close()
        _await_greeting(ours)
        return ours

    def channel(self) -> Channel:
        """Open a conversation about everything."""
        return Channel(self.open_socket())

    def stop(self) -> None:
        """Let go of the process: it ends when no mount needs it any more."""
        self._control.close()

    def wait_for_end(self, timeout: float = 2) -> None:
        """Wait a moment for a process whose socket is closed already, so that it counts as ended."""
        deadline = time.monotonic() + timeout
        while self.is_running and time.monotonic() < deadline:
            time.sleep(0.01)


def _await_greeting(sock: socket.socket) -> None:
    """Wait for the byte that says the broker has taken a conversation up."""
    taken_up = False
    try:
        sock.settimeout(START_TIMEOUT)
        taken_up = bool(sock.recv(1))
        sock.settimeout(None)
    except OSError as error:
        raise BrokerGone from error
    finally:
        if not taken_up:
            sock.close()
    if not taken_up:
        raise BrokerGone


_lock = threading.Lock()
_running: Broker | None = None
_former: list[Broker] = []
"""Brokers stopped, or inherited from the parent of a forked child: kept until they end, never used."""


def broker() -> Broker:
    """Return the broker of this process, started where there is none yet or the last one died."""
    global _running  # noqa: PLW0603 - one a kernel
    with _lock:
        if _running is None or not _running.is_running:
            _part_with_running()
            _running = Broker()
        return _running


def let_go() -> None:
    """Let the broker of this process end as soon as no mount needs it; every connection ends with it."""
    with _lock:
        _part_with_running()


def _part_with_running() -> None:
    """Stop the running broker, if any, and take the end of those that were stopped before."""
    global _running  # noqa: PLW0603
    if _running is not None:
        _running.stop()
        _running.wait_for_end(0.5)
        _former.append(_running)
        _running = None
    _former[:] = [one for one in _former if one.is_running]


def _forget() -> None:
    """Leave the parent's broker to the parent: a forked child starts its own when it needs one."""
    global _lock, _running  # noqa: PLW0603
    _lock = threading.Lock()
    if _running is not None:
        _running.stop()
        _former.append(_running)
        _running = None


atexit.register(let_go)
os.register_at_fork(after_in_child=_forget)
