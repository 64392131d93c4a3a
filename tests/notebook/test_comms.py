"""The kernel's side of the panel, with a real kernel and a client that speaks as a panel does."""

from __future__ import annotations

import os
import queue
import tempfile
import time
import uuid

import pytest

from s3magic.mounting import attach

jupyter_client = pytest.importorskip("jupyter_client")

PANEL, RPC = "s3magic:panel", "s3magic:rpc"
PATIENCE = 120


class Panel:
    """A kernel with a panel beside it."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client
        self.heard = []  # all comm messages, in order
        self.outputs = {}
        self.rpc = uuid.uuid4().hex
        self.subshell = None

    def listen(self, wanted):
        """Take messages until one is wanted, and return it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["msg_type"].startswith("comm_"):
                self.heard.append(message)
            if message["msg_type"] in {"stream", "error", "execute_result"}:
                self.outputs.setdefault(message["parent_header"]["msg_id"], []).append(message["content"])
            if wanted(message):
                return message
        pytest.fail("the kernel did not say what was waited for")

    def start(self, code):
        return self.client.execute(code)

    def finish(self, number):
        """Wait for the end of a cell and return what it put out."""
        self.listen(
            lambda message: (
                message["parent_header"].get("msg_id") == number
                and message["msg_type"] == "status"
                and message["content"]["execution_state"] == "idle"
            )
        )
        outputs = self.outputs.get(number, [])
        errors = ["\n".join(output["traceback"]) for output in outputs if "traceback" in output]
        assert not errors, errors[0]
        return "".join(output.get("text", "") for output in outputs)

    def run(self, code):
        return self.finish(self.start(code))

    def send(self, kind, content):
        message = self.client.session.msg(kind, content)
        if self.subshell:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def open_rpc(self):
        number = self.send("comm_open", {"comm_id": self.rpc, "target_name": RPC, "data": {}})
        self.finish(number)

    def ask(self, method, **params):
        """Ask as the panel does; return the answer, whole."""
        number = uuid.uuid4().hex
        self.send("comm_msg", {"comm_id": self.rpc, "data": {"id": number, "method": method, "params": params}})
        answer = self.listen(lambda message: _data(message).get("id") == number)
        return answer["content"]["data"]

    def send_bytes(self, method, data, **params):
        """Ask with bytes beside the words; return the answer, whole."""
        number = uuid.uuid4().hex
        content = {"comm_id": self.rpc, "data": {"id": number, "method": method, "params": params}}
        self.client.session.send(self.client.shell_channel.socket, "comm_msg", content, buffers=[data])
        return self.listen(lambda message: _data(message).get("id") == number)["content"]["data"]

    def news(self, wanted):
        """Return the first status sent unasked that is wanted; wait for it."""

        def fits(message):
            return _data(message).get("event") == "changed" and wanted(_data(message)["status"])

        heard = next(filter(fits, self.heard), None) or self.listen(fits)
        return _data(heard)["status"]


def _data(message):
    return message["content"].get("data", {}) if message["msg_type"] == "comm_msg" else {}


@pytest.fixture
def runtime():
    """A runtime folder with a name short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="s3m") as folder:
        yield folder


@pytest.fixture
def panel(tmp_path, runtime):
    """A kernel with the bridge open, in an empty folder."""
    for name in ("home", "ipython"):
        (tmp_path / name).mkdir(mode=0o700)
    manager = jupyter_client.KernelManager(kernel_name="python3")
    environ = {
        **os.environ,
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": runtime,
        "XDG_RUNTIME_DIR": runtime,
        "HOME": str(tmp_path / "home"),
    }
    manager.start_kernel(cwd=str(tmp_path), env=environ)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        made = Panel(manager, client)
        made.run("from s3magic.notebook import comms; comms.open_bridge(get_ipython())")
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        client.context.destroy(linger=0)
        _wait_for_no_mount_under(tmp_path)


def _wait_for_no_mount_under(folder):
    """A mount ends with its kernel; what stays would keep the folder from being deleted."""

    def left():
        return [point.path for point in attach.mount_points() if point.path.is_relative_to(folder)]

    deadline = time.monotonic() + 30
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    leaked = left()
    for path in leaked:
        attach.detach(path, lazy=True)
    assert not leaked


def test_the_panel_hears_of_the_kernel_at_once(panel):
    opened = next(one["content"] for one in panel.heard if one["msg_type"] == "comm_open")
    assert opened["target_name"] == PANEL
    status = panel.news(lambda status: True)
    assert status["connection"] is None
    assert status["identity"] is None
    assert status["sandbox"] is None
    assert status["mounts"] == []


def test_opening_loads_nothing_heavy(panel):
    panel.news(lambda status: True)
    heavy = "{'boto3', 'botocore', 'ipywidgets', 'numpy', 's3fs', 'moto'}"
    assert panel.run(f"import sys; print(sorted({heavy} & set(sys.modules)))").strip() == "[]"


def test_a_request_is_answered_on_the_panels_comm_alone(panel):
    panel.open_rpc()
    answer = panel.ask("status")
    assert answer["event"] == "answer"
    assert answer["result"]["mounts"] == []
    assert all(one["content"]["comm_id"] != panel.rpc for one in panel.heard)


def test_an_unknown_method_fails_kindly(panel):
    panel.open_rpc()
    answer = panel.ask("reboot")
    assert answer["event"] == "failure"
    assert "reboot" in answer["error"]["message"]
    assert answer["error"]["hint"]


def test_a_busy_kernel_answers(panel, tmp_path):
    panel.client.control_channel.send(panel.client.session.msg("create_subshell_request", {}))
    panel.subshell = panel.client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"]
    panel.open_rpc()
    panel.ask("status")
    gate = tmp_path / "gate"
    cell = panel.start(f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(.02)\nprint('open')")
    panel.listen(lambda message: message["msg_type"] == "execute_input")
    for _ in range(3):  # the second would wait if the first answer had gone out on its own comm
        assert panel.ask("status")["event"] == "answer"
    gate.touch()
    assert panel.finish(cell).strip() == "open"


def test_what_changed_is_told_once(panel):
    panel.news(lambda status: True)
    panel.run("import s3magic; s3magic.connect('anonymous', region='eu-west-2')")
    panel.run("1 + 1")
    told = panel.news(lambda status: status["connection"])
    assert told["connection"]["provider"] == "anonymous"
    assert told["connection"]["region"] == "eu-west-2"
    panel.open_rpc()
    panel.run("2 + 2")
    panel.ask("status")
    news = [_data(one)["status"] for one in panel.heard if _data(one).get("event") == "changed"]
    assert [status["connection"] for status in news].count(told["connection"]) == 1


def test_that_the_default_is_asked_since_a_folder_was_opened_is_told(panel, sandbox):
    panel.run(
        f"import os; os.environ.update({{'AWS_ENDPOINT_URL': '{sandbox.endpoint_url}', 'AWS_NO_SIGN_REQUEST': '1'}})"
    )
    panel.open_rpc()
    assert panel.ask("children", bucket="public")["event"] == "answer"
    assert panel.news(lambda status: status["connection"])["connection"]["provider"] == "anonymous"


def test_who_we_are_is_asked_of_the_sandbox(panel, sandbox):
    panel.run(_connect(sandbox))
    panel.open_rpc()
    assert panel.ask("status")["result"]["identity"] is None
    identity = panel.ask("identity")["result"]["identity"]
    assert "teacher" in identity["arn"]
    assert panel.ask("status")["result"]["identity"] == identity
    secret = sandbox.users["teacher"].secret_access_key
    assert secret not in str(panel.heard)


def test_a_mount_is_told_and_ended(panel, sandbox, tmp_path):
    panel.run(_connect(sandbox))
    where = tmp_path / "teaching"
    panel.run(f"s3magic.mount('s3://teaching/', {str(where)!r})")
    (mount,) = panel.news(lambda status: status["mounts"])["mounts"]
    assert mount["url"] == "s3://teaching/"
    assert mount["path"] == str(where)
    assert mount["read_only"] is True
    panel.open_rpc()
    assert panel.ask("unmount", path=str(tmp_path))["result"]["mounts"]  # no mount: nothing is touched
    assert panel.ask("unmount", path=str(where))["result"]["mounts"] == []
    assert not os.path.ismount(where)
    assert not any("state" in _data(one) for one in panel.heard)


def test_a_mount_made_during_a_cell_is_told_before_its_end(panel, sandbox, tmp_path):
    panel.run(_connect(sandbox))
    where, gate = tmp_path / "teaching", tmp_path / "gate"
    cell = panel.start(
        f"m = s3magic.mount('s3://teaching/', {str(where)!r})\n"
        f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(.02)"
    )
    panel.news(lambda status: status["mounts"])
    gate.touch()
    panel.finish(cell)


def test_what_a_mount_reads_is_told_while_a_panel_is_open(panel, sandbox, tmp_path):
    panel.run(_connect(sandbox))
    panel.run(f"m = s3magic.mount('s3://teaching/photos/', {str(tmp_path / 'photos')!r})")
    panel.open_rpc()
    panel.run("photo = (m / 'alps-at-noon.jpg').read_bytes()")

    def read(message):
        rates = _data(message).get("rates") or {}
        return rates.get(str(tmp_path / "photos"), {}).get("fetched", 0) > 700_000

    told = _data(panel.listen(read))["rates"][str(tmp_path / "photos")]
    assert told["requests"] > 0
    panel.listen(lambda message: _data(message).get("rates", {}).get(str(tmp_path / "photos"), {}).get("rate") == 0)


def test_linked_tiles_are_told_counted_and_compared(panel, sandbox, tmp_path):
    panel.run(_connect(sandbox))
    panel.run("d = s3magic.link('s3://teaching/tiles/*.laz', 'tiles')")
    (told,) = panel.news(lambda status: status["datasets"])["datasets"]
    assert told["path"] == str(tmp_path / "tiles")
    assert told["here"] == 0
    assert told["fetch"] == "%s3link fetch tiles"
    assert told["tiles"] > 1
    panel.open_rpc()
    standing = panel.ask("dataset", path=told["path"])["result"]
    assert standing["remote"] == {"ok": told["tiles"]}
    panel.run("d.fetch()")
    panel.news(lambda status: status["datasets"] and status["datasets"][0]["here"] == told["tiles"])


def test_buckets_are_browsed_and_files_uploaded(panel, sandbox):
    panel.run(_connect(sandbox))
    panel.open_rpc()
    assert "teaching" in panel.ask("buckets", after="")["result"]["names"]
    name = f"panel-{uuid.uuid4().hex}.bin"
    answer = panel.send_bytes("upload", b"\0\xff" * 10, bucket="scratch", key=name, size=20)
    assert answer["result"]["is_stored"] is True
    (child,) = panel.ask("children", bucket="scratch", prefix="", beginning=name, token=None)["result"]["children"]
    assert child["size"] == 20
    denied = panel.ask("children", bucket="not-there-at-all", prefix="", beginning="", token=None)
    assert denied["event"] == "failure"
    assert denied["error"]["hint"]


def test_closing_tells_the_panel(panel):
    opened = next(one["content"] for one in panel.heard if one["msg_type"] == "comm_open")
    panel.run("comms.close_bridge(get_ipython())")
    panel.run("comms.close_bridge(get_ipython())")
    closed = [one["content"]["comm_id"] for one in panel.heard if one["msg_type"] == "comm_close"]
    assert closed == [opened["comm_id"]]


def test_a_page_without_a_panel_may_close_the_comm(panel):
    opened = next(one["content"] for one in panel.heard if one["msg_type"] == "comm_open")
    panel.send("comm_close", {"comm_id": opened["comm_id"], "data": {}})
    panel.open_rpc()
    assert panel.ask("status")["event"] == "answer"
    ids = [one["content"]["comm_id"] for one in panel.heard if one["msg_type"] == "comm_open"]
    assert len(ids) == 2


def _connect(sandbox):
    teacher = sandbox.users["teacher"]
    return (
        f"import s3magic; s3magic.connect('keys', access_key_id={teacher.access_key_id!r}, "
        f"secret_access_key={teacher.secret_access_key!r}, endpoint_url={sandbox.endpoint_url!r}, region='us-east-1')"
    )
