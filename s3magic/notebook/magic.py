"""What turns a method into one of our magics: words, help, and errors in two friendly lines; knows no magic itself."""

from __future__ import annotations

import difflib
import inspect
import re
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import needs_local_scope, no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser

from s3magic.errors import InvalidInput, S3MagicError
from s3magic.notebook import expand

Result = TypeVar("Result")
HELP = ("--help", "-h")
_INTERRUPTED = ["Interrupted", "What was done is kept; the same line again does the rest."]
_NO_CHOICE = re.compile(r"(.+?): invalid choice: (.+) \(choose from (.+)\)", re.DOTALL)
_WORDS = "{name} and $name stand for your variables. Names with spaces, or with a ? at the end, want quotes."


class Sentence(str):
    """A sentence to be read, shown without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Magical(Protocol):
    """What a magic needs of the object it is a method of."""

    shell: InteractiveShell | None
    verbose_errors: Any


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a magic, as `argparse` takes it: its flags or its name, and the rest by keyword."""

    flags: tuple[str, ...]
    settings: dict[str, Any]

    @property
    def positional(self) -> bool:
        """Whether it is known by its place."""
        return not self.flags[0].startswith("-")

    @property
    def takes_value(self) -> bool:
        """Whether a value follows the flag."""
        return not self.positional and self.settings.get("action") != "store_true"


def option(*flags: str, **settings: Any) -> Option:
    """Describe an argument of a magic as ``argparse.add_argument`` does."""
    return Option(flags, settings)


def magic(*options: Option, name: str | None = None) -> Callable[[Callable[..., Result]], Callable[..., Result | None]]:
    """Make a method that takes parsed arguments into one that takes a line (and a cell).

    The line is split and its variables filled in by `expand.split`; ``--help`` prints the help and
    does nothing else. The options can be read from the method again, for completion. It calls
    itself by the method's name where no other ``name`` is given.
    """

    def decorate(method: Callable[..., Result]) -> Callable[..., Result | None]:
        parser = MagicArgumentParser(  # type: ignore[no-untyped-call]
            f"%{name or method.__name__}", description=inspect.getdoc(method), epilog=_WORDS, formatter_class=_Help
        )
        parser.allow_abbrev = False  # a new option must not change what an old line means
        for one in options:
            parser.add_argument(*one.flags, **one.settings)

        @wraps(method)
        def run(
            self: Magical, line: str, cell: str | None = None, *, local_ns: dict[str, object] | None = None
        ) -> Result | None:
            with friendly(verbose=self.verbose_errors, interrupts=cell is None):
                variables = self.shell.user_ns if self.shell is not None else {}
                words = expand.split(line, {**variables, **(local_ns or {})})
                if any(word in HELP for word in words):
                    print(_help(parser))  # noqa: T201 - as every program's help
                    return None
                rest = () if cell is None else (cell,)
                return method(self, _parse(parser, words, options), *rest)

        run.__doc__ = _help(parser)
        run.options = options  # type: ignore[attr-defined]
        return cast("Callable[..., Result | None]", needs_local_scope(no_var_expand(run)))

    return decorate


def options_of(function: object) -> tuple[Option, ...]:
    """Return the options of a magic; nothing for what is none of ours."""
    return cast("tuple[Option, ...]", getattr(function, "options", ()))


@contextmanager
def friendly(*, verbose: bool = False, interrupts: bool = True) -> Iterator[None]:
    """Let our own errors, and ``interrupts``, show as two lines instead of a traceback; they still fail the cell.

    The error keeps its type, so that ``except`` around a magic works. Other errors are bugs and show
    themselves whole; so do interrupts of a cell that is the user's own.
    """
    try:
        yield
    except S3MagicError as error:
        _show_as(error, None if verbose else error.lines)
        raise
    except KeyboardInterrupt as error:
        _show_as(error, None if verbose or not interrupts else _INTERRUPTED.copy)
        raise


def _show_as(error: BaseException, lines: Callable[[], list[str]] | None) -> None:
    """Let IPython show an error as lines; as it shows any other when None."""
    if lines is None:
        vars(error).pop("_render_traceback_", None)
    else:
        error._render_traceback_ = lines  # type: ignore[attr-defined]


class _Help(RawDescriptionHelpFormatter):
    """argparse's help, which begins with the magic as it is written."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, prefix or "")


def _help(parser: MagicArgumentParser) -> str:
    return parser.format_help().strip()


def _parse(parser: MagicArgumentParser, words: list[str], options: Iterable[Option]) -> Namespace:
    try:
        return parser.parse_intermixed_args(_join_negative(words))
    except UsageError as error:
        told, hint = _told(str(error), [flag for one in options for flag in one.flags])
        raise InvalidInput(
            f"{parser.prog}: {told}", hint or f"Write {parser.prog} --help to see what it takes."
        ) from None


def _told(fault: str, flags: list[str]) -> tuple[str, str]:
    """Return what argparse says as what is wrong, in a short line, and what to do about it, where that is known."""
    fault = fault.removeprefix("argument ")
    if found := _NO_CHOICE.fullmatch(fault):
        return f"{found[1]} cannot be {found[2]}", f"Choose {found[3].replace(chr(39), '')}."
    said, _, advice = fault.rpartition("; write ")
    if said:
        return said, f"Write {advice}."
    near = [one for word in fault.split() for one in difflib.get_close_matches(word, flags, 1)]
    return fault, f"Did you mean {near[0]}?" if near and fault.startswith("unrecognized") else ""


def _join_negative(words: list[str]) -> list[str]:
    """Write ``--bbox -3,50,1,52`` as ``--bbox=-3,50,1,52`` and ``--sort -size`` so, since argparse sees an option."""
    joined: list[str] = []
    for word in words:
        former, second = joined[-1] if joined else "", word[1:2]
        is_value = (former == "--bbox" and second.isdigit()) or (former == "--sort" and second.isalpha())
        if word[:1] == "-" and is_value:
            joined[-1] = f"{former}={word}"
        else:
            joined.append(word)
    return joined
