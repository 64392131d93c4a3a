"""How mounts begin, are found again, and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from s3magic import api
from s3magic.errors import (
    AccessDenied,
    FolderNotEmpty,
    FuseUnavailable,
    InvalidInput,
    MountBusy,
    MountError,
    NoSuchBucket,
    NoSuchKey,
    Unreachable,
)
from s3magic.mounting import attach, ending, records


def is_mounted(path):
    return attach.mount_point_at(Path(path)) is not None


@pytest.fixture
def filled(bucket):
    bucket.put("p/sub/a.txt", b"hello")
    bucket.put("p/one.txt", b"one")
    return bucket


@pytest.fixture
def kernel(sandbox, room):
    """Run Python code in another process that is connected; it is ended afterwards."""
    running = []
    teacher = sandbox.users["teacher"]
    keys = [teacher.access_key_id, teacher.secret_access_key, sandbox.endpoint_url]

    def start(code):
        text = """
        import json, os, sys
        import s3magic
        from s3magic import api
        key, secret, endpoint = json.loads(sys.stdin.readline())
        s3magic.connect("keys", access_key_id=key, secret_access_key=secret, endpoint_url=endpoint, region="us-east-1")
        """
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(text) + textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=room,
        )
        running.append(child)
        child.stdin.write(json.dumps(keys) + "\n")
        child.stdin.flush()
        return child

    yield start
    for child in running:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_the_same_words_give_the_same_mount(filled, mount):
    first, again = mount("s3://scratch/p/"), mount("s3://scratch/p/")
    assert first == again
    assert mount("s3://scratch/p") == first
    assert len(api.mounts()) == 1
    assert first.state == "mounted"
    assert first.url == "s3://scratch/p/"
    assert (first.backend, first.read_only) == ("builtin", True)


@pytest.mark.parametrize(
    "asked",
    [{"memory": 128_000_000}, {"fresh": 1}, {"file_mode": 0o400}, {"uid": 1}, {"allow_other": True}, {"cache": "kept"}],
    ids=lambda asked: next(iter(asked)),
)
def test_a_live_mount_is_not_given_for_one_that_should_be_another(filled, mount, asked):
    mount("s3://scratch/p/")
    with pytest.raises(InvalidInput, match="Mounted already"):
        mount("s3://scratch/p/", **asked)
    api.unmount()
    if "allow_other" not in asked:  # which an ordinary user may not ask for everywhere
        other = mount("s3://scratch/p/", **asked)
        assert mount("s3://scratch/p/", **asked) == mount("s3://scratch/p/") == other


def test_a_url_inside_a_mount_is_a_folder_of_it(filled, mount, room):
    whole = mount("s3://scratch/")
    inside = mount("s3://scratch/p/sub/", None)
    assert inside.path == whole.path / "p/sub"
    assert (inside / "a.txt").read_bytes() == b"hello"
    assert len(api.mounts()) == 1
    with pytest.raises(NoSuchKey):
        mount("s3://scratch/none/", None)
    with pytest.raises(InvalidInput):
        mount("s3://scratch/p/one.txt", None)
    with pytest.raises(InvalidInput):
        mount("s3://public/", "m/p/sub")


def test_without_a_folder_it_is_s3_bucket_prefix_and_git_ignores_it(filled, mount, room):
    mounted = mount("s3://scratch/p/sub/", None)
    assert mounted.path == room / "s3/scratch/p/sub"
    assert (room / "s3/.gitignore").read_text() == "*\n"
    mounted.unmount()
    assert not (room / "s3/scratch").exists()


def test_unmounting_leaves_the_folders_that_were_there(filled, mount, room):
    (room / "mine").mkdir()
    with mount("s3://scratch/p/", "mine") as mounted:
        assert (mounted / "one.txt").read_text() == "one"
        socket = mounted.record.socket
    assert mounted.state == "unmounted"
    assert not is_mounted(mounted.path)
    assert not list((room / "mine").iterdir())
    assert not socket.exists()
    assert records.all_records() == []
    mounted.unmount()


def test_a_mount_is_a_path(filled, mount, room):
    mounted = mount("s3://scratch/p/")
    assert os.fspath(mounted) == str(room / "m") == str(mounted)
    assert mounted / "one.txt" == room / "m/one.txt"
    assert str(room) in mounted._repr_html_()
    assert str(room) in api.mounts()._repr_html_()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("s3://no-such-bucket/", NoSuchBucket),
        ("s3://scratch/none/", NoSuchKey),
        ("s3://scratch/p/one.txt", InvalidInput),
        ("s3://scratch/p/*.txt", InvalidInput),
        ("s3://scratch/p/one.txt?versionId=x", NoSuchKey),
        ("s3://scratch/p/?versionId=x", InvalidInput),
    ],
)
def test_a_wrong_url_is_told_before_anything_is_changed(filled, mount, room, url, error):
    before = sorted(room.rglob("*.json"))
    with pytest.raises(error) as caught:
        mount(url, "new/folder")
    assert caught.value.hint
    assert not (room / "new").exists()
    assert sorted(room.rglob("*.json")) == before
    assert not api.mounts()


def test_an_identity_without_the_right_is_told_before(filled, sandbox, mount, room):
    import s3magic

    guest = sandbox.users["guest"]
    s3magic.connect(
        "keys",
        access_key_id=guest.access_key_id,
        secret_access_key=guest.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )
    with pytest.raises(AccessDenied):
        mount("s3://scratch/p/")
    assert not (room / "m").exists()


def test_an_endpoint_that_is_not_there_is_told_before(room, connection, mount):
    from dataclasses import replace

    from s3magic.mounting import manager
    from s3magic.url import S3Url

    nowhere = replace(connection.location, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        manager.mount(S3Url("scratch"), room / "m", location=nowhere, broker=connection.attach())


def test_folders_that_cannot_be_mounted_on(filled, mount, room):
    (room / "full").mkdir()
    (room / "full/file").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        mount("s3://scratch/p/", "full")
    with pytest.raises(InvalidInput):
        mount("s3://scratch/p/", "full/file")
    mount("s3://scratch/p/")
    with pytest.raises(MountError):
        mount("s3://scratch/p/sub/", "m")
    with pytest.raises(InvalidInput):
        mount("s3://scratch/p/", "other", memory=1000)
    for fresh in (-1, float("inf"), float("nan")):
        with pytest.raises(InvalidInput, match="cannot be"):
            mount("s3://scratch/p/", "other", fresh=fresh)
    assert (room / "full/file").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_left(filled, mount, room):
    (room / "s3").mkdir()
    (room / "s3/scratch").write_text("in the way")
    with pytest.raises(MountError) as caught:
        mount("s3://scratch/p/", None)
    assert caught.value.hint
    assert [path.name for path in (room / "s3").iterdir()] == ["scratch"]


def test_without_fuse_the_error_says_what_to_do(filled, mount, room, monkeypatch):
    monkeypatch.setattr(attach, "DEVICE", room / "no-fuse")
    with pytest.raises(FuseUnavailable) as caught:
        mount("s3://scratch/p/")
    assert "modprobe" in caught.value.hint
    assert not (room / "m").exists()


def test_unmount_by_path_and_all(filled, mount, room):
    mount("s3://scratch/p/", "one")
    mount("s3://scratch/p/sub/", "two")
    with pytest.raises(InvalidInput, match="several"):
        api.unmount()
    api.unmount(room / "one")
    assert [str(found) for found in api.mounts()] == [str(room / "two")]
    with pytest.raises(InvalidInput):
        api.unmount(room / "one")
    api.unmount(all=True)
    assert not api.mounts()
    api.unmount(all=True)


@pytest.mark.parametrize("refused", ["one", "two"])
def test_a_mount_that_cannot_be_ended_keeps_no_other(filled, mount, monkeypatch, refused):
    mounted = {name: mount("s3://scratch/p/", name) for name in ("one", "two")}
    end = ending.end

    def refuse(record, **words):
        if record.path.name == refused:
            raise MountError("The daemon does not end", "Restart the machine.")
        end(record, **words)

    with monkeypatch.context() as broken:
        broken.setattr(ending, "end", refuse)
        with pytest.raises(MountError, match="does not end"):
            api.unmount(all=True)
    assert [name for name, one in mounted.items() if one.state == "mounted"] == [refused]


def test_a_busy_mount_names_its_holders_and_gives_way_to_force(filled, mount, room):
    filled.put("p/large.bin", bytes(200_000))  # a smaller one the kernel has whole once it is open
    mounted = mount("s3://scratch/p/")
    with (mounted / "large.bin").open("rb", buffering=0) as file:
        with pytest.raises(MountBusy) as caught:
            mounted.unmount(timeout=0.2)
        assert (os.getpid(), str(mounted / "large.bin")) in [(pid, path) for pid, _, path in caught.value.holders]
        assert str(os.getpid()) in str(caught.value)
        assert mounted.state == "mounted"
        mounted.unmount(force=True)
        assert not is_mounted(mounted.path)
        with pytest.raises(OSError, match=r".*"):
            os.fstat(file.fileno()) and os.pread(file.fileno(), 1, 0)
    assert mounted.state == "unmounted"
    assert not records.all_records()


def test_unmounting_waits_for_the_last_user(filled, mount, kernel):
    mounted = mount("s3://scratch/p/")
    holder = kernel(f"""
    with open({str(mounted / "one.txt")!r}) as file:
        print("open", flush=True)
        sys.stdin.readline()
    print("closed", flush=True)
    sys.stdin.readline()
    """)
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(MountBusy) as caught:
        mounted.unmount(timeout=0)
    assert caught.value.holders[0][0] == holder.pid
    holder.stdin.write("\n")
    holder.stdin.flush()
    mounted.unmount(timeout=20)
    assert mounted.state == "unmounted"


def test_a_mount_ends_with_a_kernel_that_is_killed(filled, kernel, room, eventually):
    child = kernel("""
    m = api.mount("s3://scratch/p/", "m")
    print(m.record.pid, flush=True)
    sys.stdin.readline()
    """)
    pid = int(child.stdout.readline())
    assert is_mounted(room / "m")
    child.kill()
    eventually(lambda: not is_mounted(room / "m"), 10)
    eventually(lambda: records.started(pid) is None)
    assert not (room / "m").exists()
    assert not records.all_records()


def test_a_mount_ends_with_a_killed_kernel_even_while_it_is_in_use(filled, kernel, room, eventually):
    child = kernel("""
    m = api.mount("s3://scratch/p/", "m")
    print(m.record.pid, flush=True)
    sys.stdin.readline()
    """)
    child.stdout.readline()
    with (room / "m/one.txt").open("rb"):
        child.kill()
        eventually(lambda: not is_mounted(room / "m"), 10)


def test_a_mount_that_is_kept_outlives_its_kernels_until_it_is_unmounted(filled, kernel, mount, room, eventually):
    ends = [
        "os.kill(os.getpid(), 9)",
        "sys.exit()",
        "from s3magic.mounting import manager; manager.unmount_ours(); os._exit(0)",
    ]
    brokers = []
    for number, end in enumerate(ends):
        child = kernel(f"""
        m = api.mount("s3://scratch/p/", "m{number}", keep=True)
        assert api.mount("s3://scratch/p/", "m{number}").path == m.path
        import psutil
        print(*[one.pid for one in psutil.Process().children() if "s3magic.access.broker" in one.cmdline()], flush=True)
        {end}
        """)
        brokers.append(int(child.stdout.readline()))
        child.wait(20)
    filled.put("p/sub/new.txt", b"new")
    for number in range(len(ends)):
        assert is_mounted(room / f"m{number}")
        assert (room / f"m{number}/sub/new.txt").read_text() == "new", "and its credentials are served"
    shared = mount("s3://scratch/p/", "m0")
    assert "until it is unmounted" in shared._repr_html_()
    mount("s3://scratch/p/sub/", "other")
    with pytest.raises(InvalidInput, match="an end with its last kernel"):
        mount("s3://scratch/p/sub/", "other", keep=True)
    command = [sys.executable, "-m", "s3magic", "umount", "--all"]
    assert subprocess.run(command, cwd=room, check=False).returncode == 0
    assert [path.name for path in room.iterdir()] == ["run"]
    eventually(lambda: all(records.started(broker) is None for broker in brokers))


def test_an_ordinary_script_leaves_no_mount(filled, kernel, room):
    child = kernel("""
    m = api.mount("s3://scratch/p/", "m")
    file = open(m / "one.txt", "rb")
    print(file.read().decode(), flush=True)
    """)
    assert child.stdout.read() == "one\n"
    assert child.wait(20) == 0
    assert not is_mounted(room / "m")
    assert not records.all_records()
    assert not (room / "m").exists()


def test_a_forked_child_leaves_the_mount_of_its_parent(filled, kernel, room):
    child = kernel("""
    m = api.mount("s3://scratch/p/", "m")
    if os.fork() == 0:
        sys.exit()
    os.wait()
    print(m.state, (m / "one.txt").read_text(), flush=True)
    """)
    assert child.stdout.read() == "mounted one\n"


def test_a_forked_child_that_mounts_the_same_keeps_it_when_its_parent_dies(filled, kernel, eventually, room):
    child = kernel("""
    from s3magic.mounting import control
    m = api.mount("s3://scratch/p/", "m")
    if os.fork() == 0:
        s3magic.connect("keys", access_key_id=key, secret_access_key=secret, endpoint_url=endpoint, region="us-east-1")
        assert api.mount("s3://scratch/p/", "m") == m
        os.kill(os.getppid(), 9)
        while control.ask(m.record.socket, {"ask": "owners"})["owners"] != [os.getpid()]:
            pass
        print(m.state, (m / "one.txt").read_text(), flush=True)
        sys.exit()
    os.wait()
    """)
    assert child.stdout.read() == "mounted one\n"
    eventually(lambda: not is_mounted(room / "m"))


def test_a_mount_that_two_kernels_use_outlives_the_first(filled, kernel, mount, room, eventually):
    child = kernel("""
    m = api.mount("s3://scratch/p/", "m")
    print("mounted", flush=True)
    sys.stdin.readline()
    """)
    assert child.stdout.readline() == "mounted\n"
    mounted = mount("s3://scratch/p/")
    assert mounted.record.pid == api.mounts()[0].record.pid
    child.kill()
    child.wait()
    assert (mounted / "one.txt").read_text() == "one"
    assert mounted.state == "mounted"


def test_what_a_killed_daemon_leaves_is_cleared_at_the_next_mount(filled, mount, eventually):
    mounted = mount("s3://scratch/p/")
    assert [path.stat().st_size for path in sorted(mounted.path.iterdir())] == [3, 0]
    os.kill(mounted.record.pid, signal.SIGKILL)
    eventually(lambda: mounted.state == "stale")
    with pytest.raises(OSError, match=r"not connected|connection abort"):
        list(mounted.path.iterdir())
    again = mount("s3://scratch/p/")
    assert again.record.pid != mounted.record.pid
    assert (again / "one.txt").read_text() == "one"
    assert (mounted.state, again.state) == ("unmounted", "mounted")


def test_a_stale_mount_without_a_record_is_cleared_too(filled, mount, eventually):
    mounted = mount("s3://scratch/p/")
    os.kill(mounted.record.pid, signal.SIGKILL)
    eventually(lambda: not mounted.record.is_alive)
    mounted.record.remove()
    assert (mount("s3://scratch/p/") / "one.txt").read_text() == "one"


def test_the_table_clears_what_a_killed_daemon_left(filled, mount, room, eventually):
    mounted = mount("s3://scratch/p/")
    os.kill(mounted.record.pid, signal.SIGKILL)
    eventually(lambda: mounted.state == "stale")
    assert not api.mounts()
    assert not is_mounted(room / "m")
    assert not (room / "m").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_daemon_told_to_end_unmounts(filled, mount, eventually, number):
    mounted = mount("s3://scratch/p/")
    os.kill(mounted.record.pid, number)
    eventually(lambda: not is_mounted(mounted.path))
    eventually(lambda: not records.all_records())


def test_an_interrupt_of_the_kernel_does_not_reach_the_daemon(filled, kernel, room):
    child = kernel("""
    import signal
    m = api.mount("s3://scratch/p/", "m")
    signal.signal(signal.SIGINT, lambda *_: print((m / "one.txt").read_text(), flush=True))
    print("ready", flush=True)
    sys.stdin.readline()
    """)
    assert child.stdout.readline() == "ready\n"
    os.killpg(os.getpgid(child.pid), 0)
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "one\n"


def test_a_mount_unmounted_by_the_shell_is_gone_for_us_too(filled, mount, eventually):
    mounted = mount("s3://scratch/p/")
    assert attach.detach(mounted.path)
    eventually(lambda: not mounted.record.is_alive)
    assert mounted.state == "unmounted"
    assert not api.mounts()


def test_no_secret_in_arguments_environment_or_files_of_a_daemon(filled, mount, sandbox, room):
    pid = mount("s3://scratch/p/").record.pid
    secret = sandbox.users["teacher"].secret_access_key.encode()
    assert secret not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert secret not in Path(f"/proc/{pid}/environ").read_bytes()
    for path in (room / "run").rglob("*"):
        assert path.is_dir() or path.is_socket() or secret not in path.read_bytes()
    assert (room / "run/s3magic/mounts").stat().st_mode & 0o777 == 0o700


def test_without_a_folder_a_mount_of_another_kernel_elsewhere_is_not_taken(filled, kernel, mount, room):
    child = kernel("""
    m = api.mount("s3://scratch/p/", "elsewhere")
    print("mounted", flush=True)
    sys.stdin.readline()
    """)
    assert child.stdout.readline() == "mounted\n"
    assert mount("s3://scratch/p/", None).path == room / "s3/scratch/p"
    assert len(api.mounts()) == 2
