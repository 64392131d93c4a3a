"""ecCodes, loaded behind pyproj: its wheel shows a PROJ of its own to all that is loaded later, which ends pyproj."""

from __future__ import annotations

import pyproj  # noqa: F401 - first, see above

# isort: split
import eccodes

__all__ = ["eccodes"]
