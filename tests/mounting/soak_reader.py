"""Reads here and there in mounted files and compares each byte; a process of its own beside the test.

usage: soak_reader.py FOLDER BASE SIZES READS THREADS SEED    (prints what it saw as JSON)
"""

from __future__ import annotations

import json
import mmap
import os
import random
import sys
import threading
from collections import Counter
from pathlib import Path

from faulty import EPOCH, piece, tell

LARGEST_READ = 256 << 10
READS_AN_OPEN = 60


class Reader:
    """What all threads of the process share."""

    def __init__(self, folder, base, sizes, reads):
        self.folder, self.base, self.sizes = folder, base, sizes
        self.left = reads
        self.counts = Counter()
        self.errors = Counter()
        self.wrong = []
        self.lock = threading.Lock()

    def run(self, seed):
        chance = random.Random(seed)  # noqa: S311
        while self.left > 0 and not self.wrong:
            index = chance.randrange(len(self.sizes))
            flags = os.O_RDONLY | (os.O_DIRECT if chance.random() < 0.5 else 0)
            try:
                file = os.open(self.folder / f"{index}.bin", flags)
            except OSError as error:
                self.count("open", error.errno)
                continue
            try:
                self.read(file, index, chance)
            finally:
                os.close(file)

    def read(self, file, index, chance):
        try:
            version = int(os.fstat(file).st_mtime) - EPOCH
        except OSError as error:
            self.count("open", error.errno)
            return
        size = self.sizes[index]
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        for _ in range(READS_AN_OPEN):
            length = min(int(2 ** chance.uniform(0, 18)), LARGEST_READ)
            start = chance.randrange(size)
            right = piece(self.base, index, version, start, min(start + length, size))
            while right:  # a read that meets an error after its first pages gives these, and the next one the error
                try:
                    got = os.pread(file, length, start)
                except OSError as error:
                    self.count("read", error.errno)
                    return
                self.count("read", 0, len(got))
                if not got or got != right[: len(got)]:
                    where = f"{index}.bin version {version}: {length} bytes at {start}"
                    self.wrong.append(f"{where}: {differing(got, right)}")
                    return
                start, length, right = start + len(got), length - len(got), right[len(got) :]

    def count(self, kind, number, size=0):
        with self.lock:
            if kind == "read":
                self.left -= 1
                self.counts["reads"] += 1
            self.counts["bytes"] += size
            if number:
                self.errors[f"{kind} {os.strerror(number)}"] += 1


def differing(got, right):
    """Tell where bytes begin to be other than right."""
    at = next((at for at, pair in enumerate(zip(got, right, strict=False)) if pair[0] != pair[1]), len(got))
    return f"{len(got)} came of {len(right)}, other from {at} on"


def main():
    folder, path, sizes, reads, threads, seed = sys.argv[1:]
    with Path(path).open("rb") as file:
        base = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = Reader(Path(folder), base, json.loads(sizes), int(reads))
    running = [threading.Thread(target=reader.run, args=(f"{seed}-{number}",)) for number in range(int(threads))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    tell({"counts": reader.counts, "errors": reader.errors, "wrong": reader.wrong})


if __name__ == "__main__":
    main()
