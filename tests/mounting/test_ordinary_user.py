"""The life of mounts once more, as an ordinary user: where the tests run as root, in a process that is none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = 65534
AGAIN = ["test_mount_life.py", "test_mount_waits.py", "test_mount_lifetime.py", "test_soak_kills.py"]
SECONDS = 1500 if "S3MAGIC_SOAK_KILLS" in os.environ else 240


def show_interpreter(aside):
    """Return commands that let anybody run this Python, where it lives in a folder that only root may enter."""
    home = Path(sys.base_prefix)
    closed = [folder for folder in home.parents if not folder.stat().st_mode & stat.S_IXOTH]
    if not closed:
        return []
    return [
        f"mkdir {aside}",
        f"mount --bind {home} {aside}",
        f"mount -t tmpfs -o mode=755 none {closed[-1]}",
        f"mkdir -p {home}",
        f"mount --bind {aside} {home}",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="they run as an ordinary user already")
@pytest.mark.parametrize("name", AGAIN)
def test_the_same_as_an_ordinary_user(room, name):
    os.chown(room, NOBODY, NOBODY)
    room.chmod(0o755)
    device = room / "fuse"
    os.mknod(device, 0o020666, os.makedev(10, 229))
    device.chmod(0o666)
    (room / "home").mkdir(mode=0o700)
    os.chown(room / "home", NOBODY, NOBODY)
    steps = [
        f"mount --bind {device} /dev/fuse",
        *show_interpreter(room / "python"),
        f"export HOME={room}/home TMPDIR={room}/home XDG_RUNTIME_DIR={room}/home",
        f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"',
    ]
    words = ["-q", "-s", "-p", "no:cacheprovider", f"--basetemp={room}/home/base", str(HERE / name)]
    argv = ["unshare", "-m", "sh", "-c", " && ".join(steps), "sh", sys.executable, "-m", "pytest", *words]
    done = subprocess.run(
        argv,
        check=False,
        cwd=HERE.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:]
