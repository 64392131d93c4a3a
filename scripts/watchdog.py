"""Run a command under an outer limit, and see to it that no mount and no daemon is left behind.

A read of a mount whose daemon hangs cannot be ended from inside the process that reads, not even by
SIGKILL: the FUSE connection has to be aborted from outside. That is what this does when the time
is up, before anything else is killed. A command that ends well but leaves a mount or a daemon
behind has failed.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

MODULES = ("s3magic.mounting.daemon", "s3magic.access.broker", "s3magic.sandboxes.server")
GRACE = 15.0


def mounts() -> dict[str, int]:
    """Return the mount points of s3magic and the number of the FUSE connection behind each."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split(" ")
        if fields[fields.index("-") + 1] == "fuse.s3magic":
            path = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            found[path] = int(fields[2].split(":")[1])
    return found


def daemons() -> dict[int, str]:
    """Return the processes of s3magic that run in the background, by their id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
            stopped = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        module = next((word for word in words if word in MODULES), None)
        if module and not stopped:
            found[int(folder.name)] = module
    return found


def clear(old_mounts: dict[str, int], old_daemons: dict[int, str]) -> list[str]:
    """Abort, kill and unmount all that was not there at the start; return what there was."""
    left = []
    for path, connection in mounts().items():
        if path in old_mounts:
            continue
        left.append(f"mount {path}")
        abort = Path(f"/sys/fs/fuse/connections/{connection}/abort")
        if abort.exists():
            abort.write_text("1", encoding="utf-8")
        subprocess.run(["umount", "--lazy", path], check=False)
    for pid, module in daemons().items():
        if pid in old_daemons:
            continue
        left.append(f"process {pid} ({module})")
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return left


def settled(old_mounts: dict[str, int], old_daemons: dict[int, str]) -> bool:
    """Wait, for a bounded time, until nothing new is mounted or running."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        if not (mounts().keys() - old_mounts.keys() or daemons().keys() - old_daemons.keys()):
            return True
        time.sleep(0.2)
    return False


def main() -> int:
    """Run the command; return its exit status, 124 when its time was up, 1 when it left things behind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    before = mounts(), daemons()
    running = subprocess.Popen(options.command, start_new_session=True)
    try:
        status = running.wait(options.minutes * 60)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as why:
        print(f"watchdog: ending the command ({type(why).__name__})", file=sys.stderr)
        clear(*before)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        clear(*before)
        return 124
    if not settled(*before):
        print("watchdog: left behind: " + ", ".join(clear(*before)), file=sys.stderr)
        return status or 1
    return status


if __name__ == "__main__":
    sys.exit(main())
