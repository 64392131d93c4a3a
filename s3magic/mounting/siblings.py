"""Opens that go through a folder in order: which files come next. Pure arithmetic, knows positions alone."""

from __future__ import annotations

from dataclasses import dataclass

NEAR = 16
"""How far apart two opens of one walk may be: several threads share one."""
MOST_FILES = 64
MOST_BYTES = 16 << 20
_FIRST_FILES = 4


@dataclass(slots=True)
class Walk:
    """Where the opens of one folder are, and how far was fetched ahead of them.

    Attributes
    ----------
    reached : int
        The last position that was fetched; set by who fetches.

    Examples
    --------
    >>> walk = Walk()
    >>> walk.step(0), walk.step(1)
    (range(0, 0), range(2, 6))
    """

    reached: int = -1
    _last: int = -NEAR - 1
    _run: int = 0

    def step(self, position: int) -> range:
        """Note that the file at a position is opened; return the positions to have before they are."""
        distance = position - self._last
        if 0 < distance <= NEAR:
            self._run += 1
            self._last = position
        elif not -NEAR <= distance <= 0:
            self._run, self._last, self.reached = 0, position, position
        if not self._run:
            return range(0)
        window = min(MOST_FILES, _FIRST_FILES << min(self._run - 1, 4))
        return range(max(self.reached, position) + 1, position + window + 1)
