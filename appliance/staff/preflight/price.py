"""What a pre-flight with paid photos costs at most, as far as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from appliance.core.db import Database
from appliance.providers.registry import ProviderRegistry
from appliance.slots.models import Slot
from appliance.slots.repository import SlotRepository
from appliance.staff.preflight.inspections.slots import paid_slots


@dataclass(frozen=True, slots=True)
class PriceOfShots:
    """``slots``: how many would be paid for; ``most``: at most so much, by currency; of ``unknown`` of them
    the price is not known.
    """

    slots: int
    most: dict[str, Decimal]
    unknown: int


async def price_of_shots(database: Database, registry: ProviderRegistry) -> PriceOfShots:
    """One photo for each active slot whose first choice costs money."""
    async with database.session() as session:
        slots = [one for one in await SlotRepository(session).all() if one.active]
    return _price(paid_slots(slots), registry)


def _price(slots: Sequence[Slot], registry: ProviderRegistry) -> PriceOfShots:
    most: dict[str, Decimal] = {}
    unknown = 0
    for slot in slots:
        name = registry.model(slot.provider, slot.operation, slot.model)
        model = registry.catalogue.get(slot.provider, name) if name else None
        amounts = model.price.picture.values() if model else ()
        if not model or not amounts:
            unknown += 1
            continue
        currency = model.price.currency
        most[currency] = most.get(currency, Decimal(0)) + max(amounts)
    return PriceOfShots(len(slots), most, unknown)
