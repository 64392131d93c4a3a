"""Several providers in an order, as rows one can move and remove; which of them makes sense is not decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ipywidgets as widgets

from s3magic.access.providers import PROVIDERS
from s3magic.notebook import panel_text
from s3magic.notebook.panel_parts import classed, row


class ProviderOrder:
    """The order in which providers are asked; empty where just one is.

    The rows stay where they are and their words move, so that whoever works by keyboard stays on
    the provider that is being moved.

    Attributes
    ----------
    widget
        What is shown.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._names: list[str] = []
        self._rows = [_Row(self, place) for place in range(len(PROVIDERS))]
        self.add_button = widgets.Button()
        self.add_button.add_class("s3m-go")
        self._about = widgets.HTML()
        self._list = widgets.VBox()
        self.widget = classed(widgets.VBox([self._about, self._list, self.add_button]), "s3m-order")
        self._candidate = "default"
        self.add_button.on_click(lambda _: self.add(self._candidate))
        self._arrange()

    @property
    def names(self) -> tuple[str, ...]:
        """The providers in order."""
        return tuple(self._names)

    @property
    def rows(self) -> list[widgets.Widget]:
        """Every row, those not in use included."""
        return [one.widget for one in self._rows]

    def set(self, names: Iterable[str]) -> None:
        """Take another order."""
        self._names = list(dict.fromkeys(names))
        self._arrange()
        self._changed()

    def offer(self, name: str) -> None:
        """Offer a provider for adding."""
        self._candidate = name
        self._arrange()

    def add(self, name: str) -> None:
        """Ask a provider last."""
        self.set([*self._names, name])

    def remove(self, place: int) -> None:
        """Ask a provider no longer."""
        self.set([name for number, name in enumerate(self._names) if number != place])
        if self._names:
            self._rows[min(place, len(self._names) - 1)].gone.focus()
        else:
            self.add_button.focus()

    def move(self, place: int, step: int) -> None:
        """Ask a provider earlier or later."""
        names, other = list(self._names), place + step
        names[place], names[other] = names[other], names[place]
        self.set(names)
        target = self._rows[other]
        wanted, instead = (target.up, target.down) if step < 0 else (target.down, target.up)
        (instead if wanted.disabled else wanted).focus()

    def _arrange(self) -> None:
        for place, (shown, name) in enumerate(zip(self._rows, self._names, strict=False)):
            shown.name(name, first=place == 0, last=place == len(self._names) - 1)
        self._list.children = [one.widget for one in self._rows[: len(self._names)]]
        told = "Asked one after the other; the first that finds credentials is taken."
        self._about.value = panel_text.quiet(told if self._names else "Ask several providers, one after the other:")
        self.add_button.description = f"Add {self._candidate}"
        self.add_button.tooltip = f"Ask {self._candidate} last; choose another above to add that"
        self.add_button.disabled = self._candidate in self._names


class _Row:
    """One place in the order: a name and three buttons."""

    def __init__(self, order: ProviderOrder, place: int) -> None:
        self._place = place
        self._name = widgets.HTML()
        # their words are for those who listen; what is seen is a sign of the style sheet
        self.up, self.down, self.gone = (
            classed(classed(widgets.Button(), "s3m-small"), sign) for sign in ("s3m-up", "s3m-down", "s3m-gone")
        )
        self.up.on_click(lambda _: order.move(place, -1))
        self.down.on_click(lambda _: order.move(place, 1))
        self.gone.on_click(lambda _: order.remove(place))
        self.widget = row(self._name, self.up, self.down, self.gone)

    def name(self, name: str, *, first: bool, last: bool) -> None:
        """Show a provider here."""
        self._name.value = panel_text.numbered(self._place + 1, name)
        self.up.disabled, self.down.disabled = first, last
        words = (f"Move {name} up", f"Move {name} down", f"Remove {name}")
        for button, said in zip((self.up, self.down, self.gone), words, strict=True):
            button.description = button.tooltip = said
