"""The outer watchdog: what a command leaves behind is told, ended, and fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

WATCHDOG = Path(__file__).parent.parent / "scripts" / "watchdog.py"


def watch(script, minutes="1"):
    command = [sys.executable, str(WATCHDOG), "--minutes", minutes, "--grace", "1", "--", "sh", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def folder_of(done):
    return Path(done.stdout.strip().splitlines()[0])


def test_a_clean_run_keeps_its_status_and_loses_its_folder():
    done = watch("echo $TMPDIR; exit 7")
    assert done.returncode == 7
    assert done.stderr == ""
    assert not folder_of(done).exists()


def test_a_command_that_hangs_is_ended():
    done = watch("echo $TMPDIR; sleep 1000", minutes="0.01")
    assert done.returncode == 124
    assert not folder_of(done).exists()


def test_a_daemon_left_behind_fails_the_run_and_is_ended():
    done = watch("echo $TMPDIR; setsid sleep 1000 >/dev/null 2>&1 & echo $!")
    assert done.returncode == 1
    assert "sleep 1000" in done.stderr
    pid = next(line for line in done.stdout.split() if line.isdigit())
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs wants root")
def test_a_mount_left_behind_fails_the_run_and_is_taken_away():
    done = watch("echo $TMPDIR; mkdir $TMPDIR/m && mount -t tmpfs none $TMPDIR/m")
    assert done.returncode == 1
    assert f"mount {folder_of(done)}/m" in done.stderr
    assert str(folder_of(done)) not in Path("/proc/mounts").read_text()
    assert not folder_of(done).exists()
