"""What turns a method into a magic with verbs, each with words and help of its own; knows no verb itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from IPython.core.magic import needs_local_scope, no_var_expand

from s3magic.errors import InvalidInput
from s3magic.notebook.magic import HELP, Magical, friendly, option

VerbMagic = Callable[..., object]


def magic_with_verbs(verbs: Mapping[str, VerbMagic]) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Make a method into a magic whose first word chooses one of several magics.

    ``--help`` alone lists the verbs; after a verb it shows that verb's own help. The verbs can be
    read from the method again, for completion.
    """

    def decorate(method: Callable[..., object]) -> Callable[..., object]:
        name = method.__name__
        told = _help(name, method, verbs)

        @wraps(method)
        def run(self: Magical, line: str, *, local_ns: dict[str, object] | None = None) -> object:
            word, *rest = line.split(None, 1)[:2] or [""]
            if word in verbs:
                return verbs[word](self, *(rest or [""]), local_ns=local_ns)
            with friendly(verbose=self.verbose_errors):
                if word in HELP:
                    print(told)  # noqa: T201 - as every program's help
                    return None
                said = f"{word!r} is no verb" if word else "a verb is missing"
                raise InvalidInput(f"%{name}: {said}; there are {', '.join(verbs)}", f"Write %{name} --help.")

        run.__doc__ = told
        run.options = (option("verb", choices=list(verbs), help="what to do"),)  # type: ignore[attr-defined]
        run.verbs = verbs  # type: ignore[attr-defined]
        return cast("Callable[..., object]", needs_local_scope(no_var_expand(run)))

    return decorate


def verbs_of(function: object) -> Mapping[str, Any]:
    """Return the verbs of a magic by name; none for one that has none."""
    return cast("Mapping[str, Any]", getattr(function, "verbs", {}))


def sentence(verb: VerbMagic) -> str:
    """Return the sentence that a verb's documentation begins with."""
    told = inspect.getdoc(inspect.unwrap(verb)) or ""
    return " ".join(told.split("\n\n", 1)[0].split())


def _help(name: str, method: Callable[..., object], verbs: Mapping[str, VerbMagic]) -> str:
    wide = max(map(len, verbs))
    listed = "\n".join(f"  {verb:{wide}}  {sentence(run)}" for verb, run in verbs.items())
    return f"%{name} VERB …\n\n{inspect.getdoc(method)}\n\n{listed}\n\n%{name} VERB --help tells what a verb takes."
