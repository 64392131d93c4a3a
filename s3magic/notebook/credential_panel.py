"""The panel where one chooses who asks S3, sees who that is and tries a URL; draws no form and signs nothing.

All asking is done in threads, so that the kernel and the panel stay quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from s3magic import api
from s3magic.access import current, masking
from s3magic.access.choice import Choice
from s3magic.errors import InvalidInput, S3MagicError
from s3magic.notebook import panel_text
from s3magic.notebook.credential_form import CredentialForm
from s3magic.notebook.panel_asking import Asker
from s3magic.notebook.panel_details import DetailsPart
from s3magic.notebook.panel_lights import LightsPart
from s3magic.notebook.panel_parts import button, classed, row

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.access.identity import Identity

_TICK = 15.0
_USES = ("Use", "Use this order")
_NOBODY = panel_text.quiet("Nothing chosen yet: the default chain is asked when it is needed.")


class CredentialPanel:
    """Choose a provider or several, see who that is, and try a URL; may be shown several times.

    Attributes
    ----------
    leads_environment : bool
        Whether other libraries follow what is chosen here, by the environment.
    """

    leads_environment = True

    def __init__(self) -> None:
        self._closed = Event()
        self._connection: Connection | None = None
        self._followed: Connection | None = None  # what serves everything: what is shown may be for one place
        self._shown: tuple[Identity, str] | None = None
        self._who = widgets.HTML(_NOBODY)
        self._use = button("Use", "Use these credentials from now on", self.use, style="primary")
        self._form = CredentialForm(lambda several: setattr(self._use, "description", _USES[several]))
        self._again = widgets.Button(description="Sign in again", tooltip="Ask for the same choice once more")
        self._again.add_class("s3m-more")
        self._again.on_click(lambda _: self.sign_in_again())
        self._said = widgets.HTML()
        self._asker = Asker(self._said)
        self._details = DetailsPart(self._again)
        self._lights = LightsPart()
        head = widgets.HTML(panel_text.STYLE + panel_text.head("Who asks S3"))
        start = row(self._use, self._said)
        parts = [head, self._who, self._details.widget, self._form.widget, start, self._lights.widget]
        self._box = classed(widgets.VBox(parts), "s3m-panel")
        self.refresh()

    def fill(self, provider: str | None = None, **options: Any) -> None:
        """Choose a provider and its options in the form, without using them; a secret cannot be given."""
        self._form.fill(provider, **options)

    def refresh(self) -> None:
        """Show the connection in use, where it was chosen elsewhere."""
        chosen = current.chosen()
        if chosen is self._followed:
            return
        self._followed = chosen
        self._form.show(Choice() if chosen is None else chosen.choice)
        if chosen is not None:
            self._ask_who(lambda: chosen)
            return
        self._asker.say("")
        self._connection = self._shown = None
        self._who.value = _NOBODY
        self._details.follow(None)
        self._busy(busy=False)

    def use(self) -> None:
        """Use what the form says, as the button does."""
        try:
            provider, options = self._form.take()
        except InvalidInput as error:
            self._asker.say(panel_text.trouble(error.lines()))
            return
        environ = self.leads_environment and "for_url" not in options
        self._ask_who(lambda: api.connect(provider, environ=environ, **options))

    def sign_in_again(self) -> None:
        """Make the choice that is shown once more; keys have to be typed anew."""
        former = self._connection
        if former is None:
            return
        if former.choice.needs_secrets:
            self._form.show(former.choice)
            self._asker.say(panel_text.quiet("Type the keys again, then choose Use: they are kept nowhere else."))
            return
        words = former.choice.to_json()
        words |= words.pop("tuning") | {"for_url": former.place, "environ": masking.leader() is former}
        self._ask_who(lambda: api.connect(**words))

    def check(self) -> None:
        """Light the lights for the URL in the form, as the button does."""
        self._lights.check()

    def _ask_who(self, connect: Callable[[], Connection]) -> None:
        def ask() -> tuple[Identity, str]:
            self._connection = connection = connect()
            self._followed = current.chosen()
            location = connection.location
            where = location.endpoint_url or f"AWS, {location.region}"
            if connection.place:
                where = f"{where}, for {connection.place} alone"
            self._shown, self._who.value = None, panel_text.quiet(f"{connection.provider} at {where}")
            self._details.follow(connection)
            return connection.identity(), where

        self._busy(busy=True)
        self._asker.ask(ask, self._show_who, lambda: self._busy(busy=False))

    def _busy(self, *, busy: bool) -> None:
        self._use.disabled = self._again.disabled = busy

    def _show_who(self, answer: tuple[Identity, str]) -> str:
        self._shown, self._who.value = answer, panel_text.who(*answer)
        self._form.offer_kept()
        if answer[0].expires is not None and self._connection is not None:
            Thread(target=self._tick, args=(answer, self._connection), name="s3magic-countdown", daemon=True).start()
        self._lights.check(asked=False)
        return ""

    def _tick(self, answer: tuple[Identity, str], connection: Connection) -> None:
        identity, where = answer
        while not self._closed.wait(_TICK) and self._shown is answer:
            with suppress(S3MagicError):  # the old end counts on, and is told when it has come
                identity = replace(identity, expires=connection.expires or identity.expires)
            if self._shown is answer:  # else somebody else was chosen while the end was asked for
                self._who.value = panel_text.who(identity, where)

    def close(self) -> None:
        """Take the panel away wherever it is shown."""
        self._closed.set()
        for widget in self.widgets():
            widget.close()

    def widgets(self) -> Iterator[widgets.Widget]:
        """Yield every widget of the panel, the fields of the other providers included."""
        waiting = [self._box, *self._form.parts]
        seen = set()
        while waiting:
            widget = waiting.pop()
            if widget not in seen:
                seen.add(widget)
                waiting.extend(getattr(widget, "children", ()))
                yield widget

    def __repr__(self) -> str:
        if self._shown is None:
            return "Credential panel"
        identity, where = self._shown
        return f"Credential panel: {identity.name} at {where}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {**self._box._repr_mimebundle_(), "text/plain": repr(self)}
