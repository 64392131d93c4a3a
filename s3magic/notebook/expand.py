"""From the line of a magic to its words: quotes and comments as in a shell, ``{name}`` and ``$name`` as variables.

It does not evaluate expressions, and leaves every other brace alone, since ``*.{nc,pp}`` is a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from os import PathLike, fspath

from s3magic.errors import InvalidInput

_VARIABLE = re.compile(r"\{([^\W\d]\w*)\}|\$([^\W\d]\w*)")
_EXPRESSION = re.compile(r"\{([^\W\d]\w*)[.\[][^{},]*\}")
_SPACE = " \t\r\n"
_ESCAPED_IN_DOUBLE_QUOTES = '"\\${'
_SPECIAL = re.compile(r"""^#|[\s'"\\${]""")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line.

    Parameters
    ----------
    text
        What is meant: quotes taken off, variables filled in.
    start
        Where it begins in the line, its quote included.
    quote
        The quotation mark that is still open at the end of the line, or nothing.
    """

    text: str
    start: int
    quote: str = ""


def split(line: str, namespace: Mapping[str, object] | None = None) -> list[str]:
    r"""Return the words of a line, variables filled in.

    Parameters
    ----------
    line
        What stands after the name of the magic. A word that begins with ``#`` begins a comment.
    namespace
        Variables by name. A word that names none stays as it is. A value is put in as it is: it
        is not split and not looked through again. Single quotes, or a backslash, keep a
        ``{name}`` from being filled in.

    Raises
    ------
    InvalidInput
        When a quotation mark is never closed, or braces ask for a part of a variable.

    Examples
    --------
    >>> split("{bucket}/*.{nc,pp} 'a key'", {"bucket": "s3://teaching", "nc": 1})
    ['s3://teaching/*.{nc,pp}', 'a key']
    """
    words = list(takewhile(lambda word: line[word.start] != "#", read(line, namespace)))
    if words and words[-1].quote:
        raise InvalidInput(
            f"The quotation mark {words[-1].quote} is never closed in: {line.strip()}",
            f"Close it, or write \\{words[-1].quote} where it belongs to the name.",
        )
    return [word.text for word in words]


def read(line: str, namespace: Mapping[str, object] | None = None) -> list[Word]:
    """Return the words of a line that may still be being typed, with where each begins; see `split`."""
    words, i = [], 0
    while i < len(line):
        if line[i] in _SPACE:
            i += 1
            continue
        start, parts, quote = i, [], ""
        while i < len(line) and (quote or line[i] not in _SPACE):
            text, quote, i = _step(line, i, quote, namespace or {})
            parts.append(text)
        words.append(Word("".join(parts), start, quote))
    return words


def protect(text: str, quote: str = "") -> str:
    r"""Write a text so that `split` reads it back, inside an open quotation mark or outside of one.

    Examples
    --------
    >>> print(protect("two words"))
    two\ words
    """
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'["\\${]', r"\\\g<0>", text)
    return _SPECIAL.sub(r"\\\g<0>", text)


def _step(line: str, i: int, quote: str, namespace: Mapping[str, object]) -> tuple[str, str, int]:
    """Read one piece: its text, the quotation mark open after it, and where the next one begins."""
    character = line[i]
    if character == quote:
        return "", "", i + 1
    if quote == "'":
        return character, quote, i + 1
    if character == "\\" and i + 1 < len(line) and (not quote or line[i + 1] in _ESCAPED_IN_DOUBLE_QUOTES):
        return line[i + 1], quote, i + 2
    if not quote and character in "'\"":
        return "", character, i + 1
    if (found := _VARIABLE.match(line, i)) and (name := found.group(1) or found.group(2)) in namespace:
        value = namespace[name]
        return fspath(value) if isinstance(value, PathLike) else str(value), quote, found.end()
    if (found := _EXPRESSION.match(line, i)) and found.group(1) in namespace:
        raise InvalidInput(
            f"Only a name is filled in, no expression: {found.group()}",
            f"Write part = {found.group()[1:-1]} before, and {{part}} here. A backslash before the brace lets it stay.",
        )
    return character, quote, i + 1
