"""What the slot editor shows: the draft as inputs, with the findings beside them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appliance.admin.naming import named
from appliance.admin.slots.draft import Draft, RouteDraft, model_of, operation_of
from appliance.admin.slots.fields import FormInput, inputs_of
from appliance.admin.slots.looks import LooksShown, looks_shown
from appliance.admin.slots.workflows import with_nodes
from appliance.core.language import Language
from appliance.providers.routes import MAX_FALLBACKS
from appliance.staff.providers.catalogue import OperationView, ProviderList, ProviderView
from appliance.staff.template_media.service import TemplateView

REPLIES = ("image", "multipart", "json")
_FALLBACK = re.compile(r"fallbacks\.(\d+)\.(.+)")
_OF_ROUTE = ("provider", "operation", "model", "params")


@dataclass(frozen=True, slots=True)
class RouteShown:
    """One route with its own form."""

    index: int
    count: int
    draft: RouteDraft
    providers: list[tuple[str, str]]
    operations: list[tuple[str, str]]
    models: list[tuple[str, str]]
    note: str
    inputs: list[FormInput]
    seconds: float | None
    provider: ProviderView | None
    errors: Mapping[str, str]

    @property
    def prefix(self) -> str:
        """What the names of its inputs begin with."""
        return f"route.{self.index}"

    @property
    def shown(self) -> str:
        """Whose parameters the form has."""
        return f"{self.draft.provider}/{self.draft.operation}"


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A role that a template can play, and which one does."""

    role: str
    required: bool
    used: bool
    template: TemplateView | None
    missing: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class Editor:
    """The whole form."""

    draft: Draft
    routes: list[RouteShown]
    looks: LooksShown | None
    roles: list[RoleShown]
    output: list[FormInput]
    prompt: list[FormInput]
    errors: Mapping[str, str]

    @property
    def may_add(self) -> bool:
        """Whether there is room for another fallback."""
        return len(self.routes) <= MAX_FALLBACKS

    def names(self) -> Iterator[str]:
        """Every name that can have a finding beside it."""
        yield from (
            "display_name",
            "reply",
            "deadline_seconds",
            "permits",
            "input_max_side",
            "media",
            "fallbacks",
        )
        for route in self.routes:
            yield from (f"{route.prefix}.{name}" for name in ("provider", "operation", "model"))
            yield from (one.name for one in route.inputs)
        yield from (one.name for one in (*self.output, *self.prompt))
        yield from (f"media.{role.role}" for role in self.roles)
        yield from (f"variant.{index}.text" for index in range(len(self.draft.variants)))

    def elsewhere(self) -> dict[str, str]:
        """Findings of what has no place on the form."""
        known = set(self.names())
        return {name: text for name, text in self.errors.items() if name not in known}


def by_input_name(fields: Mapping[str, str], draft: Draft) -> dict[str, str]:
    """The services' findings by the names that the form has."""
    variants = {name: index for index, (name, _) in enumerate(draft.variants)}
    found: dict[str, str] = {}
    for name, text in fields.items():
        place = name
        if fallback := _FALLBACK.fullmatch(name):
            inner = fallback[2]
            place = f"route.{int(fallback[1]) + 1}.{inner}"
            if inner.startswith("template_media"):
                place = inner
        elif name.partition(".")[0] in _OF_ROUTE:
            place = f"route.0.{name}"
        if place.startswith("template_media"):
            place = "media" + place.removeprefix("template_media")
        elif place.startswith("prompt.variants."):
            index = variants.get(place.removeprefix("prompt.variants."))
            place = "prompt.variants" if index is None else f"variant.{index}.text"
        elif place.startswith("prompt.fields"):
            place = "prompt.fields"
        found.setdefault(place, text)
    return found


def editor_of(
    draft: Draft,
    catalogue: ProviderList,
    templates: Sequence[TemplateView],
    language: Language,
    fields: Mapping[str, str] | None = None,
) -> Editor:
    """The form for a draft, with what the services found wrong with it."""
    errors = by_input_name(fields or {}, draft)
    routes = [
        _route(index, len(draft.routes), route, catalogue, errors, language)
        for index, route in enumerate(draft.routes)
    ]
    return Editor(
        draft=draft,
        routes=routes,
        looks=looks_shown(draft, catalogue, language.code),
        roles=_roles(draft, catalogue, {one.id: one for one in templates}, errors),
        output=inputs_of(catalogue.output_schema, "output", draft.output, errors, language),
        prompt=inputs_of(
            catalogue.prompt_schema, "prompt", draft.prompt, errors, language, without=("variants",)
        ),
        errors=errors,
    )


def _route(
    index: int,
    count: int,
    route: RouteDraft,
    catalogue: ProviderList,
    errors: Mapping[str, str],
    language: Language,
) -> RouteShown:
    provider = next((one for one in catalogue.providers if one.name == route.provider), None)
    view = operation_of(catalogue, route.provider, route.operation)
    model = model_of(view, route.model)
    prefix = f"route.{index}"
    return RouteShown(
        index=index,
        count=count,
        draft=route,
        providers=_with(
            route.provider, [(one.name, named(language, "provider", one.name)) for one in catalogue.providers]
        ),
        operations=_with(
            route.operation,
            [(one.name, named(language, "operation", one.name, one.title)) for one in provider.operations]
            if provider
            else [],
        ),
        models=_models(view, route.model, language),
        note=model.note.in_language(language.code) if model and model.note else "",
        inputs=_inputs(view, route, f"{prefix}.params", errors, language) if view else [],
        seconds=_seconds(view, route.model),
        provider=provider,
        errors={name: errors[f"{prefix}.{name}"] for name in _OF_ROUTE if f"{prefix}.{name}" in errors},
    )


def _inputs(
    view: OperationView, route: RouteDraft, prefix: str, errors: Mapping[str, str], language: Language
) -> list[FormInput]:
    model = model_of(view, route.model)
    found = inputs_of(
        view.params_schema,
        prefix,
        route.params,
        errors,
        language,
        choices=model.choices if model else None,
        typed_too=model.typed if model else (),
    )
    return with_nodes(found, view, route, language)


def _with(chosen: str, known: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The choices, with the present one even if it is not among them any more."""
    return known if not chosen or chosen in dict(known) else [*known, (chosen, chosen)]


def _models(view: OperationView | None, chosen: str, language: Language) -> list[tuple[str, str]]:
    """The models to choose from, the default first; ended ones only where one is in use."""
    if view is None or not view.models:
        return []
    default, *others = (
        (
            one.name,
            f"{one.label.in_language(language.code)}, {language.gettext(f'slot.model_state.{one.state}')}",
        )
        for one in view.models
        if one.state != "ended" or one.name == chosen or one is view.models[0]
    )
    first = ("", language.gettext("slot.model_default", model=default[1]))
    return _with(chosen, [first, default, *others])


def _seconds(view: OperationView | None, model: str) -> float | None:
    if view is None:
        return None
    of_model = {one.name: one.typical_seconds for one in view.models}
    return of_model.get(model, view.typical_seconds)


def _roles(
    draft: Draft,
    catalogue: ProviderList,
    templates: Mapping[uuid.UUID, TemplateView],
    errors: Mapping[str, str],
) -> list[RoleShown]:
    """Every role that a route or the slot itself takes, and those that are still bound."""
    required: dict[str, bool] = {}
    for route in draft.routes:
        view = operation_of(catalogue, route.provider, route.operation)
        for role, must in (view.template_roles if view else {}).items():
            required[role] = required.get(role, False) or must
    required |= {role: required.get(role, False) for role in catalogue.slot_roles}
    return [
        RoleShown(
            role,
            required=required.get(role, False),
            used=role in required,
            template=_template(draft.media.get(role, ""), templates),
            missing=bool(draft.media.get(role)) and _template(draft.media[role], templates) is None,
            error=errors.get(f"media.{role}"),
        )
        for role in dict.fromkeys((*required, *draft.media))
    ]


def _template(media_id: str, templates: Mapping[uuid.UUID, TemplateView]) -> TemplateView | None:
    try:
        return templates.get(uuid.UUID(media_id))
    except ValueError:
        return None
