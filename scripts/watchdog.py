"""Run a command under an outer limit, and see to it that no mount and no daemon is left behind.

A read of a mount whose daemon hangs cannot be ended from inside the process that reads, not even by
SIGKILL: the FUSE connection has to be aborted from outside. That is what this does when the time
is up, before anything else is killed. A command that ends well but leaves a mount or a daemon
behind has failed.

The command gets a temporary folder of its own, by which its mounts are known, and a word in its
environment, by which its daemons are; what others run at the same time is left alone.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

WORD = "S3MAGIC_WATCHDOG"


class Run:
    """One run of the command: its folder, its word, and what belongs to it."""

    def __init__(self) -> None:
        self.word = secrets.token_hex(8)
        self.folder = Path(tempfile.mkdtemp(prefix="s3m-")).resolve()
        self.folder.chmod(0o711)

    @property
    def environ(self) -> dict[str, str]:
        """The environment for the command."""
        return {**os.environ, WORD: self.word, "TMPDIR": str(self.folder)}

    def mounts(self) -> dict[Path, int]:
        """Return the mount points in the folder, and the number of the FUSE connection behind each."""
        found = {}
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            fields = line.split(" ")
            path = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
            if path.is_relative_to(self.folder):
                found[path] = int(fields[2].split(":")[1])
        return found

    def processes(self) -> dict[int, str]:
        """Return the processes that carry the word, and what they run."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{WORD}={self.word}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    found[int(folder.name)] = " ".join(words).strip()[:120]
        return found

    def end(self) -> list[str]:
        """Abort, kill and unmount whatever is left; return what that was."""
        left = [f"mount {path}" for path in self.mounts()]
        left += [f"process {pid} ({words})" for pid, words in self.processes().items()]
        for path, connection in self.mounts().items():
            control = Path(f"/sys/fs/fuse/connections/{connection}/abort")
            with suppress(OSError), control.open("wb", buffering=0) as abort:
                if self.mounts().get(path) == connection:  # once it is unmounted, the number may be another's
                    abort.write(b"1")
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for path in self.mounts():
            program = ["umount", "--lazy"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
            subprocess.run([*program, str(path)], check=False)
        return left

    def settles(self, seconds: float) -> bool:
        """Wait, for so long at most, until nothing is mounted and nothing runs."""
        deadline = time.monotonic() + seconds
        while self.mounts() or self.processes():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


def main() -> int:
    """Run the command; return its exit status, 124 when its time was up, 1 when it left things behind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--grace", type=float, default=15, metavar="SECONDS", help="how long daemons may take to end")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    # Started in the background, a shell lets the command ignore SIGINT; what has a handler here is SIG_DFL there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = Run()
    running = subprocess.Popen(options.command, start_new_session=True, env=run.environ)
    try:
        status = running.wait(options.minutes * 60)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as why:
        print(f"watchdog: ending the command ({type(why).__name__})", file=sys.stderr)
        run.end()
        running.wait()
        status = 124
    if not run.settles(options.grace):
        print("watchdog: left behind: " + ", ".join(run.end()), file=sys.stderr)
        status = status or 1
    if run.settles(options.grace):  # never delete what may still be a bucket
        shutil.rmtree(run.folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
