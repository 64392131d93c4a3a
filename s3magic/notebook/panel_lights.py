"""The part of the credential panel that tries a URL: its lights, one for output, and the policy that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from s3magic import api
from s3magic.notebook import panel_text
from s3magic.notebook.panel_asking import Asker
from s3magic.notebook.panel_parts import CopyField, Fold, button, choice_field, classed, row, text_field

if TYPE_CHECKING:
    from s3magic.access.permissions import PermissionReport

_TRIES = [("list and read", False), ("and begin an upload", True), ("and write, overwrite, delete", "full")]


class LightsPart:
    """Try a URL and see what one may do there.

    Attributes
    ----------
    widget
        What is shown.
    """

    def __init__(self) -> None:
        self._url = text_field("Try a URL", "s3://bucket/prefix/")
        self._try = choice_field("Try to", _TRIES)
        self._output = text_field("Output to", "s3://bucket/results/")
        self._lights = widgets.HTML()
        self._about_policy = widgets.HTML()
        self._policy = CopyField("Policy that is missing")
        self._asker = Asker(self._lights)
        note = widgets.HTML(panel_text.quiet("What is there is never touched, and nothing stays."))
        writing = Fold(
            ("Writing too …", "Reading only"), "Try to write, and an output", [self._try, self._output, note]
        )
        self._writing = writing
        self._url.observe(lambda _: self.check(), "value")
        go = button("Check", "See what you may do at this URL", self.check)
        parts = [row(self._url, go), writing.button, writing.box, self._lights, self._about_policy, self._policy]
        self.widget = classed(widgets.VBox(parts), "s3m-try")

    def check(self, *, asked: bool = True) -> None:
        """Light the lights for the URL; nothing is tried without one."""
        url, tries, output = self._url.value.strip(), False, None
        if self._writing.is_open:
            tries, output = self._try.value, self._output.value.strip() or None
        self._mend("")
        if url:
            self._asker.ask(lambda: api.check(url, write=tries, output=output), self._show)
        elif asked:
            self._asker.say(panel_text.quiet("Write a URL such as s3://bucket/prefix/ to see what you may do there."))

    def _show(self, report: PermissionReport) -> str:
        missing = report.policy()
        self._mend(repr(missing) if missing else "")
        return panel_text.lights(report)

    def _mend(self, text: str) -> None:
        told = "The policy that would turn the red lights green, to copy:"
        self._about_policy.value = panel_text.quiet(told) if text else ""
        self._policy.show(text)
