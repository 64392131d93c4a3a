"""Tab completion of our magics: verbs, options, profiles, buckets, keys and mount points.

Python and file names are left to IPython.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from s3magic.errors import InvalidInput
from s3magic.notebook import expand, offers
from s3magic.notebook.late import LateAnswers
from s3magic.notebook.magic import Option, options_of
from s3magic.notebook.verbs import verbs_of

if TYPE_CHECKING:
    from s3magic.notebook.magics import S3Magics

_MAGIC = re.compile(r"(?:^|=)\s*%%?(s3\w+)\s(?P<rest>.*)$", re.DOTALL)
_OFFERED: dict[str, Callable[[], Iterable[str]]] = {"--profile": offers.profiles, "--saved": offers.saved}
_TAKES_URL = {"s3check", "s3policy", "s3ls", "s3copy", "s3mount", "s3thumbs", "s3link"}


class Completer:
    """Completes the line of a magic; asks S3 in a thread, and for half a second at most."""

    def __init__(self, magics: S3Magics) -> None:
        self._magics = magics
        self._late = LateAnswers()

    @context_matcher(priority=50)  # type: ignore[untyped-decorator]
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return what may stand at the cursor; nothing outside of our magics."""
        found = _MAGIC.search(context.text_until_cursor)
        options = options_of(getattr(self._magics, found[1], None)) if found else ()
        if not found or not options:
            return {"completions": []}
        line = found["rest"]
        shell = self._magics.shell
        try:
            words = expand.read(line, shell.user_ns if shell is not None else {})
        except InvalidInput:
            return {"completions": []}
        if not words or (line[-1].isspace() and not words[-1].quote and not line.endswith("\\ ")):
            words.append(expand.Word("", len(line)))
        *before, current = words
        raw = line[current.start :]
        said = [word.text for word in before]
        verb = verbs_of(getattr(self._magics, found[1], None)).get(said[0]) if said else None
        if verb is not None:
            options, said = options_of(verb), said[1:]
        candidates = self._candidates(found[1], options, said, current.text)
        completions = [
            SimpleCompletion(raw + expand.protect(text[len(current.text) :], current.quote), type=kind)
            for text, kind in candidates
            if text.startswith(current.text)
        ]
        return {"completions": completions, "matched_fragment": raw, "suppress": bool(completions), "ordered": True}

    def _candidates(
        self, name: str, options: tuple[Option, ...], before: list[str], text: str
    ) -> Iterable[tuple[str, str]]:
        flags = {flag: one for one in options for flag in one.flags if not one.positional}
        last = flags.get(before[-1]) if before else None
        if last is not None and last.takes_value:
            offered = _OFFERED.get(before[-1])
            return [(value, "value") for value in (offered() if offered else last.settings.get("choices", ()))]
        if text.startswith("-"):
            return [(flag, "option") for flag in sorted(flags) if flag.startswith("--") and flag not in before]
        verbs = next((one.settings.get("choices", ()) for one in options if one.positional), ())
        if verbs and not before:
            return [(verb, "verb") for verb in verbs]
        if name == "s3umount":
            return [(path, "mount") for path in self._late.get("mounts", offers.mount_points)]
        return self._urls(text) if name in _TAKES_URL else ()

    def _urls(self, text: str) -> list[tuple[str, str]]:
        if "s3://".startswith(text) or (text.startswith("s3://") and text.count("/") == 2):
            return [(url, "bucket") for url in self._late.get(("buckets", offers.asker()), offers.buckets)]
        if not text.startswith("s3://"):
            return []
        return [(url, "key") for url in self._late.get((text, offers.asker()), lambda: offers.keys(text))]
