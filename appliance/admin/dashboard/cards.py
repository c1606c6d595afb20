"""The dashboard's cards: what every slot is doing, the same for everyone who looks."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.errors import SlotNotFound
from appliance.housekeeping.disk_guard import DiskGuard, DiskState
from appliance.staff.stats.schemas import Cause, SlotStats
from appliance.staff.stats.service import StatsService

FRESH_FOR = 1.0  # seconds one look serves everyone


@dataclass(frozen=True, slots=True)
class Card:
    """One slot as the dashboard shows it; ``mark`` differs whenever anything on the card does."""

    slot: SlotStats
    mark: str

    @property
    def slot_id(self) -> str:
        return self.slot.slot_id

    @property
    def name(self) -> str:
        return self.slot.display_name

    @property
    def number(self) -> str:
        """The slot's number as it stands on the edge: ``07``."""
        return self.slot_id.rpartition("-")[2].lstrip("0").zfill(2)

    @property
    def cause(self) -> Cause | None:
        """Why the slot is failing; ``None`` when it is not."""
        return self.slot.why[0] if self.slot.state == "failing" and self.slot.why else None

    @property
    def hindered(self) -> Cause | None:
        """What keeps a slot from its first choice: it works on a fallback."""
        if self.slot.state not in ("ready", "fallback"):
            return None
        return next((cause for cause in self.slot.why if cause.kind != "last_failure"), None)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk as the dashboard shows it; ``mark`` differs whenever something new is said about it."""

    state: DiskState

    @property
    def mark(self) -> str:
        if self.state.state == "ok":
            return "ok"
        pictures = self.state.offer.pictures if self.state.offer else 0
        return f"{self.state.state}-{self.state.free_bytes // 50_000_000}-{pictures}-{self.state.automatic}"


def card_of(slot: SlotStats) -> Card:
    """A card; seconds that only count down change nothing about it."""
    shown = slot.model_dump_json(exclude={"why": {"__all__": {"retry_in"}}})
    return Card(slot, hashlib.sha256(shown.encode()).hexdigest()[:12])


class Dashboard:
    """Looks at the slots, at most once a second however many dashboards are open."""

    def __init__(self, stats: StatsService, guard: DiskGuard) -> None:
        self._stats, self._guard = stats, guard
        self._lock = asyncio.Lock()
        self._cards: Sequence[Card] = ()
        self._disk: Disk | None = None
        self._looked = float("-inf")

    async def cards(self, *, fresh: bool = False) -> Sequence[Card]:
        """Every slot's card, in order; ``fresh``: after a change that must be seen."""
        async with self._lock:
            if fresh or time.monotonic() - self._looked > FRESH_FOR:
                self._disk = Disk(await self._guard.look())
                self._cards = [card_of(slot) for slot in (await self._stats.slots()).slots]
                self._looked = time.monotonic()
            return self._cards

    async def disk(self) -> Disk:
        """The disk at the last look."""
        if self._disk is None:
            await self.cards(fresh=True)
        assert self._disk is not None  # noqa: S101 - it was looked at
        return self._disk

    async def names(self) -> dict[str, str]:
        """What each slot is called."""
        return {card.slot_id: card.name for card in await self.cards()}

    async def card(self, slot_id: str) -> Card:
        """One slot's card as it is now; raises ``SlotNotFound``."""
        for card in await self.cards(fresh=True):
            if card.slot_id == slot_id:
                return card
        raise SlotNotFound
