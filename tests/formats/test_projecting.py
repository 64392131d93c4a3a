from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3magic.formats.projecting import in_one_thread

FORKED = """
import os
from s3magic.formats.crs import crs84_extent, wkt_of_keys
utm = wkt_of_keys({3072: 32618})
bounds = (101985.0, 2611485.0, 339315.0, 2826915.0)
right = crs84_extent(utm, bounds)
if child := os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0 if crs84_extent(utm, bounds) == right else 1)
"""


def test_whoever_asks_one_thread_answers_and_errors_come_back():
    @in_one_thread
    def inner() -> int:
        return threading.get_ident()

    @in_one_thread
    def outer(*, fail: bool = False) -> tuple[int, int]:
        if fail:
            raise ValueError("no")
        return threading.get_ident(), inner()  # from that thread itself, too

    with ThreadPoolExecutor(8) as pool:
        seen = {number for pair in pool.map(lambda _: outer(), range(8)) for number in pair}
    assert len(seen) == 1
    assert threading.get_ident() not in seen
    with pytest.raises(ValueError, match="no"):
        outer(fail=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_child_projects_too():
    assert subprocess.run([sys.executable, "-c", FORKED], timeout=60, check=False).returncode == 0
