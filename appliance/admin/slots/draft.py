"""A slot as it stands in the editor's form, saved or not: texts only, right or wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from appliance.admin.forms import Form
from appliance.admin.slots.fields import OWN, as_json, number, plain, properties, typed
from appliance.core.json_text import from_json
from appliance.providers.routes import MAX_FALLBACKS
from appliance.slots.schemas import SlotConfig
from appliance.staff.providers.catalogue import ModelView, OperationView, ProviderList

PLAIN_FIELDS = ("display_name", "reply", "deadline_seconds", "permits", "input_max_side")
TICKS = ("active", "hedge")
MOST_VARIANTS = 20


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """One route: its parameters are those of ``operation``, or of the one chosen before."""

    provider: str
    operation: str
    model: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that the form holds."""

    version: int
    fields: Mapping[str, str]
    ticks: Mapping[str, bool]
    routes: tuple[RouteDraft, ...]
    output: Mapping[str, str]
    prompt: Mapping[str, str]
    variants: tuple[tuple[str, str], ...]
    media: Mapping[str, str]


def operation_of(catalogue: ProviderList, provider: str, operation: str) -> OperationView | None:
    """An operation of the catalogue, or ``None``."""
    for one in catalogue.providers:
        if one.name == provider:
            return next((found for found in one.operations if found.name == operation), None)
    return None


def draft_of(config: SlotConfig, version: int) -> Draft:
    """A configuration as the form shows it."""
    data = config.model_dump(mode="json", include=set(SlotConfig.model_fields))
    routes = [data, *data["fallbacks"]]
    return Draft(
        version=version,
        fields={name: plain(data[name]) for name in PLAIN_FIELDS}
        | {"input_max_side": str(data["input_max_side"])},
        ticks={name: bool(data[name]) for name in TICKS},
        routes=tuple(
            RouteDraft(
                route["provider"],
                route["operation"],
                route["model"] or "",
                {name: plain(value) for name, value in route["params"].items()},
            )
            for route in routes
        ),
        output={name: plain(value) for name, value in data["output"].items()},
        prompt={name: plain(value) for name, value in data["prompt"].items() if name != "variants"},
        variants=tuple(data["prompt"]["variants"].items()),
        media={role: str(media_id) for role, media_id in data["template_media"].items()},
    )


def draft_from(form: Form, catalogue: ProviderList) -> Draft:
    """What was sent. A route whose operation was just changed keeps what both have in common."""
    count = form.text("routes")
    routes = int(count) if count.isdecimal() and len(count) < 3 else 1
    variants = form.text("variants")
    return Draft(
        version=int(form.text("version")) if form.text("version").isdecimal() else 0,
        fields={name: form.text(name) for name in PLAIN_FIELDS},
        ticks={name: form.checked(name) for name in TICKS},
        routes=tuple(
            _route(form, index, catalogue) for index in range(min(max(routes, 1), MAX_FALLBACKS + 1))
        ),
        output=_section(form, "output", catalogue.output_schema),
        prompt=_section(form, "prompt", catalogue.prompt_schema),
        variants=tuple(
            (form.text(f"variant.{index}.name"), form.text(f"variant.{index}.text"))
            for index in range(
                min(int(variants), MOST_VARIANTS) if variants.isdecimal() and len(variants) < 3 else 0
            )
        ),
        media={
            name.removeprefix("media."): form.text(name)
            for name in form
            if name.startswith("media.") and form.text(name)
        },
    )


def _section(form: Form, prefix: str, schema: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a schema's inputs; a box that was not ticked does not come."""
    return {name: form.text(f"{prefix}.{name}") for name in properties(schema)}


def _route(form: Form, index: int, catalogue: ProviderList) -> RouteDraft:
    prefix = f"route.{index}"
    provider, operation = form.text(f"{prefix}.provider"), form.text(f"{prefix}.operation")
    of = next((one for one in catalogue.providers if one.name == provider), None)
    known = [one.name for one in of.operations] if of else []
    if of and operation not in known:
        operation = known[0]
    view = operation_of(catalogue, provider, operation)
    model, known_to = form.text(f"{prefix}.model"), [one.name for one in view.models] if view else []
    same_provider = form.text(f"{prefix}.shown").partition("/")[0] == provider
    if model not in known_to and not (same_provider and known_to):
        model = ""
    is_shown = form.text(f"{prefix}.shown") == f"{provider}/{operation}"
    params = {}
    for name, prop in properties(view.params_schema).items() if view else ():
        field = f"{prefix}.params.{name}"
        if field in form or (is_shown and prop.get("type") == "boolean"):
            text = form.text(field)
            params[name] = form.text(f"{field}.{OWN}") if text == OWN else text
            if prop.get("x-places"):
                params[name] = _with_parts(text, form, f"{field}.")
    if not is_shown or form.text(f"{prefix}.shown_model") != model:
        params = _offered(params, model_of(view, model))
    return RouteDraft(provider, operation, model, params)


def _with_parts(text: str, form: Form, prefix: str) -> str:
    """A JSON object with what was typed into the inputs of its parts; without those left empty."""
    typed_in = {name.removeprefix(prefix): form.text(name) for name in form if name.startswith(prefix)}
    if not typed_in:
        return text
    try:
        found = from_json(text or "{}")
    except ValueError:
        return text
    if not isinstance(found, dict):
        return text
    found |= {name: as_json(value) for name, value in typed_in.items()}
    kept = {name: value for name, value in found.items() if typed_in.get(name, "-")}
    return json.dumps(kept, ensure_ascii=False) if kept else ""


def model_of(view: OperationView | None, model: str) -> ModelView | None:
    """A model of an operation, the default one where none is named; ``None`` if it is not known."""
    models = view.models if view else []
    return next((one for one in models if one.name == model), models[0] if models and not model else None)


def _offered(params: Mapping[str, str], model: ModelView | None) -> dict[str, str]:
    """The parameters after another choice was made, without values that the model does not take."""
    if model is None:
        return dict(params)
    return {
        name: value
        for name, value in params.items()
        if name not in model.choices or value in model.choices[name] or name in model.typed
    }


def values_of(draft: Draft, catalogue: ProviderList, saved: SlotConfig) -> dict[str, Any]:
    """The draft as ``PUT /api/slots/{slot_id}`` takes it.

    A parameter that stands at its default is left out, unless the saved slot names it.
    """
    before = [saved.params, *(route.params for route in saved.fallbacks)]
    routes = [
        _values(route, catalogue, before[index] if index < len(before) else {})
        for index, route in enumerate(draft.routes)
    ]
    prompt = {
        name: typed(prop, draft.prompt.get(name, ""))
        for name, prop in properties(catalogue.prompt_schema).items()
        if name not in ("fields", "variants")
    }
    # Booth software shows its values in braces: {qr1}.
    prompt["fields"] = [
        name for word in re.split(r"[,\s]+", draft.prompt.get("fields", "")) if (name := word.strip("{}"))
    ]
    prompt["variants"] = {name: text for name, text in draft.variants if name or text}
    return {
        **routes[0],
        "fallbacks": routes[1:],
        "display_name": draft.fields["display_name"],
        "reply": draft.fields["reply"],
        "deadline_seconds": _optional(draft.fields["deadline_seconds"]),
        "permits": _optional(draft.fields["permits"]),
        "input_max_side": number(draft.fields["input_max_side"]),
        **draft.ticks,
        "output": {
            name: typed(prop, draft.output.get(name, ""))
            for name, prop in properties(catalogue.output_schema).items()
        },
        "prompt": prompt,
        "template_media": dict(draft.media),
    }


def _optional(text: str) -> Any:
    return number(text) if text else None


def _values(route: RouteDraft, catalogue: ProviderList, before: Mapping[str, Any]) -> dict[str, Any]:
    view = operation_of(catalogue, route.provider, route.operation)
    params = {}
    for name, prop in (properties(view.params_schema) if view else {}).items():
        if name not in route.params:
            continue
        value = typed(prop, route.params[name])
        if name in before or value != prop.get("default"):
            params[name] = value
    return {
        "provider": route.provider,
        "operation": route.operation,
        "model": route.model or None,
        "params": params,
    }


def apply_action(draft: Draft, action: str, catalogue: ProviderList) -> Draft:
    """The draft after a button that changes the form's shape: ``add_route``, ``up:2``, ``media:style:ID``."""
    verb, _, rest = action.partition(":")
    routes, variants = list(draft.routes), list(draft.variants)
    index = int(rest) if rest.isdecimal() and len(rest) < 3 else -1
    if verb == "add_route" and len(routes) <= MAX_FALLBACKS:
        routes.append(RouteDraft("local", catalogue_first(catalogue, "local")))
    elif verb == "remove_route" and 1 <= index < len(routes):
        del routes[index]
    elif verb == "up" and 1 <= index < len(routes):
        routes[index - 1], routes[index] = routes[index], routes[index - 1]
    elif verb == "down" and 0 <= index < len(routes) - 1:
        routes[index], routes[index + 1] = routes[index + 1], routes[index]
    elif verb == "add_variant" and len(variants) < MOST_VARIANTS:
        variants.append(("", ""))
    elif verb == "remove_variant" and 0 <= index < len(variants):
        del variants[index]
    media = dict(draft.media)
    if verb == "media":
        role, _, media_id = rest.partition(":")
        media = (
            {**media, role: media_id}
            if media_id
            else {one: value for one, value in media.items() if one != role}
        )
    return replace(draft, routes=tuple(routes), variants=tuple(variants), media=media)


def catalogue_first(catalogue: ProviderList, provider: str) -> str:
    """A provider's first operation."""
    return next((one.operations[0].name for one in catalogue.providers if one.name == provider), "")
