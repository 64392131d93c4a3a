"""The form of the credential panel: providers and just their fields, judged as one types; asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from s3magic import api
from s3magic.access import per_url, saved
from s3magic.access.choice import ADDRESSING_STYLES, Choice
from s3magic.access.providers import PROVIDERS
from s3magic.errors import InvalidInput
from s3magic.notebook import offers, panel_text
from s3magic.notebook.credential_order import ProviderOrder
from s3magic.notebook.credential_pace import PacePart
from s3magic.notebook.panel_parts import Fold, SecretField, choice_field, classed, looks, text_field
from s3magic.store.tuning import Tuning

_COMMON = ("default", "environment", "profile", "anonymous", "keys")
_NAMES = (*_COMMON, *(name for name in PROVIDERS if name not in _COMMON))
_WORDS = {"sso": "SSO", "ecs": "ECS", "imds": "IMDS", "web-identity": "Web identity"}
_STYLES = {"auto": "host or path, as fits", "path": "path", "virtual": "host"}
_ROLE = ("role_arn", "external_id", "session_name", "duration", "source")
_SOURCES = [(name, name) for name in PROVIDERS if name not in {"role", "anonymous"}]
_EVERYWHERE = ("region", "endpoint_url", "addressing_style", "requester_pays")
_ANY_ROLE = "arn:aws:iam::123456789012:role/any"  # an empty field is no mistake before it is used
_DIGITS = 6


class CredentialForm:
    """Providers, region, endpoint and what the providers need.

    Parameters
    ----------
    arranged
        Told, whenever the providers change, whether there are several.

    Attributes
    ----------
    widget
        What is shown.
    order
        Several providers instead of one.
    """

    def __init__(self, arranged: Callable[[bool], None]) -> None:
        self._arranged = arranged
        words = [(_WORDS.get(name, name.capitalize()), name) for name in _NAMES]
        notes = [PROVIDERS[name].about for name in _NAMES]
        self._provider = widgets.ToggleButtons(options=words, tooltips=notes, layout={"width": "auto"})
        self._about = widgets.HTML()
        self._own = widgets.VBox()
        self._fault = classed(widgets.HTML(), "s3m-fault")
        self._key = text_field("Access key ID", "AKIA…")
        self._secret = SecretField("Secret access key")
        self._token = SecretField("Session token")
        self._options: dict[str, widgets.ValueWidget] = {
            "profile": widgets.Combobox(
                description="Profile", placeholder="default", options=offers.profiles(), **looks()
            ),
            "role_arn": text_field("Role ARN", "arn:aws:iam::123456789012:role/name", live=True),
            "external_id": text_field("External ID", "as the owner of the role told you", live=True),
            "session_name": text_field("Session name", "made up", live=True),
            "duration": text_field("Seconds it lasts", "3600", live=True),
            "source": choice_field("Taken on by", [("whoever is found", ""), *_SOURCES]),
            "region": text_field("Region", "as configured, else us-east-1", live=True),
            "endpoint_url": text_field("Endpoint URL", "AWS itself"),
            "addressing_style": choice_field("Bucket in", [(_STYLES[style], style) for style in ADDRESSING_STYLES]),
            "requester_pays": widgets.Checkbox(description="Requester pays", **looks()),
        }
        self._place = text_field("Only for", "everything; or s3://bucket/prefix/", live=True)
        self._save = text_field("Save as", "a name, to take it again; never with keys")
        self._kept = choice_field("Saved", [])
        self.order = ProviderOrder(self._arrange)
        self._pace = PacePart(self._judge)
        rare = [
            self._kept,
            self.order.widget,
            *(self._options[name] for name in _EVERYWHERE[2:]),
            self._place,
            self._save,
        ]
        rare += [self._pace.fold.button, self._pace.fold.box]
        self._more = Fold(
            ("More …", "Less"), "All providers, several in an order, rare options", rare, turned=lambda _: self._few()
        )
        usual = [self._options[name] for name in _EVERYWHERE[:2]]
        fields = classed(
            widgets.VBox([self._own, *usual, self._fault, self._more.button, self._more.box]), "s3m-fields"
        )
        self.widget = widgets.VBox([self._provider, self._about, fields])
        self._few()
        self._provider.observe(lambda _: self._arrange(), "value")
        self._options["source"].observe(lambda _: self._arrange(), "value")
        for field in (*self._options.values(), self._place):
            field.observe(lambda _: self._judge(), "value")
        self._kept.observe(lambda _: self._take_kept(), "value")
        self.offer_kept()
        self._arrange()

    @property
    def parts(self) -> list[widgets.Widget]:
        """Every field and row, those not shown now included."""
        return [*self._options.values(), self._key, self._secret, self._token, *self.order.rows]

    def fill(self, provider: str | None = None, **options: Any) -> None:
        """Choose a provider and its options; a secret cannot be given."""
        if provider is not None:
            self._provider.value = provider
            if provider not in _COMMON:
                self._more.turn(opened=True)
        for name, value in options.items():
            field = self._options[name]
            field.value = ("" if value is None else str(value)) if isinstance(field.value, str) else value

    def show(self, choice: Choice) -> None:
        """Say what a choice says."""
        words = choice.to_json()
        self.fill(choice.providers[0], **{name: words[name] for name in self._options})
        self.order.set(choice.order)
        self._pace.show(choice.tuning)
        if choice.order or choice.tuning != Tuning():
            self._more.turn(opened=True)

    def offer_kept(self) -> None:
        """Offer the choices that were kept by name, where there are any."""
        names = offers.saved()
        self._kept.options = [("choose one to see it here", ""), *((name, name) for name in names)]
        self._kept.layout.display = "" if names else "none"

    def take(self) -> tuple[str, dict[str, Any]]:
        """Return the provider and the options that `s3magic.connect` takes, and empty the key fields."""
        shown, options = self._own.children, self._words()
        if name := _value(self._save):
            options["save"] = name
        if self._provider.value == "profile" and not self.order.names:
            options["profile"] = options.get("profile") or "default"
        if self._secret in shown:
            options |= {"access_key_id": _value(self._key), "secret_access_key": self._secret.pop()}
            options["session_token"] = self._token.pop()
            self._key.value = ""
        return ("default" if self.order.names else self._provider.value), options

    def _providers(self) -> tuple[str, ...]:
        return self.order.names or (self._provider.value,)

    def _words(self) -> dict[str, Any]:
        """Return what the fields in sight say, but for keys."""
        shown = [*self._own.children, *(self._options[name] for name in _EVERYWHERE)]
        words = {name: _value(field) for name, field in self._options.items() if field in shown}
        if (lasts := words.get("duration")) is not None:
            words["duration"] = _seconds(lasts)
        if self.order.names:
            words["order"] = self.order.names
        if place := _value(self._place):
            words["for_url"] = place
        return words | self._pace.words()

    def _take_kept(self) -> None:
        """Fill the form with what was kept by the name that was chosen; it is used when that is asked for."""
        if not self._kept.value:
            return
        try:
            self.show(saved.load(self._kept.value, folder=api.saved_choices()))
        except InvalidInput as error:
            self._fault.value = panel_text.fault(error.lines())

    def _judge(self) -> None:
        """Tell what cannot be, without asking anybody."""
        try:
            words = self._words()
            if (place := words.pop("for_url", None)) is not None:
                per_url.place(place)
            if "role_arn" in words:
                words["role_arn"] = words["role_arn"] or _ANY_ROLE
            tuning = Tuning(**{name: words.pop(name) for name in Tuning().to_json() if name in words})
            Choice("default" if self.order.names else self._provider.value, **words, tuning=tuning)
        except InvalidInput as error:
            self._fault.value = panel_text.fault(error.lines())
        else:
            self._fault.value = ""

    def _few(self) -> None:
        """Show the usual providers alone, unless more is wanted."""
        if self._more.is_open:
            self._provider.remove_class("s3m-few")
        else:
            self._provider.add_class("s3m-few")

    def _arrange(self) -> None:
        chosen, asked = self._provider.value, self._providers()
        self._about.value = panel_text.quiet(PROVIDERS[chosen].about)
        own = list(map(self._options.get, _ROLE)) if "role" in asked else []
        source = self._options["source"].value if "role" in asked else ""
        wanted = [name for name in (*asked, source) if name not in {"", "default"}]
        if any(PROVIDERS[name].takes_profile and name != "role" for name in wanted):
            own.append(self._options["profile"])
        if "keys" in wanted:
            own += [self._key, self._secret, self._token]
        self._own.children = own
        self.order.offer(chosen)
        self._arranged(bool(self.order.names))
        self._judge()


def _value(field: widgets.ValueWidget) -> Any:
    value = field.value
    return (value.strip() or None) if isinstance(value, str) else value


def _seconds(text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS:
        raise InvalidInput(f"Not a number of seconds: {text!r}", "Write 3600 for an hour.")
    return int(text)
