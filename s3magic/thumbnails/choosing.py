"""Which objects a filter file lets through, in the form of Lightly's ``relevant_filenames.txt``; lists nothing.

A line names one file by its path below the folder that is looked at, or all that begin with what
stands before a ``*``; after such a prefix, patterns as in a ``.gitignore`` leave some out again.
"""

from __future__ import annotations

from pathspec import GitIgnoreSpec

from s3magic.errors import InvalidInput


class Choice:
    r"""The lines of a filter file; called with a key, tells whether the object is one of them.

    Parameters
    ----------
    text
        What the file holds.
    root
        What the keys begin with that it is about.

    Raises
    ------
    InvalidInput
        When a line leads out of the folder, or nothing is chosen at all.

    Examples
    --------
    >>> chosen = Choice("a.png\nraw/* *_7.png !raw/keep_7.png")
    >>> [key for key in ("a.png", "b.png", "raw/1.png", "raw/2_7.png", "raw/keep_7.png") if chosen(key)]
    ['a.png', 'raw/1.png', 'raw/keep_7.png']
    """

    def __init__(self, text: str, root: str = "") -> None:
        self._root = root
        self._names: set[str] = set()
        self._prefixes: list[tuple[str, GitIgnoreSpec]] = []
        for number, whole in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            line = whole.strip()
            if not line:
                continue
            first, *patterns = line.split()
            path = first[:-1] if first.endswith("*") else line
            if path.startswith("/") or {".", ".."} & set(path.split("/")):
                raise InvalidInput(
                    f"Line {number} of the filter: {line}", "Write paths below the folder, without dots."
                )
            if first.endswith("*"):
                try:
                    self._prefixes.append((path, GitIgnoreSpec.from_lines(patterns)))
                except ValueError as error:
                    raise InvalidInput(
                        f"Line {number} of the filter: {error}", "Write it as in a .gitignore."
                    ) from error
            else:
                self._names.add(path)
        if not (self._names or self._prefixes):
            raise InvalidInput("The filter chooses nothing", "Write a file name, or a prefix and a *, on each line.")

    def __call__(self, key: str) -> bool:
        """Whether the object of this key is chosen."""
        path = key.removeprefix(self._root)
        return path in self._names or any(
            path.startswith(prefix) and not left_out.match_file(path) for prefix, left_out in self._prefixes
        )

    @property
    def prefix(self) -> str:
        """What all chosen keys begin with."""
        starts = [*self._names, *(prefix for prefix, _ in self._prefixes)]
        low, high = min(starts), max(starts)
        same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
        return self._root + low[:same]
