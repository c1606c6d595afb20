"""Models that active slots use and that have ended, will soon, or are unknown to their provider."""

from __future__ import annotations

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.providers.catalogue import Catalogue
from appliance.providers.learned import LearnedModels
from appliance.providers.model_status import ModelStatus, model_status
from appliance.slots.repository import SlotRepository
from appliance.slots.service import route_configs

_SAID = {
    "ended": "has ended",
    "ending": "ends",
    "unknown": "is unknown to its provider",
}


async def troubled(database: Database, catalogue: Catalogue) -> list[tuple[str, str]]:
    """What is wrong with each such model, and what to do."""
    learned = LearnedModels(database)
    await learned.load()
    async with database.session() as session:
        slots = [slot for slot in await SlotRepository(session).all() if slot.active]
    found: dict[tuple[str, str], tuple[ModelStatus, list[str]]] = {}
    for slot in slots:
        for route in route_configs(slot):
            seen = model_status(catalogue, learned, route.provider, route.model, utcnow())
            if seen is not None and seen.troubled:
                found.setdefault((seen.provider, seen.model), (seen, []))[1].append(slot.slot_id)
    return [_told(seen, list(dict.fromkeys(used))) for seen, used in found.values()]


def _told(seen: ModelStatus, used: list[str]) -> tuple[str, str]:
    on = f" on {seen.ends_on}" if seen.ends_on and seen.state != "unknown" else ""
    use = "uses it" if len(used) == 1 else "use it"
    said = f"{seen.model} {_SAID[seen.state]}{on} ({seen.said_by}, {seen.said_on}); {', '.join(used)} {use}"
    if seen.successor is None:
        return said, "Choose another model in these slots."
    return said, f"Use {seen.successor.id} in all slots: a button on the dashboard's card."
