"""The folded parts of the credential panel: why this identity, and this connection as text for other engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from s3magic.access.exports import ENGINES
from s3magic.errors import MissingLibrary
from s3magic.notebook import panel_text
from s3magic.notebook.panel_asking import Asker
from s3magic.notebook.panel_parts import CopyField, Fold, choice_field, row

if TYPE_CHECKING:
    from s3magic.access.connection import Connection

_COPYING = "Lines to paste. No secret is in them: they lead to this notebook's connection, while its kernel lives."


class DetailsPart:
    """What is known of a connection beside its name, shown when one wants to see it.

    Attributes
    ----------
    widget
        What is shown: nothing as long as there is no connection.
    """

    def __init__(self, again: widgets.Button) -> None:
        self._connection: Connection | None = None
        self._steps = widgets.HTML()
        self._why_asker = Asker(self._steps)
        self._why = Fold(
            ("Why this identity", "Why this identity"),
            "Each provider in order, and what came of it",
            [self._steps],
            turned=lambda _: self._refresh(),
        )
        self._engine = choice_field("Copy as", [(name, name) for name in ENGINES])
        self._engine.observe(lambda _: self._refresh(), "value")
        self._text = CopyField("Lines to paste")
        self._told = widgets.HTML()
        self._copy_asker = Asker(self._told)
        self._copy = Fold(
            ("Copy as …", "Copy as …"),
            "The same connection for another library or program",
            [self._engine, self._told, self._text],
            turned=lambda _: self._refresh(),
        )
        buttons = row(self._why.button, self._copy.button, again)
        self.widget = widgets.VBox([buttons, self._why.box, self._copy.box])
        self.widget.layout.display = "none"

    def follow(self, connection: Connection | None) -> None:
        """Tell of this connection from now on."""
        self._connection = connection
        self.widget.layout.display = "none" if connection is None else ""
        self._refresh()

    def _refresh(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._why.is_open:
            self._why_asker.ask(connection.explain, panel_text.steps)
        if self._copy.is_open:
            engine = self._engine.value
            self._text.show("")
            self._copy_asker.ask(lambda: _snippet(connection, engine), self._show)

    def _show(self, text: str) -> str:
        self._text.show(text.rstrip())
        return panel_text.quiet(_COPYING)


def _snippet(connection: Connection, engine: str) -> str:
    try:
        return connection.snippet(engine)
    except ImportError as error:
        raise MissingLibrary(f"{engine} is not installed here", "Install it, or choose another.") from error
