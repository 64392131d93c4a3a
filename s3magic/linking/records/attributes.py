"""The lines of ``.gitattributes`` that give tiles to git-lfs; pure text."""

from __future__ import annotations

import re
from collections.abc import Iterable

BY_NAME = 10_000  # above so many tiles they are told by their endings: git's work grows with lines x files
_LFS = "filter=lfs diff=lfs merge=lfs -text"
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)


class Names:
    """The names of tiles, told one by one; above ``BY_NAME`` they are held by their endings."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._patterns: set[str] = set()
        self._is_deep = self._are_many = False
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Tell one name."""
        self._is_deep |= "/" in name
        self._names.add(name if not self._are_many else _ending(name) or f"/{name}")
        if not self._are_many and len(self._names) > BY_NAME:
            self._are_many = True
            self._names = {_ending(one) or f"/{one}" for one in self._names}

    @property
    def lines(self) -> list[str]:
        """The lines that give exactly these files to git-lfs; where they are many, all of their endings."""
        if not self._are_many:
            return [f"/{_pattern(name)} {_LFS}" for name in sorted(self._names)]
        anywhere = "/**/*" if self._is_deep else "/*"
        patterns = (_pattern(one) if one.startswith("/") else f"{anywhere}{_pattern(one)}" for one in self._names)
        return [f"{pattern} {_LFS}" for pattern in sorted(patterns)]


def updated(text: str, names: Names, gone: Iterable[str] = ()) -> str:
    """Return the text with what these files need and without what those need that are gone; other lines stay."""
    wanted = names.lines
    unwanted = {f"/{_pattern(name)} {_LFS}" for name in gone}.difference(wanted)
    kept = [line for line in text.removesuffix("\n").split("\n") if text and line not in unwanted]
    there = set(kept)
    return "".join(f"{line}\n" for line in [*kept, *(line for line in wanted if line not in there)])


def _ending(name: str) -> str:
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return dot + suffix if stem else ""


def _pattern(name: str) -> str:
    """Write a name so that git and git-lfs take each character for itself."""
    if _PLAIN.fullmatch(name):
        return name
    out = []
    for character in name:
        if character in " \t\n\v\f\r":
            out.append("[[:space:]]")
        elif character in "*?[\\":
            out.append(f"\\{character}")
        elif ord(character) < ord(" ") or character in '"\x7f':
            out.append("?")
        elif character.isspace():  # several bytes to git, and the end of a pattern to git-lfs
            out.append("*")
        else:
            out.append(character)
    return "".join(out)
