"""The broker process, one a kernel: holds the choices, refreshes their credentials, serves them.

Run as ``python -m s3magic.access.broker CONTROL PIDFD``: the numbers of two inherited descriptors,
a socket on which the kernel hands over one end of each conversation, and a pidfd of the kernel.
It writes no file but the endpoint's token, keeps no log, and forks nothing.

The variables botocore reads are set in this process whenever a choice is made, to what they are
in the kernel at that time, as they would be if botocore ran there. They come over the socket; the
process is started without them, so that no key stands in its environment as others can read it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from select import POLLIN, poll
from typing import TYPE_CHECKING, Any

from s3magic.access.choice import Choice
from s3magic.access.wire import LONGEST_LINE, Remembered, credentials_from_json, credentials_to_json, error_to_json
from s3magic.errors import NoCredentials, S3MagicError

if TYPE_CHECKING:
    from s3magic.access.chain import Holding
    from s3magic.access.endpoint import Endpoint


class Desk:
    """The choices held, and the conversations about them: a thread each, so that none waits for another."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._holdings: dict[int, Holding] = {}
        self._holders: Counter[int] = Counter()
        self._kept = 0
        self._endpoint: Endpoint | None = None
        self._published: dict[str, tuple[int, Remembered]] = {}
        self._left = threading.Condition()

    def welcome(self, sock: socket.socket, *, choice: int | None, keep: bool) -> None:
        """Begin a conversation, with one byte that says so.

        One bound to a choice may ask for its credentials alone; another may make choices and ask
        about all. A choice is forgotten, its keys with it, when the last conversation that made it
        or is bound to it ends. One with ``keep`` lets the broker live on without its kernel.
        """
        with self._left:
            self._kept += keep
        held = [] if choice is None else [choice]
        for number in held:
            self._hold(number)
        questions = self._everything(held) if choice is None else self._one(self._holdings.get(choice))
        threading.Thread(target=self._converse, args=(sock, questions, held, keep), daemon=True).start()

    def wait_until_left(self) -> None:
        """Wait for the end of every conversation that outlives the kernel."""
        with self._left:
            self._left.wait_for(lambda: not self._kept)

    def close(self) -> None:
        """Take the endpoint and its token away."""
        if self._endpoint is not None:
            self._endpoint.close()

    def _converse(
        self,
        sock: socket.socket,
        questions: dict[str, Callable[..., Any]],
        held: list[int],
        keep: bool,  # noqa: FBT001
    ) -> None:
        try:
            with sock, sock.makefile("rb") as lines:
                sock.sendall(b"\n")
                while line := lines.readline(LONGEST_LINE):
                    sock.sendall(json.dumps(_answer(json.loads(line), questions)).encode() + b"\n")
        except (OSError, ValueError):
            pass  # the other end is gone, or does not speak our language: either way it has left
        finally:
            with self._left:
                self._kept -= keep
                self._release(held)
                self._left.notify_all()

    def _hold(self, number: int) -> None:
        with self._left:
            self._holders[number] += 1

    def _release(self, held: list[int]) -> None:
        for number in held:
            self._holders[number] -= 1
            if not self._holders[number]:
                del self._holders[number]
                self._holdings.pop(number, None)
                self._published = {name: to for name, to in self._published.items() if to[0] != number}

    def _everything(self, held: list[int]) -> dict[str, Callable[..., Any]]:
        def open_(**words: Any) -> dict[str, Any]:
            opened = self._open(**words)
            self._hold(opened["choice"])
            held.append(opened["choice"])
            return opened

        return {
            "open": open_,
            "identity": lambda choice: self._holding(choice).identity().to_json(),
            "explain": lambda choice: self._holding(choice).explain().to_json(),
            "publish": self._publish,
        }

    def _one(self, holding: Holding | None) -> dict[str, Callable[..., Any]]:
        def credentials() -> dict[str, Any]:
            if holding is None:
                raise _closed()
            return {"credentials": credentials_to_json(holding.credentials())}

        return {"credentials": credentials}

    def _open(self, choice: dict[str, Any], environ: dict[str, str], secrets: dict[str, Any] | None) -> dict[str, Any]:
        from s3magic.access.chain import Holding  # noqa: PLC0415 - botocore, while the first conversation begins

        holding = Holding(Choice.from_json(choice), environ, credentials_from_json(secrets))
        number = next(self._numbers)
        self._holdings[number] = holding
        return {
            "choice": number,
            "location": holding.location.to_json(),
            "provider": holding.provider,
            "note": holding.note,
        }

    def _publish(self, choice: int, name: str | None = None) -> dict[str, str]:
        """Let the endpoint serve a choice, by its number and by a name that another choice may take over."""
        holding = self._holding(choice)
        with self._left:
            if self._endpoint is None:
                from s3magic.access.endpoint import Endpoint  # noqa: PLC0415 - http.server, where it is wanted

                self._endpoint = Endpoint(self._find)
            own = str(choice)
            if own not in self._published:
                self._published[own] = (choice, Remembered(holding.credentials))
            self._published[name or own] = self._published[own]
            return asdict(self._endpoint.publish(name or own, holding.location.addressing_style))

    def _find(self, name: str) -> Remembered | None:
        with self._left:
            return self._published[name][1] if name in self._published else None

    def _holding(self, choice: int) -> Holding:
        try:
            return self._holdings[choice]
        except KeyError:
            raise _closed() from None


def _answer(request: dict[str, Any], questions: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    question, op = request.pop("question"), request.pop("op")
    try:
        return {"question": question, "value": questions[op](**request)}
    except S3MagicError as error:
        return {"question": question, "error": error_to_json(error)}
    except Exception as error:  # noqa: BLE001 - one bad question must not end the conversation
        # the words of an unforeseen error may hold a secret: its class has to do
        told = S3MagicError(f"The credentials broker failed: {type(error).__name__}", "Choose again with %s3creds.")
        return {"question": question, "error": error_to_json(told)}


def _closed() -> NoCredentials:
    return NoCredentials("This connection is closed", "Choose again with %s3creds or s3magic.connect(...).")


def serve(control: socket.socket, kernel: int) -> None:
    """Take conversations from the kernel until it is gone, then wait for those that outlive it."""
    desk = Desk()
    try:
        _take_conversations(desk, control, kernel)
        desk.wait_until_left()
    finally:
        desk.close()


def _take_conversations(desk: Desk, control: socket.socket, kernel: int) -> None:
    waiting = poll()
    waiting.register(control.fileno(), POLLIN)
    waiting.register(kernel, POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if control.fileno() in ready:  # first of all: what a dying kernel handed over counts
            message, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
            if not message:
                break
            desk.welcome(socket.socket(fileno=descriptors[0]), **json.loads(message))
        elif kernel in ready:
            break


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
