"""Choices kept by name in a folder, one small file each; what holds a secret is never kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

from s3magic.access.choice import Choice
from s3magic.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check(choice: Choice, name: str) -> None:
    """Raise `InvalidInput` for a choice that needs keys, and for what can be no name."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"Not a name for a choice: {name!r}", "Use letters, digits, dots, dashes and underscores.")
    if choice.needs_secrets:
        raise InvalidInput(
            "A choice with keys is never saved", "Put the keys into a profile (aws configure), and save that choice."
        )


def save(choice: Choice, name: str, *, folder: Path) -> Path:
    """Keep a choice by a name, in place of what had it; return the file.

    Raises `InvalidInput` as `check` does, and where the folder cannot be written.
    """
    check(choice, name)
    path = folder / f"{name}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(choice.to_json(), indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise InvalidInput(
            f"The choice cannot be saved in {folder}: {error.strerror}", "Look at its rights."
        ) from error
    return path


def load(name: str, *, folder: Path) -> Choice:
    """Return the choice of a name; raise `InvalidInput` where there is none, or none that can be read."""
    check(Choice(), name)
    path = folder / f"{name}.json"
    try:
        return Choice.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        there = ", ".join(names(folder))
        raise InvalidInput(
            f"No choice is saved as {name!r}", f"Saved are: {there}." if there else "%s3creds … --save NAME saves one."
        ) from None
    except InvalidInput:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"The saved choice {name!r} cannot be read", f"Save it again: {path}") from error


def names(folder: Path) -> list[str]:
    """Return the names there are."""
    return sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))
