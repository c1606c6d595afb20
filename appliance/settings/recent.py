"""The operator's settings as guests' links and pages read them."""

from __future__ import annotations

from appliance.core.db import Database
from appliance.core.recent import Changes, Recent
from appliance.settings.operator import OperatorSettings, SettingsReader


class RecentSettings:
    """The settings in force: read once a second, and again after each change that came through here."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._recent = Recent(SettingsReader(database).operator_settings, changes)

    async def operator_settings(self) -> OperatorSettings:
        """The settings in force."""
        return await self._recent.get()
