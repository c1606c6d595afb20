"""Between a slot's row and its configuration, and what a provider would reject of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.core.validation import field_messages
from appliance.media.finish import OutputOptions
from appliance.media.models import TemplateMedia
from appliance.providers.base import TemplateImage
from appliance.providers.registry import ProviderRegistry
from appliance.slots.models import Slot
from appliance.slots.prompts import PromptOptions
from appliance.slots.recipes import build_recipe
from appliance.slots.schemas import RouteConfig, SlotConfig, SlotFields

_COLUMNS = tuple(SlotFields.model_fields)


def config_of(slot: Slot, bound: Mapping[str, uuid.UUID]) -> tuple[SlotConfig, dict[str, str]]:
    """A row as a configuration, and what is wrong with it by itself.

    A value that today's rules would refuse is shown as it is, so that it can be put right.
    """
    values = {name: getattr(slot, name) for name in _COLUMNS} | {"template_media": dict(bound)}
    try:
        return SlotConfig.model_validate(values), {}
    except ValidationError as error:
        found = field_messages(error)
    wrong = {name.partition(".")[0] for name in found}
    values["prompt"] = PromptOptions() if "prompt" in wrong else PromptOptions(**slot.prompt)
    values["output"] = OutputOptions() if "output" in wrong else OutputOptions(**slot.output)
    values["fallbacks"] = (
        [] if "fallbacks" in wrong else [RouteConfig.model_validate(route) for route in slot.fallbacks]
    )
    return SlotConfig.model_construct(**values), found


def as_json(config: SlotConfig) -> dict[str, Any]:
    """A configuration as it is kept in the history."""
    return config.model_dump(mode="json", include=set(SlotConfig.model_fields))


def columns_of(config: SlotConfig) -> dict[str, Any]:
    """The values of a row's columns."""
    return config.model_dump(mode="json", include=set(_COLUMNS))


def routes_of(config: SlotConfig) -> list[RouteConfig]:
    """The primary route and the fallbacks."""
    primary = RouteConfig(
        provider=config.provider, operation=config.operation, model=config.model, params=config.params
    )
    return [primary, *config.fallbacks]


def checked(
    registry: ProviderRegistry, config: SlotConfig, templates: Mapping[uuid.UUID, TemplateMedia]
) -> SlotConfig:
    """``config`` as it is saved, its parameters in their own types.

    ``templates`` are those of its template media that exist. Raises ``ValidationFailed`` with one
    message per field.
    """
    found: dict[str, str] = {
        f"template_media.{role}": Message("there is no such template")
        for role, media_id in config.template_media.items()
        if media_id not in templates
    }
    try:
        build_recipe(
            registry,
            routes_of(config),
            prompt=config.prompt.model_dump(),
            output=config.output.model_dump(),
            templates=[
                TemplateImage(b"", "", role, str(media_id))
                for role, media_id in config.template_media.items()
            ],
            input_max_side=config.input_max_side,
        )
    except ValidationFailed as error:
        found = {**(error.fields or {}), **found}
    if found:
        raise ValidationFailed(fields=found)
    primary, *fallbacks = (_in_own_types(registry, route) for route in routes_of(config))
    return config.model_copy(
        update={"model": primary.model, "params": primary.params, "fallbacks": fallbacks}
    )


def _in_own_types(registry: ProviderRegistry, route: RouteConfig) -> RouteConfig:
    params = registry.parse(route.provider, route.operation, route.params)
    return route.model_copy(
        update={"model": route.model or None, "params": params.model_dump(mode="json", exclude_unset=True)}
    )
