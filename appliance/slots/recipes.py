"""From a slot's stored configuration to typed routes, with everything a provider would reject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from appliance.core.errors import ValidationFailed
from appliance.core.validation import field_messages
from appliance.media.finish import OutputOptions
from appliance.providers.base import TemplateImage
from appliance.providers.registry import ProviderRegistry
from appliance.providers.routes import MAX_FALLBACKS, Route
from appliance.slots import prompts
from appliance.slots.prompts import PromptOptions
from appliance.slots.schemas import RouteConfig

T = TypeVar("T", PromptOptions, OutputOptions)

OVERLAY_ROLE = "overlay"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A slot's typed configuration."""

    routes: tuple[Route, ...]
    prompt: PromptOptions
    output: OutputOptions


def build_recipe(
    registry: ProviderRegistry,
    routes: Sequence[RouteConfig],
    *,
    prompt: Mapping[str, Any],
    output: Mapping[str, Any],
    templates: Sequence[TemplateImage] = (),
    input_max_side: int = 2048,
) -> Recipe:
    """The typed recipe, ready to run.

    ``input_max_side`` is in pixels; 0 sends the original file.
    Raises ``ValidationFailed`` with one message per field: ``params.grain``, ``fallbacks.1.model``,
    ``prompt.fields``, ``output.size``.
    """
    found: dict[str, str] = {}
    options = _options(PromptOptions, prompt, "prompt", found)
    wanted = _options(OutputOptions, output, "output", found)
    if len(routes) > MAX_FALLBACKS + 1:
        found["fallbacks"] = f"a slot has {MAX_FALLBACKS} fallbacks at most"
    built = []
    longest = input_max_side or None
    for index, config in enumerate(routes):
        prefix = "" if index == 0 else f"fallbacks.{index - 1}."
        try:
            built.append(_route(registry, config, options or PromptOptions(), templates, longest))
        except ValidationFailed as error:
            found |= {prefix + name: message for name, message in (error.fields or {}).items()}
    if found or options is None or wanted is None:
        raise ValidationFailed(fields=found)
    return Recipe(tuple(built), options, wanted)


def _options(kind: type[T], values: Mapping[str, Any], prefix: str, found: dict[str, str]) -> T | None:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found |= field_messages(error, prefix)
        return None


def _route(
    registry: ProviderRegistry,
    config: RouteConfig,
    options: PromptOptions,
    templates: Sequence[TemplateImage],
    input_max_side: int | None,
) -> Route:
    operation = registry.operation(config.provider, config.operation)
    params = registry.parse(config.provider, config.operation, config.params)
    taken = tuple(template for template in templates if template.role in operation.template_roles)
    roles = frozenset(template.role for template in taken)
    fields = registry.driver(config.provider).problems(config.operation, params, config.model, roles)
    fields = {**fields, **prompts.problems(params, options)}
    if fields:
        raise ValidationFailed(fields=fields)
    return Route(config.provider, config.operation, config.model, params, taken, input_max_side)
