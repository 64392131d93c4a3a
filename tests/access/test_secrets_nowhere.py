"""After a session that used every provider, in a real kernel: nothing secret is anywhere but in the 0600 token."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
import urllib.parse
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROLE = "arn:aws:iam::123456789012:role/lightly-reader"
WEB_ROLE = "arn:aws:iam::123456789012:role/web-reader"
SIGNATURE = re.compile(rb"(?i)signature(=|%3d|:)?(\s|\\n)*[0-9a-f]{64}")
HIDDEN = {
    # of each kind its own, so that a find tells where it came from
    "environment": "secret-of-the-environment",
    "profile": "secret-of-the-profile",
    "process": "secret-of-the-process",
    "imds": "secret-of-the-instance",
    "imds-token": "token-of-the-instance",
    "ecs": "secret-of-the-container",
    "ecs-token": "token-of-the-container",
    "sso": "secret-of-the-sign-in",
    "sso-session": "session-of-the-sign-in",
    "sso-token": "token-of-the-sign-in",
    "wrong": "secret-that-was-typed-wrong",
}


def forms(secret):
    """Return a secret as it is, as JSON and URLs write it, and in base 64."""
    return {
        secret.encode(),
        json.dumps(secret)[1:-1].encode(),
        urllib.parse.quote(secret, safe="").encode(),
        base64.b64encode(secret.encode()),
    }


def found(data, secrets):
    """Return the names of the secrets that stand in some bytes."""
    names = [name for name, secret in secrets.items() if any(form in data for form in forms(secret))]
    return names + (["a signature"] if SIGNATURE.search(data) else [])


def found_below(folder, secrets, *, given):
    """Return the files below a folder that hold a secret, but for those that it was given in and the 0600 token."""
    finds = []
    for path in folder.rglob("*"):
        try:
            mode, data = path.lstat().st_mode, path.read_bytes()
        except OSError:  # a folder, a socket, or gone meanwhile
            continue
        names = [] if path in given else found(data, secrets)
        if names == ["token of the broker"] and stat.S_IMODE(mode) == 0o600:
            continue
        finds += [(str(path), name) for name in names]
    return finds


class Watcher:
    """Looks at files and at what every process shows of itself, after each cell.

    What the kernel itself was started with is its own; the others have no need of it.
    """

    def __init__(self, folder, secrets, given):
        self.folder, self.secrets, self.given = folder, secrets, given
        self.finds, self.seen = [], set()

    def look(self, **_):
        minted = self.folder / "given" / "minted.json"
        if minted.exists():
            self.secrets |= json.loads(minted.read_text())
        self.finds += found_below(self.folder, self.secrets, given={*self.given, minted})
        kernel = (self.folder / "kernel.pid").read_text()
        for process in psutil.process_iter():
            for what in ("cmdline", "environ"):
                try:
                    data = Path(f"/proc/{process.pid}/{what}").read_bytes()
                except OSError:  # gone, or somebody else's
                    continue
                own = {"environment"} if what == "environ" and str(process.pid) == kernel else set()
                self.finds += [(process.pid, what, name) for name in found(data, self.secrets) if name not in own]
                self.seen.add(process.pid)


@pytest.fixture
def session(tmp_path, monkeypatch, sandbox, serving):
    """A home with every provider in it, and the secrets by name."""
    home = tmp_path / "home"
    folders = {
        "HOME": home,
        "TMPDIR": tmp_path / "tmp",
        "XDG_RUNTIME_DIR": tmp_path / "run",
        "XDG_CACHE_HOME": tmp_path / "cache",
        "XDG_CONFIG_HOME": tmp_path / "config",
        "XDG_DATA_HOME": tmp_path / "data",
        "XDG_STATE_HOME": tmp_path / "state",
        "IPYTHONDIR": tmp_path / "ipython",
        "JUPYTER_RUNTIME_DIR": tmp_path / "jupyter",
        "JUPYTER_CONFIG_DIR": tmp_path / "jupyter-config",
        "JUPYTER_DATA_DIR": tmp_path / "jupyter-data",
    }
    for name, folder in folders.items():
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(folder))
    given = tmp_path / "given"
    cache = home / ".aws" / "sso" / "cache"
    for folder in (given, cache):
        folder.mkdir(parents=True)
    ends = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def keys_of(key, name, third):
        return {"AccessKeyId": key, "SecretAccessKey": HIDDEN[name], third: f"session-{name}", "Expiration": ends}

    def answer(method, path, _headers, _body):
        if path.startswith("/federation"):
            role = {"accessKeyId": "ASIASSO", "secretAccessKey": HIDDEN["sso"], "sessionToken": HIDDEN["sso-session"]}
            last = int((datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1000)
            return 200, json.dumps({"roleCredentials": {**role, "expiration": last}})
        if path == "/container":
            return 200, json.dumps(keys_of("ASIABOX", "ecs", "Token"))
        if method == "PUT":
            return 200, HIDDEN["imds-token"]
        if path.endswith("security-credentials/"):
            return 200, "node"
        return 200, json.dumps({"Code": "Success", **keys_of("ASIANODE", "imds", "Token")})

    student = sandbox.users["student"]
    (given / "process").write_text(json.dumps({"Version": 1, **keys_of("ASIAPROG", "process", "SessionToken")}))
    (given / "credentials").write_text(
        f"[files]\naws_access_key_id = AKIAFILE\naws_secret_access_key = {HIDDEN['profile']}\n"
    )
    (given / "config").write_text(
        f"[profile program]\ncredential_process = cat {given / 'process'}\n"
        "[sso-session school]\nsso_start_url = https://school.example\nsso_region = us-east-1\n"
        "[profile lab]\nsso_session = school\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
    )
    (given / "keys.json").write_text(json.dumps([student.access_key_id, student.secret_access_key]))
    (given / "container-token").write_text(HIDDEN["ecs-token"])
    (given / "web-token").write_text(sandbox.web_identity_token())
    name = hashlib.sha1(b"school", usedforsecurity=False).hexdigest()
    sign_in = {"startUrl": "https://school.example", "region": "us-east-1", "accessToken": HIDDEN["sso-token"]}
    (cache / f"{name}.json").write_text(json.dumps({**sign_in, "expiresAt": ends}))
    with serving(answer) as url:
        variables = {
            "AWS_ACCESS_KEY_ID": "AKIAENV",
            "AWS_SECRET_ACCESS_KEY": HIDDEN["environment"],
            "AWS_CONFIG_FILE": str(given / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(given / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(given / "container-token"),
            "AWS_ENDPOINT_URL_SSO": url,
            "AWS_MAX_ATTEMPTS": "1",
            "SANDBOX": sandbox.endpoint_url,
            "GIVEN": str(given),
            "ROLE": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(given / "web-token"),
            "AWS_ROLE_ARN": WEB_ROLE,
            "AWS_ENDPOINT_URL_STS": sandbox.endpoint_url,
        }
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        secrets = {**HIDDEN, "student": student.secret_access_key, "web-token": (given / "web-token").read_text()}
        secrets |= {f"{kind}-session": f"session-{kind}" for kind in ("imds", "ecs", "process")}
        files = {given / "process", given / "credentials", given / "keys.json", given / "container-token"}
        files.add(given / "web-token")
        yield tmp_path, secrets, files | {cache / f"{name}.json"}


CHOICES = """
import json, logging, os, time, traceback
logging.basicConfig(filename="all.log", level=logging.DEBUG, force=True)
import s3magic
from pathlib import Path
here = dict(endpoint_url=os.environ["SANDBOX"], region="us-east-1")
choices = [
    dict(provider="environment"), dict(provider="profile", profile="files"),
    dict(provider="process", profile="program"),
    dict(provider="sso", profile="lab"), dict(provider="ecs"), dict(provider="imds"), dict(provider="anonymous"),
    dict(order=["process", "imds", "anonymous"]), dict(provider="default"),
]
told = {}
for words in choices:
    one = s3magic.connect(**words, **here, environ=True)
    one.credentials()
    try:
        s3magic.ls("s3://teaching/")
    except s3magic.S3MagicError as error:  # the sandbox knows none of these
        traceback.print_exception(error)
    told[one.provider] = [repr(one), repr(one.explain()), repr(one.choice), repr(one.credentials()), repr(vars(one))]
told
"""
KEYS = """
def student():
    words = json.loads((Path(os.environ["GIVEN"]) / "keys.json").read_text())
    return dict(zip(("access_key_id", "secret_access_key"), words))
keys = s3magic.connect("keys", **here, **student(), environ=True)
trusted = dict(source="keys", role_arn=os.environ["ROLE"], external_id="teaching-2024")
role = s3magic.connect("role", **trusted, **here, **student(), environ=True)
web = s3magic.connect("web-identity", **here, environ=True)
assert web.identity().arn.split("/")[1] == "web-reader"
now, then = role.credentials(), web.credentials()
token = Path(role.publish().token_file).read_text()
# what no test can know beforehand is told to it in a file of its own
minted = {"secret of the role": now.secret_access_key, "session of the role": now.session_token}
minted |= {"secret of the web role": then.secret_access_key, "session of the web role": then.session_token}
minted["token of the broker"] = token
(Path(os.environ["GIVEN"]) / "minted.json").write_text(json.dumps(minted))
del minted, token
told = [repr(keys), repr(role), repr(web), repr(now), repr(then)]
[told, web.explain(), role.identity(), role.explain(), s3magic.check("s3://teaching/", write=True)]
"""
EXPORTS = """
from s3magic.access.exports import ENGINES
shown = []
for engine in ENGINES:
    try:
        shown.append((engine, repr(role.export(engine)), role.snippet(engine)))
    except ImportError:
        pass
shown
"""
PANEL = """
from s3magic.notebook.credential_panel import CredentialPanel
panel = get_ipython().run_line_magic("s3creds", "")
typed = dict(zip(("Access key ID", "Secret access key"), student().values()))
panel.fill("keys")
for widget in list(panel.widgets()):
    if getattr(widget, "description", "") in typed:
        widget.set_state({"value": typed[widget.description]})
del typed
panel.use()
end = time.monotonic() + 60
while "user/student" not in repr(panel):
    assert time.monotonic() < end, repr(panel)
    time.sleep(0.05)
panel
"""
WRONG = """
try:
    wrong = dict(access_key_id="AKIAWRONG", secret_access_key="-".join(["secret-that-was", "typed-wrong"]))
    s3magic.connect("keys", **wrong, **here).identity()
except s3magic.S3MagicError as error:
    traceback.print_exception(error)
"""
MISTAKES = [
    "%s3ls s3://private/",
    "%s3creds profile --profile nobody",
    "s3magic.connect('keys', **here, **{**student(), 'access_key_id': 'two words'})",
    "s3magic.connect('anonymous', **here, **student())",
    "s3magic.connect('keys', **here, **{**student(), 'access_key_id': None})",
    "s3magic.connect('role', source='keys', role_arn=os.environ['ROLE'], external_id='wrong-one', **here, **student())",
    "s3magic.connect('process', profile='files', **here)",
]


def play(tmp_path, watcher, cells):
    """Run cells in a kernel of their own, debugging on, and return the notebook as it was saved."""
    work = tmp_path / "work"
    work.mkdir()
    cells = [nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    client = NotebookClient(
        notebook,
        timeout=120,
        store_widget_state=True,
        ipython_hist_file=str(tmp_path / "ipython" / "history.sqlite"),
        resources={"metadata": {"path": str(work)}},
        on_cell_executed=lambda **_: watcher.look(),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        pytest.fail(str(error))
    nbformat.write(notebook, work / "saved.ipynb")
    watcher.look()
    return notebook


def failing(line):
    cell = nbformat.v4.new_code_cell(line)
    cell.metadata["tags"] = ["raises-exception"]
    return cell


def test_signatures_are_known_as_they_are_written():
    some = "0f" * 32
    for text in (
        f"Signature:\n{some}",
        f"Signature={some}",
        f"X-Amz-Signature%3D{some}",
        json.dumps(f"Signature:\n{some}"),
    ):
        assert found(text.encode(), {}) == ["a signature"]
    assert found(f"etag={some}".encode(), {}) == []


def errors_of(notebook):
    return [out.ename for cell in notebook.cells for out in cell.outputs if out.output_type == "error"]


START = "import os, pathlib\npathlib.Path(os.pardir, 'kernel.pid').write_text(str(os.getpid()))\n%load_ext s3magic"


def test_after_a_session_with_every_provider_no_secret_is_anywhere(session):
    tmp_path, secrets, given = session
    watcher = Watcher(tmp_path, secrets, given)
    verbose = "%config S3Magics.verbose_errors = True\n%xmode Verbose"

    def mistakes():
        return [WRONG, *map(failing, MISTAKES)]

    notebook = play(tmp_path, watcher, [START, CHOICES, KEYS, EXPORTS, PANEL, *mistakes(), verbose, *mistakes()])

    assert errors_of(notebook)[: len(MISTAKES)] == errors_of(notebook)[len(MISTAKES) :]
    assert len(errors_of(notebook)) == 2 * len(MISTAKES)
    told = notebook.cells[1].outputs[-1].data["text/plain"]
    for provider in ("environment", "credentials file", "credential process", "single sign-on", "container role"):
        assert provider in told
    assert notebook.metadata["widgets"]
    assert b"secret-that-was" in (tmp_path / "ipython" / "history.sqlite").read_bytes()  # so it is kept
    assert (tmp_path / "work" / "all.log").stat().st_size > 1000
    assert "token of the broker" in watcher.secrets
    assert len(watcher.seen) > 2
    assert sorted(set(map(str, watcher.finds))) == []


def test_what_is_left_anywhere_is_found(session):
    tmp_path, secrets, given = session
    watcher = Watcher(tmp_path, secrets, given)
    planted = f"""
secret = {HIDDEN["imds"][:5]!r} + {HIDDEN["imds"][5:]!r}
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "input()", secret], stdin=subprocess.PIPE, env={{"LEFT": secret}})
pathlib.Path("left").write_text("x-amz-signature=" + "0f" * 32)
import ipywidgets
shown = ipywidgets.Text(secret)
secret
"""
    notebook = play(tmp_path, watcher, [START, planted, "left.communicate(b'\\n')"])

    assert json.dumps(notebook.metadata["widgets"]).count(HIDDEN["imds"]) == 1
    finds = {find[1:] if isinstance(find[0], int) else (Path(find[0]).name, find[1]) for find in watcher.finds}
    assert {("cmdline", "imds"), ("environ", "imds"), ("saved.ipynb", "imds"), ("left", "a signature")} <= finds
