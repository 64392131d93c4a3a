"""Linking takes as much memory for very many tiles as for some."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FEW, MANY = 1_000, 8_000
MOST = 6
"""MB that the many may take beyond the few; held as objects they would take 11."""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells the most memory that a process held"
)
def test_memory_does_not_grow_with_the_tiles(tmp_path):
    def held(count):
        argv = [
            sys.executable,
            str(Path(__file__).with_name("memory_linker.py")),
            str(count),
            str(tmp_path / str(count)),
        ]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
        return float(subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout)

    few, many = held(FEW), held(MANY)
    sys.stdout.write(f"\n{FEW} tiles: {few:.1f} MB, {MANY} tiles: {many:.1f} MB\n")
    assert many - few < MOST
