"""Whoever is killed, and whenever: no mount is left, no process, and nobody waits without end.

How many kills is set by S3MAGIC_SOAK_KILLS: ``make soak-kills`` takes 50, as root and as an ordinary user.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from s3magic import api
from s3magic.mounting import attach, records

KILLS = int(os.environ.get("S3MAGIC_SOAK_KILLS", "5"))
GONE_SECONDS = 10
"""A mount point is gone so long after its kernel at the latest."""
HUNG_SECONDS = 30
ENDED_SECONDS = 20
WORD = "S3MAGIC_SOAK"
DAEMON, BROKER = "s3magic.mounting.daemon", "s3magic.access.broker"
VICTIMS = ("kernel", "daemon", "daemon, then kernel", "both", "broker, then kernel")


class Round:
    """One kernel, what it started, and who looks on from outside."""

    def __init__(self, room, sandbox, seed):
        self.folder, self.word, self.said = room / "m", secrets.token_hex(8), []
        self.others = []
        teacher = sandbox.users["teacher"]
        keys = [teacher.access_key_id, teacher.secret_access_key, sandbox.endpoint_url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        argv = [sys.executable, str(Path(__file__).with_name("soak_kernel.py")), str(self.folder), seed]
        self.kernel = subprocess.Popen(argv, env={**os.environ, WORD: self.word}, **pipes)
        self.kernel.stdin.write(json.dumps(keys) + "\n")
        self.kernel.stdin.flush()
        assert self.kernel.stdout.readline() == "ready\n", self.kernel.stderr.read()
        self._listener = threading.Thread(target=lambda: self.said.extend(self.kernel.stdout))
        self._listener.start()

    def processes(self, kind=""):
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (folder / "stat").read_text().rpartition(") ")[2][0] in "ZX":
                    continue
                if f"{WORD}={self.word}".encode() not in (folder / "environ").read_bytes().split(b"\0"):
                    continue
                if kind.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def kill(self, victim):
        wanted = [self.kernel.pid] if victim == "kernel" else self.processes(victim)
        for pid in wanted:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(wanted)

    def look_on(self):
        """Read the whole mount from outside, as a shell does."""
        script = 'find "$0" -type f -exec cat {} + >/dev/null 2>&1; true'
        self.others.append(subprocess.Popen(["sh", "-c", script, str(self.folder)]))

    def close(self):
        for pid in {*self.processes(), self.kernel.pid}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in (self.kernel, *self.others):
            child.kill()
            child.wait()
        self._listener.join()
        for pipe in (self.kernel.stdin, self.kernel.stdout, self.kernel.stderr):
            pipe.close()


@pytest.fixture
def rounds(room, sandbox):
    """Begin a round; whatever it started is ended afterwards."""
    begun = []

    def begin(seed):
        begun.append(Round(room, sandbox, seed))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def kill(one, chance):
    """Kill somebody at some moment, and in the end the kernel; return who was killed."""
    victim = chance.choice(VICTIMS)
    if victim in {"kernel", "both"}:
        killed = one.kill(DAEMON) if victim == "both" else 0
        return victim, killed + one.kill("kernel")
    killed = one.kill(BROKER if victim.startswith("broker") else DAEMON)
    time.sleep(chance.uniform(0.3, 1.5) if victim == "daemon" else chance.uniform(0, 0.1))
    return victim, killed + one.kill("kernel")


def test_nothing_is_left_of_who_was_killed(rounds, room, eventually):
    seed, slowest, kinds = os.environ.get("S3MAGIC_SOAK_SEED") or secrets.token_hex(4), 0.0, {}
    sys.stdout.write(f"\nkills as user {os.getuid()}, seed {seed}\n")
    chance = random.Random(seed)  # noqa: S311
    for number in range(KILLS):
        one = rounds(f"{seed}-{number}")
        time.sleep(chance.uniform(0, 1))
        one.look_on()
        time.sleep(chance.uniform(0, 0.5))
        victim, killed = kill(one, chance)
        kinds[victim] = kinds.get(victim, 0) + killed
        began = time.monotonic()
        eventually(lambda one=one, victim=victim: is_gone(one, victim), GONE_SECONDS)
        slowest = max(slowest, time.monotonic() - began)
        api.mounts()  # which clears what a killed daemon left, and nobody else could
        assert attach.mount_point_at(one.folder) is None, (seed, number, victim)
        eventually(lambda one=one: not one.processes(), ENDED_SECONDS)
        for other in one.others:
            other.wait(HUNG_SECONDS)
        assert not [line for line in one.said if line.startswith("waited")], (seed, number, victim)
        assert not records.all_records(), (seed, number, victim)
        one.close()
    sys.stdout.write(
        f"{KILLS} rounds; processes killed by round: {kinds}; the slowest mount ended in {slowest:.2f} s\n"
    )


def is_gone(one, victim):
    """Tell whether a mount is gone; of one whose daemon was killed, whether at least nobody is behind it."""
    is_mounted = attach.mount_point_at(one.folder) is not None
    return not is_mounted or ("kernel" not in victim.split(",")[0] and not one.processes(DAEMON))
