"""A real JupyterLab and a real browser, for tests that look at what a user sees.

``lab`` is a JupyterLab server with folders of its own; ``lab.write_notebook`` puts a notebook there and ``lab.open``
opens it in Chromium, ready to run. Run these tests in a pytest of their own: a browser's event loop disturbs others.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

CHROMIUM = "/usr/bin/chromium"
PANEL = Path(__file__).parents[2] / "s3magic" / "labextension"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SERVER_SECONDS = 90
PICTURES = os.environ.get("S3MAGIC_SCREENSHOTS")
PAGE_SECONDS = int(os.environ.get("S3MAGIC_PAGE_SECONDS", "120"))


class Lab:
    """A JupyterLab server and the browser that looks at it.

    Attributes
    ----------
    root
        The folder that the file browser shows, where kernels start.
    home
        Where all of it lies: settings, runtime, history.
    data
        JUPYTER_DATA_DIR: what lies in ``labextensions/`` there is loaded.
    """

    def __init__(self, home: Path, browser) -> None:
        self.root = home / "notebooks"
        self.data = home / "data"
        self.home = home
        self._browser = browser
        self._contexts = []
        self._token = secrets.token_hex(16)
        self._port = _free_port()
        for folder in (self.root, self.data, home / "run"):
            folder.mkdir(parents=True)
        self.set_up("apputils-extension/notification", {"fetchNews": "false", "doNotDisturbMode": True})
        self.set_up("docmanager-extension/plugin", {"autosave": False})
        self._log = (home / "server.log").open("wb")
        self._process = self._start()

    @property
    def url(self) -> str:
        """Address of the server, without its token."""
        return f"http://127.0.0.1:{self._port}"

    def write_notebook(self, name: str, *cells: str) -> Path:
        """Put a notebook of code cells into the root folder."""
        import nbformat

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.root / name
        nbformat.write(notebook, path)
        return path

    def open(self, name: str, *, dark: bool = False, width: int = 1280, height: int = 1000, at: str = "lab/tree"):
        """Open a notebook in a new window and return its page when the kernel is idle.

        ``at="notebooks"`` opens it in Notebook 7 instead of JupyterLab.
        """
        self.set_up("apputils-extension/themes", {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"})
        context = self._browser.new_context(viewport={"width": width, "height": height})
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.goto(f"{self.url}/{at}/{name}?token={self._token}&reset")
        (page.get_by_text("| Idle") if at == "lab/tree" else page.locator("[data-status=idle]")).first.wait_for()
        return page

    def run_all(self, page) -> None:
        """Run every cell of the notebook in front and wait for the last one."""
        self.command(page, "notebook:run-all-cells")
        page.get_by_text("| Idle").first.wait_for()

    def command(self, page, name: str, **args) -> object:
        """Execute a command of JupyterLab and wait for what it returns."""
        script = "async ([name, args]) => { const r = await window.jupyterapp.commands.execute(name, args);"
        return page.evaluate(f"{script} return typeof r === 'object' ? null : r; }}", [name, args])

    def close_pages(self) -> None:
        """Close every window and end the kernels behind them."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()
        for kernel in self._ask("GET", "api/sessions"):
            self._ask("DELETE", f"api/sessions/{kernel['id']}")

    def stop(self) -> None:
        """End the server and every process it started."""
        mine = [psutil.Process(self._process.pid)]
        mine += mine[0].children(recursive=True)
        self._process.terminate()
        _, alive = psutil.wait_procs(mine, timeout=15)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=10)
        self._process.wait(10)
        self._log.close()

    def set_up(self, plugin: str, values: dict) -> None:
        """Write the user's settings of one of JupyterLab's plugins; a page opened later heeds them."""
        path = self.home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def _start(self) -> subprocess.Popen:
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
            "XDG_CACHE_HOME": "cache",
            "XDG_RUNTIME_DIR": "run",  # mounts are looked up there: other people's are none of ours
        }
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
                f"--port={self._port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={self._token}",
                f"--ServerApp.root_dir={self.root}",
                "--LabApp.expose_app_in_browser=True",
                "--LabApp.collaborative=False",
            ],
            env={**os.environ, "JUPYTER_NO_CONFIG": "", **{name: str(self.home / f) for name, f in folders.items()}},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + SERVER_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                pytest.fail(f"JupyterLab did not start:\n{(self.home / 'server.log').read_text()}")
            time.sleep(0.2)
        return process

    def _answers(self) -> bool:
        try:
            self._ask("GET", "api/status")
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str):
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/{path}", method=method, headers={"Authorization": f"token {self._token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            body = answer.read()
        return json.loads(body) if body else None


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab_server(browser, tmp_path_factory):
    """The server that all tests of a run share."""
    server = Lab(tmp_path_factory.mktemp("lab"), browser)
    yield server
    server.stop()


@pytest.fixture
def lab(lab_server):
    """JupyterLab; windows and kernels are closed after each test."""
    yield lab_server
    lab_server.close_pages()


@pytest.fixture
def screenshots(tmp_path) -> Path:
    """Folder for pictures: ``S3MAGIC_SCREENSHOTS`` where that is set."""
    folder = Path(PICTURES or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(params=["light", "dark"] if PICTURES else ["light"])
def theme(request) -> str:
    """The theme; for a test that knows nothing of colours the dark one matters where pictures are wanted."""
    return request.param


@pytest.fixture(params=["light", "dark", "narrow"] if PICTURES else ["light", "narrow"])
def look(request) -> str:
    """The same, and a narrow window, which is dark, too: all has to be in reach there."""
    return request.param


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def panel(lab):
    """Open a notebook and the side panel beside it, and return the page and the panel."""
    assert (PANEL / "package.json").is_file(), "build the panel first: pip install -e ."
    installed = lab.data / "labextensions" / "s3magic-labextension"
    installed.parent.mkdir(exist_ok=True)
    if not installed.exists():
        installed.symlink_to(PANEL)

    def open_panel(name, *cells, **window):
        lab.write_notebook(name, *cells)
        page = lab.open(name, **window)
        lab.command(page, "s3magic:show-panel")
        return page, page.locator("#s3magic-panel")

    return open_panel
