"""The dashboard's cards: what every slot is doing, the same for everyone who looks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.errors import SlotNotFound
from appliance.staff.issues.models import Issue
from appliance.staff.issues.service import Issues
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
class OpenIssues:
    """The open issues as the dashboard shows them: those that somebody ignores come last."""

    active: Sequence[Issue]
    ignored: Sequence[Issue]

    @classmethod
    def of(cls, issues: Sequence[Issue]) -> OpenIssues:
        """Apart from each other."""
        return cls([one for one in issues if not one.is_ignored], [one for one in issues if one.is_ignored])

    @property
    def mark(self) -> str:
        """Differs whenever something new is said."""
        said = [
            [one.id, one.severity, one.parameters, one.slots, one.action, str(one.ignored_until)]
            for one in (*self.active, *self.ignored)
        ]
        return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()[:12]


def card_of(slot: SlotStats) -> Card:
    """A card; seconds that only count down change nothing about it."""
    shown = slot.model_dump_json(exclude={"why": {"__all__": {"retry_in"}}, "oldest": {"seconds"}})
    return Card(slot, hashlib.sha256(shown.encode()).hexdigest()[:12])


class Dashboard:
    """Looks at the slots, at most once a second however many dashboards are open."""

    def __init__(self, stats: StatsService, issues: Issues) -> None:
        self._stats, self._issues = stats, issues
        self._lock = asyncio.Lock()
        self._cards: Sequence[Card] = ()
        self._open_issues = OpenIssues((), ())
        self._looked = float("-inf")

    async def cards(self, *, fresh: bool = False) -> Sequence[Card]:
        """Every slot's card, in order; ``fresh``: after a change that must be seen."""
        async with self._lock:
            if fresh or time.monotonic() - self._looked > FRESH_FOR:
                self._open_issues = OpenIssues.of(await self._issues.open_issues())
                self._cards = [card_of(slot) for slot in (await self._stats.slots()).slots]
                self._looked = time.monotonic()
            return self._cards

    async def issues(self, *, fresh: bool = False) -> OpenIssues:
        """What needs attention, at the same look."""
        await self.cards(fresh=fresh)
        return self._open_issues

    async def names(self) -> dict[str, str]:
        """What each slot is called."""
        return {card.slot_id: card.name for card in await self.cards()}

    async def card(self, slot_id: str) -> Card:
        """One slot's card as it is now; raises ``SlotNotFound``."""
        for card in await self.cards(fresh=True):
            if card.slot_id == slot_id:
                return card
        raise SlotNotFound
