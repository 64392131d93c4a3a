"""Notices when the system's table of mounts changes, whoever changed it; knows nothing of S3.

Only Linux tells; elsewhere the watch is silent.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")


class MountTableWatch:
    """Calls a function after each change, from a thread of its own, until closed.

    Parameters
    ----------
    changed
        Called without arguments; must return soon and raise nothing.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._stop, self._stopper = os.pipe()
        if _TABLE.exists():
            threading.Thread(target=self._watch, name="s3magic-mount-table", daemon=True).start()
        else:
            os.close(self._stop)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._stopper)

    def _watch(self) -> None:
        with _TABLE.open("rb") as table:
            poll = select.poll()
            poll.register(table, select.POLLPRI)  # the kernel's word for "has changed"
            poll.register(self._stop, select.POLLIN)
            while all(descriptor != self._stop for descriptor, _ in poll.poll()):
                self._changed()
        os.close(self._stop)
