"""The dashboard's cards: what every slot is doing, the same for everyone who looks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.errors import SlotNotFound
from appliance.core.recent import Changes, Recent
from appliance.slots.schemas import number_of
from appliance.staff.issues.models import Issue
from appliance.staff.issues.service import Issues
from appliance.staff.stats.schemas import Cause, SlotStats
from appliance.staff.stats.service import StatsService


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
        return number_of(self.slot_id)

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
    """Looks at the slots, about once a second however many dashboards are open."""

    def __init__(self, stats: StatsService, issues: Issues) -> None:
        self._stats, self._issues = stats, issues
        self._changes = Changes()
        self._recent = Recent(self._look, self._changes)

    async def _look(self) -> tuple[Sequence[Card], OpenIssues]:
        issues = OpenIssues.of(await self._issues.open_issues())
        return [card_of(slot) for slot in (await self._stats.slots()).slots], issues

    async def cards(self, *, fresh: bool = False) -> Sequence[Card]:
        """Every slot's card, in order; ``fresh``: after a change that must be seen."""
        if fresh:
            self._changes.made()
        cards, _ = await self._recent.get()
        return cards

    async def issues(self, *, fresh: bool = False) -> OpenIssues:
        """What needs attention, at the same look."""
        if fresh:
            self._changes.made()
        _, issues = await self._recent.get()
        return issues

    async def names(self) -> dict[str, str]:
        """What each slot is called."""
        return {card.slot_id: card.name for card in await self.cards()}

    async def card(self, slot_id: str) -> Card:
        """One slot's card as it is now; raises ``SlotNotFound``."""
        for card in await self.cards(fresh=True):
            if card.slot_id == slot_id:
                return card
        raise SlotNotFound
