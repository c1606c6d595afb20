"""From a slot's stored configuration to typed routes, with everything a provider would reject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError

from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.core.validation import as_far_as_known, field_messages
from appliance.media.finish import OutputOptions
from appliance.providers.base import TemplateImage
from appliance.providers.registry import ProviderRegistry
from appliance.providers.routes import MAX_FALLBACKS, Route
from appliance.slots import prompts
from appliance.slots.prompts import PromptOptions
from appliance.slots.schemas import RouteConfig

log = structlog.get_logger()

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
    as_stored: bool = False,
) -> Recipe:
    """The typed recipe, ready to run.

    ``input_max_side`` is in pixels; 0 sends the original file. ``as_stored``: what was saved once is
    used as far as it goes, because a photo is waiting: what a model is said not to take is left to its
    driver, and a route that cannot be read is left out while another one remains.
    Raises ``ValidationFailed`` with one message per field: ``params.grain``, ``fallbacks.1.model``,
    ``prompt.fields``, ``output.size``.
    """
    found: dict[str, str] = {}
    options = _options(PromptOptions, prompt, "prompt", found, as_stored=as_stored)
    wanted = _options(OutputOptions, output, "output", found, as_stored=as_stored)
    if len(routes) > MAX_FALLBACKS + 1:
        found["fallbacks"] = Message("a slot has %(n)s fallbacks at most", n=MAX_FALLBACKS)
    built: list[Route] = []
    longest = input_max_side or None
    for index, config in enumerate(routes):
        prefix = "" if index == 0 else f"fallbacks.{index - 1}."
        try:
            if as_stored:
                config = _readable(registry, config)  # noqa: PLW2901 - the same route
            route, wrong = _route(registry, config, options or PromptOptions(), templates, longest)
        except ValidationFailed as error:
            route, wrong = None, dict(error.fields or {})
        if route and (as_stored or not wrong):
            built.append(route)
        found |= {prefix + name: message for name, message in wrong.items()}
    if found and as_stored and built and options and wanted:
        log.warning("slot.does_not_fit", fields=found)
        found = {}
    if found or options is None or wanted is None:
        raise ValidationFailed(fields=found)
    return Recipe(tuple(built), options, wanted)


def _options(
    kind: type[T], values: Mapping[str, Any], prefix: str, found: dict[str, str], *, as_stored: bool
) -> T | None:
    try:
        if not as_stored:
            return kind.model_validate(values)
        options, left_out = as_far_as_known(kind, values)
    except ValidationError as error:
        found |= field_messages(error, prefix)
        return None
    if left_out:
        log.warning("slot.left_out", part=prefix, names=left_out)
    return options


def _readable(registry: ProviderRegistry, config: RouteConfig) -> RouteConfig:
    """A stored route without those parameters that only a newer version knows."""
    model = registry.operation(config.provider, config.operation).params
    try:
        params, left_out = as_far_as_known(model, config.params)
    except ValidationError:
        return config  # what is wrong with it is said where it is parsed
    if not left_out:
        return config
    log.warning("slot.left_out", part=config.provider, names=left_out)
    return config.model_copy(update={"params": params.model_dump(mode="json", exclude_unset=True)})


def _route(
    registry: ProviderRegistry,
    config: RouteConfig,
    options: PromptOptions,
    templates: Sequence[TemplateImage],
    input_max_side: int | None,
) -> tuple[Route, dict[str, str]]:
    """The typed route, and what its provider or its prompts would not do well with."""
    operation = registry.operation(config.provider, config.operation)
    params = registry.parse(config.provider, config.operation, config.params)
    taken = tuple(template for template in templates if template.role in operation.template_roles)
    roles = frozenset(template.role for template in taken)
    fields = registry.driver(config.provider).problems(config.operation, params, config.model, roles)
    fields = {**fields, **prompts.problems(params, options)}
    return Route(config.provider, config.operation, config.model, params, taken, input_max_side), fields
