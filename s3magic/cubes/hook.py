"""Being told when a library is first imported, without importing it; knows no library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class Hook:
    """Calls somebody with a module once it has been imported: at once where it was already.

    Parameters
    ----------
    name
        A top-level module.
    then
        Called with it, by whoever imports it: it should not raise.
    """

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._then = then

    def begin(self) -> None:
        """Wait for the import; twice is harmless."""
        module = sys.modules.get(self._name)
        if module is not None:
            self._then(module)
        elif self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def end(self) -> None:
        """Wait no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find the module, and hear when it has been run: see `importlib.abc.MetaPathFinder`."""
        if name != self._name:
            return None
        found = (one.find_spec(name, path, target) for one in list(sys.meta_path) if one is not self)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _after_running(spec.loader, self._arrived)
        return spec

    def _arrived(self, module: ModuleType) -> None:
        if self in sys.meta_path:  # else it was ended meanwhile
            self.end()
            self._then(module)


def _after_running(loader: object, then: Callable[[ModuleType], None]) -> None:
    """Let a loader, which is one module's alone, run it as ever and then tell; it keeps no trace of that."""
    run = loader.exec_module  # type: ignore[attr-defined]

    def run_and_tell(module: ModuleType) -> None:
        del loader.exec_module  # type: ignore[attr-defined]
        run(module)
        then(module)

    loader.exec_module = run_and_tell  # type: ignore[attr-defined]
