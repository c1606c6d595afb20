"""The event's logo, which stands above the pictures on guests' pages."""

from __future__ import annotations

from appliance.core.db import Database
from appliance.core.errors import ResultNotFound
from appliance.guests.screen_sizes import ScreenSizes
from appliance.media.models import TemplateMedia
from appliance.settings.operator import AppSettingsRepository


class EventLogo:
    """Finds the logo at its size."""

    def __init__(self, database: Database, screens: ScreenSizes) -> None:
        self._database = database
        self._screens = screens

    async def key(self) -> str:
        """The key of the small picture; raises ``ResultNotFound`` if no logo is set."""
        async with self._database.session() as session:
            media_id = await AppSettingsRepository(session).logo()
            row = await session.get(TemplateMedia, media_id) if media_id else None
        if row is None:
            raise ResultNotFound
        return await self._screens.logo(str(row.id), row.storage_key)
