"""Modules that this process has loaded already; loads none for the looking."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def loaded(name: str) -> Any:
    """Return a module, or None where nobody has imported it.

    Where another thread is importing it, that is waited for: half of a module is none.
    """
    return import_module(name) if name in sys.modules else None
