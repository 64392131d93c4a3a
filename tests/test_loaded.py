"""Modules that are loaded already, and those that are about to be."""

from __future__ import annotations

import sys
import threading
from importlib import import_module

from s3magic.loaded import loaded


def test_nothing_is_loaded_for_the_looking():
    assert loaded("antigravity") is None
    assert "antigravity" not in sys.modules
    assert loaded("sys") is sys


def test_a_module_that_another_thread_is_importing_is_waited_for(tmp_path, monkeypatch):
    (tmp_path / "s3m_gate.py").write_text("import threading\nbegun, go_on = threading.Event(), threading.Event()\n")
    (tmp_path / "s3m_slow.py").write_text(
        "import s3m_gate\ns3m_gate.begun.set()\nassert s3m_gate.go_on.wait(30)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    gate, found = import_module("s3m_gate"), []
    importing = threading.Thread(target=import_module, args=["s3m_slow"])
    looking = threading.Thread(target=lambda: found.append(loaded("s3m_slow").whole))
    importing.start()
    assert gate.begun.wait(30)
    looking.start()
    gate.go_on.set()
    for thread in (importing, looking):
        thread.join(30)
    assert found == [True]
    for name in ("s3m_gate", "s3m_slow"):
        del sys.modules[name]
