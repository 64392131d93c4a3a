"""The form of the credential panel: a provider and just its fields; asks nobody and keeps no secret."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
from traitlets import Unicode

from s3magic.notebook import offers, panel_text

PROVIDERS = {
    "default": "Whatever the AWS tools would find: environment, profile, container, instance.",
    "environment": "AWS_ACCESS_KEY_ID and its companions, as this kernel was started with them.",
    "profile": "A profile of your AWS configuration.",
    "anonymous": "Requests are not signed: for public buckets.",
    "keys": "Kept in memory until the kernel ends; never in the notebook, its history or a file.",
}
_LABEL = {"description_width": "9.5em"}
_EMPTY = "\u200b"
_TAKEN = "received – type again to change it"


class SecretField(widgets.Password):  # type: ignore[misc]
    """A password field that forgets what was typed as soon as it was read.

    The text is taken out of the widget before anybody can save or echo its state.
    """

    value = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, description: str) -> None:
        self._taken = ""
        super().__init__(description=description, placeholder=_EMPTY, **_looks())
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


class CredentialForm:
    """Provider, region, endpoint and what the provider needs.

    Attributes
    ----------
    widget
        What is shown.
    """

    def __init__(self) -> None:
        words = [(name.capitalize(), name) for name in PROVIDERS]
        notes = list(PROVIDERS.values())
        styles = [("host or path, as fits", "auto"), ("path", "path"), ("host", "virtual")]
        self._provider = widgets.ToggleButtons(options=words, tooltips=notes, layout={"width": "auto"})
        self._about = widgets.HTML()
        self._own = widgets.VBox()
        self._key = text_field("Access key ID", "AKIA…")
        self._secret = SecretField("Secret access key")
        self._token = SecretField("Session token")
        self._options: dict[str, widgets.ValueWidget] = {
            "profile": widgets.Combobox(
                description="Profile", placeholder="default", options=offers.profiles(), **_looks()
            ),
            "region": text_field("Region", "as configured, else us-east-1"),
            "endpoint_url": text_field("Endpoint URL", "AWS itself"),
            "addressing_style": widgets.Dropdown(
                description="Bucket in", options=styles, style=_LABEL, layout={"width": "auto"}
            ),
            "requester_pays": widgets.Checkbox(description="Requester pays", style=_LABEL, layout={"width": "auto"}),
        }
        self._rare = widgets.VBox([self._options["addressing_style"], self._options["requester_pays"]])
        self._more = widgets.Button(tooltip="Addressing style, requester pays")
        self._more.add_class("s3m-more")
        self._more.on_click(lambda _: self._show_rare(shown=self._rare.layout.display == "none"))
        self._show_rare(shown=False)
        self._provider.observe(lambda _: self._arrange(), "value")
        everywhere = [self._options["region"], self._options["endpoint_url"], self._more, self._rare]
        fields = widgets.VBox([self._own, *everywhere])
        fields.add_class("s3m-fields")
        self.widget = widgets.VBox([self._provider, self._about, fields])
        self._arrange()

    @property
    def own_fields(self) -> dict[str, list[widgets.Widget]]:
        """The fields that belong to one provider."""
        return {"profile": [self._options["profile"]], "keys": [self._key, self._secret, self._token]}

    def fill(self, provider: str | None = None, **options: Any) -> None:
        """Choose a provider and its options; a secret cannot be given."""
        if provider is not None:
            self._provider.value = provider
        for name, value in options.items():
            self._options[name].value = value

    def take(self) -> tuple[str, dict[str, Any]]:
        """Return the provider and the options that `s3magic.connect` takes, and empty the key fields."""
        provider = self._provider.value
        options = {name: _value(field) for name, field in self._options.items() if name != "profile"}
        if provider == "profile":
            options["profile"] = _value(self._options["profile"]) or "default"
        if provider == "keys":
            options |= {"access_key_id": _value(self._key), "secret_access_key": self._secret.pop()}
            options["session_token"] = self._token.pop()
            self._key.value = ""
        return provider, options

    def _show_rare(self, *, shown: bool) -> None:
        self._rare.layout.display = "" if shown else "none"
        self._more.description = "Less" if shown else "More …"

    def _arrange(self) -> None:
        provider = self._provider.value
        self._about.value = panel_text.quiet(PROVIDERS[provider])
        self._own.children = self.own_fields.get(provider, [])


def text_field(description: str, placeholder: str) -> widgets.Text:
    """Return a field that tells its text on Enter, or when it is left."""
    return widgets.Text(description=description, placeholder=placeholder, **_looks())


def _looks() -> dict[str, Any]:
    return {"continuous_update": False, "style": _LABEL, "layout": {"width": "auto"}}


def _value(field: widgets.ValueWidget) -> Any:
    value = field.value
    return (value.strip() or None) if isinstance(value, str) else value
