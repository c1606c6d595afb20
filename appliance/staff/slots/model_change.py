"""Another model in every slot that uses one: what is carried over, and what cannot be.

A parameter that the new model does not take goes back to what it is by default; that is named before
anything is saved. Each slot that changes gets a version of its own, which its history can undo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from appliance.accounts.permissions import Principal
from appliance.core.errors import ValidationFailed
from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.providers.registry import ProviderRegistry
from appliance.slots.configs import routes_of
from appliance.slots.schemas import RouteConfig, SlotConfig
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.views import SlotView


class LostParameter(FrozenModel):
    """A parameter that the new model does not take."""

    field: str = Field(examples=["params.image_size"])
    value: Any = Field(examples=["512"])
    becomes: Any = Field(examples=["auto"])


class SlotChange(FrozenModel):
    """What happens to one slot."""

    slot_id: str = Field(examples=["slot-009"])
    display_name: str = Field(examples=["Watercolour"])
    lost: list[LostParameter] = Field(description="parameters that cannot be carried over")
    refused: dict[str, str] = Field(description="why the slot is not changed, by field; empty if it is")


class ModelChange(FrozenModel):
    """Which slots get another model."""

    provider: str = Field(examples=["openai"])
    model: str = Field(examples=["gpt-image-1.5"])
    by: str = Field(examples=["gpt-image-2.6-flare"])
    slots: list[SlotChange]

    @property
    def clean(self) -> bool:
        """Whether nothing is lost and no slot is left out."""
        return not any(slot.lost or slot.refused for slot in self.slots)

    @property
    def changed(self) -> list[SlotChange]:
        """The slots that get the other model."""
        return [slot for slot in self.slots if not slot.refused]


class ModelChangeRequest(StrictModel):
    """Another model in every slot that uses ``model``, as a first choice or a fallback."""

    provider: str = Field(max_length=32, examples=["openai"])
    model: str = Field(max_length=80, examples=["gpt-image-1.5"])
    by: str = Field(max_length=80, examples=["gpt-image-2.6-flare"])
    accept: bool = Field(default=False, description="save even if something cannot be carried over")


class ModelChanges:
    """Finds the slots that use a model and gives them another one."""

    def __init__(self, editor: SlotEditor, registry: ProviderRegistry) -> None:
        self._editor = editor
        self._registry = registry

    async def look(self, wanted: ModelChangeRequest) -> ModelChange:
        """What would happen; nothing is saved. Raises ``ValidationFailed`` for an unknown model."""
        slots = await self._editor.all()
        self._refuse_unknown(wanted)
        return self._seen(wanted, {slot.slot_id: slot for slot in slots})

    async def make(self, wanted: ModelChangeRequest, who: Principal) -> ModelChange:
        """Give every slot the other model, all in one transaction.

        Raises ``ValidationFailed`` for an unknown model, and where something cannot be carried over
        and ``wanted.accept`` is not set: by slot and field.
        """
        planned = await self.look(wanted)
        if not planned.clean and not wanted.accept:
            raise ValidationFailed(
                Message(
                    "%(model)s does not support everything that the slots use. Check what would be lost.",
                    model=wanted.by,
                ),
                fields=_named(planned),
            )
        await self._editor.change_all(
            {slot.slot_id for slot in planned.changed},
            lambda config: self._changed(wanted, config)[0],
            who,
            "slot.model_changed",
            provider=wanted.provider,
            model=wanted.model,
            by=wanted.by,
        )
        return planned

    def _refuse_unknown(self, wanted: ModelChangeRequest) -> None:
        catalogue = self._registry.catalogue
        if wanted.provider not in catalogue.providers:
            known = ", ".join(catalogue.providers)
            raise ValidationFailed(fields={"provider": Message("must be one of %(names)s", names=known)})
        if wanted.by == wanted.model or catalogue.get(wanted.provider, wanted.by) is None:
            raise ValidationFailed(fields={"by": Message("must be another model that is known here")})

    def _seen(self, wanted: ModelChangeRequest, slots: Mapping[str, SlotView]) -> ModelChange:
        found = []
        for slot_id, slot in slots.items():
            _, touched, lost, refused = self._changed(wanted, slot)
            if touched:
                found.append(
                    SlotChange(slot_id=slot_id, display_name=slot.display_name, lost=lost, refused=refused)
                )
        return ModelChange(provider=wanted.provider, model=wanted.model, by=wanted.by, slots=found)

    def _changed(
        self, wanted: ModelChangeRequest, config: SlotConfig
    ) -> tuple[SlotConfig, bool, list[LostParameter], dict[str, str]]:
        """A slot with the other model: itself, whether that changed it, what is lost, what is refused."""
        routes, touched = routes_of(config), False
        lost: list[LostParameter] = []
        refused: dict[str, str] = {}
        for index, route in enumerate(routes):
            if route.provider != wanted.provider or not self._uses(route, wanted.model):
                continue
            prefix, touched = "" if index == 0 else f"fallbacks.{index - 1}.", True
            routes[index], gone, wrong = self._carried(route, wanted.by, frozenset(config.template_media))
            lost += [one.model_copy(update={"field": prefix + one.field}) for one in gone]
            refused |= {prefix + name: text for name, text in wrong.items()}
        primary, *fallbacks = routes
        changed = config.model_copy(
            update={"model": primary.model, "params": primary.params, "fallbacks": fallbacks}
        )
        return changed, touched, lost, refused

    def _uses(self, route: RouteConfig, model: str) -> bool:
        return self._registry.model(route.provider, route.operation, route.model) == model

    def _carried(
        self, route: RouteConfig, by: str, bound: frozenset[str]
    ) -> tuple[RouteConfig, list[LostParameter], dict[str, str]]:
        """A route with another model; what that does not take goes back to its default."""
        params = dict(route.params)
        dropped: dict[str, Any] = {}
        try:
            operation = self._registry.operation(route.provider, route.operation)
            roles = bound & set(operation.template_roles)
            driver = self._registry.driver(route.provider)
            while True:
                typed = self._registry.parse(route.provider, route.operation, params)
                found = driver.problems(route.operation, typed, by, roles)
                names = [name for name in params if f"params.{name}" in found]
                if not names:
                    break
                dropped |= {name: params.pop(name) for name in names}
        except ValidationFailed as error:
            return route, [], dict(error.fields or {"model": str(error)})
        lost = [
            LostParameter(field=f"params.{name}", value=value, becomes=getattr(typed, name))
            for name, value in dropped.items()
        ]
        return route.model_copy(update={"model": by, "params": params}), lost, found


def _named(change: ModelChange) -> dict[str, str]:
    """What cannot be carried over, by slot and field."""
    fields: dict[str, str] = {}
    for slot in change.slots:
        for one in slot.lost:
            fields[f"{slot.slot_id}.{one.field}"] = Message(
                "%(value)s becomes %(becomes)s", value=str(one.value), becomes=str(one.becomes)
            )
        fields |= {f"{slot.slot_id}.{name}": text for name, text in slot.refused.items()}
    return fields
