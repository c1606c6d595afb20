"""Provider keys as the settings page shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from appliance.admin.naming import named
from appliance.admin.security import PageContext
from appliance.slots.schemas import number_of
from appliance.staff.jobs.advice import advice, advice_on_key
from appliance.staff.settings.provider_keys.schemas import KeyTestView, ModelTestView, ProviderKeys
from appliance.staff.settings.provider_keys.service import ProviderKeyService

Kind = Literal["good", "warn", "bad"]

_KINDS: dict[str, Kind] = {"works": "good", "refused": "bad", "no_quota": "bad"}


@dataclass(frozen=True, slots=True)
class ModelNotice:
    """What a provider said of one model to the key that was tested."""

    model: str
    ok: bool
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeyNotice:
    """What is to be told of one provider after somebody did something: a note, or a finding."""

    provider: str
    kind: Kind = "good"
    text: str = ""
    detail: str = ""
    models: tuple[ModelNotice, ...] = ()
    error: str | None = None  # beside the field
    is_new: bool = False  # a key was entered: it is time to try a slot


def said_of(
    context: PageContext, provider: str, tested: KeyTestView, *, is_new: bool = False, is_kept: bool = True
) -> KeyNotice:
    """What came of a test, in plain words. ``is_new``: the key was kept just now."""
    language = context.language
    text = language.gettext(
        f"settings.keys.test.{tested.outcome}", provider=named(language, "provider", provider)
    )
    if why := advice_on_key(tested.reason, language.code):
        # Of a key without quota the first sentence says already what it is.
        text = f"{text} {why.do if tested.outcome == 'no_quota' else f'{why.what} {why.do}'}"
    if is_new and tested.outcome != "works":
        text = f"{language.gettext('settings.keys.saved_but')} {text}"
    if not is_kept and tested.outcome != "refused":
        text = f"{text} {language.gettext('settings.keys.not_kept')}"
    detail = ": ".join(filter(None, (tested.reason, tested.detail)))
    models = tuple(_of_model(context, one) for one in tested.models)
    kind = _KINDS.get(tested.outcome, "warn")
    if kind == "good" and not all(one.ok for one in models):
        kind = "warn"
    return KeyNotice(provider, kind, text, "" if tested.outcome == "works" else detail, models, is_new=is_new)


def _of_model(context: PageContext, tested: ModelTestView) -> ModelNotice:
    language = context.language
    if tested.ok:
        if tested.ends_on is None:
            return ModelNotice(tested.model, True, language.gettext("settings.keys.model_there"))
        return ModelNotice(
            tested.model, False, language.gettext("model.until", day=language.day(tested.ends_on))
        )
    why = advice_on_key(tested.reason, language.code)
    text = f"{why.what} {why.do}" if why else language.gettext("settings.keys.model_unclear")
    detail = f"{tested.reason}: {tested.detail}" if tested.detail else ""
    return ModelNotice(tested.model, False, text, detail)


async def key_values(context: PageContext, said: KeyNotice | None) -> dict[str, Any]:
    """What the templates of this section may use."""
    listed = (await context.service(ProviderKeyService).all()).providers
    return {"providers": listed, **_shared(context, said)}


async def one_provider(context: PageContext, name: str, said: KeyNotice | None) -> dict[str, Any]:
    """The same for the part of one provider, which is swapped alone."""
    listed = (await context.service(ProviderKeyService).all()).providers
    return {"one": next(one for one in listed if one.provider == name), **_shared(context, said)}


def _shared(context: PageContext, said: KeyNotice | None) -> dict[str, Any]:
    return {
        "said": said,
        "provider_name": lambda name: named(context.language, "provider", name),
        "numbers": lambda slots: ", ".join(map(number_of, slots)),
        "mood": _mood,
        "why_aside": _why_aside(context),
    }


def _mood(one: ProviderKeys) -> tuple[str, str]:
    """A provider's state: its colour, and its words' key."""
    if one.usable:
        return "done", "in_use"
    if any(key.state == "set_aside" for key in one.keys):
        return "failed", "set_aside"
    if one.keys:
        return "failed", "enter_again"
    return ("failed" if one.slots else "pending"), "none"


def _why_aside(context: PageContext) -> Callable[[str], str]:
    """A provider's word for a refusal, in plain words where there are some."""

    def told(reason: str) -> str:
        found = advice("provider_unavailable", reason, context.language.code)
        return found.what if found and found.place == "provider_keys" else reason

    return told
