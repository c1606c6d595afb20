"""What the forms of providers say: titles and descriptions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

from appliance.media.finish import OutputOptions
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import OperatorSettings
from appliance.slots.prompts import PromptOptions


@cache
def _registry() -> ProviderRegistry:
    return ProviderRegistry(OperatorSettings())


def described(provider: str) -> set[str]:
    """Every title and description in the forms of ``provider``, and in those that all slots have."""
    operations = _registry().driver(provider).operations.values()
    models = {operation.params for operation in operations} | {PromptOptions, OutputOptions}
    return {text for model in models for text in _texts(model)}


def _texts(model: type[BaseModel]) -> Iterator[str]:
    for prop in model.model_json_schema().get("properties", {}).values():
        yield from (prop[part] for part in ("title", "description") if prop.get(part))
