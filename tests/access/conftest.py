"""What the tests of credentials share: configuration files in force, a port nobody serves, a server of a few words."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def aws(tmp_path, monkeypatch):
    """Write AWS configuration files that are in force."""

    class Aws:
        def config(self, text):
            (tmp_path / "config").write_text(text)
            monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

        def credentials(self, text):
            (tmp_path / "credentials").write_text(text)
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

        def environ(self, **variables):
            for name, value in variables.items():
                monkeypatch.setenv(name, value)

    return Aws()


@pytest.fixture
def closed_port():
    """A loopback port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def serving():
    """Serve ``answer(method, path, headers, body) -> (status, body)`` on loopback; gives the URL."""

    @contextmanager
    def serve(answer):
        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                status, told = answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(told.encode())))
                self.end_headers()
                self.wfile.write(told.encode())

            do_GET = do_PUT = do_POST = handle_any

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    return serve
