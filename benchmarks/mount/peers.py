"""The programs that are put beside each other: how each is started, watched and ended, always."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.surroundings import ROOT, environment, peak, program

MARK = "S3MAGIC_BENCH_SAMPLE"
START_SECONDS = 30
END_SECONDS = 10
POLL = 0.002


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that mounts a bucket.

    Parameters
    ----------
    name
        Short, as on the command line.
    title
        As in the table.
    command
        Its words; ``{url}``, ``{bucket}``, ``{dir}``, ``{endpoint}`` and ``{cache}`` are filled in.
        Keys come to it in the environment.
    serves
        A word of the command line of the processes that count as the mount's; empty for all.
    waits
        Whether it gets ready first, says so, and mounts when it is told to.
    """

    name: str
    title: str
    command: Sequence[str]
    serves: str = ""
    waits: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether its program can be found."""
        return program(self.command[0]) is not None

    def version(self) -> str:
        """Return what its program calls its version; empty where it does not say."""
        argv = [program(self.command[0]) or "", "--version"]
        with suppress(OSError, subprocess.TimeoutExpired):
            said = subprocess.run(
                argv, capture_output=True, text=True, check=False, timeout=10, stdin=subprocess.DEVNULL
            )
            if number := re.search(r"\d+(\.\d+)+", said.stdout):
                return number[0]
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one sample goes on: a bucket of its own, an empty folder, a cache that is thrown away."""

    endpoint: str
    bucket: str
    folder: Path
    cache: Path

    def fill(self, word: str) -> str:
        """Put this place's names into a word of a command."""
        names = {
            "{url}": f"s3://{self.bucket}/",
            "{bucket}": self.bucket,
            "{dir}": str(self.folder),
            "{endpoint}": self.endpoint,
            "{cache}": str(self.cache),
        }
        for name, value in names.items():
            word = word.replace(name, value)
        return word

    def environment(self) -> dict[str, str]:
        """Return what a program is told of the server, in each program's own words."""
        told = environment(self.endpoint)
        return {
            **told,
            "AWSACCESSKEYID": told["AWS_ACCESS_KEY_ID"],
            "AWSSECRETACCESSKEY": told["AWS_SECRET_ACCESS_KEY"],
            "RCLONE_CONFIG": "",
            "RCLONE_CACHE_DIR": str(self.cache),
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENDPOINT": self.endpoint,
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_FORCE_PATH_STYLE": "true",
            MARK: self.bucket,
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes of a mount took: CPU seconds, and the most memory each held, summed, in MB."""

    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Mounted:
    """One program while it shows one place."""

    peer: Peer
    place: Place
    process: subprocess.Popen[str]
    began: float
    said: Path

    def wait(self) -> None:
        """Return once the folder is a mount; raise `MountFailed` when it does not become one."""
        end = time.monotonic() + START_SECONDS
        while not is_mounted(self.place.folder):
            if self.process.poll() not in {None, 0} or time.monotonic() > end:
                raise MountFailed(f"{self.peer.title} did not mount: {_last_words(self.said)}")
            time.sleep(POLL)

    def usage(self) -> Usage:
        """Return what it has taken up to now, its children's share included."""
        cpu = memory = 0.0
        for process in _marked(self.place.bucket):
            with suppress(psutil.Error, OSError):
                if self.peer.serves in " ".join(process.cmdline()):
                    cpu += sum(process.cpu_times()[:4])
                    memory += peak(process.pid)
        return Usage(cpu, memory)


class MountFailed(Exception):
    """A program did not mount."""


@contextmanager
def mounted(peer: Peer, place: Place) -> Iterator[Mounted]:
    """Start a program; when left, nothing of it remains: no mount, no process, no cache."""
    place.folder.mkdir(parents=True)
    place.cache.mkdir(parents=True)
    said = place.cache.with_suffix(".log")
    argv = [place.fill(word) for word in peer.command]
    argv[0] = program(argv[0]) or argv[0]
    began = time.monotonic()
    with said.open("w") as log:
        out = subprocess.PIPE if peer.waits else log
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=log,
            env=place.environment() if not peer.waits else place.environment() | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            text=True,
            start_new_session=True,
        )
    try:
        if peer.waits:
            if not process.stdout.readline():
                raise MountFailed(f"{peer.title} did not start: {_last_words(said)}")
            began = time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
        yield Mounted(peer, place, process, began, said)
    finally:
        _end(process, place)


def is_mounted(folder: Path) -> bool:
    """Ask the kernel's table, which never hangs, whether a folder is a mount."""
    with Path("/proc/self/mountinfo").open() as table:
        return any(line.split(" ", 5)[4] == str(folder) for line in table)


def _end(process: subprocess.Popen[str], place: Place) -> None:
    """Unmount, wait, and take more forceful means one after another."""
    if is_mounted(place.folder):
        _unmount(place.folder)
    process.stdin.close()
    left = psutil.wait_procs(_marked(place.bucket), timeout=END_SECONDS)[1]
    if is_mounted(place.folder):
        _unmount(place.folder, lazily=True)
    for signalled in ("terminate", "kill"):
        for one in left:
            with suppress(psutil.NoSuchProcess):
                getattr(one, signalled)()
        left = psutil.wait_procs(left, timeout=END_SECONDS)[1]
    process.wait()
    if process.stdout:
        process.stdout.close()
    shutil.rmtree(place.cache, ignore_errors=True)
    with suppress(OSError):
        place.folder.rmdir()


def _unmount(folder: Path, *, lazily: bool = False) -> None:
    words = ["umount", *["-l"] * lazily] if os.getuid() == 0 else ["fusermount3", "-u", *["-z"] * lazily]
    subprocess.run([*words, str(folder)], check=False, capture_output=True)


def _marked(sample: str) -> list[psutil.Process]:
    """Return the processes that were started for a sample, whoever is their parent now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == sample and process.pid != os.getpid():
                found.append(process)
    return found


def _last_words(said: Path) -> str:
    return " ".join(said.read_text(errors="replace").split())[-300:] or "it said nothing"


def other(command: str) -> Peer:
    """Return a program that the user names: ``COMMAND {url} {dir}``, or ``NAME=COMMAND …``."""
    first = shlex.split(command)[0]
    name, is_named, rest = command.partition("=")
    if is_named and "=" in first:
        return Peer(name, name, shlex.split(rest))
    return Peer(Path(first).name, Path(first).name, shlex.split(command))


_S3FS = ("s3fs", "{bucket}", "{dir}", "-f", "-o", "url={endpoint},use_path_request_style,tmpdir={cache}")
_RCLONE = ("rclone", "mount", ":s3:{bucket}", "{dir}", "--vfs-cache-mode", "full")

BUILTIN = Peer(
    "builtin",
    "s3magic",
    (sys.executable, "-m", "benchmarks.mount.host", "{url}", "{dir}"),
    serves="s3magic.mounting.daemon",
    waits=True,
)
KNOWN: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        BUILTIN,
        Peer("s3fs", "s3fs-fuse", _S3FS),
        Peer(
            "s3fs-tuned",
            "s3fs-fuse tuned",
            (
                *_S3FS,
                "-o",
                "parallel_count=32,multipart_size=16,multireq_max=200,max_stat_cache_size=200000,kernel_cache",
            ),
        ),
        Peer("rclone", "rclone", _RCLONE),
        Peer(
            "rclone-tuned",
            "rclone tuned",
            (
                *_RCLONE,
                *("--use-server-modtime", "--no-checksum", "--vfs-fast-fingerprint", "--dir-cache-time=1h"),
                *("--attr-timeout=1m", "--buffer-size=0", "--vfs-read-ahead=64M", "--vfs-read-chunk-size=4M"),
                *("--vfs-read-chunk-streams=16", "--transfers=32", "--checkers=32"),
            ),
        ),
    )
}
