"""The dead man's switch: pings by which a service outside notices that this machine has fallen silent.

In the way of healthchecks.io: ``/start`` before some work, the address itself after it, ``/fail`` where it
failed. A ping that does not arrive is logged and disturbs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal

import structlog

from appliance.core.db import Database
from appliance.core.tasks import Background, again_and_again
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.alerts.outgoing import ask, new_client
from appliance.staff.issues.periods import Periods

log = structlog.get_logger()

EVERY = 60.0  # seconds, while an event runs
_PATIENCE = 8.0

Work = Literal["backup", "cleanup"]


async def ping(address: str | None, end: str = "") -> bool:
    """Send one, if there is an address; whether it arrived."""
    if not address:
        return False
    async with new_client() as client:
        status, said = await ask(client, "GET", address + end, patience=_PATIENCE)
    if status is None or not 200 <= status < 300:
        log.warning("ping.not_taken", end=end or "/", status=status, said=said if status is None else "")
        return False
    return True


async def reported(database: Database, work: Work, doing: Awaitable[int]) -> int:
    """Do it, an exit code, with a ping before and after."""
    address = await _address(database, work)
    await ping(address, "/start")
    try:
        code = await doing
    except BaseException:
        await ping(address, "/fail")
        raise
    await ping(address, "/fail" if code else "")
    return code


async def _address(database: Database, work: Work) -> str | None:
    try:
        async with database.session() as session:
            settings = await AppSettingsRepository(session).operator_settings()
    except Exception as error:  # noqa: BLE001 - the work itself will say it better
        log.info("ping.no_settings", error=type(error).__name__)
        return None
    return settings.alive_backup_url if work == "backup" else settings.alive_cleanup_url


class AliveSignal(Background):
    """Pings every minute while an event runs that somebody started."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self) -> bool:
        """One ping, if an event runs; whether it arrived."""
        async with self._database.session() as session:
            if await Periods(session).event() is None:
                return False
            settings = await AppSettingsRepository(session).operator_settings()
        return await ping(settings.alive_event_url)

    async def work(self) -> None:
        """See ``Background``."""
        await again_and_again(self.beat, EVERY, "ping.not_sent")
