"""What the appliance does with slots."""

from __future__ import annotations

from typing import cast

import structlog

from appliance.core.app_settings import AppSettingsRepository
from appliance.core.db import Database
from appliance.core.errors import ProviderFailed, SlotDisabled, SlotNotFound, ValidationFailed
from appliance.providers.registry import ProviderRegistry
from appliance.slots.repository import SlotRepository
from appliance.slots.schemas import SLOT_IDS, ActiveSlot, Recipe, ReplyForm

log = structlog.get_logger()


class SlotService:
    """Finds slots and turns their rows into typed recipes."""

    def __init__(self, database: Database, providers: ProviderRegistry) -> None:
        self._database = database
        self._providers = providers

    async def for_ingest(self, slot_id: str) -> ActiveSlot:
        """The slot that a photo was posted to, with the settings in force.

        Raises ``SlotNotFound``, ``SlotDisabled``, or ``ProviderFailed`` when its stored
        parameters no longer fit its provider.
        """
        if slot_id not in SLOT_IDS:
            raise SlotNotFound
        async with self._database.session() as session:
            slot = await SlotRepository(session).get(slot_id)
            if slot is None:
                raise SlotNotFound
            if not slot.active:
                raise SlotDisabled
            settings = await AppSettingsRepository(session).operator_settings()
        try:
            params = self._providers.parse(slot.provider, slot.operation, slot.params)
        except ValidationFailed as error:
            log.warning("slot.unusable", slot=slot_id, fields=error.fields)
            raise ProviderFailed(
                f"The settings of {slot_id} do not fit its provider any more. Open it and save it again.",
                fields=error.fields,
            ) from error
        return ActiveSlot(
            slot_id=slot_id,
            display_name=slot.display_name,
            recipe=Recipe(slot.provider, slot.operation, slot.model, params),
            reply=cast(ReplyForm, slot.reply),
            deadline_seconds=slot.deadline_seconds or settings.sync_response_seconds,
            permits=slot.permits or settings.slot_permits,
            settings=settings,
        )
