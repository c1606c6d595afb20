"""Ready-made AI looks in the slot editor: one tap fills the first route's prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.admin.slots.draft import Draft, RouteDraft, operation_of
from appliance.admin.slots.fields import properties
from appliance.providers.routes import MAX_FALLBACKS
from appliance.staff.looks.schemas import Look, Suits
from appliance.staff.looks.service import find, ready_made
from appliance.staff.providers.catalogue import ProviderList, ProviderView

OPERATION = "image_edit"  # its prompt is sent word for word
_PREFERRED = ("gemini", "openai", "fal", "bfl", "turbotext")  # asked where the slot draws on this machine


@dataclass(frozen=True, slots=True)
class LookShown:
    """One look as a button."""

    id: str
    name: str
    category: str
    category_name: str
    suits: tuple[Suits, ...]
    colours: tuple[str, str, str, str]
    chosen: bool


@dataclass(frozen=True, slots=True)
class LooksShown:
    """All looks. ``moves_to``: the provider that a tap moves the slot to; ``None``: it has one."""

    looks: list[LookShown]
    moves_to: str | None


def looks_shown(draft: Draft, catalogue: ProviderList, lang: str) -> LooksShown | None:
    """The looks for a draft; ``None`` where no provider takes a prompt."""
    first, target = draft.routes[0], _target(draft.routes[0], catalogue)
    if target is None:
        return None
    known, prompt = ready_made(), first.params.get("prompt", "")
    return LooksShown(
        looks=[
            LookShown(
                id=look.id,
                name=look.name.in_language(lang),
                category=look.category,
                category_name=known.categories[look.category].in_language(lang),
                suits=tuple(look.suits),
                colours=look.colours,
                chosen=_plain(prompt) in map(_plain, look.prompt.texts.values()),
            )
            for look in known.looks
        ],
        moves_to=target.name if target.name != first.provider else None,
    )


def with_look(draft: Draft, look_id: str, catalogue: ProviderList, lang: str) -> Draft:
    """The draft with a look's prompt, still to be changed and saved.

    A slot that draws on this machine is moved to an AI provider, and what it draws becomes its
    fallback where there is room.
    """
    first, look = draft.routes[0], find(look_id)
    target = _target(first, catalogue)
    if look is None or target is None:
        return draft
    routes = [_route(first, target, look, catalogue, lang), *draft.routes[1:]]
    if target.name != first.provider and len(routes) <= MAX_FALLBACKS:
        routes.insert(1, first)
    return replace(draft, routes=tuple(routes))


def _route(
    first: RouteDraft, target: ProviderView, look: Look, catalogue: ProviderList, lang: str
) -> RouteDraft:
    view = operation_of(catalogue, target.name, OPERATION)
    names = properties(view.params_schema) if view else {}
    same = target.name == first.provider
    params = {name: text for name, text in first.params.items() if same and name in names}
    params["prompt"] = look.prompt.in_language(lang)
    if "original_language" in names:
        params["original_language"] = lang
    return RouteDraft(target.name, OPERATION, first.model if same else "", params)


def _target(first: RouteDraft, catalogue: ProviderList) -> ProviderView | None:
    """Which provider makes the look: the slot's own, else one that has a key."""
    able = {one.name: one for one in catalogue.providers if operation_of(catalogue, one.name, OPERATION)}
    if first.provider in able:
        return able[first.provider]
    preferred = [able[name] for name in _PREFERRED if name in able]
    return next((one for one in preferred if one.configured), preferred[0] if preferred else None)


def _plain(text: str) -> str:
    return " ".join(text.split())
