"""Where Iris is led to S3: three functions of ``iris.io`` that take URLs, exchanged, and put back.

They are public, and older than the last ten releases of Iris; `iris.load` and its kin, `load_mesh`
and `iris.save` come to all URLs through them. What is no ``s3://`` URL they are given untouched.
Run with Iris 3.14.1 and 3.12.2 on Python 3.11; with 3.10.0 and 3.8.1 but for PP, which these cannot
save with NumPy 2.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

from s3magic.errors import InvalidInput, MissingLibrary

Around = Callable[[], AbstractContextManager[object]]

_SCHEME = "s3://"
_TAKES = {"decode_uri": ("uri",), "expand_filespecs": ("file_specs", "files_expected"), "save": ("source", "target")}


@dataclass(frozen=True, slots=True)
class Ways:
    """What to do with ``s3://`` URLs.

    Parameters
    ----------
    load
        Gives the paths of files that can be opened in their place.
    save
        Is given a URL and what saves to a path, keywords and all, and returns what that returns.
    around
        What happens around both: how errors are shown.
    """

    load: Callable[[list[str]], list[str]]
    save: Callable[[str, Callable[[str], Any], dict[str, Any]], Any]
    around: Around


class Seams:
    """The functions of Iris that were exchanged.

    Raises `MissingLibrary` where this Iris does not have them as they are known.
    """

    def __init__(self, iris: ModuleType, ways: Ways) -> None:
        self._ways: Ways | None = ways
        io = sys.modules.get("iris.io")
        originals = {name: getattr(io, name, None) for name in _TAKES}
        if not all(_is_known(function, _TAKES[name]) for name, function in originals.items()):
            raise MissingLibrary(
                f"Iris {getattr(iris, '__version__', '')} opens files otherwise than the one s3magic knows",
                "Mount the bucket (%s3mount) and give Iris paths, or install scitools-iris 3.14.",
            )
        makers = (self._decode_uri, self._expand_filespecs, self._save)
        self._pairs = [(originals[name], make(originals[name])) for name, make in zip(_TAKES, makers, strict=True)]
        for original, ours in self._pairs:
            _exchange(original, ours)

    def take_back(self) -> None:
        """Put back what was exchanged; what somebody holds on to does as it did before."""
        self._ways = None
        for original, ours in self._pairs:
            _exchange(ours, original)

    def _decode_uri(self, original: Any) -> Any:
        @wraps(original)
        def decode_uri(uri: Any, *rest: Any, **words: Any) -> Any:
            return ("file", uri) if self._ways and _is_ours(uri) else original(uri, *rest, **words)

        return decode_uri

    def _expand_filespecs(self, original: Any) -> Any:
        @wraps(original)
        def expand_filespecs(file_specs: Iterable[Any], files_expected: bool = True) -> Any:  # noqa: FBT001, FBT002 - as Iris has it
            specs, ways = list(file_specs), self._ways
            urls = [spec for spec in specs if _is_ours(spec)]
            if ways is None or not urls:
                return original(specs, files_expected)
            with ways.around():
                if not files_expected:
                    raise InvalidInput(
                        f"This iris.save is older than s3magic and knows no {urls[0]}", "Import it again, then save."
                    )
                others = [spec for spec in specs if not _is_ours(spec)]
                return [*(original(others, files_expected) if others else []), *ways.load(urls)]

        return expand_filespecs

    def _save(self, original: Any) -> Any:
        @wraps(original)
        def save(source: Any, target: Any, *rest: Any, **words: Any) -> Any:
            ways = self._ways
            if ways is None or not _is_ours(target):
                return original(source, target, *rest, **words)

            def write(path: str) -> Any:
                saver = rest[0] if rest else words.get("saver")
                _check_saver(path if saver is None else saver)
                return original(source, path, *rest, **words)

            with ways.around():
                return ways.save(target, write, words)

        return save


def _is_ours(spec: object) -> bool:
    return isinstance(spec, str) and spec[: len(_SCHEME)].lower() == _SCHEME


def _check_saver(saver: object) -> None:
    """Refuse an ending that Iris knows no format for: it does not say so itself."""
    find = getattr(sys.modules["iris.io"], "find_saver", None)
    if find is not None and isinstance(saver, str) and find(saver) is None:
        raise InvalidInput(
            f"Iris knows no format for {saver.rpartition('/')[2]}",
            'Let the name end in .nc, .pp or .grib2, or say which it is: saver="nc".',
        )


def _is_known(function: object, takes: tuple[str, ...]) -> bool:
    return callable(function) and tuple(inspect.signature(function).parameters)[: len(takes)] == takes


def _exchange(former: object, new: object) -> None:
    """Put a function in the place of another wherever Iris holds that."""
    for module in _modules():
        for name in [name for name, value in list(vars(module).items()) if value is former]:
            setattr(module, name, new)


def _modules() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and (name == "iris" or name.startswith("iris.")):
            yield module
