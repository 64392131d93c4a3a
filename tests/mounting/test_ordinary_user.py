"""The life of mounts once more, as an ordinary user: where the tests run as root, in a process that is none."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = 65534
IS_SOAK = "S3MAGIC_SOAK_KILLS" in os.environ
AGAIN = ["soak_kills"] if IS_SOAK else ["mount_life", "mount_looks", "mount_waits", "soak_kills"]
"""Whatever mounting and unmounting has a part in: all else is the same for whoever mounted."""
SECONDS = 1500 if IS_SOAK else 480


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
def test_the_same_as_an_ordinary_user(room, teaching_data):
    home = room / "home"
    shutil.copytree(teaching_data, home / teaching_data.name)
    for path in (room, home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    room.chmod(0o755)
    home.chmod(0o700)
    device = room / "fuse"
    os.mknod(device, 0o020666, os.makedev(10, 229))
    device.chmod(0o666)
    steps = [
        f"mount --bind {device} /dev/fuse",
        *show_interpreter(room / "python"),
        f"export HOME={home} TMPDIR={home} XDG_RUNTIME_DIR={home}",
        f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"',
    ]
    tests = [str(HERE / f"test_{name}.py") for name in AGAIN]
    words = ["-q", "-s", "-p", "no:cacheprovider", f"--basetemp={home}/base", *tests]
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
    assert f"kills as user {NOBODY}" in done.stdout
