"""The panel where one chooses who asks S3, sees who that is and tries a URL; draws no form and signs nothing.

All asking is done in threads, so that the kernel and the panel stay quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets as widgets

from s3magic import api
from s3magic.access import current
from s3magic.errors import S3MagicError
from s3magic.notebook import panel_text
from s3magic.notebook.credential_form import PROVIDERS, CredentialForm, text_field

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.access.identity import Identity

Answer = TypeVar("Answer")

_TICK = 15.0
_CHOSEN = ("profile", "region", "endpoint_url", "addressing_style", "requester_pays")


class CredentialPanel:
    """Choose a provider, see who that is, and try a URL; may be shown several times.

    Attributes
    ----------
    leads_environment : bool
        Whether other libraries follow what is chosen here, by the environment.
    """

    leads_environment = True

    def __init__(self) -> None:
        self._lock = RLock()
        self._closed = Event()
        self._tickets = {"who": 0, "lights": 0}
        self._connection: Connection | None = None
        self._shown: tuple[Identity, str] | None = None
        self._form = CredentialForm()
        self._who = widgets.HTML(panel_text.quiet("Nothing chosen yet: the default chain is asked when it is needed."))
        self._use = _button("Use", "Use these credentials from now on", self.use, style="primary")
        self._said = widgets.HTML()
        self._url = text_field("Try a URL", "s3://bucket/prefix/")
        self._check = _button("Check", "See what you may do at this URL", self.check)
        self._lights = widgets.HTML()
        self._url.observe(lambda _: self.check(), "value")
        head = widgets.HTML(panel_text.STYLE + panel_text.head("Who asks S3"))
        start = _classed(widgets.HBox([self._use, self._said]), "s3m-row")
        row = _classed(widgets.HBox([self._url, self._check]), "s3m-row")
        attempt = _classed(widgets.VBox([row, self._lights]), "s3m-try")
        parts = [head, self._who, self._form.widget, start, attempt]
        self._box = _classed(widgets.VBox(parts), "s3m-panel")
        self.refresh()

    def fill(self, provider: str | None = None, **options: Any) -> None:
        """Choose a provider and its options in the form, without using them; a secret cannot be given."""
        self._form.fill(provider, **options)

    def refresh(self) -> None:
        """Show the connection in use, where it was chosen elsewhere."""
        chosen = current.chosen()
        if chosen is None or chosen is self._connection:
            return
        choice = chosen.choice.to_json()
        if choice["provider"] in PROVIDERS and not choice["order"]:  # the others are chosen by a line
            options = {name: "" if choice[name] is None else choice[name] for name in _CHOSEN}
            self._form.fill(choice["provider"], **options)
        self._ask_who(lambda: chosen)

    def use(self) -> None:
        """Use what the form says, as the button does."""
        provider, options = self._form.take()
        self._ask_who(lambda: api.connect(provider, environ=self.leads_environment, **options))

    def check(self) -> None:
        """Light the lights for the URL in the form, as the button does."""
        url = self._url.value.strip()
        if url:
            self._ask("lights", self._lights, lambda: api.check(url), panel_text.lights)
        else:
            self._lights.value = panel_text.quiet(
                "Write a URL such as s3://bucket/prefix/ to see what you may do there."
            )

    def _ask_who(self, connect: Callable[[], Connection]) -> None:
        def ask() -> tuple[Identity, str]:
            self._connection = connection = connect()
            location = connection.location
            where = location.endpoint_url or f"AWS, {location.region}"
            self._shown, self._who.value = None, panel_text.quiet(f"{connection.provider} at {where}")
            return connection.identity(), where

        self._use.disabled = True
        self._ask("who", self._said, ask, self._show_who, lambda: setattr(self._use, "disabled", False))

    def _show_who(self, answer: tuple[Identity, str]) -> str:
        self._shown, self._who.value = answer, panel_text.who(*answer)
        if answer[0].expires is not None:
            Thread(target=self._tick, args=(answer,), name="s3magic-countdown", daemon=True).start()
        if self._url.value.strip():
            self.check()
        return ""

    def _tick(self, answer: tuple[Identity, str]) -> None:
        while not self._closed.wait(_TICK) and self._shown is answer:
            self._who.value = panel_text.who(*answer)

    def _ask(
        self,
        what: str,
        place: widgets.HTML,
        ask: Callable[[], Answer],
        show: Callable[[Answer], str],
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Ask in a thread and show the answer, unless something else was asked meanwhile."""
        with self._lock:
            self._tickets[what] = ticket = self._tickets[what] + 1
        place.value = panel_text.asking()

        def run() -> None:
            try:
                answer = ask()
                with self._lock:
                    text = show(answer) if ticket == self._tickets[what] else ""
            except S3MagicError as error:
                text = panel_text.trouble(error.lines())
            except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
                text = panel_text.trouble([f"{type(error).__name__}: {error}", "This is a fault of s3magic."])
            with self._lock:
                if ticket == self._tickets[what]:
                    place.value = text
                    after()

        Thread(target=run, name=f"s3magic-panel-{what}", daemon=True).start()

    def close(self) -> None:
        """Take the panel away wherever it is shown."""
        self._closed.set()
        for widget in self.widgets():
            widget.close()

    def widgets(self) -> Iterator[widgets.Widget]:
        """Yield every widget of the panel, the fields of the other providers included."""
        waiting = [self._box, *(field for fields in self._form.own_fields.values() for field in fields)]
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


def _button(words: str, about: str, action: Callable[[], None], *, style: str = "") -> widgets.Button:
    made = _classed(widgets.Button(description=words, tooltip=about, button_style=style), "s3m-go")
    made.on_click(lambda _: action())
    return made


def _classed(widget: widgets.DOMWidget, name: str) -> widgets.DOMWidget:
    widget.add_class(name)
    return widget
