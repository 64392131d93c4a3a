"""Whether Iris is led to S3: at once, once it is imported, or no more."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

from s3magic.cubes.hook import Hook
from s3magic.cubes.seams import Seams, Ways
from s3magic.errors import S3MagicError

_hook: Hook | None = None
_seams: Seams | None = None


def begin(ways: Ways) -> None:
    """Lead Iris, which has been imported; raise `MissingLibrary` where it is one that cannot be led."""
    global _seams  # noqa: PLW0603 - there is one Iris
    if _seams is None:
        _seams = Seams(sys.modules["iris"], ways)


def begin_later(ways: Ways) -> None:
    """Lead Iris once it is imported, at once where it is; where it cannot be led, a warning says so."""
    global _hook  # noqa: PLW0603

    def lead(_: ModuleType) -> None:
        try:
            begin(ways)
        except S3MagicError as error:
            warnings.warn("\n".join(error.lines()), stacklevel=2)

    if _hook is None:
        _hook = Hook("iris", lead)
        _hook.begin()


def end() -> None:
    """Give Iris back as it was, and wait for it no longer."""
    global _hook, _seams  # noqa: PLW0603
    if _hook is not None:
        _hook.end()
    if _seams is not None:
        _seams.take_back()
    _hook = _seams = None
