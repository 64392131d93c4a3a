"""The small widgets that the credential panel is made of: buttons, fields, folds; asks nobody and keeps no secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
from traitlets import Unicode

LABEL = {"description_width": "9.5em"}
_EMPTY = "\u200b"
_TAKEN = "received – type again to change it"


class SecretField(widgets.Password):  # type: ignore[misc]
    """A password field that forgets what was typed as soon as it was read.

    The text is taken out of the widget before anybody can save or echo its state.
    """

    value = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, description: str) -> None:
        self._taken = ""
        super().__init__(description=description, placeholder=_EMPTY, continuous_update=False, **looks())
        self.observe(self._take, "value")

    def _take(self, change: Any) -> None:
        if change["new"]:
            self._taken = change["new"].strip()
            self.placeholder = _TAKEN
            self.value = ""

    def pop(self) -> str | None:
        """Return what was typed, once."""
        taken, self._taken = self._taken, ""
        self.placeholder = _EMPTY
        return taken or None


class CopyField(widgets.Textarea):  # type: ignore[misc]
    """Text to copy: it can be entered and selected by keyboard, and stays as it is."""

    def __init__(self, description: str) -> None:
        self._kept = ""
        super().__init__(description=description, layout={"width": "auto"}, style={"description_width": "0"})
        self.add_class("s3m-copy")
        self.observe(lambda _: setattr(self, "value", self._kept), "value")
        self.show("")

    def show(self, text: str) -> None:
        """Show another text; nothing is shown at all where it is empty."""
        self._kept = self.value = text
        self.rows = min(max(text.count("\n") + 1, 2), 16)
        self.layout.display = "" if text else "none"


class Fold:
    """A part that is shown when its button is pressed, and put away when it is pressed again.

    Attributes
    ----------
    button
        What opens and closes it.
    box
        What is folded away.
    is_open
        Whether it is shown.
    """

    def __init__(
        self,
        words: tuple[str, str],
        about: str,
        parts: Sequence[widgets.Widget],
        *,
        turned: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.is_open: bool = False
        self._words, self._turned = words, turned
        self.box = classed(widgets.VBox(list(parts)), "s3m-fold")
        self.button = classed(widgets.Button(tooltip=about), "s3m-more")
        self.button.on_click(lambda _: self.turn(opened=not self.is_open))
        self._set(opened=False)

    def turn(self, *, opened: bool) -> None:
        """Open or close it, and tell whoever wants to know."""
        if opened is not self.is_open:
            self._set(opened=opened)
            self._turned(opened)

    def _set(self, *, opened: bool) -> None:
        self.is_open = opened
        self.box.layout.display = "" if opened else "none"
        self.button.description = self._words[opened]


def text_field(description: str, placeholder: str, *, live: bool = False) -> widgets.Text:
    """Return a field that tells its text on Enter, or when it is left; or, live, letter by letter."""
    return widgets.Text(description=description, placeholder=placeholder, continuous_update=live, **looks())


def choice_field(description: str, options: Sequence[tuple[str, Any]]) -> widgets.Dropdown:
    """Return a field with a few words to choose from."""
    return widgets.Dropdown(description=description, options=list(options), **looks())


def button(words: str, about: str, action: Callable[[], None], *, style: str = "") -> widgets.Button:
    """Return a button."""
    made = classed(widgets.Button(description=words, tooltip=about, button_style=style), "s3m-go")
    made.on_click(lambda _: action())
    return made


def row(*parts: widgets.Widget) -> widgets.HBox:
    """Return parts side by side, below each other where it is narrow."""
    return classed(widgets.HBox(list(parts)), "s3m-row")


def classed(widget: widgets.DOMWidget, name: str) -> widgets.DOMWidget:
    """Return a widget with a class of the style sheet."""
    widget.add_class(name)
    return widget


def looks() -> dict[str, Any]:
    """Return what the fields of the panel have in common."""
    return {"style": LABEL, "layout": {"width": "auto"}}
