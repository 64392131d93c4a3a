"""The life of a sandbox: started, reset, ended, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.config import Config

from s3magic.errors import InvalidInput, ServerError
from s3magic.sandboxes import process

PATIENCE = 60


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def answers(box):
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        urlopen(f"{box.endpoint_url}/public/README.txt", timeout=PATIENCE).close()  # noqa: S310
    except HTTPError as error:
        error.close()
    except (URLError, ConnectionError):
        return False
    return True


@pytest.fixture
def box(teaching_data):
    with process.start(cache=teaching_data) as made:
        yield made


@pytest.fixture
def s3(box):
    keys = box.users["teacher"]
    made = boto3.client(
        "s3",
        endpoint_url=box.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    yield made
    made.close()


def child(box):
    return psutil.Process(box._process.pid)


def test_it_ends_and_is_reaped(box):
    pid = box._process.pid
    assert (box.state, answers(box)) == ("running", True)
    assert process.running() is box
    heard = []
    box.on_stop(lambda: heard.append("stopped"))
    box.stop()
    box.stop()
    assert (box.state, answers(box), heard) == ("stopped", False, ["stopped"])
    assert not psutil.pid_exists(pid)
    assert process.running() is not box
    with pytest.raises(ServerError):
        box.reset()


def test_it_listens_on_this_machine_alone(box):
    listening = [found for found in child(box).net_connections() if found.status == psutil.CONN_LISTEN]
    assert {found.laddr.ip for found in listening} == {"127.0.0.1"}


def test_secrets_show_nowhere(box):
    shown = [repr(box), box._repr_html_(), *(repr(keys) for keys in box.users.values())]
    shown += [" ".join(child(box).cmdline()), Path(f"/proc/{box._process.pid}/environ").read_text()]
    for keys in box.users.values():
        assert keys.access_key_id in box._repr_html_()
        assert not any(keys.secret_access_key in text for text in shown)


def test_secrets_are_new_each_time(box, teaching_data):
    with process.start(cache=teaching_data) as other:
        for name, keys in other.users.items():
            assert keys.access_key_id == box.users[name].access_key_id
            assert keys.secret_access_key != box.users[name].secret_access_key


def test_the_card_tells_endpoint_buckets_and_what_to_try(box):
    card = box._repr_html_()
    for text in (box.endpoint_url, "teaching", "running", "%s3ls"):
        assert text in card
    box.stop()
    assert "stopped" in box._repr_html_()


def test_reset_puts_everything_back(box, s3):
    before = {item["Key"] for item in s3.list_objects_v2(Bucket="teaching")["Contents"]}
    s3.put_object(Bucket="teaching", Key="photos/mine.jpg", Body=b"")
    s3.delete_object(Bucket="teaching", Key="photos/alps-at-noon.jpg")
    s3.create_bucket(Bucket="another")
    box.reset()
    assert {item["Key"] for item in s3.list_objects_v2(Bucket="teaching")["Contents"]} == before
    assert box.buckets == [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert box.buckets == ["private", "public", "scratch", "teaching"]


def test_a_folder_of_ones_own(teaching_data, tmp_path):
    folder = tmp_path / "My Lesson"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.txt").write_text("hello")
    (folder / "sub" / "c.csv").write_text("x\n1\n")
    with process.start(data=folder, cache=teaching_data) as box:
        assert "my-lesson" in box.buckets
        keys = box.users["teacher"]
        s3 = boto3.client(
            "s3",
            endpoint_url=box.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
        )
        try:
            assert [item["Key"] for item in s3.list_objects_v2(Bucket="my-lesson")["Contents"]] == [
                "a b.txt",
                "sub/c.csv",
            ]
            got = s3.get_object(Bucket="my-lesson", Key="sub/c.csv")
            assert (got["Body"].read(), got["ContentType"]) == (b"x\n1\n", "text/csv")
        finally:
            s3.close()


@pytest.mark.parametrize(("name", "bucket"), [("x", "data"), ("teaching", "data"), ("UPPER_case", "upper-case")])
def test_the_bucket_of_a_folder_has_a_name_s3_allows(tmp_path, name, bucket):
    from s3magic.sandboxes.seed import bucket_name

    assert bucket_name(tmp_path / name) == bucket


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="Not a folder"):
        process.start(data=tmp_path / "none")


def test_a_taken_port_is_refused(box, teaching_data):
    port = int(box.endpoint_url.rpartition(":")[2])
    with pytest.raises(InvalidInput, match=str(port)):
        process.start(port=port, cache=teaching_data)
    assert box.state == "running"


def test_a_damaged_cache_is_made_anew(tmp_path, teaching_data):
    with process.start(cache=teaching_data):
        kept = next(teaching_data.glob("*.zip"))
    damaged = tmp_path / "cache"
    damaged.mkdir()
    (damaged / kept.name).write_bytes(kept.read_bytes()[:1000])
    (damaged / "of-another-version.zip").write_bytes(b"")
    with process.start(cache=damaged) as box:
        assert answers(box)
    assert [path.name for path in damaged.iterdir()] == [kept.name]
    assert (damaged / kept.name).stat().st_size == kept.stat().st_size


def test_it_dies_with_its_parent(teaching_data):
    code = (
        "import sys; from pathlib import Path; from s3magic.sandboxes import process;"
        "box = process.start(cache=Path(sys.argv[1])); print(box._process.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(teaching_data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(parent.stdout.readline())
        server = psutil.Process(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait(PATIENCE)
        wait_for(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    finally:
        parent.kill()
        parent.communicate()


def test_it_ends_when_its_parent_leaves_in_good_order(teaching_data):
    code = (
        "import sys; from pathlib import Path; from s3magic.sandboxes import process;"
        "print(process.start(cache=Path(sys.argv[1]))._process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(teaching_data)], capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(done.stdout))
    assert done.stderr == ""


def test_it_ends_with_another_process_if_told_so(teaching_data):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with process.start(cache=teaching_data, parent_pid=other.pid) as box:
            other.kill()
            other.wait(PATIENCE)
            wait_for(lambda: box.state == "stopped")
    finally:
        other.kill()
        other.communicate()


def test_sigterm_ends_it_and_sigint_does_not(box):
    os.kill(box._process.pid, signal.SIGINT)
    assert answers(box)
    os.kill(box._process.pid, signal.SIGTERM)
    wait_for(lambda: box.state == "stopped")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_end_it(box):
    pid = os.fork()
    if not pid:
        box.stop()
        os._exit(0)
    os.waitpid(pid, 0)
    assert answers(box)
