"""What can be chosen for a slot: providers, operations, models, and how they are doing."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from pydantic import Field

from appliance.core.by_language import ByLanguage
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.frozen import FrozenModel
from appliance.media.finish import OutputOptions
from appliance.providers.base import Driver, Operation, Params
from appliance.providers.breaker import CircuitState
from appliance.providers.catalogue import Model, ModelState
from appliance.providers.runner import RouteRunner
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.prompts import PromptOptions
from appliance.slots.recipes import OVERLAY_ROLE


class KeyView(FrozenModel):
    """An API key, as far as it is shown."""

    ends_in: str = Field(examples=["…f3a9"])
    rests_for: float = Field(description="seconds until it is used again; 0: it is in use now")
    reason: str | None = Field(description="why it is set aside, in the provider's words")
    models: list[str] = Field(description="models for which it is set aside; empty: all models")


class CircuitView(FrozenModel):
    """A route that is left alone after repeated failures; those in order are not listed."""

    route: str = Field(examples=["gemini/gemini-nano-banana-2.1"])
    state: CircuitState
    probed_in: float = Field(description="seconds until a photo may try it again")
    reason: str | None


class ModelView(FrozenModel):
    """A model, and how long a picture takes: measured, or the catalogue's estimate."""

    name: str = Field(examples=["gemini-nano-banana-2.1"])
    label: ByLanguage
    note: ByLanguage | None
    state: ModelState
    ends_on: date | None = Field(description="its last day, if one has been announced")
    typical_seconds: float = Field(examples=[12.0])
    choices: dict[str, list[str]] = Field(
        description="values it accepts for parameters that differ by model; none: omit the parameter",
        examples=[{"image_size": ["auto", "1K", "2K", "4K"]}],
    )
    typed: list[str] = Field(
        description="which of these parameters also accept any width x height", examples=[["size"]]
    )


class OperationView(FrozenModel):
    """One thing a provider can do; the admin form is made from it."""

    name: str = Field(examples=["image_edit"])
    title: str = Field(examples=["Image edit"])
    params_schema: dict[str, Any] = Field(
        description="JSON Schema of `params`; `x-multiline` marks prompts, which may contain "
        "`{survey1|a hero}`"
    )
    template_roles: dict[str, bool] = Field(
        description="by role: whether it is required", examples=[{"reference": True, "style": False}]
    )
    typical_seconds: float = Field(description="with the default model, if there is a choice of models")
    models: list[ModelView] = Field(description="default model first; empty: there is no choice of models")


class ProviderView(FrozenModel):
    """One provider."""

    name: str = Field(examples=["gemini"])
    configured: bool = Field(description="whether it has a key or needs none")
    needs_key: bool
    keys: list[KeyView]
    circuits: list[CircuitView]
    operations: list[OperationView]


class ProviderList(FrozenModel):
    """All that a slot can be made of."""

    providers: list[ProviderView]
    prompt_schema: dict[str, Any] = Field(description="JSON Schema of a slot's `prompt`")
    output_schema: dict[str, Any] = Field(description="JSON Schema of a slot's `output`")
    slot_roles: list[str] = Field(
        description="template roles that every slot may use", examples=[[OVERLAY_ROLE]]
    )


@cache
def _schema(model: type[Params | PromptOptions | OutputOptions]) -> dict[str, Any]:
    return model.model_json_schema()


class ProviderCatalogue:
    """Describes the providers as they are configured now."""

    def __init__(self, database: Database, runner: RouteRunner) -> None:
        self._database = database
        self._runner = runner

    async def all(self) -> ProviderList:
        """Every provider, in the order of their names."""
        async with self._database.session() as session:
            settings = await AppSettingsRepository(session).operator_settings()
        self._runner.registry.configure(settings)
        await self._runner.keys.refresh()
        return ProviderList(
            providers=[self._provider(name) for name in self._runner.registry.names],
            prompt_schema=_schema(PromptOptions),
            output_schema=_schema(OutputOptions),
            slot_roles=[OVERLAY_ROLE],
        )

    def _provider(self, name: str) -> ProviderView:
        driver = self._runner.registry.driver(name)
        return ProviderView(
            name=name,
            configured=not driver.needs_key or self._runner.keys.configured(name),
            needs_key=driver.needs_key,
            keys=[
                KeyView.model_validate(key)
                for key in (self._runner.keys.states(name) if driver.needs_key else ())
            ],
            circuits=self.circuits(name),
            operations=[
                self._operation(driver, operation, facts) for operation, facts in driver.operations.items()
            ],
        )

    def circuits(self, provider: str) -> list[CircuitView]:
        """The provider's routes that are left alone for now."""
        return [
            CircuitView(
                route=route,
                state=circuit.state,
                probed_in=round(circuit.seconds_until_probe(), 1),
                reason=circuit.last_reason,
            )
            for route, circuit in self._runner.circuits.not_closed().items()
            if route.partition("/")[0] == provider
        ]

    def _operation(self, driver: Driver, name: str, operation: Operation) -> OperationView:
        return OperationView(
            name=name,
            title=operation.title,
            params_schema=_schema(operation.params),
            template_roles=operation.template_roles,
            typical_seconds=self._typical(driver, name, None),
            models=[
                self._model(driver, name, model)
                for model in self._runner.registry.catalogue.of(driver.name).offered
                if operation.of_models
            ],
        )

    def _model(self, driver: Driver, operation: str, model: Model) -> ModelView:
        choices = driver.choices(operation, model.id)
        any_size = [name for name in ("size",) if name in choices and model.capabilities.free_size]
        return ModelView(
            name=model.id,
            label=model.label,
            note=model.life.note,
            state=model.state_on(utcnow().date()),
            ends_on=model.life.ends_on,
            typical_seconds=self._typical(driver, operation, model.id),
            choices={name: list(some) for name, some in choices.items()},
            typed=any_size,
        )

    def _typical(self, driver: Driver, operation: str, model: str | None) -> float:
        estimate = driver.typical_seconds(operation, model)
        route = f"{driver.name}/{model or operation}"
        return round(self._runner.timings.percentile(route, 0.5, estimate), 1)
