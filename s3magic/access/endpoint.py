"""The loopback endpoint inside the broker: container credentials for every other engine of this user.

Every AWS library asks such an endpoint when two variables name it. It listens on 127.0.0.1 alone,
answers only who shows the token that lies in a file of this user's, and answers from memory.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from s3magic.access.masking import ANNOUNCED, Published
from s3magic.errors import S3MagicError
from s3magic.store.credentials import Credentials, CredentialSource

_PATH = "/v1/"
_PREFIX = "s3magic-"
_BROWSERS_OWN = ("Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")


class Endpoint:
    """A server of credentials, up until it is closed.

    Parameters
    ----------
    find
        Gives the source of a name's credentials, or None where there is no such name (any more).

    Attributes
    ----------
    token_file : Path
        Where clients read what they have to show; 0600, in a folder that is 0700.
    """

    token_file: Path

    def __init__(self, find: Callable[[str], CredentialSource | None]) -> None:
        self._token = secrets.token_urlsafe(48)
        self._lay_token()
        self._server = _Server(find, self._token)
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()

    def url(self, name: str) -> str:
        """Return the address of a name's credentials."""
        return f"http://{self._server.host}{_PATH}{name}"

    def publish(self, name: str, addressing_style: str) -> Published:
        """Return where a name's credentials are, and a configuration to stand for the user's.

        The token is laid anew where it is gone: a system may clear its runtime folders.
        """
        if not self.token_file.exists():
            former = self._descriptor
            self._lay_token()
            os.close(former)
        config = self.token_file.with_name(f"config-{addressing_style}")
        s3 = "" if addressing_style == "auto" else f"s3 =\n    addressing_style = {addressing_style}\n"
        config.write_text(f"[default]\n{s3}", encoding="ascii")
        return Published(self.url(name), str(self.token_file), str(config))

    def _lay_token(self) -> None:
        runtime = _runtime_folder()
        _sweep(runtime)
        while True:
            self.token_file = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=runtime), "token")
            self._descriptor = os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # says that whoever wrote it lives
            if os.fstat(self._descriptor).st_nlink:
                break
            os.close(self._descriptor)  # another broker swept it away before it was locked
        os.write(self._descriptor, self._token.encode())

    def close(self) -> None:
        """Answer nobody any more and take the token away."""
        ending = threading.Thread(target=self._server.shutdown)
        ending.start()
        with suppress(OSError):  # a connection ends the server's wait for one
            socket.create_connection(("127.0.0.1", self._server.server_port), timeout=1).close()
        ending.join()
        self._server.server_close()
        shutil.rmtree(self.token_file.parent, ignore_errors=True)
        os.close(self._descriptor)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, find: Callable[[str], CredentialSource | None], token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.hosts = ([self.host], ["127.0.0.1"])  # TensorStore leaves the port out
        self.find = find
        self._token = token.encode()

    def knows(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode("latin-1", "replace"), self._token)

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)  # as socketserver does, without asking for this host's name
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a client that hangs up is no news, and a traceback could hold a token."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10
    server_version, sys_version = "s3magic", ""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self.command != "GET":
            self._refuse(405, "MethodNotAllowed", "Credentials are read by GET.")
        return self.command == "GET"

    def do_GET(self) -> None:
        if self.headers.get_all("Host") not in self.server.hosts:
            self._refuse(403, "WrongHost", "This endpoint is asked by its address alone.")
        elif any(name in self.headers for name in _BROWSERS_OWN):
            self._refuse(403, "CrossSite", "No web page may ask for credentials.")
        elif not self.server.knows(self.headers.get("Authorization", "")):
            self._refuse(401, "WrongToken", "Show the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.")
        else:
            self._answer()

    def _answer(self) -> None:
        prefix, name = self.path[: len(_PATH)], self.path[len(_PATH) :]
        source = self.server.find(name) if prefix == _PATH else None
        if source is None:
            self._refuse(404, "NoSuchChoice", "This choice is closed, or was never made. Choose with %s3creds.")
            return
        try:
            credentials = source()
        except S3MagicError as error:
            self._refuse(503, type(error).__name__, " ".join(error.lines()))
            return
        if credentials is None:
            self._refuse(404, "Anonymous", "This choice signs nothing: send requests unsigned.")
            return
        self._send(200, _told(credentials))

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, {"code": code, "message": message})

    def _send(self, status: int, fields: dict[str, str]) -> None:
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status == 405:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def _told(credentials: Credentials) -> dict[str, str]:
    """Return credentials in the words of a container's endpoint; long-lived keys with an end to be asked again at."""
    ends = datetime.now(UTC) + ANNOUNCED
    if credentials.expires is not None:
        ends = min(ends, credentials.expires)
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "Token": credentials.session_token or "",
        "Expiration": f"{ends.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _runtime_folder() -> Path:
    own = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    return own if own.is_absolute() and os.access(own, os.W_OK) else Path(tempfile.gettempdir())


def _sweep(runtime: Path) -> None:
    """Remove what brokers left behind that were killed: token files of this user's that nobody holds locked."""
    for folder in runtime.glob(f"{_PREFIX}*"):
        try:
            if folder.lstat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / "token", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue  # no broker's, or gone meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # its broker lives
        finally:
            os.close(descriptor)
