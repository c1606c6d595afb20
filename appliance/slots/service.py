"""What the appliance does with slots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import structlog

from appliance.core.db import Database
from appliance.core.errors import ProviderFailed, SlotDisabled, SlotNotFound, ValidationFailed
from appliance.core.language import Message
from appliance.core.validation import as_far_as_known
from appliance.media.models import TemplateMedia
from appliance.media.templates import TemplateCache
from appliance.providers.base import TemplateImage
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import AppSettingsRepository, OperatorSettings
from appliance.slots.configs import columns_of
from appliance.slots.models import Slot
from appliance.slots.recipes import OVERLAY_ROLE, build_recipe
from appliance.slots.repository import SlotRepository
from appliance.slots.schemas import SLOT_IDS, ActiveSlot, ReplyForm, RouteConfig, SlotConfig

log = structlog.get_logger()

ProviderModel = tuple[str, str | None]  # a provider, and the model that is asked, if it is one of its own


def route_configs(slot: Slot) -> list[RouteConfig]:
    """A slot's primary route and its fallbacks."""
    primary = RouteConfig(
        provider=slot.provider, operation=slot.operation, model=slot.model, params=slot.params
    )
    # Of a fallback that a newer version stored, what this one does not know is left out.
    return [primary, *(as_far_as_known(RouteConfig, fallback)[0] for fallback in slot.fallbacks)]


def models_in_use(slots: Iterable[Slot], registry: ProviderRegistry) -> dict[ProviderModel, list[str]]:
    """What active slots ask, first or as a fallback, and the ids of those that do."""
    found: dict[ProviderModel, list[str]] = {}
    for slot in slots:
        routes = route_configs(slot) if slot.active else []
        asked = ((one.provider, registry.model(one.provider, one.operation, one.model)) for one in routes)
        for place in dict.fromkeys(asked):
            found.setdefault(place, []).append(slot.slot_id)
    return found


class SlotService:
    """Finds slots and turns their rows into typed routes."""

    def __init__(self, database: Database, providers: ProviderRegistry, templates: TemplateCache) -> None:
        self._database = database
        self._providers = providers
        self._templates = templates

    async def for_ingest(self, slot_id: str) -> ActiveSlot:
        """The slot that a photo was posted to, with the settings in force.

        Raises ``SlotNotFound``, ``SlotDisabled``, or ``ProviderFailed`` when its stored
        parameters no longer fit its provider.
        """
        if slot_id not in SLOT_IDS:
            raise SlotNotFound
        async with self._database.session() as session:
            slots = SlotRepository(session)
            slot = await slots.get(slot_id)
            if slot is None:
                raise SlotNotFound
            if not slot.active:
                raise SlotDisabled
            bound = await slots.bound_templates(slot_id)
            settings = await AppSettingsRepository(session).operator_settings()
        self._providers.configure(settings)
        return await self._typed(slot, bound, settings)

    async def for_trial(self, slot_id: str, config: SlotConfig | None = None) -> ActiveSlot:
        """A slot to be tried, whether or not it is active; with ``config`` in place of what is saved.

        Raises ``SlotNotFound``, or ``ProviderFailed`` when the parameters do not fit the provider.
        """
        async with self._database.session() as session:
            slots = SlotRepository(session)
            slot = await slots.get(slot_id)
            if slot is None:
                raise SlotNotFound
            bound = await slots.bound_templates(slot_id)
            if config is not None:
                slot = Slot(slot_id=slot_id, **columns_of(config))
                templates = await slots.templates(set(config.template_media.values()))
                wanted = config.template_media.items()
                bound = [(role, templates[media_id]) for role, media_id in wanted if media_id in templates]
            settings = await AppSettingsRepository(session).operator_settings()
        self._providers.configure(settings)
        tried = await self._typed(slot, bound, settings)
        # How unsaved settings do says nothing of the route that guests' photos take.
        return tried if config is None else replace(tried, primary=None)

    async def _typed(
        self, slot: Slot, bound: list[tuple[str, TemplateMedia]], settings: OperatorSettings
    ) -> ActiveSlot:
        try:
            templates = [
                TemplateImage(picture.data, picture.media_type, role, str(row.id))
                for role, row in bound
                for picture in [await self._templates.read(row)]
            ]
            recipe = build_recipe(
                self._providers,
                route_configs(slot),
                prompt=slot.prompt,
                output=slot.output,
                templates=templates,
                input_max_side=slot.input_max_side,
                as_stored=True,
            )
        except (ValidationFailed, FileNotFoundError) as error:
            fields = (
                error.fields
                if isinstance(error, ValidationFailed)
                else {"templates": Message("a file is missing")}
            )
            log.warning("slot.unusable", slot=slot.slot_id, fields=fields)
            raise ProviderFailed(
                Message(
                    "The settings of %(slot)s do not suit its provider. Open the slot, correct what is "
                    "named here and save it again.",
                    slot=slot.slot_id,
                ),
                fields=fields,
            ) from error
        return ActiveSlot(
            slot_id=slot.slot_id,
            routes=recipe.routes,
            hedge=slot.hedge,
            prompt=recipe.prompt,
            output=recipe.output,
            reply=cast("ReplyForm", slot.reply),
            deadline_seconds=slot.deadline_seconds or settings.sync_response_seconds,
            permits=slot.permits or settings.slot_permits,
            settings=settings,
            overlay=next((item.data for item in templates if item.role == OVERLAY_ROLE), None),
            primary=route_configs(slot)[0].digest(),
        )
