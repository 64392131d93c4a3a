"""The lines of ``.gitattributes`` that give tiles to git-lfs; pure text."""

from __future__ import annotations

from collections.abc import Iterable

BY_NAME = 10_000  # above so many tiles they are told by their endings: git's work grows with lines x files
_LFS = "filter=lfs diff=lfs merge=lfs -text"


def lines(names: Iterable[str]) -> list[str]:
    """Return the lines that give exactly these files to git-lfs.

    Above ``BY_NAME`` names they are told by their endings.
    """
    wanted = sorted(set(names))
    if len(wanted) > BY_NAME:
        anywhere = "**/" if any("/" in name for name in wanted) else ""
        patterns = sorted(
            {f"{anywhere}*{_pattern(_ending(name))}" if _ending(name) else _pattern(name) for name in wanted}
        )
    else:
        patterns = [_pattern(name) for name in wanted]
    return [f"/{pattern} {_LFS}" for pattern in patterns]


def updated(text: str, names: Iterable[str], gone: Iterable[str] = ()) -> str:
    """Return the text with what these files need and without what those need that are gone; other lines stay."""
    wanted = lines(names)
    unwanted = {f"/{_pattern(name)} {_LFS}" for name in gone}.difference(wanted)
    kept = [line for line in text.removesuffix("\n").split("\n") if text and line not in unwanted]
    there = set(kept)
    return "".join(f"{line}\n" for line in [*kept, *(line for line in wanted if line not in there)])


def _ending(name: str) -> str:
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return dot + suffix if stem else ""


def _pattern(name: str) -> str:
    """Write a name so that git and git-lfs take each character for itself."""
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
